"""One image under the square, and fifty of which it is known what covering object and projection costs."""

from typing import Any

import numpy as np

from planted_results import CLASSES, CROP, FILE, VALIDATION
from reportgen.analyses.occlusion.analysis import Result
from reportgen.analyses.occlusion.sweep import GALLERY, Example, Genuineness, Localisation, Sweep
from reportgen.base.size import Size

SIZE, IMAGES = 19, 50
NEITHER = np.linspace(-0.01, 0.01, IMAGES)  # what images differ by: zero on average


def result(**more: Any) -> Result:
    """All there is; `more` replaces it."""
    known: dict[str, Any] = {
        "classes": CLASSES,
        "side": Size.of(CROP),
        "size": SIZE,
        "stride": 3,
        "layer": 5,
        "rule": "drawn by the seed",
        "examples": {"example1": example()},
        "chosen": 1,
        "searched": f"all {VALIDATION:,} validation images (drawn scenes)",
        "known": True,
        "sweep": sweep(),
        "localisation": localisation(),
        "genuineness": genuineness(),
        "gallery": np.random.default_rng(0).integers(0, 256, (2 * GALLERY, 8, 8, 3), dtype=np.uint8),
    }
    return Result(**known | more)


def bare(**more: Any) -> Result:
    """Of a net that gets no image right: there is none to cover, and nothing is known of objects."""
    nothing = {"examples": {}, "chosen": 0, "known": False, "localisation": None, "genuineness": None}
    return result(**nothing | {"sweep": None, "gallery": None} | more)


def example(**more: Any) -> Example:
    """An image of a class whose name means harm, lost at the four places of the diagonal."""
    starts = np.arange(0, CROP - SIZE + 1, 23)
    diagonal = np.eye(4, dtype=bool)
    known: dict[str, Any] = {
        "name": FILE,
        "split": "test",
        "true": 2,
        "guess": 2,
        "image": np.random.default_rng(1).integers(0, 256, (CROP, CROP, 3), dtype=np.uint8),
        "outline": np.zeros((CROP, CROP), bool),
        "tops": starts,
        "lefts": starts,
        "map": 17,
        "activation": np.where(diagonal, 3.0, 11.0),
        "clean_activation": 12.0,
        "probability": np.where(diagonal, 0.12, 0.9),
        "clean_probability": 0.98,
        "guesses": np.where(diagonal, 3, 2),
        "projections": np.full((2, CROP, CROP, 3), 128, np.uint8),
        "sources": (CLASSES[2], CLASSES[3]),
    }
    return Example(**known | more)


def sweep() -> Sweep:
    """Fifty images, the square at four places in each."""
    places = np.array([0, 9])
    covered, maps = np.full((IMAGES, 2, 2), 0.5), np.arange(IMAGES) % 16
    return Sweep(np.arange(IMAGES), np.arange(IMAGES) % 6, places, places, np.full(IMAGES, 0.9), covered, maps, covered)


def localisation(
    on_object: float = 0.1234, on_background: float = -0.0123, hits: int = 40, overlap: float = 0.2
) -> Localisation:
    """What the square costs on average on the object and clear of it, and in how many images it costs most on it."""
    return Localisation(
        images=np.arange(IMAGES),
        on_object=on_object + NEITHER,
        on_background=on_background + NEITHER[np.arange(IMAGES) * 7 % IMAGES],
        hit=(np.arange(IMAGES) < hits).astype(float),
        share=np.full(IMAGES, 0.4),
        overlap=np.full(IMAGES, overlap),
        middle=np.full(IMAGES, 0.3),
        odds_on_object=20 * on_object + NEITHER,
        odds_on_background=20 * on_background + NEITHER[np.arange(IMAGES) * 7 % IMAGES],
    )


def genuineness(
    peak: float = 0.34,
    empty: float = 0.012,
    middle: float = 0.2,
    corner: float = 0.05,
    other: float = 0.15,
    without: int = 0,
) -> Genuineness:
    """What the square costs a map on average: where its projection is strongest and where empty, where another map's is
    strongest (of so many images there is none), and in the middle."""
    corners, mixed = np.zeros((IMAGES, 2), np.int64), NEITHER[np.arange(IMAGES) * 11 % IMAGES]
    return Genuineness(
        images=np.arange(IMAGES),
        maps=np.arange(IMAGES) % 16,
        peak=corners,
        empty=corners,
        peak_drop=peak + NEITHER,
        empty_drop=empty + NEITHER[np.arange(IMAGES) * 7 % IMAGES],
        correlation=np.full(IMAGES, 0.41),
        other_maps=np.where(np.arange(IMAGES) < without, -1, 17),
        other=corners,
        other_drop=np.where(np.arange(IMAGES) < without, np.nan, other + mixed),
        any_drop=(peak + other) / 2 + mixed,
        drawn=np.full(IMAGES, 8),
        same_place=np.full(IMAGES, 2),
        middle_drop=np.full(IMAGES, middle),
        corner_drop=np.full(IMAGES, corner),
        middle_correlation=np.full(IMAGES, 0.4),
    )
