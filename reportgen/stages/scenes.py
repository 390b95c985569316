"""Where the embedded scenes lie, for the stages that read them."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from reportgen import scenes
from reportgen.base.artifacts import DOCUMENT, digest, remove_leftovers, replace_folder, write_json
from reportgen.base.progress import track
from reportgen.data.dataset import JUDGING
from reportgen.pipeline.work import Work

HOME = Path("data")  # the drawn scenes land here, where a user finds them
SCENES, MULTILABEL = "scenes", "multilabel"
DRAWN = (SCENES, JUDGING, MULTILABEL)  # how the names of their folders begin


def drawn_scenes(work: Work) -> Path:
    """The embedded scenes of these settings, drawn unless they lie there already."""
    settings = work.settings.data
    counts = {"train": settings.train, "val": settings.val, "test": settings.test, "transfer": settings.transfer}
    return _drawn(work, SCENES, counts, scenes.generate)


def drawn_judging(work: Work) -> Path:
    """Further scenes of the training classes, on which comparison nets are judged; drawn unless they lie there already."""
    return _drawn(work, JUDGING, {JUDGING: work.settings.data.judge}, scenes.generate)


def drawn_multilabel(work: Work) -> Path:
    """Scenes with several objects, in VOC's layout; drawn unless they lie there already."""
    settings = work.settings.data
    counts = {"train": settings.multi_train, "val": settings.multi_test}
    return _drawn(work, MULTILABEL, counts, scenes.generate_multilabel)


def _drawn(work: Work, name: str, counts: Mapping[str, int], generate: Callable[..., None]) -> Path:
    """The folder of what `generate` draws, so many of each split."""
    settings = work.settings.data
    sources = {name: value for name, value in work.stamp["sources"].items() if name.startswith("reportgen.scenes")}
    side = max(settings.size)
    key = digest([side, counts, work.settings.run.seed, sources])
    remove_leftovers(HOME)
    place = HOME / f"{name}-{side}px-{key[:8]}"
    if not (place / DOCUMENT).exists():
        with replace_folder(place) as folder:
            generate(folder, side, counts, work.settings.run.seed, os.cpu_count() or 1, track)
            write_json(folder / DOCUMENT, {"size": side, "images": counts, "seed": work.settings.run.seed})
    return place
