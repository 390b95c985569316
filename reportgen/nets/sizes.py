"""How large the images of a loaded net are, before anything heavy is imported: the data stage needs nothing else."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict  # as pydantic asks, on Python 3.11

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.size import MOST_SIDE, Size
from reportgen.settings.recipes import OWN_NETS, Architecture
from reportgen.settings.sections import FOLDER, TIMM, WEIGHTS_END, Interpolation, ModelSettings, Scaled, usual_sizes

MOST_HEADER = 100 << 20  # bytes: safetensors' own limit
OBLONG = r"^[1-9]\d{0,3}x[1-9]\d{0,3}$"  # rows x columns, as `Size.said`
Side = Annotated[int, Field(ge=1, le=MOST_SIDE)] | Annotated[str, Field(pattern=OBLONG)]


class _Metadata(TypedDict):
    """What a file of safetensors says beside its tensors."""

    reportgen: str


_Header = TypedDict("_Header", {"__metadata__": _Metadata})  # how such a file begins; the rest names its tensors


class _Reads(TypedDict):
    """What a net reads (`reportgen.data.transforms.Preprocessing`)."""

    crop: Side
    range: NotRequired[Annotated[foreign.Finite, Field(gt=0)]]
    order: NotRequired[Literal["RGB", "BGR", "L", "ALL"]]
    red_green_blue: NotRequired[list[foreign.Count]]
    mean: NotRequired[Annotated[list[foreign.Finite], Field(min_length=1, max_length=512)]]
    deviation: NotRequired[Annotated[list[foreign.Finite], Field(min_length=1, max_length=512)]]


class _OfOurs(TypedDict):
    """The description in a net file that reportgen wrote."""

    architecture: Architecture
    preprocessing: _Reads
    size: NotRequired[Side]
    interpolation: NotRequired[Interpolation]
    outputs: NotRequired[Literal["softmax", "sigmoid"]]
    classes: NotRequired[list[str]]


HUB_FILE = re.compile(r"-[0-9a-f]{8}\.pth$")  # torchvision's own end in a checksum


def names_a_file(weights: str) -> bool:
    """Whether ``WEIGHTS=`` names a file, not weights of torchvision's."""
    return Path(weights).suffix in WEIGHTS_END or "/" in weights or Path(weights).is_file()


def sizes(model: ModelSettings) -> Scaled:
    """How images are scaled: what torchvision's weights or a file of ours say, else as is usual for ImageNet."""
    if model.name in OWN_NETS:
        document = own_document(Path(model.weights))
        crop = document["preprocessing"]["crop"]
        return Scaled(Size.of(document.get("size", crop)), Size.of(crop), document.get("interpolation", "bicubic"))
    if model.name.startswith((TIMM, FOLDER)):
        from reportgen.nets import zoo  # torch, as below

        known = zoo.preset(model.name)
        return known.scaled if known else usual_sizes(model)
    file = names_a_file(model.weights)
    if ":" in model.name or (file and not HUB_FILE.search(model.weights)):
        return usual_sizes(model)
    from reportgen.nets.presets import preset, preset_of_file  # torch: the command line asks for sizes at every call

    given = (preset_of_file if file else preset)(model.name, model.weights)
    return given.scaled if given else usual_sizes(model)


def own_document(path: Path) -> dict[str, Any]:
    """The description in a net file that reportgen wrote; raises UserError for another file."""
    try:
        with foreign.opened(path) as file:
            length = int.from_bytes(file.read(8), "little")
            header: _Header = foreign.parsed(file.read(length) if length < MOST_HEADER else b"", _Header)
        document = header["__metadata__"]["reportgen"].encode()
        foreign.parsed(document, _OfOurs)
        return foreign.parsed(document, dict[str, Any])
    except FileNotFoundError:
        raise UserError(f"WEIGHTS={path}: no such file: give a net.safetensors that reportgen wrote") from None
    except (ValueError, OSError):
        pass
    raise UserError(f"WEIGHTS={path}: reportgen did not write this net: name its architecture, as in MODEL=resnet18")
