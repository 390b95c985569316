"""``make clean``: remove what reportgen wrote, and nothing else."""

from contextlib import ExitStack
from pathlib import Path

from reportgen.base.artifacts import own_files, remove_artefact, remove_empty
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.page.folder import is_report, remove_report
from reportgen.pipeline import holdings
from reportgen.pipeline.run import locks
from reportgen.stages.scenes import DRAWN, HOME


def remove(build: Path, report: Path) -> None:
    """Remove the artefacts in `build`, the report's files in `report`, and the drawn scenes.

    Raises UserError, before anything is removed, if a folder with files in it is not reportgen's, or if another command
    works there.
    """
    folders = [folder for folder in (build, report) if folder.is_dir() and any(folder.iterdir())]
    if build in folders:
        holdings.check_ours(build)
    if report in folders and not is_report(report):
        raise UserError(f"REPORT={report}: reportgen never wrote there, so nothing was removed: give a report's folder")
    with ExitStack() as stack:
        if build in folders or report in folders:
            stack.enter_context(
                locks(build if build in folders else None, report if report in folders else None, wait=False)
            )
        remove_report(report)
        holdings.remove(build)
        for place in (place for kind in DRAWN for place in HOME.glob(f"{kind}-*") if own_files(place)):
            remove_artefact(place)
    for folder in (report, build, report):  # one may be inside the other
        remove_empty(folder)
    for folder in (report, build):
        if folder.is_dir() and (left := sorted(folder.iterdir())):
            say(f"{folder}: {left[0].name} stays: reportgen did not write it")
