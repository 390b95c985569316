"""Figure 7: what stands at a pixel is what the net gives with the square's centre there."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from figure_samples import WORDS, draw_any
from figure_samples import occlusion as sample
from matplotlib.colors import to_rgb

from reportgen.analyses.occlusion import draw as drawing
from reportgen.figures.draw.scatter import compose_points
from reportgen.figures.draw.style import BLUE, box, house_style
from reportgen.figures.kinds import Points, Scatter
from reportgen.page.content import Content, Section
from reportgen.page.headline import story


@pytest.fixture(autouse=True)
def _style():
    with house_style():
        yield


def by_title(figure) -> dict[str, object]:
    return {axes.get_title(loc="left")[:3]: axes for axes in figure.axes if axes.get_title(loc="left")}


def pixel(axes, row: float, column: float) -> np.ndarray:
    """The colour that a pair of axes in pixels of a 20 px image shows at a place."""
    picture = axes.images[0].get_array()
    factor = picture.shape[0] / 20
    return np.asarray(picture[int(row * factor), int(column * factor)])


def test_a_pixel_has_the_value_of_the_nearest_centre_and_none_in_the_margin():
    values = np.array([[1, 2, 3], [4, 5, 6]])
    found, known = drawing.by_pixel(
        values, np.array([0, 4]), np.array([0, 4, 6]), 2, (8, 8)
    )  # centres 1, 5 and 1, 5, 7
    assert found[:, 0].tolist() == [1, 1, 1, 4, 4, 4, 4, 4]
    assert found[0].tolist() == [1, 1, 1, 2, 2, 2, 3, 3]
    assert known[:, 0].tolist() == [True] * 7 + [False]  # row 7.5 is further from 5 than half a step
    assert known[0].tolist() == [True] * 8


def test_one_place_alone_is_drawn_at_its_pixel():
    found, known = drawing.by_pixel(np.array([[7]]), np.array([2]), np.array([2]), 4, (8, 8))
    assert (found == 7).all()
    assert 1 <= known.sum() <= 4
    assert known[3, 3]


def test_the_panels_bear_the_papers_letters_and_a_legend_names_the_classes():
    figure = drawing.compose_occlusion(sample())
    assert list(by_title(figure)) == ["(a)", "(b)", "(c)", "(d)", "(e)"]
    said = [text.get_text() for text in figure.texts]
    assert "dog (true) 80 %" in said
    assert any(words.startswith("(c) boxed: in this image; others: in images of ") for words in said)
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == [drawing.ACTIVITY, "%"]


def test_where_one_class_is_always_the_most_probable_e_is_left_out_and_the_others_are_larger(tmp_path: Path):
    always = replace(sample(), guesses=np.zeros((5, 5), int))
    figure = drawing.compose_occlusion(always)
    assert list(by_title(figure)) == ["(a)", "(b)", "(c)", "(d)"]
    wide, narrow = (by_title(one)["(a)"].get_position().width for one in (figure, drawing.compose_occlusion(sample())))
    assert wide > 1.2 * narrow
    assert len(draw_any({"always": always}, tmp_path)["always"]["panels"]) == 3


def test_the_panels_stand_side_by_side_and_nothing_covers_another():
    figure = drawing.compose_occlusion(sample())
    figure.draw_without_rendering()
    panels = list(by_title(figure).values())[:2] + list(by_title(figure).values())[3:]
    assert len({round(axes.get_position().y0, 6) for axes in panels}) == 1
    boxes = [axes.get_tightbbox() for axes in panels]
    for left, right in pairwise(boxes):
        assert left.x1 <= right.x0 + 1


def test_the_heat_maps_are_dark_where_the_value_is_low_and_pale_in_the_margin():
    starts, low = np.arange(0, 13, 4), np.full((4, 4), 0.9) - 0.8 * np.eye(4)  # centres at 4, 8, 12, 16
    wide = replace(
        sample(), size=8, tops=starts, lefts=starts, probability=low, activation=low, guesses=np.zeros((4, 4), int)
    )
    panels = by_title(drawing.compose_occlusion(replace(wide, image=np.full((20, 20, 3), 90, np.uint8))))
    for letter in ("(b)", "(d)"):
        axes = panels[letter]
        assert axes.get_xlim() == (0, 20)
        assert axes.get_ylim() == (20, 0)
        assert pixel(axes, 8, 8).sum() < pixel(axes, 8, 4).sum()
        for row, column in ((19, 10), (10, 1), (0, 0)):
            red, green, blue = pixel(axes, row, column)
            assert red == green == blue > 0.7
        assert axes.collections  # the outline


def test_a_scale_spans_a_tenth_so_that_rounding_does_not_look_like_a_finding():
    rounding = 0.9 + 1e-6 * np.random.default_rng(0).random((5, 5))
    for values, low in ((rounding, 0.855), (np.linspace(0.6, 0.9, 25).reshape(5, 5), 0.6)):
        figure = drawing.compose_occlusion(replace(sample(), probability=values, clean_probability=0.95))
        [bar] = [axes for axes in figure.axes if axes.get_ylabel() == "%"]
        assert bar.get_ylim() == pytest.approx((100 * low, 95))


def test_the_square_stands_where_the_true_class_is_lowest():
    figure = replace(sample(), probability=np.full((5, 5), 0.9), image=np.zeros((20, 20, 3), np.uint8))
    figure.probability[3, 1] = 0.2
    axes = by_title(drawing.compose_occlusion(figure))["(a)"]
    grey = [(row, column) for row in range(20) for column in range(20) if pixel(axes, row, column).max() > 0]
    assert grey == [(row, column) for row in range(12, 16) for column in range(4, 8)]


def test_regions_have_their_colours_the_true_class_plain_and_the_others_hatched():
    axes = by_title(drawing.compose_occlusion(sample()))["(e)"]
    picture = axes.images[0].get_array()
    colours = {tuple(colour) for colour in picture[4 * 8 : 4 * 10, 4 * 2 : 4 * 4].reshape(-1, 3).tolist()}
    assert colours == {to_rgb(BLUE)}
    diagonal = picture[4 * 9 : 4 * 12, 4 * 9 : 4 * 12].reshape(-1, 3).tolist()
    assert len({tuple(colour) for colour in diagonal}) == 2


def test_no_two_regions_look_alike_not_even_in_grey():
    """Colours may be equally light: then the hatchings differ."""
    looks = [drawing._hatched(np.full((42, 42), kind)) for kind in range(drawing.PATTERNS + 1)]
    for at, one in enumerate(looks):
        for other in looks[:at]:
            grey = np.abs((one - other) @ (0.2126, 0.7152, 0.0722))
            assert (grey > 0.05).mean() > 0.05


def test_more_classes_than_colours_share_one_region():
    names = tuple(f"class {number}" for number in range(12))
    figure = replace(sample(), classes=names, guesses=np.arange(25).reshape(5, 5) % 12)
    said = [text.get_text() for text in drawing.compose_occlusion(figure).texts]
    assert any(words.startswith("5 others ") for words in said)
    assert len(said) == 1 + drawing.PATTERNS + 1


def test_the_first_projection_is_boxed_and_those_of_other_images_named():
    figure = drawing.compose_occlusion(sample())
    first = figure.axes.index(by_title(figure)["(c)"])
    pictures = figure.axes[first : first + 4]
    [said] = [text.get_text() for text in figure.texts if text.get_text().startswith("(c)")]
    assert said.count(",") >= 2
    widths = [axes.spines["left"].get_linewidth() for axes in pictures]
    assert len(widths) == 4
    assert widths[0] > 2 * max(widths[1:])


def test_a_map_with_fewer_other_images_and_an_unknown_object_are_drawn():
    bare = replace(
        sample(),
        projections=np.full((1, 20, 20, 3), 128, np.uint8),
        sources=("this image",),
        outline=np.zeros((20, 20), bool),
        activation=np.zeros((5, 5)),
        clean_activation=0.0,
    )
    panels = by_title(drawing.compose_occlusion(bare))
    assert not panels["(d)"].collections


def test_a_map_that_is_silent_in_the_clean_image_is_drawn_as_it_is(tmp_path: Path):
    starts = np.arange(0, 13, 4)  # centres at 4, 8, 12, 16
    below = replace(
        sample(), size=8, tops=starts, lefts=starts, probability=np.full((4, 4), 0.9), guesses=np.zeros((4, 4), int),
        activation=1.0 - np.eye(4), clean_activation=0.0,
    )  # fmt: skip
    figure = drawing.compose_occlusion(below)
    panel = by_title(figure)["(b)"]
    assert pixel(panel, 8, 8).sum() < pixel(panel, 8, 4).sum()  # the lowest sum is the darkest
    [bar] = [axes for axes in figure.axes if axes.get_ylabel() == drawing.PLAIN_ACTIVITY]
    assert bar.get_ylim() == (0, 1)
    assert draw_any({"shown": below}, tmp_path)["shown"]["activation"] is None


def test_what_a_page_needs_to_follow_the_pointer_is_said(tmp_path: Path):
    drawn = draw_any({"shown": sample()}, tmp_path)["shown"]
    figure = sample()
    assert (drawn["sides"], drawn["size"], drawn["tops"]) == ([20, 20], 4, figure.tops.tolist())
    assert np.array(drawn["probability"]).shape == np.array(drawn["guesses"]).shape == (5, 5)
    assert drawn["probability"][0][0] == pytest.approx(0.1)
    assert drawn["classes"][drawn["guesses"][0][0]] == figure.classes[1]
    assert drawn["activation"][0][1] == pytest.approx(9 / 9.5, abs=1e-4)


def test_a_page_is_told_where_the_panels_on_the_image_stand(tmp_path: Path):
    axes = by_title(drawing.compose_occlusion(sample()))
    told = draw_any({"name": sample()}, tmp_path)["name"]["panels"]
    assert told == [pytest.approx(box(axes[letter]), abs=1e-4) for letter in ("(a)", "(b)", "(d)", "(e)")]


def test_points_stand_where_they_were_measured_beside_the_line_of_equals():
    panel = Points("drops", "background (%)", "object (%)", np.array([1.0, 2, 8]), np.array([5.0, 1, 9]))
    [axes] = compose_points(Scatter(**WORDS, panels=(panel,))).axes
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), [[1, 5], [2, 1], [8, 9]])
    line = axes.lines[0].get_xydata()
    assert (line[:, 0] == line[:, 1]).all()
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlabel() == "background (%)\n2 of 3 above the line"
    assert not axes.texts  # points and lines would run through words
    assert axes.get_title(loc="left") == "drops"


def test_several_panels_of_points_are_lettered():
    panel = Points("drops", "x", "y", np.zeros(2), np.zeros(2))
    figure = compose_points(Scatter(**WORDS, panels=(panel, panel)))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["(a) drops", "(b) drops"]


def test_what_opens_the_page_is_cut_out_inside_its_axes(tmp_path: Path):
    """The image, and the pictures of (a) and (d), but no half of a mark or number beside them."""
    drawn = draw_any({"example1": sample()}, tmp_path)["example1"]
    [told] = story(Content({}, {}, {}, (Section("occlusion", "", {}, {"example1": drawn}),), (), {}))
    figure = drawing.compose_occlusion(sample())
    panels = by_title(figure)
    for part, own in zip(told["parts"][1:], ("(a)", "(d)"), strict=True):
        cut = part["box"]
        right = cut["left"] + cut["width"]
        inside = panels[own].get_window_extent()  # points, from the lower left corner
        assert 0 < cut["left"] - inside.x0 * 96 / 72 < 3  # CSS pixels
        assert 0 < inside.x1 * 96 / 72 - right < 3
