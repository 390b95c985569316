"""``make clean``: remove what reportgen wrote, and nothing else."""

import shutil
from pathlib import Path

from reportgen.base.artifacts import DOCUMENT
from reportgen.base.progress import say
from reportgen.commands.figures import EXTRA
from reportgen.commands.noise import FILE as NOISE
from reportgen.page.html import remove_report
from reportgen.settings.sections import Settings
from reportgen.settings.variants import FAMILY
from reportgen.stages.plan import stages
from reportgen.stages.scenes import DRAWN, HOME


def remove(settings: Settings, build: Path, report: Path) -> None:
    """Remove the artefacts below `build`, the report's files in `report`, and the drawn scenes."""
    names = {"model", *stages(settings)}  # the folder may also hold a run with a loaded net
    ours = [build / name for name in sorted(names) if (build / name / DOCUMENT).exists()]
    ours += [
        build / EXTRA,
        build / "stamps",
        build / "drawn",
        build / FAMILY,
        build / "repeats",
        build / NOISE,
        *build.glob("work-*"),
        *build.glob("verify-*"),
        build / "timings.json",
    ]
    ours += [place for kind in DRAWN for place in HOME.glob(f"{kind}-*") if (place / DOCUMENT).exists()]
    for place in ours:
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    remove_report(report)
    for folder in (build, report):
        if folder.is_dir():
            left = list(folder.iterdir())
            if left:
                say(f"{folder}: {left[0].name} stays: reportgen did not write it")
            else:
                folder.rmdir()
