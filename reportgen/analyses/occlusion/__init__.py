"""Occlusion sensitivity (Zeiler & Fergus 2013, section 4.2, figure 7).

A grey square slides over an image, and the net answers again at every step: how much of the correct class's probability
is left, which class it predicts, and how active the feature map stays that responds most to the whole image. Two
claims: `localises` (does covering the object cost more than covering what lies around it?) and
`visualisation-is-genuine` (does covering what a projection shows quieten that map, more than covering what another
map's projection shows?).
"""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis
from reportgen.settings.switches import Switch

PAPER_SIDE = 224  # pixels: side of the image in which the settings count pixels


def _one_or_more(value: int) -> int:
    if value < 1:
        raise ValueError("use 1 pixel or more")
    return value


def _fits(value: int) -> int:
    if value > PAPER_SIDE:
        raise ValueError(f"larger than the image: use at most {PAPER_SIDE}, the side of the paper's image in pixels")
    return value


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """The square and the images. Pixels are those of the paper's image of 224 px, scaled to what the net reads.

    The paper does not say how large its square is. A fifth of the image's side is small enough to lie beside nearly
    every object, and large enough to hide a part of it.
    """

    size: Annotated[int, AfterValidator(_one_or_more), AfterValidator(_fits)] = 48  # side of the square, pixels
    stride: Annotated[int, AfterValidator(_one_or_more)] = 8  # from one place to the next, pixels
    images: tuple[str, ...] = ()  # shown beside the three: "class/file" of the test or validation images
    sample: Annotated[int, Field(ge=1)] = 100  # test images that the claims rest on


ANALYSIS = Analysis(
    "occlusion",
    "What happens when part of the image is covered",
    Settings,
    figures=("example*", "gallery", "claims"),
    claims=("localises", "visualisation-is-genuine"),
    reads=("data", "net", "annotations"),
    switches=(Switch("IMAGES", ("occlusion", "images"), "further images for figure 7: class/file,class/file"),),
)
