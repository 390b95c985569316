"""The judging stage: further images of the net's classes, on which comparison nets are judged and nothing else is tried.

Only of drawn scenes there are more; with a user's images the comparison nets are judged on the test images.
"""

from pathlib import Path

from reportgen.base.artifacts import DOCUMENT, digest, write_json
from reportgen.data.dataset import JUDGING
from reportgen.data.folders import list_classes
from reportgen.data.packing import pack
from reportgen.pipeline.work import Work
from reportgen.stages.scenes import drawn_judging


def make(work: Work, folder: Path) -> None:
    """Write the images as `reportgen.data.dataset.open_judging` opens them; without any, say so."""
    settings = work.settings.data
    if settings.source != "scenes":
        write_json(folder / DOCUMENT, {"numbers": None})
        return
    classes, files = list_classes(drawn_judging(work) / JUDGING, "DATA=scenes")
    kept, pixels = pack(folder, JUDGING, files, settings.size, [])
    fingerprint = digest([pixels, [file.label for file in kept], list(classes)])
    numbers = {"classes": list(classes), "images": len(kept), "fingerprint": fingerprint}
    write_json(folder / DOCUMENT, {"numbers": numbers, "names": [file.name for file in kept]})
