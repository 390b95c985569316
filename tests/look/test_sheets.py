"""The atlas' sheets: every block where its place says, with the pictures that figure 2 would show."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted import dataset, opened
from torch import nn

from reportgen.figures.draw.tiles import enlarge, patch_tile
from reportgen.look import sheets, strongest
from reportgen.look.inputs import Inputs, Learned

MAPS = sheets.MAPS + 2  # a second sheet, of two maps


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Conv2d(3, MAPS, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(MAPS, 2)
    )
    net[0].weight.data.copy_(torch.from_numpy(rng.normal(size=net[0].weight.shape)))
    return opened(
        net, dataset(rng.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)), Learned({}, np.zeros((0, 0)), [])
    )


def block_of(sheet: np.ndarray, place: int) -> np.ndarray:
    side = 3 * 48 + 2 * 4
    row, column = place // 6, place % 6
    return sheet[row * side : (row + 1) * side, column * side : (column + 1) * side]


def tile_of(block: np.ndarray, rank: int) -> np.ndarray:
    return block[rank // 3 * 52 :, rank % 3 * 52 :][:48, :48]


@pytest.mark.parametrize("projected", [False, True])
def test_every_map_stands_at_its_place_as_figure_2_shows_it(inputs: Inputs, projected: bool) -> None:
    top = strongest.search(inputs)[1]
    top.values[3, 7:] = 0  # a map with seven activations
    found = list(sheets.sheets(inputs, 1, top, projected))
    assert [place for place, _, _ in found] == [0, 1]
    assert found[0][1].shape == (4 * 152, 6 * 152, 3)
    assert found[1][1].shape == (152, 6 * 152, 3)
    assert (found[1][1][:, 2 * 152 :] == 255).all()
    wanted = strongest.picture_maps(inputs, 1, top, np.arange(MAPS))
    for map_ in (0, 3, 7, MAPS - 1):
        _, patches, projections = found[map_ // 24]
        assert (projections is not None) == projected
        for rank in range(9):
            patch = tile_of(block_of(patches, map_ % 24), rank)
            if not top.active[map_, rank]:
                assert len(np.unique(patch.reshape(-1, 3), axis=0)) == 2  # hatched
                continue
            assert (patch == patch_tile(wanted.patches[map_, rank], 48)).all()
            if projections is not None and wanted.projections is not None:
                seen = tile_of(block_of(projections, map_ % 24), rank)
                assert (seen == enlarge(wanted.projections[map_, rank], 48)).all()


def test_maps_that_are_made_apart_are_the_same(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    top = strongest.search(inputs)[1]
    whole = [patches for _, patches, _ in sheets.sheets(inputs, 1, top, False)]
    monkeypatch.setattr(sheets, "AT_ONCE", sheets.MAPS)
    apart = list(sheets.sheets(inputs, 1, top, False))
    assert [place for place, _, _ in apart] == [0, 1]
    assert all((one == patches).all() for one, (_, patches, _) in zip(whole, apart, strict=True))


def test_what_is_not_wanted_is_not_projected(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("projected")

    monkeypatch.setattr(strongest, "project", refuse)
    top = strongest.search(inputs)[1]
    top = replace(top, **{name: getattr(top, name)[:1] for name in ("values", "images", "rows", "columns")})
    assert list(sheets.sheets(inputs, 1, top, projected=False))
    with pytest.raises(AssertionError, match="projected"):
        list(sheets.sheets(inputs, 1, top, projected=True))
