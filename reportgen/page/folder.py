"""The report's folder: only files that reportgen wrote there are ever replaced or removed."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reportgen.base import foreign
from reportgen.base.artifacts import (
    MANIFEST,
    MOST_OF_SIGNATURE,
    read_json,
    remove_empty,
    remove_leftovers,
    stays_inside,
    write_bytes,
    write_json,
)
from reportgen.base.errors import UserError
from reportgen.base.working import working_folder

MARK = "reportgen wrote these files and removes no others"
# In the report's folder, all that reportgen makes there.
FOLDERS = ("figures", "data", "scripts", "compare", "atlas", MANIFEST)
SIGNATURE = re.compile(r"[0-9a-f]{16}\n?")  # content of ``manifest/page.stamp``, by `reportgen.pipeline`
OF_EARLIER_VERSION = ("page", "pdf", "compare", "single")  # writers whose manifests were bare lists


def publish(report: Path, writer: str, files: Mapping[str, bytes | Path]) -> None:
    """Put files (content, or a file to copy) into the report's folder; remove the writer's older files there.

    Raises UserError, before anything is written, if a file of that name is there that reportgen did not write. All files
    are whole before the first is put in its place.
    """
    before = written(report, writer)
    _check(report, before, files)
    ours = {(report / name).parent for name in (*before, *files) if _inside(report, name)}
    for folder in {report, report / MANIFEST, *ours}:
        remove_leftovers(folder)
    manifest = report / MANIFEST / f"{writer}.json"
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with working_folder(manifest) as working:
        staged = {name: working / str(number) for number, name in enumerate(files)}
        for name, content in files.items():
            if isinstance(content, Path):
                shutil.copyfile(content, staged[name])
            else:
                write_bytes(staged[name], content)
        _list(manifest, {*before, *files})  # so a kill leaves no unlisted file
        for name, path in staged.items():
            (report / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(report / name)
    for name in before:
        if name not in files:
            _remove(report, name)
    _list(manifest, set(files))


def check_free(report: Path, writer: str, names: Iterable[str]) -> None:
    """Raise UserError if something that reportgen did not write is where a writer's files of these names will be."""
    _check(report, written(report, writer), dict.fromkeys(names, b""))


def _list(manifest: Path, names: set[str]) -> None:
    write_json(manifest, {"what": MARK, "files": sorted(names)})


def _check(report: Path, before: list[str], files: Mapping[str, bytes | Path]) -> None:
    """Raise UserError if something is in the way of one of the files that reportgen did not write."""
    if os.path.lexists(report) and not report.is_dir():
        raise UserError(f"REPORT={report}: this is no folder: choose another")
    for name in files:
        assert Path(name).parent.name == "" or Path(name).parts[0] in FOLDERS, name
        place = report / name
        above = [report / parent for parent in list(Path(name).parents)[:-1]]
        blocked = next((path for path in reversed(above) if os.path.lexists(path) and not path.is_dir()), None)
        if blocked is None and os.path.lexists(place) and (name not in before or (place.is_dir())):
            blocked = place
        if blocked is not None:
            raise UserError(
                f"REPORT={report}: {blocked.relative_to(report)} there was not written by reportgen: "
                "move it away, or choose another folder"
            )
        if not _inside(report, name):
            raise UserError(
                f"REPORT={report}: {Path(name).parent} is a link that leads out of it: remove the link, "
                "or choose another folder"
            )


def _inside(report: Path, name: str) -> bool:
    """Whether a file's place is in the report's folder: a link may lead out of it."""
    return (report / name).parent.resolve().is_relative_to(report.resolve())


def written(report: Path, writer: str) -> list[str]:
    """The files that a writer ("page", "pdf", "compare") put into the report's folder; empty if it never wrote."""
    found = _manifest(report / MANIFEST / f"{writer}.json")
    return [] if found is None else found


def _manifest(path: Path) -> list[str] | None:
    """The files in a writer's list; None if it is not one that reportgen wrote."""
    try:
        document = read_json(path)
    except (OSError, ValueError, RecursionError):
        return None
    if isinstance(document, list) and path.stem in OF_EARLIER_VERSION and any(_signatures(path.parent)):
        names = document
    elif isinstance(document, dict) and document.get("what") == MARK and isinstance(document.get("files"), list):
        names = document["files"]
    else:
        return None
    # A list that someone else edited must not lead out of the folder.
    return [name for name in names if stays_inside(name)]


def _signatures(manifests: Path) -> Iterator[Path]:
    """The files that say which run made the report's files."""
    for place in manifests.glob("*.stamp"):
        try:
            signed = SIGNATURE.fullmatch(foreign.text(place, MOST_OF_SIGNATURE))
        except (OSError, ValueError):
            continue
        if signed:
            yield place


def is_report(report: Path) -> bool:
    """Whether reportgen wrote into this folder."""
    manifests = report / MANIFEST
    return any(_manifest(path) is not None for path in manifests.glob("*.json")) or any(_signatures(manifests))


def remove_report(report: Path) -> None:
    """Remove the files that reportgen wrote into a folder, and nothing else; remove folders that this empties."""
    manifests = report / MANIFEST
    listed = {path: found for path in sorted(manifests.glob("*.json")) if (found := _manifest(path)) is not None}
    signed = list(_signatures(manifests))
    for path, names in listed.items():
        for name in names:
            if _inside(report, name):
                remove_leftovers((report / name).parent)
                _remove(report, name)
        path.unlink()
    for path in signed:
        path.unlink()
    remove_leftovers(manifests)
    remove_empty(manifests)
    remove_empty(report)


def _remove(report: Path, name: str) -> None:
    place = report / name
    if not _inside(report, name) or (place.is_dir() and not place.is_symlink()):
        return
    place.unlink(missing_ok=True)
    for parent in list(Path(name).parents)[:-1]:
        remove_empty(report / parent)
