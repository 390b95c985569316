"""Make the virtual environment: run by the Makefile with the user's own Python, before anything is installed.

It uses only the standard library. If the machine lacks something, it names the command that installs it.
"""

import ctypes.util
import os
import platform
import shutil
import subprocess
import sys

NEEDED = (3, 11)
DISK = 8  # gigabytes: the environment takes 5.5 with torch's CUDA packages, and pip needs room to unpack
PANGO = ("pango-1.0", "pangoft2-1.0", "harfbuzz-subset")  # libraries that WeasyPrint loads
DEBIAN_PANGO = ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"]
PANGO_COMMANDS = {
    "Debian, Ubuntu": "sudo apt-get install " + " ".join(DEBIAN_PANGO),
    "Fedora": "sudo dnf install pango",
    "macOS": "brew install pango",
}
PYTHON_COMMANDS = {
    "Debian, Ubuntu": "sudo apt-get install python3 python3-venv",
    "Fedora": "sudo dnf install python3",
    "macOS": "brew install python",
}


def stop(message):
    """End with status 2 and one line."""
    sys.stderr.write("error: %s\n" % message)
    sys.exit(2)


def say(message):
    """One line to the user."""
    sys.stderr.write(message + "\n")


def either(commands):
    """Commands of several systems in one line."""
    return "; ".join("%s: %s" % item for item in commands.items())


def check_python():
    """Stop unless this Python is new enough and can make virtual environments."""
    if sys.version_info < NEEDED:
        found = "Python %d.%d at %s" % (sys.version_info[0], sys.version_info[1], sys.executable)
        stop(
            "%s is too old, 3.11 or newer is needed (%s), then make PYTHON=python3.12 ..."
            % (found, either(PYTHON_COMMANDS))
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        version = "%d.%d" % sys.version_info[:2]
        stop("this Python has no venv: sudo apt-get install python%s-venv (Debian, Ubuntu)" % version)


def check_disk(folder):
    """Stop unless the disk has room for the environment."""
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(folder))).free / 1e9
    if free < DISK:
        stop(
            "%s: %.1f GB free, about %d are needed: free some space, or set VENV= to a folder elsewhere"
            % (folder, free, DISK)
        )


def pango_missing():
    """The libraries for the PDF that this machine lacks."""
    return [name for name in PANGO if ctypes.util.find_library(name) is None]


def install_pango():
    """Install Pango if that needs no password; else say how to install it, and that only the PDF depends on it."""
    if not pango_missing():
        return
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    may = not become or (
        shutil.which("sudo") and subprocess.call(["sudo", "-n", "true"], stderr=subprocess.DEVNULL) == 0
    )
    if may and shutil.which("apt-get"):
        say("installing Pango, which makes the PDF: apt-get install " + " ".join(DEBIAN_PANGO))
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        with open(os.devnull, "w") as nowhere:
            for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *DEBIAN_PANGO]):
                subprocess.call([*become, "apt-get", *command], env=environment, stdout=nowhere)
    if pango_missing():
        say("Pango is missing, so there will be no PDF; the HTML report needs none (%s)" % either(PANGO_COMMANDS))


def install(folder, lock):
    """Install the locked packages in their own virtual environment."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        say("making the virtual environment %s" % folder)
        if subprocess.call([sys.executable, "-m", "venv", folder]) != 0:
            stop("%s: cannot make the virtual environment there: set VENV= to another folder" % folder)
    if not os.path.isdir(os.path.join(folder, "lib", "python%d.%d" % sys.version_info[:2], "site-packages", "torch")):
        cuda = " with its CUDA packages" if platform.system() == "Linux" and platform.machine() == "x86_64" else ""
        say(
            "installing the packages of %s, once: torch%s is a download of several gigabytes, 5.5 GB on disk"
            % (lock, cuda)
        )
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock]
    if subprocess.call(command) != 0:
        stop(
            "%s: pip could not install it (its message is above): check the network, then run the same command again"
            % lock
        )


if __name__ == "__main__":
    check_python()
    check_disk(sys.argv[1])
    install_pango()
    install(sys.argv[1], sys.argv[2])
