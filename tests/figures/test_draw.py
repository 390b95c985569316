"""Every kind of figure is kept, drawn, and drawn alike again."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from figure_samples import DRAWERS, OWN_KINDS, draw_any, one_of_each_kind
from PIL import Image

from reportgen.figures import draw
from reportgen.figures.draw.style import shorten
from reportgen.figures.kinds import KINDS, from_data, to_data

SVG = "{http://www.w3.org/2000/svg}"


def equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(equal, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            equal(getattr(one, f), getattr(other, f)) for f in one.__dataclass_fields__
        )
    return one == other


def test_there_is_a_sample_and_a_drawer_of_every_kind(samples):
    assert set(samples) == {kind.__name__ for kind in (*draw.DRAWERS, *DRAWERS)}
    assert set(draw.DRAWERS) == set(KINDS)


@pytest.mark.parametrize("kind", one_of_each_kind())
class TestEveryKind:
    def test_comes_back_from_its_data_as_it_was(self, samples, kind):
        document, arrays = to_data({"name": samples[kind]})
        assert equal(from_data(document, arrays, OWN_KINDS)["name"], samples[kind])

    def test_is_described_by_files_that_are_there(self, samples, kind, tmp_path: Path):
        drawn = draw_any({"name": samples[kind]}, tmp_path)["name"]
        assert drawn["kind"] == kind
        assert [drawn[word] for word in ("title", "caption", "alt")] == ["A title", "What is drawn.", "What it shows."]
        there = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
        assert there == set(drawn["files"])
        assert (kind == "Table") == ("picture" not in drawn)

    def test_pictures_are_as_large_as_they_are_said_to_be(self, samples, kind, tmp_path: Path):
        drawn = draw_any({"name": samples[kind]}, tmp_path)["name"]
        pictures = [drawn["picture"]] if "picture" in drawn else []
        pictures += drawn.get("tiles", [])
        pictures += [drawn[name] for name in ("clean", "moved") if drawn.get(name)]  # for the page's scripts
        pictures += [entry[part] for entry in drawn.get("maps", []) for part in ("projections", "patches")]
        assert len(pictures) == len(drawn["files"])
        for picture in pictures:
            path = tmp_path / picture["file"]
            if path.suffix == ".svg":
                box = [float(side) for side in ElementTree.parse(path).getroot().attrib["viewBox"].split()]
                size = (round(box[2] * 96 / 72), round(box[3] * 96 / 72))
            else:
                with Image.open(path) as image:
                    size = image.size
            assert (picture["width"], picture["height"]) == size

    def test_is_drawn_to_the_same_bytes_twice(self, samples, kind, tmp_path: Path):
        first = draw_any({"name": samples[kind]}, tmp_path / "first")
        again = draw_any({"name": samples[kind]}, tmp_path / "again")
        assert first == again
        for file in first["name"]["files"]:
            assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


@pytest.mark.parametrize(
    "kind", ["LineChart", "BarChart", "Heatmap", "Scatter", "Architecture", "DeconvnetLayer", "Occlusion"]
)
def test_line_art_holds_nothing_but_shapes_text_and_its_own_letters(samples, kind, tmp_path: Path):
    """A hostile name is text in it: no element or address comes from one."""
    file = draw_any({"name": samples[kind]}, tmp_path)["name"]["picture"]["file"]
    root = ElementTree.parse(tmp_path / file).getroot()
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    shapes = {"svg", "g", "defs", "style", "path", "use", "text", "rect", "clipPath", "image", "linearGradient", "stop"}
    assert tags <= shapes
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if name.endswith("href"):
                assert value.startswith(("#", "data:image/png;base64,"))
    style = "".join(element.text or "" for element in root.iter(f"{SVG}style"))
    assert "prefers-color-scheme" in style
    assert "url(data:font/ttf" in style
    assert "http" not in style


@pytest.mark.parametrize("kind", ["LineChart", "BarChart", "Heatmap"])
def test_line_art_shows_names_of_every_script_as_text(samples, kind, tmp_path: Path):
    file = draw_any({"name": samples[kind]}, tmp_path)["name"]["picture"]["file"]
    said = {element.text for element in ElementTree.parse(tmp_path / file).iter(f"{SVG}text")}
    assert {"猫 🐱", "$\\alpha$ & co", "two lines"} <= said


def test_the_users_matplotlib_settings_change_nothing(samples, tmp_path: Path):
    import matplotlib

    plain = draw_any({"name": samples["BarChart"]}, tmp_path / "plain")["name"]["picture"]["file"]
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.hashsalt": "other"}):
        draw_any({"name": samples["BarChart"]}, tmp_path / "odd")
    assert (tmp_path / "plain" / plain).read_bytes() == (tmp_path / "odd" / plain).read_bytes()


def test_a_name_that_is_no_file_name_is_refused(samples, tmp_path: Path):
    with pytest.raises(ValueError, match=r"figure '\.\./up'"):
        draw_any({"../up": samples["Table"]}, tmp_path)


def test_texts_are_cut_to_their_room():
    assert shorten("a short one", 20) == "a short one"
    assert shorten("a rather long one", 9) == "a rather…"
    assert shorten("line\nbreak\x00 and \u202eturn", 40) == "line break and turn"
