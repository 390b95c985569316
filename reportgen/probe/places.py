"""Where in the image's plane each value of a tensor stands, and so which of a tensor's axes are maps, rows and columns.

A net may keep its maps as (image, map, row, column), with the maps last, as tokens with one more for the class, in windows
that were rolled, or shuffled. Every value has the number of its place (`Placed`); from these follow the maps (`Layout`).
`reportgen.probe.moves` follows the numbers through a net.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class Placed:
    """The places of a tensor's values for one image."""

    numbers: Int[
        Tensor, "..."
    ]  # of the tensor's shape: 1 + row * columns + column of the grid; 0: no place (class token, padding)
    grid: tuple[int, int]  # rows, columns

    @property
    def coarse(self) -> tuple[Tensor, Tensor]:
        """The row and the column of each number; meaningless where there is no place."""
        return (self.numbers - 1) // self.grid[1], (self.numbers - 1) % self.grid[1]

    # What follows is worked out once: the outputs of operations that move no value share one object.

    @cached_property
    def plane(self) -> "Placed | None":
        """The places of a map of a tensor (image, map, row, column); None if its axes are others."""
        return _plane(self)

    @cached_property
    def of_patches(self) -> "Placed | None":
        """The place of each row of a matrix whose rows are places, or patches; None if they are neither."""
        return _of_patches(self)

    @cached_property
    def layout(self) -> "Layout | None":
        """The maps; None where each place of a grid does not have as many values as every other."""
        return _layout_of(self)


@dataclass(frozen=True)
class Layout:
    """Where a layer's maps lie in its output for one image."""

    shape: tuple[int, int, int]  # map, row, column
    index: Int[Tensor, "map row column"] | None = (
        None  # into the flattened output; None: the output has this very shape
    )

    def maps(self, output: Tensor) -> Tensor:
        """The output for some images as (image, map, row, column)."""
        if self.index is None:
            return output
        return output.flatten(1)[:, self.index.flatten().to(output.device)].unflatten(1, self.shape)


def layout_of(placed: Placed | None) -> Layout | None:
    """The maps of a tensor; None where they, or its places, are not known. Outside of `Places`, which would follow each step."""
    return None if placed is None else placed.layout


def _layout_of(placed: Placed) -> Layout | None:
    if len(placed.numbers) != 1 or placed.numbers.dim() < 2:
        return None
    if placed.numbers.dim() == 4 and bool((placed.numbers > 0).all()) and placed.plane is not None:
        maps, rows, columns = placed.numbers.shape[1:]
        return Layout((maps, rows, columns))
    width = (
        placed.numbers.shape[-1] if placed.numbers.stride(-1) == 0 else 1
    )  # values of one place that follow each other
    numbers = (placed.numbers[..., :1] if width > 1 else placed.numbers).flatten()
    order = numbers.argsort(stable=True)
    numbers = numbers[order]
    order, numbers = order[numbers > 0], numbers[numbers > 0]
    present, counts = numbers.unique_consecutive(return_counts=True)
    rows, columns = ((present - 1) // placed.grid[1]).unique(), ((present - 1) % placed.grid[1]).unique()
    if not len(present) or (counts != counts[0]).any() or len(rows) * len(columns) != len(present):
        return None
    maps = int(counts[0]) * width
    values = order[:, None] * width + torch.arange(width, device=order.device)
    index = values.view(len(rows), len(columns), maps).permute(2, 0, 1).contiguous()
    return Layout((maps, len(rows), len(columns)), index)


def _plane(placed: Placed) -> Placed | None:
    numbers = placed.numbers
    if numbers.dim() != 4 or len(numbers) != 1:
        return None
    first = numbers[:, :1] if numbers.stride(1) == 0 else numbers.amax(1, keepdim=True)
    if numbers.stride(1) != 0 and not bool(
        ((numbers == first) | (numbers == 0)).all()
    ):  # maps joined from elsewhere: 0
        patches = Placed(numbers.permute(0, 2, 3, 1), placed.grid).of_patches  # the maps of a patch side by side
        if patches is None:
            return _shifted(placed)
        return Placed(patches.numbers.permute(0, 3, 1, 2), patches.grid).plane
    inside = first[0, 0] > 0
    rows, columns = (one[0, 0] for one in Placed(first, placed.grid).coarse)
    within = inside.any(1), inside.any(0)
    if not inside.any() or not bool((inside == within[0][:, None] & within[1][None]).all()):
        return None
    down, along = rows[within[0]][:, within[1]], columns[within[0]][:, within[1]]
    straight = bool((down == down[:, :1]).all() and (along == along[:1]).all())
    # Rolled, mirrored or padded with their own other side they are rows and columns all the same; one alone, again and again,
    # is none.
    several = all(len(line) == 1 or bool((line != line[0]).any()) for line in (down[:, 0], along[0]))
    return Placed(first[0, 0], placed.grid) if straight and several else None


def _shifted(placed: Placed) -> Placed | None:
    """The places of the first map where the maps are planes that were shifted against each other; windows have none in common."""
    maps = placed.numbers.split(1, 1)
    within = placed.numbers[:, :1][placed.numbers[:, :1] > 0]
    alike = all(Placed(one, placed.grid).plane is not None and bool(torch.isin(one, within).any()) for one in maps)
    return Placed(maps[0], placed.grid).plane if alike else None


def grid(shape: Sequence[int], device: Any = None) -> Placed:
    """The places of maps (image, map, row, column)."""
    images, maps, rows, columns = shape
    numbers = torch.arange(1, rows * columns + 1, dtype=torch.int32, device=device).view(1, 1, rows, columns)
    return Placed(numbers.expand(images, maps, rows, columns), (rows, columns))


def _of_patches(placed: Placed) -> Placed | None:
    """Rows of one place are that place; patches tile the grid, or are of one size and begin at equal steps."""
    numbers = placed.numbers
    if numbers.stride(-1) == 0 or bool((numbers == numbers[..., :1]).all()):
        return Placed(numbers[..., :1], placed.grid)
    inside = numbers > 0
    far = torch.iinfo(torch.int32).max
    low = [torch.where(inside, one, far).amin(-1, keepdim=True) for one in placed.coarse]
    high = [torch.where(inside, one, -1).amax(-1, keepdim=True) for one in placed.coarse]
    some = inside.any(-1, keepdim=True)
    if not some.any():
        return None
    sizes = [(last - first + 1)[some] for first, last in zip(low, high, strict=True)]
    size = [int(one.max()) for one in sizes]
    if all(bool((first[some] % step == 0).all()) for first, step in zip(low, size, strict=True)):
        cells = (-(-placed.grid[0] // size[0]), -(-placed.grid[1] // size[1]))
        row, column = (first // step for first, step in zip(low, size, strict=True))
    elif all(bool((one == one[0]).all()) for one in sizes) and all(_evenly(first[some]) for first in low):
        (row, down), (column, along) = (_counted(first, some) for first in low)
        cells = (down, along)
    else:
        return None
    found = torch.where(some, row * cells[1] + column + 1, 0).to(torch.int32)
    return Placed(found, cells) if len(found[some].unique()) == int(some.sum()) else None


def _evenly(starts: Tensor) -> bool:
    """Whether windows start at equal steps."""
    return len(starts.unique().diff().unique()) <= 1


def _counted(starts: Tensor, some: Tensor) -> tuple[Tensor, int]:
    """Which window along an axis starts where, and how many there are."""
    known = starts[some].unique()
    return torch.searchsorted(known, starts.contiguous()), len(known)
