"""Weights in files: reading them without running anything, unwrapping what training scripts wrap around them.

A file is a safetensors file, or a pickle that is read with ``weights_only=True``: anything else in a pickle is
refused, and none of it runs.
"""

import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from reportgen.base.errors import UserError

WRAPPINGS = ("state_dict", "model_state_dict", "model", "net")  # keys of a checkpoint below which the weights lie
PREFIXES = ("module.", "model.", "net.")  # DataParallel's, and those of nets that hold the net
COMPILED = "_orig_mod."  # torch.compile's, which may stand anywhere in a name
NAMED = 3  # names in a message
OPTIONAL = "num_batches_tracked"  # a counter that old checkpoints lack, and inference does not need

State = dict[str, Tensor]


def read_state(path: Path, said_by: str) -> State:
    """The tensors of a checkpoint by name, unwrapped, on the CPU.

    Raises UserError, beginning with `said_by`, for a file that is damaged, that holds no weights, or that carries code.
    """
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                found: Any = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{said_by}: not a safetensors file, or a damaged one ({error})") from None
    else:
        found = _read_pickle(path, said_by)
    state = _tensors(found)
    if not state:
        raise UserError(
            f"{said_by}: the file holds no weights: save the net's state dict, torch.save(net.state_dict(), ...)"
        )
    for name, tensor in state.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise UserError(f"{said_by}: {name} is not finite: the training that wrote this file had diverged")
    return state


def _read_pickle(path: Path, said_by: str) -> Any:
    with path.open("rb") as file:
        if not file.read(2).startswith((b"PK", b"\x80")):  # a zip file, as torch.save writes it, or a pickle
            raise UserError(f"{said_by}: not a checkpoint of torch's, or a damaged one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own notes on old formats
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked is None and "unsupported" not in str(error).lower():
            raise UserError(f"{said_by}: not a checkpoint of torch's, or a damaged one") from None
        what = f" ({asked[1]})" if asked else ""
        raise UserError(
            f"{said_by}: it holds more than weights{what}, which could run code, so it was not opened: save the net's "
            "state dict alone, torch.save(net.state_dict(), ...)"
        ) from None
    except (
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        OSError,
        UnicodeDecodeError,
        IndexError,
        AttributeError,
    ) as error:
        first = str(error).strip().split("\n")[0]
        raise UserError(
            f"{said_by}: not a checkpoint of torch's, or a damaged one ({first or type(error).__name__})"
        ) from None


def _tensors(found: Any) -> State:
    """The named tensors of a checkpoint, below the wrappings that training scripts put around them."""
    if not isinstance(found, Mapping):
        return {}
    for wrapping in WRAPPINGS:
        if isinstance(found.get(wrapping), Mapping):
            return _tensors(found[wrapping])
    return {str(name): value for name, value in found.items() if isinstance(value, Tensor)}


def rename(state: State, wanted: Mapping[str, Any]) -> State:
    """The weights under the net's own names: without the prefixes of compile, DataParallel and the like."""
    renamed = {name.replace(COMPILED, ""): value for name, value in state.items()}
    if any(
        re.search(r"\.denselayer\d+\.(norm|conv)\.\d\.", name) for name in renamed
    ):  # torchvision's DenseNets of 2017
        pattern = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
        renamed = {pattern.sub(r"\1\2", name): value for name, value in renamed.items()}
    while not wanted.keys() & renamed.keys():
        prefix = next((part for part in PREFIXES if all(name.startswith(part) for name in renamed)), None)
        if prefix is None:
            break
        renamed = {name.removeprefix(prefix): value for name, value in renamed.items()}
    return renamed


def fit(net: nn.Module, state: State, name: str, said_by: str) -> None:
    """Put the weights into the net, every one of them; raises UserError that says in one line what does not fit."""
    wanted = net.state_dict()
    state = rename(state, wanted)
    missing = [key for key in wanted if key not in state and not key.endswith(OPTIONAL)]
    unexpected = [key for key in state if key not in wanted]
    if missing or unexpected:
        parts = []
        if missing:
            parts.append(
                f"{len(missing)} of the net's {len(wanted)} weights {_are(missing)} missing ({_some(missing)})"
            )
        if unexpected:
            of = f"of the file's {len(state)} " if not missing else ""
            parts.append(f"{len(unexpected)} {of}{_are(unexpected)} not the net's ({_some(unexpected)})")
        raise UserError(f"{said_by} does not fit {name}: {', '.join(parts)}")
    for key, value in wanted.items():
        if key in state and state[key].shape != value.shape:
            raise UserError(
                f"{said_by} does not fit {name}: {key} has shape {_shape(state[key])} in the file, {_shape(value)} in the net"
            )
    net.load_state_dict(state, strict=False)  # all but the counters were compared above


def classes_of_head(net: nn.Module, state: State) -> int | None:
    """How many classes the weights were made for, where only the last layer's rows differ from the net's; else None."""
    wanted = net.state_dict()
    state = rename(state, wanted)
    if state.keys() ^ wanted.keys():
        return None
    differing = [key for key in wanted if state[key].shape != wanted[key].shape]
    rows = {(wanted[key].shape[0], state[key].shape[0]) for key in differing}
    same_below = all(state[key].shape[1:] == wanted[key].shape[1:] and state[key].dim() for key in differing)
    return next(iter(rows))[1] if len(rows) == 1 and same_below else None


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "of one number"
