"""The first two layers of a net, measured: what figure 6 of the paper shows (Zeiler & Fergus 2013, section 4.1)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from reportgen import probe
from reportgen.analyses.architecture import spectra
from reportgen.base.size import Size
from reportgen.base.statistics import dead
from reportgen.look.inputs import Inputs
from reportgen.look.strongest import (
    Pictures,
    Top,
    field_of,
    first_weights,
    picture_maps,
    projections,
    search,
    view_size,
)
from reportgen.nets.layers import convolutions

SECOND = 2  # the layer whose projections are looked at
ALIASES = (1 / 4, 1 / 2)  # cycles per pixel: where a stride of 4 repeats what lies at frequency zero
HALF_WIDTH = 1 / 32  # cycles per pixel
PERIOD = 4  # pixels: of the grid that a stride of 4 leaves
RING = 1 / 32  # cycles per pixel: width of the rings of a drawn spectrum


@dataclass(frozen=True)
class FirstLayer:
    """Layer 1 of a net: its filters, and how they respond to the validation images."""

    filters: Float[np.ndarray, "map row column 3"]
    largest: Float[np.ndarray, " map"]  # response
    energy: Float[np.ndarray, "image map"]  # sum of a map's squared responses

    @property
    def dead(self) -> Bool[np.ndarray, " map"]:
        """Filters whose largest response is under 5 % of the median of the largest responses."""
        return dead(self.largest)


@dataclass(frozen=True)
class SecondLayer:
    """Projections of layer 2: some to be seen, others measured against the image patches that caused them."""

    field: Size  # of the receptive field, pixels
    size: Size  # of the image, pixels
    pictures: Pictures
    projection_share: Float[np.ndarray, " projection"]  # of spectral energy, in the bands of aliasing
    patch_share: Float[np.ndarray, " projection"]
    projection_rings: Float[np.ndarray, " ring"]  # share of the energy in each ring, mean over the projections
    patch_rings: Float[np.ndarray, " ring"]
    lattice: Float[
        np.ndarray, "large 2 2"
    ]  # `spectra.lattice_peaks`, projection minus patch, where they are large enough

    @property
    def aliasing(self) -> Float[np.ndarray, " projection"]:
        """How much more of its energy a projection has in the bands of aliasing than its patch: logarithm of the ratio."""
        return np.log(self.projection_share / self.patch_share)


def first_layer(inputs: Inputs) -> FirstLayer | None:
    """Layer 1's filters and responses over the validation images; None where it does not read the image."""
    weights = first_weights(inputs)
    if weights is None:
        return None
    name = convolutions(inputs.layers)[0].map

    def responses(batch: Tensor) -> tuple[np.ndarray, np.ndarray]:
        maps = probe.activations(inputs.graph, batch, [name])[name].flatten(2)
        return maps.amax(dim=2).amax(dim=0).cpu().numpy(), maps.double().square().sum(dim=2).cpu().numpy()

    found = inputs.each(responses, inputs.data.val, what="responses of layer 1")
    largest, energy = zip(*found, strict=True)
    return FirstLayer(weights, np.max(largest, axis=0), np.concatenate(energy))


def second_layer(inputs: Inputs, maps: int, most: int, rng: np.random.Generator) -> SecondLayer | None:
    """Look at `maps` maps of layer 2, and measure up to `most` projections, one for each image.

    None where there is no layer 2, or none of its maps responds.
    """
    if SECOND not in {layer.number for layer in convolutions(inputs.layers)}:
        return None
    top = search(inputs, [SECOND])[SECOND]
    shown = np.sort(rng.choice(len(top.values), min(maps, len(top.values)), replace=False))
    found = measure(inputs, top, one_for_each_image(top, most, rng))
    if found is None:
        return None
    return SecondLayer(
        field=Size(*field_of(inputs, SECOND).size),
        size=inputs.preprocessing.crop,
        pictures=picture_maps(inputs, SECOND, top, shown),
        projection_share=found[0],
        patch_share=found[1],
        projection_rings=found[2],
        patch_rings=found[3],
        lattice=found[4],
    )


def one_for_each_image(top: Top, most: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Some of a layer's strongest activations as (map, rank), in random order, no two from one image."""
    found: dict[int, tuple[int, int]] = {}
    active = np.argwhere(top.active)
    for map_, rank in active[rng.permutation(len(active))]:
        found.setdefault(int(top.images[map_, rank]), (int(map_), int(rank)))
    return list(found.values())[:most]


def measure(
    inputs: Inputs, top: Top, units: list[tuple[int, int]]
) -> (
    tuple[
        Float[np.ndarray, " projection"],
        Float[np.ndarray, " projection"],
        Float[np.ndarray, " ring"],
        Float[np.ndarray, " ring"],
        Float[np.ndarray, "large 2 2"],
    ]
    | None
):
    """Share of energy in the bands of aliasing, of each projection and of its patch, the mean spectrum of both, and how
    far the grid of a stride of 4 stands out of each projection's spectrum, compared with its patch's.

    Both are cut to the part of the receptive field that lies inside the image. Projections and patches without any
    energy in the bands (a patch of one colour) are left out; None where nothing is left.
    """
    receptive = field_of(inputs, SECOND)
    grid = spectra.grid_for(max(view_size(inputs, SECOND)))
    where = spectra.narrow_bands(grid, ALIASES, HALF_WIDTH)
    shares, rings, lattice = [], [], []
    for (map_, rank), projection, pixels in projections(inputs, SECOND, top, units):
        box = receptive.inside(int(top.rows[map_, rank]), int(top.columns[map_, rank]))
        inside = (slice(box[0], box[2]), slice(box[1], box[3]))
        both = [
            spectra.energy(spectra.windowed(part[inside].astype(np.float64)), grid) for part in (projection, pixels)
        ]
        found = [spectra.share(part, where) for part in both]
        if min(found) > 0:  # also leaves out what has no energy at all (NaN)
            shares.append(found)
            rings.append([spectra.profile(part, ring_edges()) for part in both])
            projected, seen = (spectra.lattice_peaks(part, PERIOD) for part in both)
            if min(box[2] - box[0], box[3] - box[1]) >= spectra.SHARP and np.isfinite(projected - seen).all():
                lattice.append(projected - seen)
    if not shares:
        return None
    known, spectrum = np.array(shares), np.array(rings).mean(axis=0)
    return known[:, 0], known[:, 1], spectrum[0], spectrum[1], np.array(lattice).reshape(-1, 2, 2)


def ring_edges() -> Float[np.ndarray, " edge"]:
    """Edges of the rings of a drawn spectrum, from frequency zero to its corner, cycles per pixel."""
    return np.arange(0, np.sqrt(0.5) + RING, RING)
