"""Weights in files: reading them without running anything, and putting them into a net.

A file is a safetensors file, or a pickle that is read with ``weights_only=True``: what trainings commonly note beside their
weights is passed over, anything else in a pickle is refused, and none of it runs.
"""

import io
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.serialization import safe_globals

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.nets.matching import Match, matches, strangers
from reportgen.nets.weight_index import GIVE, is_index, parts

SAVE = "save the net's state dict, torch.save(net.state_dict(), ...)"
DEEPEST = 8  # mappings in each other that are looked into
MOST_ENTRIES = 300_000  # of all mappings of a file: in a few bytes one can hold itself twenty times, at every depth
# Bytes that say what the tensors are called and where they lie: torch reads some 300,000 a second.
MOST_PICKLED = 3 << 20
OLD_PICKLES = 5  # a magic number, a version, a system, the document, its tensors' names: then the numbers
MOST_UNPACKED = 4  # times the size of a file: others may have compressed it, which spares little of real weights
MOST_LETTERS = (
    100_000_000  # of the tensors' names, each counted with each of its parts: all are compared with the net's
)
MOST_REPEATED = 64 << 20  # bytes that a tensor may have beyond those that the file holds of it

State = dict[str, Tensor]


class _PassedOver:
    """Stands for what a training noted beside its weights: keeps nothing of it, and runs nothing of its class."""

    def __new__(cls, *args: Any) -> "_PassedOver":
        return object.__new__(cls)

    def __init__(self, *args: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


def _plain_mapping(*args: Any) -> dict:
    """Stands for a mapping with a default: what is put into it is kept, as it may be weights."""
    return {}


_NUMPY = ("multiarray.scalar", "multiarray._reconstruct", "numeric._frombuffer")
NOTED = (
    *(f"numpy.{core}.{name}" for core in ("core", "_core") for name in _NUMPY),
    *("numpy.dtype", "numpy.ndarray", "argparse.Namespace"),
    *("datetime.datetime", "datetime.date", "datetime.time", "datetime.timedelta", "datetime.timezone"),
    *("pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath", "pathlib.Path"),
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("list", "dict", "int", "float", "str")),
)  # by the names that a pickle has for them
# torch takes each of these in the place of what the pickle names, which is not called.
_IN_PLACE: list[Any] = [*((_PassedOver, name) for name in NOTED), (_plain_mapping, "collections.defaultdict")]


def read_state(path: Path, said_by: str) -> State:
    """The tensors of a checkpoint, on the CPU, by the way to each: ``state_dict/conv.weight`` lies in ``state_dict``.

    Raises UserError, beginning with `said_by`, for a file that is damaged, that holds no weights, or that carries code.
    """
    if is_index(path):
        return {name: tensor for part in parts(path, said_by) for name, tensor in read_state(part, said_by).items()}
    found: Any
    if _is_safetensors(path, said_by):
        try:
            with safe_open(path, framework="pt") as file:
                found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
        except (SafetensorError, OSError) as error:
            raise UserError(f"{said_by}: not a safetensors file, or a damaged one ({error})") from None
    else:
        found = _read_pickle(path, said_by)
    left = iter(range(MOST_ENTRIES))
    state = dict(_tensors(found, left))
    if next(left, None) is None:
        raise UserError(f"{said_by}: more than {MOST_ENTRIES:,} entries in its mappings: {SAVE}")
    _check(state, said_by)
    if not state:
        raise UserError(f"{said_by}: the file holds no weights: {SAVE}")
    return state


def _check(state: State, said_by: str) -> None:
    """Raise UserError where a small file would take very much memory or time once its tensors are looked at."""
    if sum(len(name) * (1 + name.count(".") + name.count("/")) for name in state) > MOST_LETTERS:
        raise UserError(f"{said_by}: the names of its {len(state):,} tensors are too long and too many: {SAVE}")
    for name, tensor in state.items():
        if tensor.is_meta:
            raise UserError(f"{said_by}: {foreign.short(name)} has a shape and no values (a tensor on meta): {SAVE}")
        if tensor.layout != torch.strided:
            continue
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes() + MOST_REPEATED:
            raise UserError(
                f"{said_by}: {foreign.short(name)} repeats few numbers, {tensor.numel():,} times in all: save copies, "
                "tensor.clone()"
            )


def _is_safetensors(path: Path, said_by: str) -> bool:
    """Whether a file is one of safetensors; its first bytes say so, and not its name. Raises UserError for one of neither kind."""
    with foreign.reading(said_by, "a checkpoint", GIVE):
        head = foreign.head(path, len(foreign.POINTER))
    length = int.from_bytes(head[:8], "little")  # of a safetensors file's own head, which is JSON
    if head[8:9] == b"{" and 8 + length <= path.stat().st_size:
        return True
    if head.startswith((b"PK", b"\x80")):  # a zip file, as torch.save writes it, or a pickle
        return False
    if head == foreign.POINTER:
        raise UserError(f"{said_by}: a pointer of Git LFS, not the file itself: run git lfs pull there")
    if not head:
        raise UserError(f"{said_by}: an empty file: {GIVE}")
    if path.suffix.casefold() != ".safetensors":
        raise UserError(f"{said_by}: not a checkpoint of torch's, or a damaged one")
    return True


def _read_pickle(path: Path, said_by: str) -> Any:
    _check_packed(path, said_by)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own notes on old formats
            with safe_globals(_IN_PLACE), path.open("rb") as file:  # of a path torch, too, would go by its ending
                return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asked = re.search(r"GLOBAL (\S+)", str(error))
        if asked is None and "unsupported" not in str(error).lower():
            raise UserError(f"{said_by}: not a checkpoint of torch's, or a damaged one") from None
        what = f" ({asked[1]})" if asked else ""
        raise UserError(
            f"{said_by}: it holds more than weights{what}, which could run code, so it was not opened: save the net's "
            "state dict alone, torch.save(net.state_dict(), ...)"
        ) from None
    except Exception as error:  # a damaged file makes torch raise nearly anything
        if "TorchScript" in str(error):
            raise UserError(
                f"{said_by}: a TorchScript archive: save its weights alone, torch.save(torch.jit.load(...).state_dict(), ...)"
            ) from None
        first = str(error).strip().split("\n")[0]
        raise UserError(
            f"{said_by}: not a checkpoint of torch's, or a damaged one ({first or type(error).__name__})"
        ) from None


def _check_packed(path: Path, said_by: str) -> None:
    """Raise UserError for a small file that takes very much memory or time to open.

    A zip file that would unpack to very much more than it is: torch.save compresses nothing. Instructions beyond any
    number of tensors: torch's reader carries them out one by one.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            length = sum(entry.file_size for entry in packed.infolist())
            instructions = sum(entry.file_size for entry in packed.infolist() if entry.filename.endswith("data.pkl"))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        length, instructions = 0, _instructions(path)
    if length > MOST_UNPACKED * path.stat().st_size:
        raise UserError(f"{said_by}: it would unpack to {length:,} bytes, which is no file of torch.save: {SAVE}")
    if instructions > MOST_PICKLED:
        raise UserError(f"{said_by}: beside its tensors it holds too much, {instructions:,} bytes or more: {SAVE}")


def _instructions(path: Path) -> int:
    """How many bytes the pickles at the beginning of a file take, which is how torch wrote files before it wrote zip files."""
    with path.open("rb") as file:
        # Of the file itself, a single instruction could ask for any amount.
        pickles = io.BytesIO(file.read(MOST_PICKLED + 1))
    try:
        for _ in range(OLD_PICKLES):
            for _ in pickletools.genops(pickles):
                pass
    except (ValueError, ArithmeticError, RecursionError):
        pass  # torch says what it is
    return pickles.tell()


def _tensors(found: Any, left: Iterator[int], way: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """The tensors of a checkpoint, in whatever mappings a training script put them, with the way to each.

    `left`: as many entries are looked at as it still gives.
    """
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(found, list | tuple):  # as of (epoch, state dict); tensors in a list have no names
        entries = ((place, value) for place, value in enumerate(found) if isinstance(value, Mapping))
    elif isinstance(found, Mapping):
        entries = found.items()
    for (name, value), _ in zip(entries, left, strict=False):
        if isinstance(value, Tensor):
            yield f"{way}{name}", value
        elif depth < DEEPEST:
            yield from _tensors(value, left, f"{way}{name}/", depth + 1)


@dataclass(frozen=True)
class Fitted:
    """What was found in a file for a net, beside its weights."""

    key: str  # which of several sets of weights was taken; empty where there is one
    said: tuple[str, ...]  # what the user should know, in lines


def fit(net: nn.Module, state: State, name: str, said_by: str, key: str = "") -> Fitted:
    """Put the weights into the net, every one of them, and say what was left out or chosen.

    `key`: what stands before the weights' names in the file, where there are several sets. Raises UserError that says in
    one line what does not fit.
    """
    wanted, found = net.state_dict(), matches(net, state, key, said_by)
    match = found[0]
    beside, inside = strangers(match, state)
    if match.missing or inside:
        raise UserError(f"{said_by} does not fit {name}: {_unfitting(match, state, wanted, beside, inside)}")
    values: State = {}
    for here, there in match.names.items():
        if state[there].shape != wanted[here].shape:
            raise UserError(
                f"{said_by} does not fit {name}: {here} has shape {_shape(state[there])} in the file, {_shape(wanted[here])} "
                "in the net"
            )
        if kind := _other_kind(state[there], wanted[here]):
            raise UserError(
                f"{said_by}: {here} holds {kind}, the net has ordinary numbers there: give the net's own weights"
            )
        try:  # as the net will hold them: a number of 64 bits may be infinite there
            values[here] = _dense(state[there], wanted[here])
        except NotImplementedError:
            kind = str(state[there].dtype).removeprefix("torch.")
            raise UserError(
                f"{said_by}: {here} holds {kind}, which torch cannot compute with: save it as float32"
            ) from None
        if not values[here].isfinite().all():
            raise UserError(f"{said_by}: {here} is not finite: the training that wrote this file had diverged")
    net.load_state_dict(values, strict=False)
    said = tuple(f"{said_by}: {line}" for line in _said(found, beside))
    for line in said:
        say(f"  {line}")
    return Fitted(match.key if len(found) > 1 else "", said)


def _dense(there: Tensor, here: Tensor) -> Tensor:
    """A file's tensor in full, in the precision of the net's weight; raises NotImplementedError where torch cannot convert it."""
    found = there.to_dense()
    return found.to(here.dtype) if here.is_floating_point() else found


def _other_kind(there: Tensor, here: Tensor) -> str:
    """What a tensor of a file holds, where torch would copy it into a net's weight and change what it means."""
    if not here.is_floating_point():
        return ""
    if there.is_quantized:
        return "quantised numbers"
    if there.is_complex():
        return "complex numbers"
    return "" if there.is_floating_point() else f"whole numbers ({str(there.dtype).removeprefix('torch.')})"


def _said(found: list[Match], beside: list[str]) -> Iterator[str]:
    match = found[0]
    if len(found) > 1:
        taken = f"{'averaged weights' if match.averaged else 'weights'} {match.key or 'without a key'}"
        others = ", ".join(other.key for other in found[1:] if other.key) or "those that have no key"
        yield f"taken were its {taken}; it also has {others}: WEIGHTS_KEY= chooses"
    elif match.averaged:
        yield f"it has only averaged weights, {match.key}, which were taken"
    if beside:
        yield f"{len(beside)} of its tensors {_are(beside)} not the net's and left out ({foreign.some(beside)})"
    if match.own:
        yield f"it has the weights of {match.within.rstrip('.')}; as the factory made them stay {foreign.some(match.own)}"


def _unfitting(match: Match, state: State, wanted: Mapping[str, Tensor], beside: list[str], inside: list[str]) -> str:
    parts = []
    if match.missing:
        missing = match.missing
        parts.append(
            f"{len(missing)} of the net's {len(wanted)} weights {_are(missing)} missing ({foreign.some(missing)})"
        )
    others = inside + beside
    if others:
        of = f"of the file's {len(match.names) + len(others)} " if not match.missing else ""
        parts.append(f"{len(others)} {of}{_are(others)} not the net's ({foreign.some(others)})")
    if match.within and all(not name.startswith(match.within) for name in match.missing):
        parts.append("what the factory sets itself must be a buffer, or frozen with requires_grad_(False)")
    return ", ".join(parts)


def classes_of_head(net: nn.Module, state: State, key: str, said_by: str) -> int | None:
    """How many classes the weights were made for, where only the last layer's rows differ from the net's; else None."""
    wanted, match = net.state_dict(), matches(net, state, key, said_by)[0]
    if match.missing or match.own or strangers(match, state)[1]:
        return None
    pairs = [(wanted[here], state[there]) for here, there in match.names.items()]
    differing = [(mine, theirs) for mine, theirs in pairs if mine.shape != theirs.shape]
    rows = {(mine.shape[0], theirs.shape[0]) for mine, theirs in differing if mine.dim() and theirs.dim()}
    same_below = all(mine.dim() and mine.shape[1:] == theirs.shape[1:] for mine, theirs in differing)
    if len(rows) != 1 or not same_below:
        return None
    count = next(iter(rows))[1]
    if not count:
        raise UserError(f"{said_by}: its last layer has no rows, and so no classes: give a trained net's weights")
    return count


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _shape(tensor: Tensor) -> str:
    return "x".join(str(side) for side in tensor.shape) or "of one number"
