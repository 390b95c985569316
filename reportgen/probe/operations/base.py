"""The class `Operation`, and subclasses for the common geometries.

`Operation` knows only its name; operations with rules have their own class, in the file that also recognises them. Its
users: receptive fields (`Operation.reads`), projections (``refusal``, `Operation.record`, `Operation.down`), windows and
incremental occlusion (``windowed``, `Operation.changed`, `Operation.run`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from reportgen.probe.spans import Shape, Span, Window, whole


@dataclass(frozen=True)
class Sent:
    """A signal for one parent, and its windows (None after a flattening)."""

    signal: Tensor
    frame: Span | None


@dataclass(frozen=True)
class Step:
    """One call on the way down: the windows of its signal, and its shapes and records from the way up."""

    shape: Shape  # of the call's output
    below: Sequence[Shape]  # of its parents' outputs
    frame: Span | None  # the windows of the signal; None after a flattening
    frames: Sequence[Span | None]  # of the parents
    recorded: Any  # by the operation, on the way up


@dataclass(frozen=True)
class Operation:
    """An operation of which only the name is known. The net's own call runs it; everything else is refused by name.

    A signal (of `down`) is (unit, map, row, column): for each projected unit a window of the operation's maps, at the
    places that its `Span` gives; after a flattening it is (unit, value). Windows of one node have one size. They may reach
    beyond the map; their values there are zero.
    """

    what: str  # its name in the net, for messages: "MaxPool2d", "gelu"
    window: Window | None = field(default=None, kw_only=True)  # of a convolution or pooling

    kind: ClassVar[str] = "other"  # its name outside the probe
    ends_maps: ClassVar[bool] = False  # whether each of its values depends on all, or most, changes below
    outside: ClassVar[float] = 0.0  # value outside the map in windows for `run`

    @property
    def through(self) -> str:
        """How the report names it where a picture went through it; empty for what the paper has, and what is linear."""
        return ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of this call, by name; a weight is a function that returns its current value."""
        return vars(self)

    @property
    def refusal(self) -> str:
        """Why it cannot be projected through; empty if it can."""
        return "" if self._has("down") else "has no rule in the deconvnet"

    @property
    def records(self) -> bool:
        """Whether its rule needs a record of this image, which `record` makes on the way up."""
        return self._has("record")

    @property
    def cuts(self) -> bool:
        """Whether `run` computes its windows, from windows cut with margins, which the net's own call would pad again.

        If not, the net's own call runs on windows of the same places.
        """
        return self._has("run")

    def _has(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Operation, method)

    @property
    def windowed(self) -> bool:
        """Whether it can compute alone the part of its maps that changes with a part of its input."""
        return False

    @property
    def work(self) -> int:
        """Multiply-adds for one place of its map, without reading and writing."""
        return 0

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span | None:
        """The span of a parent (of shape ``below``) that a span of its output (of this shape) reads; None: not known."""
        return None

    def changed(self, below: Span) -> Span:
        """The span of its output that changes with a span of its input; may reach beyond the map. Only if `windowed`."""
        raise NotImplementedError

    def run(self, values: Tensor, frame: Span, below: Shape) -> Tensor:
        """Its output at ``frame``, without padding, from the windows that this reads of a map of shape ``below``."""
        raise NotImplementedError

    def record(self, shape: Shape, *read: Tensor) -> tuple[Tensor, Any]:
        """Its output (of one image's ``shape``) and the record for `down`, from the tensors that it reads."""
        raise NotImplementedError

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent | None]:
        """Its rule: the signal for each parent, in the order of the arguments; None: no signal. Only if not refused."""
        raise NotImplementedError


@dataclass(frozen=True)
class Own(Operation):
    """A module of a known kind that computes in a way of its own: a forward pass of its class' or put into it. No rule holds."""

    kind: str = field(default="own", kw_only=True)  # type: ignore[misc]


@dataclass(frozen=True)
class Image(Operation):
    """The image itself, where the way down ends."""

    what: str = "input"
    kind = "input"

    @property
    def refusal(self) -> str:
        return ""


@dataclass(frozen=True)
class Windowed(Operation):
    """Reads one window of one signal for each place: convolutions and poolings."""

    window: Window = field(kw_only=True)

    @property
    def windowed(self) -> bool:
        return True

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        return self.window.reads(span)

    def changed(self, below: Span) -> Span:
        return self.window.meets(below)

    def under(self, step: Step) -> Span:
        """The span of inputs that the windows of a signal read."""
        assert step.frame is not None
        return self.window.reads(step.frame)


@dataclass(frozen=True)
class ByPlace(Operation):
    """Reads the same place of its parents for each place (contrast normalisation: across their maps)."""

    varies: bool = field(default=False, kw_only=True)  # whether it reads a constant that differs from place to place

    @property
    def windowed(self) -> bool:
        return not self.varies

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        return span

    def changed(self, below: Span) -> Span:
        return below


class Everywhere(Operation):
    """Reads the whole map for each value of its output."""

    ends_maps = True

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        return whole(below, len(span.first))


class Adaptive(Operation):
    """Reads one share of the map for each place; there are as many shares as the output has places."""

    ends_maps = True

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        of, shares = torch.tensor(below[1:]), torch.tensor(shape[1:])
        return Span(span.first * of // shares, -(-(span.last + 1) * of // shares) - 1)
