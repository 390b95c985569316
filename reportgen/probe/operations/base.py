"""What an operation says of itself, and the shapes that its geometry commonly has.

`Operation` knows nothing but its name; those that know more say so in a class of their own, next to how they are
recognised. Whoever asks: receptive fields (`Operation.reads`), projections (``refusal``, `Operation.record`,
`Operation.down`), windows and incremental occlusion (``windowed``, `Operation.changed`, `Operation.run`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from reportgen.probe.spans import Shape, Span, Window, whole


@dataclass(frozen=True)
class Sent:
    """A signal for one parent, and the windows where it lies (None behind a flattening)."""

    signal: Tensor
    frame: Span | None


@dataclass(frozen=True)
class Step:
    """One call on the way down: where its signal lies, and what it was on the way up."""

    shape: Shape  # of the call's output
    below: Sequence[Shape]  # of what it reads, its parents
    frame: Span | None  # the windows in which the signal lies; None behind a flattening
    frames: Sequence[Span | None]  # of the parents
    recorded: Any  # what the operation recorded on the way up


@dataclass(frozen=True)
class Operation:
    """An operation of which nothing is known but its name. The net's own call runs it; whatever else is refused by name.

    A signal (of `down`) is (unit, map, row, column): for each projected unit a window of the operation's maps, at the
    places that its `Span` gives; behind a flattening it is (unit, value). Windows of one node have one size. They may
    leave the map; what they hold there is zero.
    """

    what: str  # what the net calls it, for messages: "MaxPool2d", "gelu"
    window: Window | None = field(default=None, kw_only=True)  # of a convolution or pooling

    kind: ClassVar[str] = "other"  # what the operation is called outside of the probe
    ends_maps: ClassVar[bool] = False  # whether each of its values depends on all that changes below, or on most
    outside: ClassVar[float] = 0.0  # what windows for `run` hold where they leave the map

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that is known of this call, by name; a weight is a function that gives it as it is now."""
        return vars(self)

    @property
    def refusal(self) -> str:
        """Why it cannot be projected through; empty where it can."""
        return "" if self._has("down") else "has no rule in the deconvnet"

    @property
    def records(self) -> bool:
        """Whether its rule needs to know something of this image, which `record` notes on the way up."""
        return self._has("record")

    @property
    def cuts(self) -> bool:
        """Whether `run` computes its windows, from some cut with margins: the net's own call would pad them again.

        Else the net's own call runs on windows of the same places.
        """
        return self._has("run")

    def _has(self, method: str) -> bool:
        return getattr(type(self), method) is not getattr(Operation, method)

    @property
    def windowed(self) -> bool:
        """Whether the part of its maps that changes with a part of what it reads can be computed alone."""
        return False

    @property
    def work(self) -> int:
        """Multiply-adds for one place of its map, reading and writing aside."""
        return 0

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span | None:
        """What a span of its output (of this shape) reads of a parent (of shape ``below``); None: not known."""
        return None

    def changed(self, below: Span) -> Span:
        """What changes of its output with a span of what it reads; may leave the map. Asked where it is `windowed`."""
        raise NotImplementedError

    def run(self, values: Tensor, frame: Span, below: Shape) -> Tensor:
        """Its output at ``frame``, from windows of what that reads of a map of shape ``below``, without padding."""
        raise NotImplementedError

    def record(self, shape: Shape, *read: Tensor) -> tuple[Tensor, Any]:
        """Its output (of one image's ``shape``), and what `down` finds in its step, from the tensors that it reads."""
        raise NotImplementedError

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent | None]:
        """Its rule: what each parent is sent, in the order of the arguments; None: nothing. Asked where not refused."""
        raise NotImplementedError


@dataclass(frozen=True)
class Image(Operation):
    """The image itself, on which the way down ends."""

    what: str = "input"
    kind = "input"

    @property
    def refusal(self) -> str:
        return ""


@dataclass(frozen=True)
class Windowed(Operation):
    """Reads a window for each place, of one signal: convolutions and poolings."""

    window: Window = field(kw_only=True)

    @property
    def windowed(self) -> bool:
        return True

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        return self.window.reads(span)

    def changed(self, below: Span) -> Span:
        return self.window.meets(below)

    def under(self, step: Step) -> Span:
        """What the windows of a signal read."""
        assert step.frame is not None
        return self.window.reads(step.frame)


@dataclass(frozen=True)
class ByPlace(Operation):
    """Reads, for each place, that place in its parents (contrast normalisation: across their maps)."""

    varies: bool = field(default=False, kw_only=True)  # reads a constant that differs from place to place

    @property
    def windowed(self) -> bool:
        return not self.varies

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        return span

    def changed(self, below: Span) -> Span:
        return below


class Everywhere(Operation):
    """Reads the whole map for each value."""

    ends_maps = True

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        return whole(below, len(span.first))


class Adaptive(Operation):
    """Reads, for each place, its share of the map: as many shares as the output has places."""

    ends_maps = True

    def reads(self, span: Span, shape: Shape, below: Shape) -> Span:
        of, shares = torch.tensor(below[1:]), torch.tensor(shape[1:])
        return Span(span.first * of // shares, -(-(span.last + 1) * of // shares) - 1)
