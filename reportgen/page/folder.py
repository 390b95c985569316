"""The report's folder: only files that reportgen wrote there are ever replaced or removed."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from reportgen.base.artifacts import MANIFEST, read_json, remove_leftovers, write_bytes, write_json
from reportgen.base.errors import UserError


def publish(report: Path, writer: str, files: Mapping[str, bytes | Path]) -> None:
    """Put files (content, or a file to copy) into the report's folder; remove the writer's older files there.

    Raises UserError, before anything is written, if a file of that name is there that reportgen did not write.
    """
    before = written(report, writer)
    for name in files:
        if name not in before and os.path.lexists(report / name):
            raise UserError(
                f"REPORT={report}: {name} there was not written by reportgen: move it away, or choose another folder"
            )
    for folder in {(report / name).parent for name in (*before, *files)}:
        remove_leftovers(folder)
    write_json(report / MANIFEST / f"{writer}.json", sorted({*before, *files}))  # so a kill leaves no unlisted file
    for name, content in files.items():
        if isinstance(content, Path):
            _copy(content, report / name)
        else:
            write_bytes(report / name, content)
    for name in before:
        if name not in files:
            _remove(report, name)
    write_json(report / MANIFEST / f"{writer}.json", sorted(files))


def written(report: Path, writer: str) -> list[str]:
    """The files that a writer ("page", "pdf", "compare") put into the report's folder; empty if it never wrote."""
    try:
        names = read_json(report / MANIFEST / f"{writer}.json")
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return []
    # A list that someone else edited must not lead out of the folder.
    return [name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts]


def remove_report(report: Path) -> None:
    """Remove the files that reportgen wrote into a folder, and nothing else; remove folders that this empties."""
    for place in sorted((report / MANIFEST).glob("*.json")):
        for name in written(report, place.stem):
            remove_leftovers((report / name).parent)
            _remove(report, name)
        place.unlink()
    for place in (report / MANIFEST).glob("*.stamp"):  # `reportgen.pipeline` wrote them: which run made the files
        place.unlink()
    if (report / MANIFEST).is_dir() and not any((report / MANIFEST).iterdir()):
        (report / MANIFEST).rmdir()


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        shutil.copyfile(source, beside)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


def _remove(report: Path, name: str) -> None:
    (report / name).unlink(missing_ok=True)
    for parent in list(Path(name).parents)[:-1]:
        if (report / parent).is_dir() and not any((report / parent).iterdir()):
            (report / parent).rmdir()
