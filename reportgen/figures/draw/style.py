"""The house style: one typeface, sizes that match the page, colours that are distinct for colour-blind readers and in grey."""

import base64
import html
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from reportgen.base.typesetting import typeset

FACE = "DejaVu Sans"  # shipped with matplotlib, so figures look the same on every machine
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FILES = {"400": "DejaVuSans.ttf", "700": "DejaVuSans-Bold.ttf"}
EMBEDDED = "Report Sans"  # its name inside a drawing and in the PDF, so that no font of the machine replaces it
TEXTS = re.compile(r'<text style="([^"]*)"[^>]*>([^<]*)</text>')
USUAL = frozenset(
    map(chr, (*range(0x20, 0x7F), *range(0xA0, 0xC0), 0xD7, *range(0x2000, 0x2040), 0x2212))
)  # English, numbers
COMMON = USUAL.union(
    map(chr, (*range(0xC0, 0x180), *range(0x370, 0x400), *range(0x2040, 0x2300)))
)  # Latin, Greek, signs
WIDTH = 490  # points: the text width of the PDF's page, where drawings keep their size
TEXT, SMALL = 8.5, 8.0  # points; nothing is smaller, or it could not be read on paper

INK, SOFT, FAINT = "#1d2329", "#5c6670", "#d3d8dd"
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072b2", "#d55e00", "#009e73", "#e69f00", "#56b4e9", "#cc79a7"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)  # Okabe and Ito's colours, strongest contrasts first
MARKERS = ("o", "s", "^", "D", "v", "P")
DARK = {INK: "#e4e7ea", SOFT: "#a3adb7", FAINT: "#3b434b", BLUE: "#3f97d2", VERMILLION: "#ee7f33", GREEN: "#1cae86"}

SETTINGS: dict[str, Any] = {
    "axes.edgecolor": SOFT,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": INK,
    "axes.labelsize": TEXT,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": TEXT,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": FACE,
    "font.size": TEXT,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 3.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "reportgen",
    "text.color": INK,
    "text.parse_math": False,  # a class may be named $x$
    "xtick.color": SOFT,
    "xtick.labelcolor": INK,
    "xtick.labelsize": SMALL,
    "xtick.major.width": 0.7,
    "ytick.color": SOFT,
    "ytick.labelcolor": INK,
    "ytick.labelsize": SMALL,
    "ytick.major.width": 0.7,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Use the house style instead of the user's matplotlib settings."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)  # type: ignore[arg-type]  # its names are typed one by one
        # A missing glyph only makes the measured width wrong: the SVG keeps the text, for the reader's fonts.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; sides in points."""
    return Figure(figsize=(width / 72, height / 72), dpi=72)


def blank_axes(figure: Figure, width: float, height: float) -> Axes:
    """Axes without a frame that fill the figure; coordinates are points from its lower left corner."""
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, width), ylim=(0, height))
    return axes


def box(axes: Axes) -> list[float]:
    """The place of axes in their figure: left, top, width and height as shares of it, from its upper left corner."""
    place = axes.get_position()
    return [round(float(part), 5) for part in (place.x0, 1 - place.y1, place.width, place.height)]


def shorten(text: str, longest: int) -> str:
    """A text of at most `longest` characters: cut with an ellipsis, with blanks for control characters and line breaks."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def save_svg(figure: Figure, path: Path, paper: bool = False) -> dict[str, Any]:
    """Write a figure as SVG that inverts its inks in dark mode; returns its file and size in CSS pixels.

    All text is set as on the page. It stays text in the house's face. A browser finds the letters it needs inside the file,
    the PDF has its own copy, and for a script that the face lacks the reader's fonts are used. `paper`: it is for the PDF
    alone, so there is nothing inside for browsers; to cut the letters out of the face takes as long as to draw.
    """
    for words in figure.findobj(Text):
        words.set_text(typeset(words.get_text()))
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    family = f"font-family: '{FACE}'"
    drawing = text.getvalue().replace(family, f"font-family: '{EMBEDDED}','{FACE}',Verdana,sans-serif")
    inks = "".join(
        f"[style*='{role}: {light}']{{{role}:{dark}!important}}"
        for light, dark in DARK.items()
        for role in ("fill", "stroke")
    )
    dark = f"@media screen and (prefers-color-scheme:dark){{{inks}}}"
    rules = "" if paper else f"@media screen{{{font_faces(drawing)}}}{dark}"
    head, style, body = drawing.partition('<style type="text/css">')
    path.write_text(f"{head}{style}{rules}{body}", encoding="utf-8")
    width, height = figure.get_size_inches() * 96
    return {"file": path.name, "width": round(width), "height": round(height)}


def font_faces(drawing: str) -> str:
    """CSS rules that embed the letters of an SVG's text, in the weights it uses, as the smallest possible fonts."""
    letters: dict[str, set[str]] = {}
    for style, text in TEXTS.findall(drawing):
        weight = "700" if "font-weight: 700" in style else "400"
        letters.setdefault(weight, set()).update(html.unescape(text))
    return "".join(
        f"@font-face{{font-family:'{EMBEDDED}';font-weight:{weight};"
        f"src:url(data:font/ttf;base64,{base64.b64encode(_subset(weight, ''.join(sorted(found)))).decode()})}}"
        for weight, found in sorted(letters.items())
    )


@cache
def _subset(weight: str, letters: str) -> bytes:
    """The font file of the face with only these letters."""
    part = next((known for known in (USUAL, COMMON) if known.issuperset(letters)), None)
    return _cut(io.BytesIO(_part(weight, part)) if part else FONTS / FILES[weight], letters)


@cache
def _part(weight: str, letters: frozenset[str]) -> bytes:
    """The font file of the face with the letters of nearly all texts: a fraction of the time to cut a few from."""
    return _cut(FONTS / FILES[weight], "".join(sorted(letters)))


def _cut(font_file: Path | io.BytesIO, letters: str) -> bytes:
    options = subset.Options(hinting=False, layout_features=["kern"], name_IDs=[1, 2], notdef_outline=True)
    options.drop_tables += ["FFTM", "GDEF"]
    with TTFont(font_file, recalcTimestamp=False) as font:
        worker = subset.Subsetter(options)
        worker.populate(text=letters)
        worker.subset(font)
        content = io.BytesIO()
        font.save(content)
    return content.getvalue()
