"""The images that stand before the curves of figure 5: each is moved as its x says."""

from dataclasses import replace

import numpy as np
import pytest
from figure_samples import WORDS

from reportgen.figures.draw import charts, moved
from reportgen.figures.draw.style import house_style
from reportgen.figures.kinds import LineChart, Moved, Panel, Series

SCENE = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
WINDOW = slice(10, 20)


@pytest.mark.parametrize("down", [-6, 0, 4])
def test_a_shift_shows_what_lies_above_or_below(down: int) -> None:
    assert (moved.seen(SCENE, 10, "shift", down) == SCENE[10 - down : 20 - down, WINDOW]).all()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_quarter_turn_is_anticlockwise_about_the_middle(turns: int) -> None:
    assert (moved.seen(SCENE, 10, "turn", 90 * turns) == np.rot90(SCENE, turns)[WINDOW, WINDOW]).all()


def test_a_scale_enlarges_about_the_middle() -> None:
    assert (moved.seen(SCENE, 10, "scale", 1) == SCENE[WINDOW, WINDOW]).all()
    halves = np.zeros((30, 30, 3), np.uint8)
    halves[:, 15:] = 200  # an edge through the middle stays there
    halves[:, 18:] = 100  # one 3 px beside it is 6 px away, out of sight
    twice = moved.seen(halves, 10, "scale", 2)
    assert (twice[:, :4] == 0).all()
    assert (twice[:, 6:9] > 150).all()


def test_every_row_of_panels_begins_with_its_images() -> None:
    x = np.array([0.0, 90, 180, 270])
    panel = Panel("layer", "x", "y", tuple(Series(name, x, x) for name in ("cat", "dog")))
    scenes = np.stack([SCENE, SCENE[::-1]])
    chart = LineChart(
        **WORDS,
        panels=(panel,) * 6,
        letters=("a2", "a3", "a4", "b2", "b3", "b4"),
        moved=Moved(scenes, 10, ("shift",) * 3 + ("turn",) * 3, ("a1", "b1")),
    )
    with house_style():
        whole, rows = charts.compose_lines(chart), charts.compose_rows(chart)
    panels, images = whole.axes[:6], whole.axes[6:]
    assert [axes.get_title(loc="left") for axes in images] == ["(a1) images", "(b1) images"]
    assert all(len(axes.get_images()) == 0 for axes in panels)
    for place, axes in enumerate(images):
        assert axes.get_position().x1 < panels[3 * place].get_position().x0
        own, beside = axes.get_position(), panels[3 * place].get_position()
        assert beside.y0 - 0.01 < own.y0 < own.y1 < beside.y1 + 0.01
        assert [line.get_color() for line in axes.get_lines()] == [line.get_color() for line in panels[0].get_lines()]
    assert [text.get_text() for text in images[1].get_xticklabels()] == ["0", "90", "180"]

    assert [axes.get_title(loc="left") for axes in rows[1].axes] == [
        "(b2) layer",
        "(b3) layer",
        "(b4) layer",
        "(b1) images",
    ]
    without = replace(chart, moved=replace(chart.moved, letters=()))
    assert len(charts.compose_lines(without).axes) == 6
