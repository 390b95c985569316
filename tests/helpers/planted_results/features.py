"""Five layers whose maps agree on a class the more the deeper they are, and are alike but for those of layer 5."""

import numpy as np

from planted_results import CLASSES, CROP, DATA, FILE, VALIDATION
from reportgen.analyses.features.analysis import Layer, Result
from reportgen.base.size import Size
from reportgen.look.left_out import GROUPS
from reportgen.look.sight import Sight
from reportgen.look.strongest import STRONGEST, Pictures, Top

MAPS, SHOWN = 48, 8  # of each layer: eighty tiles in all
FIELDS = {1: 7, 2: 15, 3: 23, 4: 35, 5: 43}  # of the layers, pixels
AGREEMENT = {1: 0.119, 2: 0.2, 3: 0.35, 4: 0.5, 5: 0.69}
WITHOUT = np.linspace(-0.002, 0.002, GROUPS)  # by how much a number differs without each tenth of the images
ALIKE = {1: 0.1, 2: 0.12, 3: 0.1, 4: 0.08, 5: -0.2}  # within a map, less that to other maps


def result(untrained: float = 0.1) -> Result:
    """The five layers; `untrained`: how often nine images of the untrained net agree. Of its layer 1 nothing is known."""
    rng = np.random.default_rng(0)
    return Result(
        layers={f"layer{number}": layer(number, untrained, rng) for number in FIELDS},
        filters=rng.integers(0, 256, (MAPS, 7, 7, 3), dtype=np.uint8),
        images_of_smallest_class=205,
        images=VALIDATION,
        chance=1 / len(CLASSES),
        data=DATA,
    )


def layer(number: int, untrained: float, rng: np.random.Generator) -> Layer:
    """A layer with these means; its first map responds to four images alone, and one map of layer 2 is dead."""
    values = np.tile(np.linspace(3, 2, STRONGEST), (MAPS, 1))
    values[0, 4:] = 0
    if number == 2:
        values[-1] = 0.01
    images = np.arange(MAPS * STRONGEST).reshape(MAPS, STRONGEST)
    top, spread = Top(values, images, images % 5, images % 7), np.linspace(-1, 1, MAPS)
    before = np.full(MAPS, np.nan) if number == 1 else untrained + 0.1 * spread
    return Layer(
        number=number,
        sight=Sight(Size.of(FIELDS[number]), Size.of(CROP)),
        top=top,
        pictures=pictures(top, FIELDS[number], rng),
        agreement=AGREEMENT[number] + 0.1 * spread,
        untrained_agreement=before,
        agreement_without=AGREEMENT[number] + WITHOUT,
        untrained_agreement_without=np.full(GROUPS, before.mean()),
        within=0.5 + ALIKE[number] + 0.05 * spread,
        between=np.full(MAPS, 0.5),
        gap_without=ALIKE[number] + WITHOUT,
        responses=rng.random((MAPS, 40)),
    )


def pictures(top: Top, side: int, rng: np.random.Generator) -> Pictures:
    """Noise, each map's of one class, of files whose name means harm."""
    patches = rng.integers(0, 256, (SHOWN, STRONGEST, side, side, 4), dtype=np.uint8)
    patches[..., 3] = 255
    maps = np.arange(SHOWN) * 3
    active = top.active[maps]
    return Pictures(
        maps=maps,
        projections=rng.integers(90, 160, (SHOWN, STRONGEST, side, side, 3), dtype=np.uint8),
        patches=patches,
        active=active,
        kinds=tuple(tuple(CLASSES[place % 6] if one else "" for one in row) for place, row in enumerate(active)),
        details=((f"activation 2.5, {FILE}",) * STRONGEST,) * SHOWN,
    )
