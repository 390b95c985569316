"""Figures 1 and 3: what stands where."""

from itertools import pairwise

import numpy as np
import pytest
from figure_samples import architecture, deconvnet_layer, paper_net
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from reportgen.analyses.schematics import deconvnet, diagrams
from reportgen.figures.draw.style import CYCLE, house_style


@pytest.fixture(autouse=True)
def _style():
    with house_style():
        yield


def said(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_net_names_every_layer_its_output_and_what_it_sees():
    words = said(diagrams.compose_architecture(architecture()))
    assert {
        "image",
        "224×224×3",
        "layer 1",
        "55×55×96",
        "sees 7 px",
        "layer 2",
        "sees 27 px",
        "softmax",
        "sees all",
    } <= set(words)
    assert {"96 filters 7×7, stride 2", "ReLU"} <= set(words)


def test_layers_stand_from_left_to_right_in_order():
    axes = diagrams.compose_architecture(architecture()).axes[0]
    places = {text.get_text(): text.get_position()[0] for text in axes.texts}
    assert places["image"] < places["layer 1"] < places["layer 2"] < places["softmax"]


def test_receptive_fields_are_drawn_to_scale_in_the_image():
    axes = diagrams.compose_architecture(architecture()).axes[0]
    frames = {
        to_hex(patch.get_edgecolor()): patch
        for patch in axes.patches
        if isinstance(patch, Rectangle) and not patch.get_fill()
    }
    assert frames[CYCLE[0]].get_width() == pytest.approx(diagrams.INPUT * 7 / 224)
    assert frames[CYCLE[1]].get_width() == pytest.approx(diagrams.INPUT * 27 / 224)


def test_no_text_of_a_narrow_column_runs_into_the_next():
    figure = diagrams.compose_architecture(paper_net())
    renderer = FigureCanvasAgg(figure).get_renderer()
    rows: dict[float, list] = {}
    for text in figure.axes[0].texts:
        box = text.get_window_extent(renderer)
        rows.setdefault(round(text.get_position()[1], 1), []).append((box.x0, box.x1))
    for row in rows.values():
        spans = sorted(row)
        assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_signs_are_typographic():
    assert diagrams.times("96 filters 7x7, stride 2; box, 3 x 4") == "96 filters 7×7, stride 2; box, 3 x 4"


def test_the_block_shown_is_the_busiest():
    figure = deconvnet_layer()
    assert deconvnet.busiest_block(figure) == (2, 2)  # all are alike but for their size: the last ones are largest


def test_the_window_holds_every_switch_of_the_block():
    figure = deconvnet_layer()
    top, left, bottom, right = deconvnet.window_of(figure, 2, 2)
    rows, columns = np.divmod(figure.switches[2:4, 2:4], 8)
    assert ((rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)).all()
    assert max(bottom - top, right - left) <= deconvnet.MOST_CELLS


def test_the_numbers_of_the_map_its_pooling_and_unpooling_are_printed():
    figure = deconvnet_layer()
    words = said(deconvnet.compose_deconvnet(figure))
    for value in ("11", "12", "15", "16"):
        assert words.count(value) == 3  # in the map, pooled, and put back
    assert {"switches", "max unpooling", "max pool 2×2, stride 2", "filtering F: 4 filters 3×3"} <= set(words)


def test_each_maximum_has_the_colour_of_its_place():
    axes = deconvnet.compose_deconvnet(deconvnet_layer()).axes[0]
    counts = dict.fromkeys(CYCLE[:4], 0)
    for patch in axes.patches:
        if isinstance(patch, Rectangle) and patch.get_fill() and to_hex(patch.get_facecolor()) in counts:
            counts[to_hex(patch.get_facecolor())] += 1
    assert set(counts.values()) == {3}
    dots = [to_hex(line.get_color()) for line in axes.lines if line.get_marker() == "o"]
    assert sorted(dots) == sorted(CYCLE[:4])


def test_the_convnet_goes_up_and_the_deconvnet_down():
    axes = deconvnet.compose_deconvnet(deconvnet_layer()).axes[0]
    heights = {text.get_text(): text.get_position() for text in axes.texts}
    assert heights["image"][1] < heights["rectified"][1] < heights["pooled map"][1]
    assert heights["deconvnet, downwards"][0] < heights["convnet, upwards"][0]
    images = {image.get_extent()[2] for image in axes.images}
    assert len(images) == 4  # three shelves, and the switches between two of them


def test_a_small_projection_is_framed_and_enlarged_with_what_lies_below_it():
    figure = deconvnet_layer()
    figure.projection[2:5, 6:8] = 255
    assert deconvnet.window_of_projection(figure) == (2, 6, 5, 9)
    axes = deconvnet.compose_deconvnet(figure).axes[0]
    frames = [
        patch
        for patch in axes.patches
        if isinstance(patch, Rectangle) and not patch.get_fill() and to_hex(patch.get_edgecolor()) == CYCLE[1]
    ]
    assert [frame.get_width() for frame in frames] == pytest.approx([deconvnet.SIDE * 3 / 12] * 2)
    assert len(axes.images) == len(deconvnet.compose_deconvnet(deconvnet_layer()).axes[0].images) + 2


def test_a_projection_of_most_of_the_image_is_not_enlarged():
    figure = deconvnet_layer()
    figure.projection[1:9, 1:9] = 0
    assert deconvnet.window_of_projection(figure) is None


def test_a_map_pooled_to_one_value_is_drawn():
    figure = deconvnet_layer()
    one = type(figure)(
        **{name: getattr(figure, name) for name in figure.__dataclass_fields__}
        | {"pooled": np.array([[16.0]]), "switches": np.array([[55]])}
    )
    assert "16" in said(deconvnet.compose_deconvnet(one))


def test_a_map_that_is_silent_is_drawn():
    figure = deconvnet_layer()
    silent = type(figure)(
        **{name: getattr(figure, name) for name in figure.__dataclass_fields__}
        | {name: getattr(figure, name) * 0 for name in ("rectified", "pooled", "unpooled")}
    )
    assert "switches" in said(deconvnet.compose_deconvnet(silent))
