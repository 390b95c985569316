"""The PDF, read back."""

import builtins
import logging
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_build import CLASSES, FAKED, RUN, Printed, figures
from pypdf import PageObject, PdfReader
from runs import words_of

from reportgen.claims import CLAIMS
from reportgen.figures.kinds import Table
from reportgen.page import pdf
from reportgen.page.filters import typeset

Matrix = tuple[float, float, float, float, float, float]  # of a PDF: x' = ax + cy + e, y' = bx + dy + f


@pytest.fixture(scope="session")
def reader(printed: Printed) -> PdfReader:
    return PdfReader(printed.path)


@pytest.fixture(scope="session")
def words(reader: PdfReader) -> list[str]:
    """Each page as text."""
    return [words_of(page) for page in reader.pages]


@pytest.fixture(scope="session")
def text(words: list[str]) -> str:
    return " ".join(" ".join(words).split())


@dataclass(frozen=True)
class Piece:
    """A piece of text of a page: the words, their font and their size in points."""

    words: str
    font: str
    size: float


@pytest.fixture(scope="session")
def pieces(reader: PdfReader) -> list[list[Piece]]:
    """Every piece of text of each page."""
    return [pieces_of(page) for page in reader.pages]


def test_weasyprint_complains_of_nothing_but_fonts_that_the_machine_lacks_for_foreign_names(printed: Printed):
    foreign = {f'"{character}"' for character in "".join(CLASSES) if not character.isascii()}
    assert not [
        complaint
        for complaint in printed.complaints
        if "unsupported by fonts" not in complaint or not any(character in complaint for character in foreign)
    ]


def test_a_name_that_no_font_can_write_is_said_once(capsys: pytest.CaptureFixture[str]):
    logger = logging.getLogger("weasyprint")
    with pdf.missing_letters():
        for letter in "猫狗猫":
            logger.warning('.notdef glyph rendered for Unicode string unsupported by fonts: "%s" (U+%04X)', letter, 1)
        logger.warning("something else")
    with pdf.missing_letters():
        pass
    said = capsys.readouterr().err.splitlines()
    assert said == ["  report.pdf: no font on this machine has 狗 猫: install one (Debian, Ubuntu: fonts-noto)"]


def test_it_says_what_it_is(reader: PdfReader):
    about = reader.metadata
    assert about.title == "Looking into zfnet, trained on embedded scenes"
    assert about.author == "reportgen"
    assert about.creation_date.timestamp() == RUN["date"]


def test_it_has_a_title_page_an_abstract_and_contents_with_page_numbers(words: list[str]):
    first = words[0]
    assert "Looking into zfnet" in first
    assert "Contradicted:" in first
    second = " ".join(words[1].split())
    assert "Abstract" in second
    assert "one holds, one is contradicted and one is undecided" in second
    assert "PEATS=3 measures by how much" in second
    found = " ".join(" ".join(words[1:4]).split())
    assert "59 [57.5, 60.5] points, n = 1,234" in found
    contents = " ".join(words[1:3])
    assert "Contents" in contents
    number = next(
        line.rsplit(" ", 1)[-1] for line in contents.splitlines() if line.startswith("The net and its data")
    ).strip(".")
    assert "The net and its data" in words[int(number) - 1]


def test_bookmarks_lead_to_every_section(reader: PdfReader, words: list[str]):
    found = {}

    def walk(entries: list) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry)
            else:
                found[entry.title] = reader.get_destination_page_number(entry)

    walk(reader.outline)
    for title in (
        "Abstract",
        "Contents",
        "What was found",
        "The net and its data",
        "What each feature map responds to",
    ):
        assert title in found
        assert title in " ".join(words[found[title]].split())
    assert "Layer 3" in found


def test_every_figure_has_its_number_and_caption_and_every_page_its_own(words: list[str], text: str):
    made, said = [figure for found in figures().values() for figure in found.values()], text.replace("\xad", "")
    tables = sum(isinstance(figure, Table) for figure in made)
    for number in range(1, len(made) - tables + 1):
        assert f"Figure {number}." in text
    assert f"Table {tables}." in text
    for figure in made:
        begins = " ".join(typeset(figure.caption).split()[:4])
        assert f"{typeset(figure.title)}. {begins}" in said, begins
    for number, page in enumerate(words[1:], 2):
        assert page.rstrip().endswith(str(number)) or str(number) in page


def test_it_says_where_the_atlas_is(text: str):
    assert "atlas/layer1.html" in re.sub(r"\s", "", text)


def test_hostile_names_are_text(text: str):
    assert CLASSES[2] in text
    assert CLASSES[3] in text
    assert "onerror" in text


def test_nothing_in_it_can_run_or_lead_elsewhere(printed: Printed, reader: PdfReader):
    assert "/JavaScript" not in str(reader.root_object)
    assert "/OpenAction" not in reader.root_object
    for page in reader.pages:
        for annotation in page.get("/Annots", []):
            action = annotation.get_object().get("/A")
            assert action is None or action.get("/S") == "/GoTo"


def test_its_fonts_are_inside(reader: PdfReader):
    names = set()
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            font = font.get_object()
            descendant = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
            descriptor = descendant["/FontDescriptor"].get_object()
            assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(descriptor), font["/BaseFont"]
            names.add(font["/BaseFont"])
    assert {"Report-Serif", "Report-Sans", "Report-Mono"} <= {name.split("+")[-1] for name in names}


def test_the_machines_own_fonts_are_for_foreign_scripts_alone(pieces: list[list[Piece]], printed: Printed):
    """All else is set in the fonts that come with us, so that it looks alike on every machine."""
    if all(any(letter in complaint for complaint in printed.complaints) for letter in "猫🐱"):
        pytest.skip("no font of this machine has foreign letters")
    said = "".join(piece.words for page in pieces for piece in page if piece.font and "Report-" not in piece.font)
    assert set(said) & {"猫", "🐱"}  # a machine need not have fonts for both
    assert not [character for character in said if character.isascii() and not character.isspace()]


def test_a_screen_reader_finds_headings_tables_and_what_every_picture_shows(reader: PdfReader):
    root = reader.root_object
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    found: dict[str, list[str]] = {}

    def walk(element: Any) -> None:
        element = element.get_object()
        if not isinstance(element, dict):
            return
        if "/S" in element:
            found.setdefault(element["/S"], []).append(str(element.get("/Alt", "")))
        below = element.get("/K", [])
        for part in below if isinstance(below, list) else [below]:
            walk(part)

    walk(root["/StructTreeRoot"])
    assert len(found["/H2"]) >= 6
    assert "/Table" in found
    assert "/TH" in found
    assert len(found["/Figure"]) > 80
    assert [said for said in found["/Figure"] if len(said) < 4] == []
    assert any("Two curves over 5 epochs: validation accuracy" in said for said in found["/Figure"])


def test_it_is_small(printed: Printed, reader: PdfReader):
    assert printed.path.stat().st_size < 15_000_000
    assert len(reader.pages) < 30


def drawn_points(page: PageObject) -> tuple[list[tuple[float, float]], int]:
    """Corners of all pictures and points of all lines of a page, in points; and how many pictures there are."""
    points, pictures = [], 0
    now: Matrix = (1, 0, 0, 1, 0, 0)
    kept: list[Matrix] = []
    for numbers, operator in page.get_contents().operations:
        match operator, numbers:
            case b"q", _:
                kept.append(now)
            case b"Q", _:
                now = kept.pop()
            case b"cm", (a, b, c, d, e, f):
                now = (*seen((a, b), now, 0), *seen((c, d), now, 0), *seen((e, f), now))
            case b"Do", (name,) if name.startswith("/i"):  # of the unit square
                points += [seen((0, 0), now), seen((1, 1), now)]
                pictures += 1
            case b"re", (x, y, width, height):
                points += [seen((x, y), now), seen((x + width, y + height), now)]
            case (b"m" | b"l", (x, y)):
                points.append(seen((x, y), now))
    return points, pictures


def seen(point: tuple[float, float], matrix: Matrix, moved: int = 1) -> tuple[float, float]:
    (x, y), (a, b, c, d, e, f) = map(float, point), map(float, matrix)
    return a * x + c * y + moved * e, b * x + d * y + moved * f


def test_no_picture_is_cut_by_the_end_of_a_page(reader: PdfReader):
    """All that is drawn, photographs and line art, lies within the margins of `print.css`, half a line's width aside."""
    millimetre = 72 / 25.4
    left, right, bottom, top = (side * millimetre for side in (18, 210 - 18, 17, 297 - 19))
    count = 0
    for number, page in enumerate(reader.pages, 1):
        points, pictures = drawn_points(page)
        for x, y in points:
            assert left - 1 <= x <= right + 1, number
            assert bottom - 1 <= y <= top + 1, number
        count += pictures
    assert count > 80


def pieces_of(page: PageObject) -> list[Piece]:
    found: list[Piece] = []

    def visit(words: str, now: list[float], text: list[float], font: Any, size: float) -> None:
        if words.strip():
            along, up = seen((text[0], text[1]), tuple(now), 0)
            found.append(Piece(words.strip(), font["/BaseFont"] if font else "", size * (along**2 + up**2) ** 0.5))

    page.extract_text(visitor_text=visit)
    return found


def test_nothing_is_set_smaller_than_eight_points(pieces: list[list[Piece]]):
    small = {(piece.words, round(piece.size, 2)) for page in pieces for piece in page if piece.size < 7.99}
    assert not small


def how_full(printed: Path) -> list[float]:
    """How far down what is printed of each page reaches, as a share of the height between the margins."""
    pages = subprocess.run(["pdftoppm", "-r", "36", "-gray", printed], capture_output=True, check=True).stdout
    found = []
    while pages:
        _, sizes, _, rest = pages.split(b"\n", 3)
        width, height = map(int, sizes.split())
        page = np.frombuffer(rest, np.uint8, width * height).reshape(height, width)
        top, bottom = (round(height * millimetres / 297) for millimetres in (19, 297 - 17))
        inked = np.flatnonzero((page[top:bottom] < 200).any(axis=1))
        found.append((inked[-1] + 1) / (bottom - top) if len(inked) else 0.0)
        pages = rest[width * height :]
    return found


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="Poppler is not installed")
def test_no_page_is_less_than_seven_tenths_full_but_the_first_and_the_last(printed: Printed):
    """By the pixels: the places of words in a chart are its own, not the page's."""
    full = how_full(printed.path)
    assert {number: share for number, share in enumerate(full[1:-1], 2) if share < 0.7} == {}


def test_every_claims_rule_is_printed_once(text: str):
    for claim in CLAIMS:
        assert letters(text).count(letters(typeset(claim.rule))) == 1, claim.id


def letters(text: str) -> str:
    """Without spaces and hyphens, which the end of a line adds or takes away."""
    return re.sub(r"[\s\u00ad\u2010-]", "", text)


def test_a_heading_of_a_layer_stands_on_the_page_of_its_maps(words: list[str], pieces: list[list[Piece]]):
    lines = [page.splitlines() for page in words]
    for number in range(1, 6):
        at = [place for place, found in enumerate(lines) if place >= 2 and f"Layer {number}" in found]
        assert at
        assert any(piece.words.startswith("map ") for piece in pieces[at[0]]), number


def test_it_is_made_in_ten_seconds_to_the_same_bytes(build: Path, printed: Printed, tmp_path: Path):
    """Eighty tiles and nineteen figures; seconds of this process, so that a busy machine changes nothing."""
    started = time.process_time()
    pdf.write(build, tmp_path, RUN, FAKED, atlas=True)
    assert time.process_time() - started < 10
    assert (tmp_path / "report.pdf").read_bytes() == printed.path.read_bytes()


def test_without_pango_the_message_says_what_is_missing_and_the_way_out(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    original = builtins.__import__

    def refuse(name: str, *rest, **more):
        if name == "weasyprint":
            raise OSError("cannot load library 'libpango-1.0-0': no such file\nand more")
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(pdf.NoPdf) as caught:
        pdf.write(build, tmp_path, RUN, FAKED, atlas=True)
    message = str(caught.value)
    assert "\n" not in message
    assert "only the PDF is missing" in message
    assert "libpango-1.0-0" in message
    for command in (
        "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
        "dnf install",
        "brew install",
    ):
        assert command in message
    assert not pdf.available()
    assert not list(tmp_path.iterdir())
