"""The nine without each group of images: against searching again without them, alone and with several processes."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs
from reportgen.look.left_out import GROUPS, LeftOut, deal, search_left_out
from reportgen.look.strongest import STRONGEST, Top, search
from reportgen.nets.world import World
from reportgen.probe import ProbeError

IMAGES, SIDE = 57, 12


def inputs_of(images: int = IMAGES, seed: int = 0, batch: int = 1) -> Inputs:
    """Two layers of random filters on noise; some images are there three times, so that there are ties.

    Image by image: in batches of several sizes their values may differ by a rounding.
    """
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 2),
    )
    pixels = np.random.default_rng(seed).integers(0, 256, (images, SIDE, SIDE, 3), dtype=np.uint8)
    pixels[images // 3 : images // 3 + 5] = pixels[:5]
    pixels[-5:] = pixels[:5]
    split = Split(pixels, np.arange(images) % 2, tuple(f"a/{place}" for place in range(images)))
    return Inputs.of(
        net, Preprocessing(Size.of(SIDE)), Dataset("noise", ("a", "b"), "", split, split, split), batch=batch
    )


def check_equal(one: Top, other: Top) -> None:
    for part in ("images", "rows", "columns"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))
    np.testing.assert_allclose(one.values, other.values, rtol=1e-5)


def test_groups_are_of_one_size_and_dealt_at_random() -> None:
    found = deal(1234, np.random.default_rng(0))
    assert sorted(np.bincount(found).tolist()) == [123] * 6 + [124] * 4
    np.testing.assert_array_equal(found, deal(1234, np.random.default_rng(0)))
    assert not np.array_equal(found, deal(1234, np.random.default_rng(1)))
    assert abs(np.corrcoef(found, np.arange(1234))[0, 1]) < 0.1
    assert len(np.unique(deal(7, np.random.default_rng(0)))) == 7


@pytest.mark.parametrize("seed", [0, 1])
def test_the_nine_without_a_group_are_those_of_a_search_without_its_images(seed: int) -> None:
    inputs, groups = inputs_of(seed=seed), deal(IMAGES, np.random.default_rng(seed))
    found = search_left_out(inputs, groups)
    everything = search(inputs)
    assert list(found) == list(everything) == [1, 2]
    for number, nine in found.items():
        check_equal(nine.top, everything[number])
        assert len(nine.without) == GROUPS
    changed = 0
    for group in range(GROUPS):
        again = search(inputs, images=np.flatnonzero(groups != group))
        for number, nine in found.items():
            check_equal(nine.without[group], again[number])
            assert not np.isin(nine.without[group].images, np.flatnonzero(groups == group)).any()
            changed += int((nine.without[group].images != nine.top.images).any())
    assert changed > GROUPS


def test_with_fewer_images_than_nine_and_ten_groups_the_rest_is_missing() -> None:
    inputs = inputs_of(11)
    found = search_left_out(inputs, deal(11, np.random.default_rng(0)))[1]
    assert (found.top.images[:, :STRONGEST] >= 0).all()
    assert len(found.without) == GROUPS
    few = replace(inputs, data=replace(inputs.data, val=Split(*(part[:3] for part in _parts(inputs.data.val)))))
    found = search_left_out(few, np.arange(3))[1]
    assert len(found.without) == 3
    assert all((top.images[:, :2] >= 0).all() and (top.images[:, 2:] == -1).all() for top in found.without)
    alone = search_left_out(few, np.zeros(3, np.int64))[1]
    assert alone.without == ()


def _parts(split: Split) -> tuple[Any, ...]:
    return split.images, split.labels, split.names


@dataclass(frozen=True)
class Recorded(World):
    """A process that is told what the others found, and leaves what it found itself."""

    others: list[Any] = field(default_factory=list)
    left: list[Any] = field(default_factory=list)

    def gather(self, part: Any) -> list[Any]:
        self.left.append(part)
        return self.others or [part]


@pytest.mark.parametrize("size", [2, 3])
def test_several_processes_find_the_same_bits_as_one(size: int) -> None:
    inputs, groups = inputs_of(batch=4), deal(IMAGES, np.random.default_rng(0))
    alone = search_left_out(inputs, groups)
    worlds = [Recorded(rank, size, left=[]) for rank in range(size)]
    for world in worlds:
        with suppress(ProbeError):  # this process may have no batch of a group: alone, it cannot go on
            search_left_out(replace(inputs, world=world), groups)
    every = [world.left[0] for world in worlds]
    together = search_left_out(replace(inputs, world=Recorded(0, size, others=every, left=[])), groups)
    for number, nine in alone.items():
        for one, other in zip((nine.top, *nine.without), _tops(together[number]), strict=True):
            for part in ("values", "images", "rows", "columns"):
                np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def _tops(nine: LeftOut) -> tuple[Top, ...]:
    return nine.top, *nine.without


def test_every_image_is_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, seen = inputs_of(batch=4), []
    original = Inputs.batches

    def batches(self: Inputs, split: Split, indices: np.ndarray | None = None) -> Any:
        assert indices is not None
        seen.extend(indices.tolist())
        return original(self, split, indices)

    monkeypatch.setattr(Inputs, "batches", batches)
    search_left_out(inputs, deal(IMAGES, np.random.default_rng(0)))
    assert sorted(seen) == list(range(IMAGES))
