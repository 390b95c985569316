"""Where the embedded scenes lie, for the stages that read them."""

import os
from pathlib import Path

from reportgen import scenes
from reportgen.base.artifacts import DOCUMENT, digest, remove_leftovers, replace_folder, write_json
from reportgen.base.progress import track
from reportgen.pipeline.work import Work

HOME = Path("data")  # the drawn scenes land here, where a user finds them


def drawn_scenes(work: Work) -> Path:
    """The embedded scenes of these settings, drawn unless they lie there already."""
    settings = work.settings.data
    counts = {"train": settings.train, "val": settings.val, "test": settings.test, "transfer": settings.transfer}
    sources = {name: value for name, value in work.stamp["sources"].items() if name.startswith("reportgen.scenes")}
    key = digest([settings.size, counts, work.settings.run.seed, sources])
    remove_leftovers(HOME)
    place = HOME / f"scenes-{settings.size}px-{key[:8]}"
    if not (place / DOCUMENT).exists():
        with replace_folder(place) as folder:
            scenes.generate(folder, settings.size, counts, work.settings.run.seed, os.cpu_count() or 1, track)
            write_json(folder / DOCUMENT, {"size": settings.size, "images": counts, "seed": work.settings.run.seed})
    return place
