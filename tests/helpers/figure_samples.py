"""One small figure of every kind, with names that want to be something else than text."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reportgen.analyses.evolution.figure import Evolution
from reportgen.analyses.occlusion.figure import Occlusion
from reportgen.analyses.registry import ANALYSES
from reportgen.analyses.schematics.figure import Architecture, DeconvnetLayer, LayerBox
from reportgen.figures import draw, kinds

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "$\\alpha$ & co",
    "قطة \u202eevil",
    "猫 🐱",
    "two\nlines",
)
WORDS = {"title": "A title", "caption": "What is drawn.", "alt": "What it shows."}


DRAWERS = {
    kind: drawer for analysis in ANALYSES if (own := analysis.offered("draw")) for kind, drawer in own.DRAWERS.items()
}
OWN_KINDS = (*DRAWERS, LayerBox)  # of the analyses


def draw_any(figures: Mapping[str, kinds.Figure], folder: Path) -> dict[str, draw.Drawn]:
    """Draw figures of any kind, the analyses' own among them."""
    return draw.draw(figures, folder, DRAWERS)


def feature_maps(side: int = 6, maps: int = 2) -> kinds.FeatureMaps:
    rng = np.random.default_rng(3)
    patches = rng.integers(0, 256, (maps, 9, side, side, 4), dtype=np.uint8)
    patches[..., 3] = 255
    return kinds.FeatureMaps(
        **WORDS,
        layer=2,
        maps=np.arange(maps) * 7,
        projections=np.full((maps, 9, side, side, 3), 128, np.uint8),
        patches=patches,
        shown=np.ones((maps, 9), bool),
        details=tuple(tuple(HOSTILE[rank % 6] for rank in range(9)) for _ in range(maps)),
        notes=tuple(HOSTILE[place % 6] for place in range(maps)),
    )


def evolution(side: int = 6) -> Evolution:
    """Two maps over three epochs: the first jumps before the last column, the second is silent at first."""
    patches = np.random.default_rng(4).integers(0, 256, (2, 3, side, side, 4), dtype=np.uint8)
    patches[..., 3] = 255
    return Evolution(
        **WORDS,
        layer=2,
        maps=np.array([3, 11]),
        epochs=np.array([1.0, 2.0, 12.0]),
        projections=np.full((2, 3, side, side, 3), 128, np.uint8),
        patches=patches,
        shown=np.array([[True, True, True], [False, True, True]]),
        jumped=np.array([[False, False, True], [False, False, False]]),
        details=(HOSTILE[:3], HOSTILE[3:]),
        notes=HOSTILE[:2],
    )


def deconvnet_layer() -> DeconvnetLayer:
    """An 8x8 map, pooled 2x2: the second of each window is its maximum."""
    rectified = np.zeros((8, 8))
    rectified[0::2, 1::2] = np.arange(1, 17).reshape(4, 4)
    places = np.arange(64).reshape(8, 8)[0::2, 1::2]
    return DeconvnetLayer(
        **WORDS,
        image=np.zeros((12, 12, 3), np.uint8),
        layer=1,
        map=5,
        rectified=rectified,
        pooled=rectified[0::2, 1::2],
        switches=places,
        unpooled=rectified.copy(),
        projection=np.full((12, 12, 3), 128, np.uint8),
        pool_text="max pool 2x2, stride 2",
        filter_text="4 filters 3x3",
    )


def occlusion(side: int = 20) -> Occlusion:
    """A square of 4 px every 4 px; the true class is lost, to each of the others in turn, on the diagonal."""
    starts = np.arange(0, side - 3, 4)
    places = len(starts)
    probability = np.full((places, places), 0.9) - 0.8 * np.eye(places)
    outline = np.zeros((side, side), bool)
    outline[6:14, 6:14] = True
    return Occlusion(
        **WORDS,
        image=np.random.default_rng(2).integers(0, 256, (side, side, 3), dtype=np.uint8),
        outline=outline,
        size=4,
        tops=starts,
        lefts=starts,
        layer=5,
        map=17,
        activation=10 * probability,
        clean_activation=9.5,
        projections=np.full((4, side, side, 3), 128, np.uint8),
        sources=("this image", *HOSTILE[:3]),
        probability=probability,
        clean_probability=0.95,
        classes=("dog", *HOSTILE),
        guesses=np.diag(1 + np.arange(places) % len(HOSTILE)),
    )


def architecture() -> Architecture:
    boxes = (
        LayerBox("layer 1", ("96 filters 7x7, stride 2", "ReLU"), 96, 55, 55, 7),
        LayerBox("layer 2", ("256 filters 5x5, stride 2", "ReLU"), 256, 13, 13, 27),
        LayerBox("softmax", ("10 units", "softmax"), 10, 1, 1, None),
    )
    return Architecture(**WORDS, input_size=(3, 224, 224), layers=boxes)


def paper_net() -> Architecture:
    """All eight layers of the paper's figure 3."""
    pooled = ("ReLU", "max pool 3x3, stride 2", "contrast normalisation")
    boxes = (
        LayerBox("layer 1", ("96 filters 7x7, stride 2", *pooled), 96, 55, 55, 7),
        LayerBox("layer 2", ("256 filters 5x5, stride 2", *pooled), 256, 13, 13, 27),
        LayerBox("layer 3", ("384 filters 3x3", "ReLU"), 384, 13, 13, 59),
        LayerBox("layer 4", ("384 filters 3x3", "ReLU"), 384, 13, 13, 91),
        LayerBox("layer 5", ("256 filters 3x3", *pooled[:2]), 256, 6, 6, 123),
        LayerBox("layer 6", ("4096 units", "ReLU", "dropout"), 4096, 1, 1, None),
        LayerBox("layer 7", ("4096 units", "ReLU", "dropout"), 4096, 1, 1, None),
        LayerBox("softmax", ("1000 units", "softmax"), 1000, 1, 1, None),
    )
    return Architecture(**WORDS, input_size=(3, 224, 224), layers=boxes)


def one_of_each_kind() -> dict[str, kinds.Figure]:
    """One figure of every kind, by the kind's name."""
    steps = np.arange(1.0, 5.0)
    curves = tuple(
        kinds.Series(name, steps, steps * place, steps * place - 1, steps * place + 1, dashed=place == 1)
        for place, name in enumerate(HOSTILE)
    )
    found: dict[str, kinds.Figure] = {
        "FeatureMaps": feature_maps(),
        "Evolution": evolution(),
        "ImageGrid": kinds.ImageGrid(
            **WORDS,
            images=np.random.default_rng(1).integers(0, 256, (6, 10, 10, 3), dtype=np.uint8),
            columns=3,
            titles=HOSTILE,
        ),
        "LineChart": kinds.LineChart(
            **WORDS,
            panels=(
                kinds.Panel("loss", "epoch", "loss (nats)", curves),
                kinds.Panel("", "epoch", "%", curves[:1], (0, 9), level=5.0),
            ),
            moved=kinds.Moved(
                np.random.default_rng(5).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8), 9, ("shift", "turn")
            ),
        ),
        "BarChart": kinds.BarChart(
            **WORDS,
            names=HOSTILE,
            values=np.arange(1.0, 7.0),
            x_label="accuracy (%)",
            low=np.arange(6.0),
            high=np.arange(2.0, 8.0),
            reference=3.0,
            reference_name="chance",
        ),
        "Heatmap": kinds.Heatmap(
            **WORDS,
            values=np.arange(36.0).reshape(6, 6),
            row_names=HOSTILE,
            column_names=HOSTILE,
            row_label="true class",
            column_label="predicted class",
            value_label="images",
        ),
        "Table": kinds.Table(**WORDS, columns=("name", "value"), rows=((HOSTILE[0], "1"), (HOSTILE[1], "2"))),
        "Architecture": architecture(),
        "DeconvnetLayer": deconvnet_layer(),
        "Scatter": kinds.Scatter(
            **WORDS,
            panels=(
                kinds.Points(HOSTILE[0], HOSTILE[1], HOSTILE[4], steps, steps[::-1]),
                kinds.Points("", "drop (%)", "drop (%)", steps * 0, steps * 0),
            ),
        ),
        "Occlusion": occlusion(),
    }
    return found
