"""Layers 1 and 5 over three epochs, and four layers' way to their final features."""

from dataclasses import replace

import numpy as np

from planted_results import CLASSES, CROP, DATA, FILE, TRAINING
from reportgen.analyses.evolution.analysis import COMPARED, Layer, Pictures, Result, Top, already_final
from reportgen.analyses.evolution.settling import Likeness, measured
from reportgen.base.size import Size
from reportgen.look.sight import Sight

EPOCHS, SNAPSHOTS = np.array([1.0, 2.0, 5.0]), np.array([0.0, 1.0, 2.0, 5.0])
MAPS, SHOWN = 8, np.array([0, 7])
SLOWLY, QUICKLY = (0.3, 0.5, 0.6, 1.0), (0.3, 0.99, 1.0, 1.0)  # CKA with the final net, by snapshot
AWAY, CONSTANT = (0.5, 0.2, 0.99, 1.0), (np.nan,) * 4
AGAINST = {1: SLOWLY, 2: QUICKLY, 4: CONSTANT, 5: AWAY}  # the claim: layer 5 settles before layer 1
FOR = {1: QUICKLY, 2: QUICKLY, 4: SLOWLY, 5: AWAY}


def result(cka: dict[int, tuple[float, ...]] = AGAINST, images: int = TRAINING, refusal: str = "") -> Result:
    """Layers with these curves; `images`: so many were searched; `refusal`: why nothing is projected."""
    likeness = {f"features{number}": like(number, np.array(curve)) for number, curve in cka.items()}
    compared = {number for pair in COMPARED for number in pair}
    return Result(
        layers={f"layer{number}": layer(number, side, refusal) for number, side in ((1, 7), (5, 67))},
        likeness=likeness,
        epochs=EPOCHS,
        snapshots=SNAPSHOTS,
        resampled={
            f"resampled{number}": likeness[f"features{number}"].measures[:, None] + np.linspace(-0.02, 0.02, 100)
            for number in sorted(compared)
            if np.isfinite(likeness[f"features{number}"].area)
        },
        schedule="cosine",
        data=DATA,
        images=images,
        training_images=TRAINING,
        compared=500,
    )


def loaded() -> Result:
    """Of a net that was not trained here."""
    return replace(result(), layers={}, likeness={}, epochs=None, snapshots=None, resampled={}, schedule="")


def like(number: int, cka: np.ndarray) -> Likeness:
    """A layer's curve in a narrow band, and what is measured on it; nothing where every image has the same features."""
    measures = measured(SNAPSHOTS, cka)
    return Likeness(number, cka, cka - 0.01, cka + 0.01, measures, np.stack([measures - 0.02, measures + 0.02]))


def layer(number: int, side: int, refusal: str) -> Layer:
    """Eight maps: two have their final image from the beginning, two more from the second column, four in the last alone."""
    rng = np.random.default_rng(number)
    final = np.arange(MAPS)
    images = np.stack([np.where(final < 2, final, final + 10), np.where(final < 4, final, final + 20), final], axis=1)
    values = np.ones((MAPS, 3))
    values[-1, 0] = 0  # this map is silent at first
    top = Top(values, images, images % 3, images % 5)
    patches = rng.integers(0, 256, (2, 3, side, side, 4), dtype=np.uint8)
    patches[..., 3] = 255
    kinds = tuple(
        tuple(CLASSES[2 + place] if seen else "" for seen in top.active[map_]) for place, map_ in enumerate(SHOWN)
    )
    pictures = Pictures(
        maps=SHOWN,
        projections=rng.integers(90, 160, (2, 3, side, side, 3), dtype=np.uint8),
        patches=patches,
        details=((FILE,) * 3,) * 2,
        kinds=kinds,
    )
    return Layer(number, Sight(Size.of(side), Size.of(CROP)), top, pictures, already_final(top), refusal)
