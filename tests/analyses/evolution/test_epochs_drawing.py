"""Figure 4: where tiles, epochs and bars stand in the decoded pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from figure_samples import draw_any, evolution
from PIL import Image

from reportgen.analyses.evolution import draw as drawing
from reportgen.figures.draw.style import VERMILLION

SIDE, STEP = 96, 96 + drawing.GAP
ORANGE = np.array(list(bytes.fromhex(VERMILLION[1:])))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_epochs_stand_from_left_to_right_under_each_other(tmp_path: Path):
    figure = evolution()
    for column in range(3):
        figure.projections[:, column] = 40 * column
        figure.patches[:, column, ..., :3] = 250 - 40 * column
    drawn = draw_any({"layer2": figure}, tmp_path)["layer2"]
    assert drawn["tile"] == {"side": SIDE, "gap": drawing.GAP}
    assert drawn["columns"] == [
        {"epoch": "1", "middle": SIDE / 2},
        {"epoch": "2", "middle": STEP + SIDE / 2},
        {"epoch": "12", "middle": 2 * STEP + SIDE / 2},
    ]
    above, below = (pixels(tmp_path / drawn["maps"][0][part]["file"]) for part in ("projections", "patches"))
    assert above.shape == below.shape == (SIDE, 3 * STEP - drawing.GAP, 3)
    for column, place in enumerate(drawn["columns"]):
        inside = slice(int(place["middle"]) - 40, int(place["middle"]) + 40)
        assert abs(above[:, inside].mean() - 40 * column) < 3
        assert abs(below[:, inside].mean() - (250 - 40 * column)) < 3


def test_where_nothing_is_projected_patches_stand_alone(tmp_path: Path):
    drawn = draw_any({"layer2": replace(evolution(), projections=None)}, tmp_path)["layer2"]
    both = draw_any({"layer2": evolution()}, tmp_path)["layer2"]
    assert [entry["projections"] for entry in drawn["maps"]] == [None, None]
    assert pixels(tmp_path / drawn["maps"][0]["patches"]["file"]).shape == (SIDE, 3 * STEP - drawing.GAP, 3)
    assert both["picture"]["height"] - drawn["picture"]["height"] == 2 * (SIDE + drawing.SEAM)
    assert len(drawn["files"]) == 3


def test_a_bar_stands_before_a_jump_and_nowhere_else(tmp_path: Path):
    drawn = draw_any({"layer2": evolution()}, tmp_path)["layer2"]
    for place, jumps in enumerate(([False, False, True], [False, False, False])):
        assert drawn["maps"][place]["jumped"] == jumps
        for part in ("projections", "patches"):
            picture = pixels(tmp_path / drawn["maps"][place][part]["file"])
            for column in (1, 2):
                middle = picture[:, column * STEP - drawing.GAP // 2]
                wanted = ORANGE if jumps[column] else np.array(drawing.PAPER)
                assert np.abs(middle - wanted).max() < 40  # JPEG bleeds over the edges


def test_bars_are_exact_before_they_are_compressed():
    tiles = [np.full((10, 10, 3), value, np.uint8) for value in (10, 20, 30)]
    strip = drawing.strip(tiles, np.array([False, True, False]))
    assert strip.shape == (10, 3 * 10 + 2 * drawing.GAP, 3)
    assert [int(strip[5, place * (10 + drawing.GAP) + 5, 0]) for place in range(3)] == [10, 20, 30]
    orange = (strip == ORANGE).all(axis=2)
    assert orange.sum() == 10 * drawing.BAR
    assert np.flatnonzero(orange.all(axis=0)).tolist() == [12, 13, 14, 15]  # in the middle of the gap
    assert not orange[:, 10:12].any()


def test_where_a_map_is_silent_the_cell_is_empty(tmp_path: Path):
    figure = evolution()
    figure.patches[..., :3] = 0
    drawn = draw_any({"layer2": figure}, tmp_path)["layer2"]
    assert drawn["maps"][1]["shown"] == [False, True, True]
    for part in ("projections", "patches"):
        picture = pixels(tmp_path / drawn["maps"][1][part]["file"])
        empty = picture[8 : SIDE - 8, 8 : SIDE - 8]
        assert empty.min() > 195
        assert empty.std() > 3


def test_the_whole_has_epochs_above_and_maps_on_the_left(tmp_path: Path):
    dark, light = np.zeros((96, 200, 3), np.uint8), np.full((96, 200, 3), 90, np.uint8)
    sheet = drawing.compose([(dark, light)] * 2, [3, 11], ["1", "12"], 96)
    step = 2 * 96 + drawing.SEAM + drawing.BETWEEN
    for place in range(2):
        top = drawing.HEAD + place * step
        assert (sheet[top : top + 96, drawing.LABEL :] == 0).all()
        assert (sheet[top + 96 + drawing.SEAM : top + 2 * 96 + drawing.SEAM, drawing.LABEL :] == 90).all()
        assert sheet[top : top + 2 * 96, : drawing.LABEL].min() < 80  # its number
    head = sheet[: drawing.HEAD].min(axis=2)
    for column in range(2):  # each epoch in the middle of its column
        left = drawing.LABEL + column * STEP
        dark_columns = np.flatnonzero(head[:, left : left + SIDE].min(axis=0) < 80)
        assert abs(dark_columns.mean() - SIDE / 2) < 4
    assert drawing.compose([], [], [], 96).shape == (8, 8, 3)


def test_a_column_that_is_no_whole_epoch_is_named(tmp_path: Path):
    figure = replace(evolution(), epochs=np.array([0.25, 1.0, 64.0]))
    drawn = draw_any({"layer2": figure}, tmp_path)["layer2"]
    assert [column["epoch"] for column in drawn["columns"]] == ["0.25", "1", "64"]
