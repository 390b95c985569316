"""``python -m reportgen``: the same as the command ``reportgen``."""

import sys

from reportgen.base.libraries import lacking


def start() -> None:
    """Run the command; if one of its libraries is missing, name it."""
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
