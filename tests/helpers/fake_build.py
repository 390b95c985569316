"""A build folder as the stages before the page leave it: made-up pictures and numbers, names that mean harm."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from figure_samples import draw_any

from reportgen.analyses.base import FOLDER
from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.analyses.schematics.figure import Architecture, DeconvnetLayer, LayerBox
from reportgen.base.artifacts import read_json, write_arrays, write_json
from reportgen.figures.kinds import BarChart, FeatureMaps, Figure, Heatmap, ImageGrid, LineChart, Panel, Series
from reportgen.page import html

FAKED = tuple(analysis for analysis in ANALYSES if analysis.name in ("trained", "schematics", "features"))
CLASSES = ("dog", "cat & co", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "قطة \u202eevil", "猫 🐱")
FILE = 'dog/"><img src=x onerror=alert(1)>.jpg'
MAPS = 8  # of each of five layers, two tiles each: eighty tiles
LAYERS = ((1, 7), (2, 19), (3, 35), (4, 51), (5, 67))  # number, receptive field

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


@dataclass(frozen=True)
class Printed:
    """A PDF, and what WeasyPrint complained of."""

    path: Path
    complaints: list[str]


def part(name: str, estimate: float, low: float, high: float | None, outcome: str) -> dict[str, Any]:
    """A claim's part as `reportgen.claims.Verdict.document` writes it."""
    return {
        "name": name,
        "estimate": estimate,
        "low": low,
        "high": high,
        "n": 48,
        "range": [0.0, None],
        "outcome": outcome,
    }


def verdict(name: str, outcome: str, *parts: dict[str, Any], why: str = "") -> dict[str, Any]:
    """A verdict whose last part decides."""
    numbers = {key: parts[-1][key] if parts else None for key in ("estimate", "low", "high")}
    return {"id": name, "verdict": outcome, "n": 48 if parts else 0, "why": why, "parts": list(parts), **numbers}


VERDICTS = [
    verdict("hierarchy", "holds", part("layer 5 minus layer 1", 0.571, 0.49, 0.66, "holds")),
    verdict(
        "grouping",
        "contradicted",
        part("layer 2", 0.12, 0.1, 0.14, "holds"),
        part("layer 5", -0.2, -0.3, -0.1, "contradicted"),
    ),
    verdict("clipping", "undecided", part("share", 0.01, -0.1, None, "undecided"), why="clipping never acted"),
    verdict("better-architecture", "undecided", why="with 1 of the seeds one of the two did not train to the end"),
    verdict("localises", "not tested", why="the data have no masks"),
]

NUMBERS: dict[str, dict[str, Any]] = {
    "trained": {
        "top1": 0.8742,
        "chance": 1 / 6,
        "class_accuracy": dict.fromkeys(CLASSES, 0.8742),
        "best_class": CLASSES[2],
        "worst_class": CLASSES[3],
        "most_confused": [CLASSES[4], CLASSES[5], 3],
        "mistakes": 6,
        "validation_images": 1234,
        "shown_classes": 6,
        "labelled_classes": 6,
        "final_train_loss": 0.52,
        "final_validation_loss": 0.4321,
    },
    "schematics": {
        "map": 5,
        "values": 64,
        "positive": 16,
        "pooled": 16,
        "put_back": 16,
        "no_step": "",
        "overridden": False,
        "nodes": [],
        "layers": [{"name": "layer 1", "operations": ["4 filters 3x3"], "output": [4, 8, 8], "receptive_field": 3}],
    },
    "features": {
        "images": 1234,
        "unlabelled": 0,
        "untrained": True,
        "chance": 1 / 6,
        "layers": [
            {
                "number": number,
                "maps": 48,
                "shown": list(range(MAPS)),
                "receptive_field": field,
                "whole_image": field > 60,
                "refusal": "",
                "dead_share": 0.02 if number == 2 else 0,
                "agreement": 0.11 * number,
                "untrained_agreement": None if number == 1 else 0.1,
            }
            for number, field in LAYERS
        ],
    },
}


def words(title: str) -> dict[str, str]:
    """What every figure says of itself; the caption can be found again in the PDF."""
    return {"title": title, "caption": f"Captionof {title}, {CLASSES[2]}.", "alt": f"What {title} shows: {CLASSES[3]}."}


def feature_maps(number: int, side: int, rng: np.random.Generator) -> FeatureMaps:
    patches = rng.integers(0, 256, (MAPS, 9, side, side, 4), dtype=np.uint8)
    patches[..., 3] = 255
    shown = np.ones((MAPS, 9), bool)
    shown[0, 4:] = False
    return FeatureMaps(
        **words(f"Layer {number}"),
        layer=number,
        maps=np.arange(MAPS) * 3,
        projections=rng.integers(90, 160, (MAPS, 9, side, side, 3), dtype=np.uint8),
        patches=patches,
        shown=shown,
        details=tuple((FILE,) * 9 for _ in range(MAPS)),
        notes=tuple(f"9 {CLASSES[place % len(CLASSES)]}" for place in range(MAPS)),
    )


def figures() -> dict[str, dict[str, Figure]]:
    """The figures of every analysis, as the templates ask for them."""
    rng = np.random.default_rng(0)
    steps = np.arange(1.0, 6.0)
    curves = (Series("training", steps, 3 / steps, dashed=True), Series("validation", steps, 2 / steps))
    depth = LineChart(**words("Agreement"), panels=(Panel("", "layer", "pairs (%)", curves),))
    rectified = np.arange(64.0).reshape(8, 8)
    places = np.arange(64).reshape(8, 8)[1::2, 1::2]
    unpooled = np.zeros((8, 8))
    unpooled[1::2, 1::2] = rectified[1::2, 1::2]
    return {
        "trained": {
            "gallery": ImageGrid(
                **words("Gallery"),
                images=rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8),
                columns=4,
                row_titles=CLASSES,
            ),
            "curves": LineChart(
                **words("Curves"),
                panels=(Panel("loss", "epoch", "nats", curves), Panel("accuracy", "epoch", "%", curves, (0, 100))),
            ),
            "class_accuracy": BarChart(
                **words("Accuracy by class"),
                names=CLASSES,
                values=np.full(6, 87.42),
                x_label="accuracy (%)",
                reference=100 / 6,
                reference_name="chance",
            ),
            "confusion": Heatmap(
                **words("Confusion"),
                values=np.diag(np.arange(1.0, 7.0)),
                row_names=CLASSES,
                column_names=CLASSES,
                row_label="true class",
                column_label="predicted class",
                value_label="images",
            ),
            "mistakes": ImageGrid(
                **words("Mistakes"),
                images=rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8),
                columns=3,
                titles=CLASSES,
            ),
        },
        "schematics": {
            "deconvnet": DeconvnetLayer(
                **words("Deconvnet"),
                image=rng.integers(0, 256, (16, 16, 3), dtype=np.uint8),
                layer=1,
                map=5,
                rectified=rectified,
                pooled=rectified[1::2, 1::2],
                switches=places,
                unpooled=unpooled,
                projection=np.full((16, 16, 3), 128, np.uint8),
                pool_text="max pool 2x2, stride 2",
                filter_text="4 filters 3x3",
            ),
            "architecture": Architecture(
                **words("The net"),
                input_size=(3, 16, 16),
                layers=(
                    LayerBox("layer 1", ("4 filters 3x3", "ReLU"), 4, 8, 8, 3),
                    LayerBox("softmax", (), 6, 1, 1, None),
                ),
            ),
        },
        "features": {
            "layer1_filters": ImageGrid(
                **words("Filters"),
                images=rng.integers(0, 256, (48, 7, 7, 3), dtype=np.uint8),
                columns=16,
                smooth=False,
            ),
            **{f"layer{number}": feature_maps(number, side, rng) for number, side in LAYERS},
            "agreement": depth,
            "similarity": LineChart(**words("Similarity"), panels=depth.panels),
        },
    }


def make_build(build: Path) -> None:
    """Write every artefact that the page reads."""
    net = {
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
            "crop": 88,
            "range": 1,
            "order": "RGB",
            "mean": [0.4931, 0.47, 0.45],
            "deviation": [0.25] * 3,
        },
        "top1": 0.8742,
        "top5": None,
        "labelled_images": 1234,
        "classes": len(CLASSES),
    }
    data = {
        "name": "embedded scenes",
        "drawn": True,
        "classes": list(CLASSES),
        "images": {"train": 3600, "val": 1234, "test": 1200, "transfer": 60},
        "size": 96,
        "crop": 88,
        "same": {},
        "skipped": [{"file": FILE, "reason": "truncated"}],
        "fingerprint": "feedfacefeedface",
    }
    write_json(build / "net" / "artefact.json", {"numbers": net})
    write_json(build / "data" / "artefact.json", {"numbers": data})
    for name, drawn in figures().items():
        artefact = {
            "analysis": name,
            "fingerprint": f"{name}-fingerprint",
            "inputs": {"data": "feedfacefeedface", "net": "cafecafecafecafe"},
            "versions": {"numpy": "2.4.0", "python": "3.12.3"},
            "settings": {"maps": MAPS} if name == "features" else {},
            "seed": 7,
            "numbers": NUMBERS[name],
            "verdicts": VERDICTS if name == "features" else [],
        }
        write_json(build / name / "artefact.json", artefact)
        write_arrays(build / name / "result.npz", {"x": np.arange(3)})
        folder = build / "drawn" / name
        write_json(folder / "artefact.json", {"figures": draw_any(drawn, folder)})


def page_with(
    folder: Path,
    analyses: tuple[Analysis, ...],
    drawn: dict[str, Figure],
    **said: Any,
) -> str:
    """The source of a page whose last analysis has this artefact (`said`) and these figures."""
    build, name = folder / "build", analyses[-1].name
    make_build(build)
    write_json(
        build / name / "artefact.json", read_json(build / "features" / "artefact.json") | {"analysis": name} | said
    )
    write_arrays(build / name / "result.npz", {"x": np.arange(3)})
    place = build / "drawn" / name
    place.mkdir(parents=True)
    write_json(place / "artefact.json", {"figures": draw_any(drawn, place)})
    html.write(build, folder / "report", RUN, analyses)
    return (folder / "report" / "index.html").read_text(encoding="utf-8")


def copied(analysis: str, folder: Path) -> tuple[Path, Path]:
    """A folder of templates in which the section of one analysis lies, to be changed; and the section."""
    section = folder / "templates" / analysis / "section.html.j2"
    section.parent.mkdir(parents=True)
    shutil.copy(FOLDER / analysis / "section.html.j2", section)
    return folder / "templates", section
