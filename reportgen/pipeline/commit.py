"""The commit of the working folder."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reportgen.base.errors import UserError

LATEST = 10**11  # seconds since 1970: the year 5138


@dataclass(frozen=True)
class Commit:
    """The commit of the working folder."""

    name: str | None  # None without a repository
    date: int  # seconds since 1970; 0 if unknown
    changed: tuple[Path, ...]  # tracked files that differ from it

    def without(self, unread: Sequence[Path]) -> str | None:
        """The commit's name, with "-dirty" appended if files outside the paths `unread` were changed."""
        touched = any(not any(path.is_relative_to(other) for other in unread) for path in self.changed)
        return f"{self.name}-dirty" if self.name and touched else self.name


def checked_out() -> Commit:
    """Ask git about the working folder; ``SOURCE_DATE_EPOCH`` overrides the commit's date."""

    def git(*words: str) -> str:
        try:
            answer = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
        except FileNotFoundError:
            return ""
        return answer.stdout if answer.returncode == 0 else ""

    known = git("log", "-1", "--format=%H %ct").split()
    name, date = (known[0], int(known[1])) if known else (None, 0)
    top = Path(git("rev-parse", "--show-toplevel").removesuffix("\n"))
    lines = git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no").split("\0")
    changed = tuple(top / line[3:] for line in lines if line)  # two letters and a blank come before the path
    return Commit(name, _date(os.environ.get("SOURCE_DATE_EPOCH", ""), date), changed)


def _date(given: str, otherwise: int) -> int:
    """The seconds that ``SOURCE_DATE_EPOCH`` gives, else the commit's; raises UserError unless they are a date."""
    if not given:
        return otherwise
    if not (given.isascii() and given.isdecimal() and len(given) < len(str(LATEST)) and int(given) < LATEST):
        raise UserError(f"SOURCE_DATE_EPOCH={given}: use whole seconds since 1970, or leave it out")
    return int(given)
