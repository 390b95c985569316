"""How large the images of a loaded net are, before anything heavy is imported: the data stage needs nothing else."""

import json
import re
from pathlib import Path
from typing import Any

from reportgen.base.errors import UserError
from reportgen.settings.recipes import OWN_NETS
from reportgen.settings.sections import FOLDER, TIMM, ModelSettings, usual_sizes

FILES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
HUB_FILE = re.compile(r"-[0-9a-f]{8}\.pth$")  # torchvision's own end in a checksum


def names_a_file(weights: str) -> bool:
    """Whether ``WEIGHTS=`` names a file, not weights of torchvision's."""
    return Path(weights).suffix in FILES or "/" in weights or Path(weights).is_file()


def sizes(model: ModelSettings) -> tuple[int, int]:
    """Stored size and crop, pixels: what torchvision's weights or a file of ours say, else ImageNet's usual."""
    if model.name in OWN_NETS:
        document = own_document(Path(model.weights))
        crop = int(document["preprocessing"]["crop"])
        return int(document.get("size", crop)), crop
    if model.name.startswith((TIMM, FOLDER)):
        from reportgen.nets import zoo  # torch, as below

        known = zoo.preset(model.name)
        return (known.size, known.crop) if known else usual_sizes(model)
    file = names_a_file(model.weights)
    if ":" in model.name or (file and not HUB_FILE.search(model.weights)):
        return usual_sizes(model)
    from reportgen.nets.presets import preset, preset_of_file  # torch: the command line asks for sizes at every call

    given = (preset_of_file if file else preset)(model.name, model.weights)
    return (given.size, given.crop) if given else usual_sizes(model)


def own_document(path: Path) -> dict[str, Any]:
    """The description in a net file that reportgen wrote; raises UserError for another file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if 0 < length < 100_000_000 else {}
        document = json.loads(header["__metadata__"]["reportgen"])
        if "architecture" in document:
            return document
    except FileNotFoundError:
        raise UserError(f"WEIGHTS={path}: no such file: give a net.safetensors that reportgen wrote") from None
    except (ValueError, KeyError, TypeError, OSError):
        pass
    raise UserError(f"WEIGHTS={path}: reportgen did not write this net: name its architecture, as in MODEL=resnet18")
