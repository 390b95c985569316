"""A build folder as the stages before the page leave it, made of planted results; names in it mean harm.

What an analysis says of its planted result, and what is drawn of it, is written by the stages' own code. What the
stages of the net and the data write down is made up here; ``tests/page/test_html.py`` holds it against a run's.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from planted_results import CLASSES, CROP, FILE, RIGHT, TRAINING, VALIDATION, features, occlusion

from reportgen.analyses.base import FOLDER
from reportgen.analyses.registry import ANALYSES, BY_NAME
from reportgen.base.artifacts import DOCUMENT, read_json, write_arrays, write_json
from reportgen.claims import Noise, noise
from reportgen.data.dataset import Dataset, Split
from reportgen.figures.kinds import Figure
from reportgen.look import sheets
from reportgen.look.strongest import STRONGEST, Top
from reportgen.page import html
from reportgen.page.content import ATLAS, Content, Section, gather
from reportgen.page.template import render
from reportgen.settings.recipes import SMALL, TrainingSettings
from reportgen.settings.sections import jsonable
from reportgen.stages import analysis as stage
from reportgen.stages import atlas, drawing

FAKED = tuple(
    analysis
    for analysis in ANALYSES
    if analysis.name in ("trained", "schematics", "features", "architecture", "occlusion")
)
MAPS = 8  # of each of five layers, two tiles each: eighty tiles

RUN: dict[str, Any] = {
    "commit": "3f9a1c2b7d8e9f001122334455667788aabbccdd",
    "date": 1764000000,
    "profile": "tiny",
    "seed": 7,
    "device": "cpu",
    "settings": {
        "run": {"seed": 7, "device": "cpu"},
        "data": {"source": "scenes", "size": 48},
        "model": {"name": "zfnet"},
    },
    "versions": {"reportgen": "0.1.0", "python": "3.12.3", "numpy": "2.4.0"},
}


NET: dict[str, Any] = {
    "name": "zfnet",
    "weights": "trained here",
    "loaded": False,
    "warning": None,
    "unmapped": [],
    "recipe": "default",
    "precision": "float32",
    "epochs": 5,
    "parameters": 2134567,
    "preprocessing": {
        "crop": CROP,
        "range": 1,
        "order": "RGB",
        "mean": [0.4931, 0.47, 0.45],
        "deviation": [0.25] * 3,
    },
    "top1": RIGHT / VALIDATION,
    "top5": None,
    "correct": RIGHT,
    "labelled_images": VALIDATION,
    "classes": len(CLASSES),
    "several": False,
    "labels_an_image": 1.0,
    "chance": 1 / len(CLASSES),
    "map": None,
    "weights_digest": "beefbeefbeefbeef",
    "test_top1": 0.9,
    "test_images": 1200,
    "ten_crops_top1": 0.95,
    "one_crop_top1": 0.93,
    "ten_cropped_images": 500,
    "recipe_settings": jsonable(asdict(TrainingSettings(epochs=5))),
    "architecture": jsonable(asdict(replace(SMALL, classes=len(CLASSES)))),
}
DATA: dict[str, Any] = {
    "name": "embedded scenes",
    "drawn": True,
    "classes": list(CLASSES),
    "images": {"train": TRAINING, "val": VALIDATION, "test": 1200, "transfer": 60},
    "size": 96,
    "crop": CROP,
    "same": {},
    "skipped": [{"file": FILE, "reason": "truncated"}],
    "empty": [],
    "passed": [FILE],
    "masks": [FILE],
    "notes": [f"{FILE} beside it is left out"],
    "missing": [FILE],
    "unnamed": 3,
    "labels_read": "",
    "several": False,
    "labels": FILE,
    "readings": [
        "2 files hold more than 8 bits a channel: 0 is black, 4,095 white (measured: they run from 3 to 4,012)"
    ],
    "fingerprint": "feedfacefeedface",
}


@dataclass(frozen=True)
class Printed:
    """A PDF, and what WeasyPrint complained of."""

    path: Path
    complaints: list[str]


def planted(name: str) -> Any:
    """The result of an analysis that the fake build holds."""
    return occlusion.bare() if name == "occlusion" else import_module(f"planted_results.{name}").result()


def figures() -> dict[str, dict[str, Figure]]:
    """The figures of every analysis of the fake build, as its code makes them."""
    return {analysis.name: analysis.module.figures(planted(analysis.name)) for analysis in FAKED}


def stamp(name: str) -> dict[str, Any]:
    """What the stage of an analysis is stamped with."""
    settings = asdict(BY_NAME[name].settings())
    return {
        "fingerprint": f"{name}-fingerprint",
        "inputs": {"data": DATA["fingerprint"], "net": "cafecafecafecafe"},
        "settings": {name: settings | {"maps": MAPS} if name == "features" else settings},
        "libraries": {"numpy": "2.4.0", "python": "3.12.3"},
    }


def compute(build: Path, name: str, result: Any) -> None:
    """Write the artefact of an analysis that came to this result."""
    verdicts = stage.judged(BY_NAME[name], result, RUN["seed"], NET)
    stage.write(build / name, BY_NAME[name], result, verdicts, RUN["seed"], stamp(name))


def draw(build: Path, name: str) -> None:
    """Draw the figures of an analysis that was computed."""
    drawing.draw_all(BY_NAME[name], build / name, build / "drawn" / name)


def section(folder: Path, name: str, result: Any, drawn: Mapping[str, Any] | None = None) -> Section:
    """What a page shows of a result; `drawn`: of its figures, where these were drawn before (files are not looked at)."""
    compute(folder, name, result)
    if drawn is None:
        draw(folder, name)
        drawn = read_json(folder / "drawn" / name / DOCUMENT)["figures"]
    made = BY_NAME[name].module.figures(result)
    return Section(
        name, BY_NAME[name].title, read_json(folder / name / DOCUMENT), {made_: drawn[made_] for made_ in made}
    )


def make_build(build: Path, results: Mapping[str, Any] | None = None) -> None:
    """Write every artefact that the page reads; `results` of analyses, instead of those of the fake build."""
    write_json(build / "net" / DOCUMENT, {"numbers": NET})
    write_json(build / "data" / DOCUMENT, {"numbers": DATA})
    found = {one.name: planted(one.name) for one in FAKED} if results is None else results
    for name, result in found.items():
        compute(build, name, result)
        draw(build, name)
    judge(build, found)
    if results is None:
        plant_atlas(build)


def plant_atlas(
    build: Path, maps: int = features.MAPS, sheet: np.ndarray | None = None, classes: tuple[str, ...] = CLASSES
) -> None:
    """Write the material of the pages of all maps of the planted layers; `sheet`: that every sheet shows, else it is noise."""
    shutil.rmtree(build / ATLAS, ignore_errors=True)
    rng = np.random.default_rng(0)
    labels = np.arange(VALIDATION) % len(classes)
    split = Split(np.zeros((VALIDATION, 1, 1, 3), np.uint8), labels, (FILE,) * VALIDATION)
    picture = rng.integers(0, 256, (4 * 152, 6 * 152, 3), dtype=np.uint8) if sheet is None else sheet
    layers = {}
    for number in features.FIELDS:
        images = rng.integers(0, VALIDATION, (maps, STRONGEST))
        values = np.tile(np.linspace(3, 2, STRONGEST), (maps, 1))
        values[0, 4:] = 0
        values[-1] = 0.01 if number == 2 else values[-1]
        top = Top(values, images, images % 5, images % 7)
        drawn = [(place, picture, None) for place in range(-(-maps // sheets.MAPS))]
        layers[number] = atlas.Layer(top, False, drawn)
    atlas.write(build / ATLAS, Dataset("planted", classes, "", split, split, split), layers)


def judge(build: Path, names: Iterable[str], noises: Mapping[str, Mapping[str, Noise]] | None = None) -> None:
    """Write what the claims' stage does, of the analyses that were computed; `noises`: claim -> part -> training noise."""
    known = noises or {}
    claims = [
        noise.judged(verdict, known.get(verdict["id"], {})) | {"section": name}
        for name in names
        for verdict in read_json(build / name / DOCUMENT)["verdicts"]
    ]
    write_arrays(build / "claims" / "right.npz", {})
    numbers = {
        "trainings": 1,
        "source": "planted" if known else "",
        "known": bool(known),
        "top1_tau": None,
        "map_low": None,
        "map_high": None,
        "by_class": [],
    }
    write_json(build / "claims" / DOCUMENT, {"claims": claims, "numbers": numbers})


def content_of(folder: Path, *own: Section) -> Content:
    """What a page shows whose only sections are these."""
    make_build(folder, {})
    bare = gather(folder, RUN, ())
    verdicts = {
        verdict["id"]: noise.judged(verdict, {}) | {"section": section.name}
        for section in own
        for verdict in section.artefact["verdicts"]
    }
    return replace(bare, sections=own, claims=tuple(claim | verdicts.get(claim["id"], {}) for claim in bare.claims))


def source_of(content: Content, templates: Path | None = None) -> str:
    """The source of the page; none of its pictures need be there. `templates`: a folder of changed ones."""
    return render(content, "report.html.j2", "figures", templates, print=False, has_pdf=False, scripts=(), since=None)


def page_of(folder: Path, own: Section) -> str:
    """The source of a page whose only section is this one."""
    return source_of(content_of(folder, own))


def page_with(folder: Path, name: str, result: Any) -> str:
    """The source of a page whose only section is of this result."""
    make_build(folder / "build", {name: result})
    html.write(folder / "build", folder / "report", RUN, (BY_NAME[name],))
    return (folder / "report" / "index.html").read_text(encoding="utf-8")


def copied(analysis: str, folder: Path) -> tuple[Path, Path]:
    """A folder of templates in which the section of one analysis lies, to be changed; and the section."""
    section = folder / "templates" / analysis / "section.html.j2"
    section.parent.mkdir(parents=True)
    shutil.copy(FOLDER / analysis / "section.html.j2", section)
    return folder / "templates", section
