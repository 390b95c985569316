"""``python -m reportgen``: the same as the command ``reportgen``."""

import io
import sys

from reportgen.base.libraries import lacking


def start() -> None:
    """Run the command; if one of its libraries is missing, name it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot write ends no run
    try:
        from reportgen.cli import main
    except ModuleNotFoundError as error:
        if missing := lacking([(error.name or "reportgen").partition(".")[0]]):
            sys.stderr.write(f"error: {missing}\n")
            sys.exit(2)
        raise
    main()


if __name__ == "__main__":
    start()
