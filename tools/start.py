"""Run a module in the package's environment, which is made first if it is due: every target of the Makefile calls this.

    start.py LOCK [-m MODULE WORD ...]

The switches VENV, TORCH, REQUIREMENTS, TESTS and SLOW come from the environment, so that neither make nor a shell reads what is
in them. It uses only the standard library, and has to run on an old Python, to say that it is old.
"""

import fcntl
import hashlib
import os
import shlex
import subprocess
import sys

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, HOME)  # Python was started with -I, so that nothing of the user's is imported by chance

from tools import bootstrap  # noqa: E402

ALL_TESTS = ["-n", "auto", "--dist", "worksteal"]


def main(words):
    """Make the environment if it is due, then become the program; returns if there is none to run."""
    lock, command = os.path.join(HOME, words[0]), words[1:]
    venv = os.environ.get("VENV") or os.path.relpath(os.path.join(HOME, ".venv"))
    python = sys.executable if venv == "none" else os.path.join(venv, "bin", "python")
    command += told_tests(command)
    if venv != "none":
        make(venv, lock, os.environ.get("REQUIREMENTS", ""), os.environ.get("TORCH", ""))
    if command:
        os.execve(python, [python, *command], environment(command))


def make(venv, lock, requirements, torch=""):
    """Make the environment, unless it was made from this lock, these requirements and this build of torch."""
    with open(lock, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # a second make waits for the first
        ready = marker(venv, "ready", lock)
        if not os.path.exists(ready) or bootstrap.built_of(venv) != torch:
            bootstrap.make(venv, lock, torch)
            open(ready, "w").close()
        if requirements:
            if not os.path.isfile(requirements):
                bootstrap.stop("REQUIREMENTS=%s: no such file: give a requirements.txt" % shown(requirements))
            theirs = marker(venv, "theirs", requirements)
            if not os.path.exists(theirs):
                pip = [os.path.join(venv, "bin", "python"), "-m", "pip", "install", "--quiet"]
                if subprocess.call([*pip, "--disable-pip-version-check", "--requirement=" + requirements]) != 0:
                    bootstrap.stop("REQUIREMENTS=%s: pip could not install it (see above)" % shown(requirements))
                open(theirs, "w").close()


def marker(venv, what, path):
    """The file in the environment that says that a file with this content was installed."""
    with open(path, "rb") as file:
        return os.path.join(venv, ".%s-%s" % (what, hashlib.sha256(file.read()).hexdigest()[:16]))


def shown(value):
    """A value in one line: what a terminal would obey is written out."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in value)


def told_tests(command):
    """The words of TESTS, or all tests, where the command is pytest; stop at a quote that is not closed."""
    if command[:2] != ["-m", "pytest"]:
        return []
    try:
        return shlex.split(os.environ.get("TESTS", "")) or ALL_TESTS
    except ValueError as error:
        return bootstrap.stop("TESTS=%s: %s: close it, or take it out" % (shown(os.environ["TESTS"]), error))


def environment(command):
    """The program's environment variables: it imports the package from here."""
    found = dict(os.environ, PYTHONPATH=HOME)
    if command[:2] == ["-m", "pytest"]:  # a choice of tests is no switch of the runs in them
        found.update(REPORTGEN_SWITCHES="", REPORTGEN_SLOW=os.environ.get("SLOW", ""))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
