"""What masking parts did to the features of the images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Int32, UInt8

from reportgen.analyses.correspondence.part_masks import Masks, in_words
from reportgen.analyses.correspondence.sign_patterns import Pairing, can_differ

SCORED = (5, 7)  # the paper's layers
SORTS = ("part", "on_object", "anywhere")  # of masks, as `Masks` and `Layer` name them


@dataclass(frozen=True)
class Scores:
    """What one sort of mask did to the features of one layer."""

    different: Int32[np.ndarray, "part draw pair"]  # entries whose signs differ between the two images, for all pairs
    both: Float[np.ndarray, "part draw"]  # entries that changed in both images, mean over the pairs of the claim
    opposite: Float[np.ndarray, "part draw"]  # entries that rose in one and fell in the other, likewise
    changed: Int32[np.ndarray, "part draw image"]  # entries that changed


@dataclass(frozen=True)
class Layer:
    """The scores at one layer, for each sort of mask."""

    number: int
    entries: int  # length of the feature vector
    part: Scores
    on_object: Scores
    anywhere: Scores

    def hamming(self, sort: str) -> Float[np.ndarray, "part draw pair"]:
        """The paper's distance of every pair, as a share of the vector's length."""
        return getattr(self, sort).different / self.entries

    @property
    def gaps(self) -> Float[np.ndarray, "part pair"]:
        """How much larger the distance of a pair is under random masks on the object than under masks of the part."""
        return self.random - self.hamming("part").mean(axis=1)

    @property
    def random(self) -> Float[np.ndarray, "part pair"]:
        """The distance of a pair under random masks on the object, as large as each part's."""
        return self.hamming("on_object").mean(axis=1)


@dataclass(frozen=True)
class Result:
    """The images that can be masked, and the scores at layers 5 and 7."""

    part_names: tuple[str, ...]
    names: tuple[str, ...]  # of the images
    group_names: tuple[str, ...]
    groups: Int[np.ndarray, " image"]  # places among the group names
    masks: Masks
    layers: dict[str, Layer]  # "layer5", "layer7"
    shown: Int[np.ndarray, " shown"]  # of the images
    pictures: UInt8[np.ndarray, "row shown height width 3"]  # original, each part masked, on the object, anywhere
    left_out: tuple[tuple[str, str], ...]  # image and reason
    why: str = ""  # why there is nothing to score

    @cached_property
    def across(self) -> bool:
        """Whether the claim's pairs are of different classes; else they lie within the one class that there is."""
        return can_differ(self.groups.tolist())

    @cached_property
    def pairing(self) -> Pairing:
        """The pairs that the claim speaks of."""
        return pairing_of(self.groups)

    @cached_property
    def within(self) -> Pairing | None:
        """Pairs within classes, to stand beside the claim's; None where the claim's are, or where there are none."""
        found = Pairing.within_classes(self.groups) if self.across else None
        return found if found is not None and found.compared.any() else None


def pairing_of(groups: Int[np.ndarray, " image"]) -> Pairing:
    """Pairs of different classes where there are enough of them, else pairs within the one class that there is."""
    return Pairing.between_classes(groups) if can_differ(groups.tolist()) else Pairing.within_classes(groups)


@dataclass(frozen=True)
class Row:
    """A line of table 1: what is masked, and the scores that belong to it."""

    key: str  # the part's name, "random" or "anywhere"
    name: str
    sort: str
    part: slice  # of the parts' axis of the scores

    def distances(self, layer: Layer) -> Float[np.ndarray, "mask pair"]:
        """The Hamming distance of every pair under every such mask."""
        found = layer.hamming(self.sort)[self.part]
        return found.reshape(-1, found.shape[-1])

    def opposite(self, layer: Layer) -> float | None:
        """Of the entries that changed in both images, the share that changed in opposite ways; None where none did."""
        scores = getattr(layer, self.sort)
        both = scores.both[self.part].mean()
        return float(scores.opposite[self.part].mean() / both) if both else None

    def changed(self, layer: Layer) -> float:
        """The share of the layer's entries that such a mask changes."""
        return float(getattr(layer, self.sort).changed[self.part].mean() / layer.entries)


def rows(part_names: Sequence[str]) -> list[Row]:
    """The lines of table 1: every part, random places on the object, and (not in the paper) random places anywhere."""
    found = [Row(part, in_words(part), "part", slice(place, place + 1)) for place, part in enumerate(part_names)]
    found.append(Row("random", "random, on the object", "on_object", slice(None)))
    return [*found, Row("anywhere", "random, anywhere", "anywhere", slice(None))]
