"""What the build folder holds: a manifest there names it, and nothing else there is ever replaced or removed."""

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reportgen.base.artifacts import (
    DOCUMENT,
    foreign_files,
    own_files,
    read_json,
    remove_artefact,
    remove_empty,
    remove_leftovers,
    stays_inside,
    write_json,
)
from reportgen.base.errors import UserError
from reportgen.base.working import LOCK, turn

NAME = "manifest.json"
MARK = "the build folder of reportgen: it wrote what is listed here, and removes nothing else"
DIGESTS = "stamps/digests.json"
TIMINGS = "timings.json"
WORKSHOP = re.compile(r"work-(.+)-[0-9a-f]{16}")  # folders of `reportgen.pipeline.work.Work.workshop`
DEEPEST = 4  # folders: repeats/1/compare/zfnet


def check(build: Path) -> None:
    """Raise UserError if there is something at `build` that is no build folder, and not empty either."""
    if os.path.lexists(build) and not build.is_dir():
        raise UserError(f"BUILD={build}: this is no folder: choose another")
    if build.is_dir() and held(build) is None and not _bare(build):
        raise UserError(
            f"BUILD={build}: it holds files that reportgen did not write: choose another folder, or empty it"
        )


def _bare(build: Path) -> bool:
    """Whether nothing is there but, perhaps, the lock of a command that begins: another one has just removed the rest."""
    locks = (build / DIGESTS).parent
    return all(path == locks and {one.name for one in path.iterdir()} <= {LOCK} for path in build.iterdir())


def check_apart(build: Path, report: Path, artefacts: Iterable[str], of_report: Iterable[str]) -> None:
    """Raise UserError if one folder is the other, or lies where the other has files of its own."""
    here, there = build.resolve(), report.resolve()
    if here == there:
        raise UserError(f"BUILD={build} and REPORT={report} are the same folder: give two")
    in_build = {Path(name).parts[0] for name in (*artefacts, DIGESTS, TIMINGS, NAME)}
    for folder, other, taken in ((report, build, in_build), (build, report, set(of_report))):
        if folder.resolve().is_relative_to(other.resolve()):
            first = folder.resolve().relative_to(other.resolve()).parts[0]
            if first in taken or WORKSHOP.fullmatch(first):
                raise UserError(
                    f"BUILD={build} and REPORT={report}: {other / first} is for files of {other} alone: give two folders"
                )


def check_sources(sources: Mapping[str, str], build: Path, report: Path) -> None:
    """Raise UserError if a folder of the user's images (by switch) is the build's or report's, or around it.

    Each run would read what the one before it wrote.
    """
    for switch, source in sources.items():
        for name, place in (("BUILD", build), ("REPORT", report)):
            if place.resolve().is_relative_to(Path(source).resolve()):
                raise UserError(
                    f"{switch}={source}: {name}={place} lies in it and would be read as images: "
                    f"give a folder of images alone, or {name}= outside it"
                )


def held(build: Path) -> set[str] | None:
    """The names of the artefacts and files that reportgen wrote into `build`; None if it is no build folder."""
    try:
        document = read_json(build / NAME)
    except (FileNotFoundError, NotADirectoryError):
        return _of_earlier_version(build)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("what") != MARK or not isinstance(document.get("holds"), list):
        return None
    return {name for name in document["holds"] if stays_inside(name)}


def enter(build: Path, names: Iterable[str]) -> None:
    """List `names` in the manifest, before they are written.

    Raises UserError, before anything is written, if something is at one of them that reportgen did not write.
    """
    check(build)
    with turn(build):  # a command that begins lists what it reads while another one may list what it makes
        there, wanted = held(build), set(names)
        for name in sorted(wanted - (there or set())):
            if (foreign := foreign_files(build / name)) and not own_files(build / name):
                raise UserError(
                    f"BUILD={build}: {name} there was not written by reportgen ({foreign[0]}): "
                    "move it away, or choose another folder"
                )
        if there is None or not (build / NAME).exists() or wanted - there:
            write_json(build / NAME, {"what": MARK, "holds": sorted((there or set()) | wanted)})


def check_ours(build: Path) -> None:
    """Raise UserError if there are files at `build`, and it is no build folder."""
    if held(build) is None and any(build.iterdir()):
        raise UserError(f"BUILD={build}: reportgen never wrote there, so nothing was removed: give a build folder")


def remove(build: Path) -> None:
    """Remove what the manifest names, and the manifest; raises UserError if `build` is no build folder."""
    if not build.is_dir():
        check(build)
        return
    check_ours(build)
    names = held(build) or set()
    for place in _workshops(build, names):
        shutil.rmtree(place)
    for folder in {build, *((build / name).parent for name in names)}:
        if folder.resolve().is_relative_to(build.resolve()):
            remove_leftovers(folder)
    for name in names:
        place = build / name
        if not place.parent.resolve().is_relative_to(build.resolve()):  # a link to elsewhere
            continue
        if place.is_dir():
            remove_artefact(place)
        else:
            place.unlink(missing_ok=True)
        for parent in list(Path(name).parents)[:-1]:
            remove_empty(build / parent)
    (build / NAME).unlink(missing_ok=True)
    remove_empty(build)


def _workshops(build: Path, names: set[str]) -> Iterator[Path]:
    """The folders in which stages of this build were at work when they were interrupted."""
    stages = {name.replace("/", "-") for name in names}
    for place in build.glob("work-*"):
        found = WORKSHOP.fullmatch(place.name)
        if found and found[1] in stages and place.is_dir() and not place.is_symlink():
            yield place


def _of_earlier_version(build: Path) -> set[str] | None:
    """What a version without a manifest left: it wrote the digests of all that it read into a build folder."""
    try:
        digests = read_json(build / DIGESTS)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(digests, dict) or not all(isinstance(entry, list) for entry in digests.values()):
        return None
    found = {name for name in (DIGESTS, TIMINGS, "noise.json", "bench.json") if (build / name).is_file()}
    for depth in range(DEEPEST):
        for document in build.glob("*/" * (depth + 1) + DOCUMENT):
            if own_files(document.parent):
                found.add(document.parent.relative_to(build).as_posix())
    return found
