"""Whether an artefact still is what its stage wrote: the stamp beside it holds a digest of every file.

A file that a disk, a sync or an editor has changed makes its stage due; otherwise a later stage would stumble over it.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reportgen.base.artifacts import MANIFEST, FileDigests, digest_file, read_json, stays_inside

STAMP = "stamp.json"
ARTEFACT, REPORT = "artefact", "report"  # what a stage writes into the build folder and into the report's


def written(folder: Path, report: Path, writer: str) -> dict[str, dict[str, str]]:
    """A digest of every file that a stage wrote; `writer`: its list in the report's folder, empty for none."""
    names = [(Path(root) / name).relative_to(folder).as_posix() for root, _, names in os.walk(folder) for name in names]
    manifest = report / MANIFEST / f"{writer}.json"
    listed = read_json(manifest)["files"] if writer and manifest.exists() else []  # without Pango no PDF is written
    return {
        ARTEFACT: {name: digest_file(folder / name) for name in sorted(names) if name != STAMP},
        REPORT: {name: digest_file(report / name) for name in listed},
    }


def damaged(made: Mapping[str, Any], folder: Path, report: Path, digests: FileDigests) -> str:
    """The first file that is no longer what its stage wrote; empty where all are, or where an older version wrote them."""
    known = made.get("made")
    if not isinstance(known, dict):
        return ""
    for part, place in ((ARTEFACT, folder), (REPORT, report)):
        files = known.get(part)
        if not isinstance(files, dict):
            return STAMP
        if name := _first(files.items(), place, digests):
            return name
    return ""


def _first(files: Iterable[tuple[str, Any]], place: Path, digests: FileDigests) -> str:
    for name, value in files:
        try:
            if not stays_inside(name) or digests.of(place / name) != value:
                return name
        except OSError:
            return name
    return ""
