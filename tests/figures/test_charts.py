"""Artists are where the numbers say, in the house's colours."""

from pathlib import Path

import numpy as np
import pytest
from figure_samples import WORDS, draw_any
from matplotlib.colors import to_hex

from reportgen.figures.draw import charts
from reportgen.figures.draw.style import BLUE, VERMILLION, house_style
from reportgen.figures.kinds import BarChart, Heatmap, LineChart, Panel, Series


def series(name: str, *values: float, **more) -> Series:
    return Series(name, np.arange(1.0, len(values) + 1), np.array(values, dtype=float), **more)


@pytest.fixture(autouse=True)
def _style():
    with house_style():
        yield


def test_a_curve_goes_through_its_points_and_its_band_between_low_and_high():
    band = series("a", 1, 4, 2, low=np.array([0.0, 3, 1]), high=np.array([2.0, 5, 3]))
    [axes] = charts.compose_lines(LineChart(**WORDS, panels=(Panel("", "epoch", "loss", (band,)),))).axes
    [line] = axes.lines
    assert line.get_xydata().tolist() == [[1, 1], [2, 4], [3, 2]]
    corners = {tuple(corner) for corner in axes.collections[0].get_paths()[0].vertices.tolist()}
    assert {(1, 0), (2, 3), (3, 1), (1, 2), (2, 5), (3, 3)} <= corners
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")


def test_a_name_has_one_colour_in_every_panel_and_the_legend_names_it_once():
    panels = (
        Panel("x", "e", "y", (series("a", 1, 2, dashed=True), series("b", 2, 1))),
        Panel("z", "e", "y", (series("b", 3, 3),), (0, 10)),
    )
    figure = charts.compose_lines(LineChart(**WORDS, panels=panels))
    first, second = figure.axes
    assert [to_hex(line.get_color()) for line in first.lines] == [BLUE, VERMILLION]
    assert to_hex(second.lines[0].get_color()) == VERMILLION
    assert first.lines[0].is_dashed()
    assert not first.lines[1].is_dashed()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["(a) x", "(b) z"]
    assert second.get_ylim() == (0, 10)


def test_one_panel_has_no_letter_and_one_curve_no_legend():
    figure = charts.compose_lines(LineChart(**WORDS, panels=(Panel("loss", "e", "y", (series("a", 1.0),)),)))
    assert figure.axes[0].get_title(loc="left") == "loss"
    assert not figure.legends


def test_letters_and_marks_on_the_axis_can_be_given():
    panel = Panel("x", "degrees", "y", (series("a", 1, 2),), x_ticks=(0.0, 90.0, 180.0))
    figure = charts.compose_lines(LineChart(**WORDS, panels=(panel, panel), letters=("a2", "b2")))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["(a2) x", "(b2) x"]
    assert figure.axes[0].get_xticks().tolist() == [0, 90, 180]


def test_long_curves_are_told_apart_by_markers_too():
    long = tuple(series(name, *range(36)) for name in "abc")
    [axes] = charts.compose_lines(LineChart(**WORDS, panels=(Panel("", "e", "y", long),))).axes
    assert [line.get_marker() for line in axes.lines] == ["o", "s", "^"]
    assert [line.get_markevery() for line in axes.lines] == [(0, 3), (1, 3), (2, 3)]
    [axes] = charts.compose_lines(LineChart(**WORDS, panels=(Panel("", "e", "y", long[:1]),))).axes
    assert axes.lines[0].get_marker() == ""


def test_a_level_is_a_dashed_line_across_its_panel_alone():
    panels = (Panel("x", "e", "y", (series("a", 1, 2),), level=1.5), Panel("z", "e", "y", (series("a", 1, 2),)))
    first, second = charts.compose_lines(LineChart(**WORDS, panels=panels)).axes
    line = first.lines[-1]
    assert line.get_ydata() == [1.5, 1.5]
    assert line.is_dashed()
    assert len(second.lines) == 1


def test_missing_values_leave_a_gap_and_no_warning():
    figure = charts.compose_lines(LineChart(**WORDS, panels=(Panel("", "e", "y", (series("a", 1, np.nan, 3),)),)))
    assert np.isnan(figure.axes[0].lines[0].get_ydata()).tolist() == [False, True, False]


def test_bars_are_as_long_as_their_values_the_first_on_top():
    figure = charts.compose_bars(
        BarChart(
            **WORDS,
            names=("dog", "cat"),
            values=np.array([30.0, 70.0]),
            x_label="%",
            reference=50.0,
            reference_name="chance",
        )
    )
    [axes] = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [30, 70]
    bottom, top = axes.get_ylim()
    assert bottom > top
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dog", "cat"]
    assert axes.lines[0].get_xdata() == [50, 50]
    assert [text.get_text() for text in axes.texts] == ["30.0", "70.0", "chance"]


def test_a_thousand_bars_fit_on_a_page_without_their_names():
    names = tuple(f"class {place}" for place in range(1000))
    figure = charts.compose_bars(BarChart(**WORDS, names=names, values=np.linspace(0, 1, 1000), x_label="share"))
    assert figure.get_figheight() * 72 < 700
    assert len(figure.axes[0].patches) == 1000
    assert not [text for text in figure.axes[0].texts if text.get_text()]


def test_an_interval_spans_its_ends():
    figure = charts.compose_bars(
        BarChart(**WORDS, names=("a",), values=np.array([2.0]), x_label="", low=np.array([1.0]), high=np.array([4.0]))
    )
    [segment] = figure.axes[0].collections[0].get_segments()
    assert segment.tolist() == [[1, 0], [4, 0]]


def matrix(values: np.ndarray) -> Heatmap:
    names = tuple(f"class {place}" for place in range(len(values)))
    return Heatmap(
        **WORDS,
        values=values,
        row_names=names,
        column_names=names,
        row_label="true",
        column_label="said",
        value_label="images",
    )


def test_a_matrix_prints_its_values_on_their_cells_and_leaves_zeros_white():
    figure = charts.compose_heatmap(matrix(np.array([[9.0, 0.0], [2.0, 7.0]])))
    axes = figure.axes[0]
    printed = {text.get_position(): text.get_text() for text in axes.texts}
    assert printed == {(0, 0): "9", (0, 1): "2", (1, 1): "7"}
    assert axes.collections[0].get_array().mask.ravel().tolist() == [False, True, False, False]
    assert axes.get_ylim() == (1.5, -0.5)  # the first class on top
    assert [label.get_text() for label in axes.get_yticklabels()] == ["class 0", "class 1"]


def test_numbers_on_dark_cells_are_light():
    texts = charts.compose_heatmap(matrix(np.array([[9.0, 1.0], [1.0, 9.0]]))).axes[0].texts
    brightness = {text.get_text(): sum(bytes.fromhex(text.get_color()[1:])) for text in texts}
    assert brightness["9"] > 700
    assert brightness["1"] < 150


def test_a_large_matrix_has_no_numbers_and_as_many_names_as_can_be_read_and_a_huge_one_none():
    large = charts.compose_heatmap(matrix(np.eye(40))).axes[0]
    assert not large.texts
    named = large.get_yticks()
    points = large.get_position().height * large.figure.get_size_inches()[1] * 72 / 40
    assert 10 < len(named) < 40
    assert np.diff(named).min() * points >= charts.NAME_STEP
    assert large.get_yticklabels()[1].get_text() == f"class {named[1]:.0f}"
    huge = charts.compose_heatmap(matrix(np.eye(charts.NAMED + 1))).axes[0]
    assert not any(label.get_text().startswith("class") for label in huge.get_yticklabels())


def test_a_matrix_of_zeros_is_drawn():
    assert charts.compose_heatmap(matrix(np.zeros((3, 3)))).axes[0].collections[0].get_array().mask.all()


@pytest.mark.parametrize(("count", "rows", "columns"), [(2, 1, 2), (3, 1, 3), (4, 2, 2), (5, 2, 3), (9, 3, 3)])
def test_panels_stand_in_rows_of_three_but_four_in_two_of_two(count: int, rows: int, columns: int):
    panels = tuple(Panel(str(place), "e", "y", (series("a", 1, 2),)) for place in range(count))
    axes = [one for one in charts.compose_lines(LineChart(**WORDS, panels=panels)).axes if one.axison]
    assert len(axes) == count
    places = [one.get_position() for one in axes]
    assert len({round(place.x0, 2) for place in places}) == columns
    assert len({round(place.y0, 2) for place in places}) == rows


def test_rows_which_are_for_paper_alone_have_no_fonts_for_browsers(tmp_path: Path):
    panels = tuple(Panel(str(place), "e", "y", (series("a", 1, 2),)) for place in range(4))
    drawn = draw_any({"name": LineChart(**WORDS, panels=panels)}, tmp_path)["name"]
    files = [drawn["picture"]["file"], *(row["file"] for row in drawn["rows"])]
    assert ["@font-face" in (tmp_path / file).read_text(encoding="utf-8") for file in files] == [True, False, False]


def test_a_page_finds_every_point_by_the_panels_place_and_limits(tmp_path: Path):
    panels = tuple(Panel(name, "e", "y", (series("a", 1, 4, 2), series("b", 2, np.nan))) for name in "xyz")
    figure = LineChart(**WORDS, panels=panels)
    canvas = charts.compose_lines(figure)
    told = draw_any({"name": figure}, tmp_path)["name"]["panels"]
    width, height = canvas.bbox.size
    for axes, panel in zip(canvas.axes, told, strict=True):
        left, top, across, down = panel["box"]
        (low, high), (bottom, ceiling) = panel["x_range"], panel["y_range"]
        found = (
            (left + across * (2 - low) / (high - low)) * width,
            (1 - top - down * (ceiling - 4) / (ceiling - bottom)) * height,
        )
        assert found == pytest.approx(axes.transData.transform((2, 4)), abs=0.1)
    assert [panel["title"] for panel in told] == ["(a) x", "(b) y", "(c) z"]
    assert told[0]["series"][1] == {"name": "b", "x": [1, 2], "y": [2, None]}
