"""What a net returns for an image, and which part of it are its outputs: a number for each class."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from reportgen.base.errors import UserError

LOGITS = "logits"  # the entry that transformers and many others name so
SHOWN = 6  # entries in a message


def entry_of(answer: Any, asked: str, said_by: str) -> str:
    """Which entry of a net's answer to one image are its outputs; empty where the answer is a tensor itself.

    `asked`: the user's word for it, a name or a number. Without it, the entry ``logits``, else the only tensor of one row
    of numbers. Raises UserError, beginning with `said_by`, with the entries that there are.
    """
    if isinstance(answer, Tensor):
        if asked:
            raise UserError(f"MODEL_ENTRY={asked}: {said_by} returns one tensor: leave it out")
        return ""
    found = dict(_entries(answer))
    listed = ", ".join(f"{name}: {_shape(value)}" for name, value in [*found.items()][:SHOWN]) or type(answer).__name__
    if asked:
        if asked not in found:
            raise UserError(f"MODEL_ENTRY={asked}: {said_by} returns no such entry ({listed})")
        return asked
    if LOGITS in found:
        return LOGITS
    rows = [name for name, value in found.items() if value.dim() == 2 and len(value) == 1]
    if len(rows) != 1:
        way = f": say which holds a number for each class, as in MODEL_ENTRY={rows[0] if rows else 0}" if found else ""
        raise UserError(
            f"{said_by}: it returns several things ({listed}){way}" if found else _no_tensor(answer, said_by)
        )
    return rows[0]


def _no_tensor(answer: Any, said_by: str) -> str:
    return (
        f"{said_by}: it returns a {type(answer).__name__} without tensors: return a number for each class of each image"
    )


def _entries(answer: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors in a dictionary, tuple, list or dataclass, or among an object's attributes, by name or number."""
    if isinstance(answer, Mapping):
        parts: Any = answer.items()
    elif hasattr(answer, "_fields"):  # a named tuple
        parts = zip(answer._fields, answer, strict=True)
    elif isinstance(answer, (tuple, list)):
        parts = enumerate(answer)
    elif dataclasses.is_dataclass(answer):
        parts = ((part.name, getattr(answer, part.name)) for part in dataclasses.fields(answer))
    else:
        parts = vars(answer).items() if hasattr(answer, "__dict__") else ()
    return ((str(name), value) for name, value in parts if isinstance(value, Tensor))


def entry(answer: Any, name: str) -> Any:
    """The named entry of an answer, as `entry_of` finds it; an answer that is one tensor is itself the entry.

    Works on what torch.fx puts in a tensor's place, too.
    """
    if isinstance(answer, Mapping):
        return answer[name if name in answer else next(key for key in answer if str(key) == name)]
    if isinstance(answer, (tuple, list)):
        place = answer._fields.index(name) if hasattr(answer, "_fields") else int(name)
        return answer[place]
    return getattr(answer, name, answer)


def answering(net: nn.Module, name: str) -> nn.Module:
    """The net itself, which from now on returns the named entry of what it returned; without a name, as it is.

    Its class is replaced, so that its modules and weights keep their names: a module around it would change them all.
    """
    if not name:
        return net
    kind = type(net)

    def forward(self: nn.Module, images: Any) -> Any:
        return entry(kind.forward(self, images), name)

    net.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})
    return net


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))
