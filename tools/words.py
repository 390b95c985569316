"""The words of the environment variable ``SWITCHES``, each ended by a zero byte: ``.ci/report`` reads them.

Words are separated by blanks and new lines; one with blanks is in quotes, as in a shell, but nothing in it is run.
"""

import os
import shlex
import sys


def main():
    """Print the words; stop with status 2 and one line at a quote that is not closed."""
    text = os.environ.get("SWITCHES", "")
    try:
        words = shlex.split(text)
    except ValueError as error:
        sys.stderr.write(f"error: SWITCHES={' '.join(text.split())}: {error}: close it, or take it out\n")
        return 2
    sys.stdout.write("".join(word + "\0" for word in words))
    return 0


if __name__ == "__main__":
    sys.exit(main())
