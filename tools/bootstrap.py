"""Make the virtual environment with the user's own Python, before anything is installed (`tools/start.py` calls it).

It uses only the standard library. If the machine lacks something, it names the command that installs it.
"""

import ctypes.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

NEEDED = (3, 11)
DISK = 8  # gigabytes: the environment takes 5.5 with torch's CUDA packages, and pip needs room to unpack
SMALL_DISK = 3  # gigabytes: torch's build for the CPU brings no CUDA packages
CPU = "cpu"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCHES = ("torch", "torchvision")
WITH_CUDA = ("nvidia-", "cuda-", "triton")  # how the names of the packages begin that only torch's build for CUDA needs
BUILD = ".torch"  # file in the environment: what TORCH= was
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


def check_disk(folder, needed=DISK):
    """Stop unless the disk has room for the environment."""
    free = shutil.disk_usage(os.path.dirname(os.path.abspath(folder))).free / 1e9
    if free < needed:
        stop(
            "%s: %.1f GB free, about %d are needed: free some space, or set VENV= to a folder elsewhere"
            % (folder, free, needed)
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


def install(folder, lock, torch=""):
    """Install the locked packages in their own virtual environment; `torch`: another build of it, as `torch_index` reads it."""
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python):
        say("making the virtual environment %s" % folder)
        if subprocess.call([sys.executable, "-m", "venv", folder]) != 0:
            stop("%s: cannot make the virtual environment there: set VENV= to another folder" % folder)
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    before = built_of(folder)
    if before is not None and before != torch:
        names = [name for name, _ in locked(lock) if of_torch(name)]
        subprocess.call([*pip, "uninstall", "--yes", *names])  # pip takes another build of a version for the same
    if not os.path.isdir(os.path.join(folder, "lib", "python%d.%d" % sys.version_info[:2], "site-packages", "torch")):
        cuda = " with its CUDA packages" if platform.system() == "Linux" and platform.machine() == "x86_64" else ""
        size = "less than two gigabytes" if torch else "5.5 GB"
        much = "hundreds of megabytes" if torch else "several gigabytes"
        what = "torch, built for the CPU," if torch == CPU else "torch" if torch else "torch%s" % cuda
        say("installing the packages of %s, once: %s is a download of %s, %s on disk" % (lock, what, much, size))
    note_build(folder, torch)
    if torch:
        install_torch(pip, lock, torch_index(torch))
    with tempfile.TemporaryDirectory() as place:
        wanted = without_torch(lock, os.path.join(place, "without-torch.lock")) if torch else lock
        if subprocess.call([*pip, "install", "--require-hashes", "-r", wanted]) != 0:
            stop(
                "%s: pip could not install it (its message is above): check the network, then run the same command again"
                % lock
            )


def install_torch(pip, lock, index):
    """Install the locked versions of torch and torchvision from another index: only these, so that nothing else comes from it.

    The lock has no hashes of these files: the index is trusted for them.
    """
    wanted = ["%s==%s" % item for item in locked(lock) if item[0] in TORCHES]
    if subprocess.call([*pip, "install", "--no-deps", "--index-url", index, *wanted]) != 0:
        stop(
            "TORCH: pip could not install %s from %s (its message is above): check the network, or leave TORCH= out"
            % (" and ".join(wanted), index)
        )


def torch_index(torch):
    """The address of the package index that TORCH= stands for; stop if it is none."""
    if torch == CPU:
        return CPU_INDEX
    if torch.startswith(("https://", "http://", "file://")):
        return torch
    return stop("TORCH=%s: use cpu, or the address of a package index that has torch" % ascii(torch)[1:-1])


def locked(lock):
    """The name and version of every package in a lock file."""
    with open(lock) as file:
        return re.findall(r"^([a-z0-9.-]+)==([^ \\;]+)", file.read(), re.MULTILINE)


def of_torch(name):
    """Whether a package is torch, or comes along with torch's build for CUDA alone."""
    return name in TORCHES or name.startswith(WITH_CUDA)


def without_torch(lock, place):
    """Write a lock file without torch and what comes along with its build for CUDA; the hashes of all others stay."""
    with open(lock) as file:
        entries = re.split(r"^(?=[a-z0-9.-]+==)", file.read(), flags=re.MULTILINE)
    with open(place, "w") as file:
        file.write("".join(entry for entry in entries if not of_torch(entry.partition("==")[0])))
    return place


def note_build(folder, torch):
    """Note what TORCH= is, before anything is installed: an interrupted installation is of that build, too."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, BUILD), "w") as file:
        file.write(torch)


def built_of(folder):
    """What TORCH= was when the environment was made; None if it was not made yet."""
    try:
        with open(os.path.join(folder, BUILD)) as file:
            return file.read()
    except OSError:
        made = os.path.isdir(folder) and any(name.startswith(".ready-") for name in os.listdir(folder))
        return "" if made else None


def make(folder, lock, torch=""):
    """Make the virtual environment with the locked packages, and say what the machine lacks."""
    if torch:
        torch_index(torch)
    check_python()
    check_disk(folder, SMALL_DISK if torch == CPU else DISK)
    install_pango()
    install(folder, lock, torch)
