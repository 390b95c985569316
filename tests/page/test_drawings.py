"""Drawings made simpler for the PDF: fewer elements, the same picture."""

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pypdf import PdfReader

from reportgen.page.drawings import SVG, simpler

ROOT = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20" height="20"'


def inside(body: str, rules: str = "*{stroke-linejoin: round; stroke-linecap: butt}") -> ElementTree.Element:
    style = f'<defs><style type="text/css">{rules}</style></defs>'
    return ElementTree.fromstring(simpler(f"<svg {ROOT}>{style}{body}</svg>".encode()))


def test_groups_that_only_name_are_opened_and_others_stay():
    root = inside('<g id="a"><g><path d="M 0 0"/></g></g><g clip-path="url(#c)"><path d="M 1 1"/></g>')
    assert [child.tag.removeprefix(SVG) for child in root] == ["path", "g"]
    assert [one.get("d") for one in root.iter(f"{SVG}path")] == ["M 0 0", "M 1 1"]


def test_a_style_becomes_attributes_and_counts_before_the_rule_for_all():
    [path] = inside('<path d="M 0 0" style="fill: none; stroke-linecap: square"/>')
    assert path.attrib == {"d": "M 0 0", "fill": "none", "stroke-linejoin": "round", "stroke-linecap": "square"}


def test_a_marker_is_drawn_where_it_is_used_in_its_own_style():
    marker = '<defs><path id="m" d="M 0 0 L 1 1" style="stroke: red"/></defs>'
    [path] = inside(f'{marker}<g><use xlink:href="#m" x="3" y="4" style="stroke: blue; fill: green"/></g>', "")
    assert path.attrib == {"d": "M 0 0 L 1 1", "stroke": "red", "fill": "green", "transform": "translate(3 4)"}


def test_what_others_clip_with_is_kept():
    root = inside('<defs><clipPath id="c"><rect x="0" y="0" width="2" height="2"/></clipPath></defs><path d="M 0 0"/>')
    assert [one.get("id") for one in root.iter(f"{SVG}clipPath")] == ["c"]


def test_a_drawing_with_other_rules_stays_as_it_is():
    drawing = f'<svg {ROOT}><style type="text/css">.red{{fill: red}}</style><g><path class="red"/></g></svg>'.encode()
    assert simpler(drawing) == drawing


@pytest.fixture(scope="module")
def drawings(build: Path) -> list[bytes]:
    """One of each analysis."""
    found = {path.parent: path for path in sorted(build.glob("drawn/*/*.svg"), reverse=True)}
    return [path.read_bytes() for path in found.values()]


def test_half_of_the_elements_are_left(drawings: list[bytes]):
    before, after = (
        sum(1 for drawing in found for _ in ElementTree.fromstring(drawing).iter())
        for found in (drawings, map(simpler, drawings))
    )
    assert len(drawings) >= 4
    assert after <= 0.6 * before


@pytest.mark.skipif(shutil.which("pdftoppm") is None, reason="Poppler is not installed")
def test_the_picture_and_its_words_are_the_same(drawings: list[bytes], tmp_path: Path):
    weasyprint = pytest.importorskip("weasyprint")
    seen = []
    for found in (drawings, map(simpler, drawings)):
        for place, drawing in enumerate(found):
            (tmp_path / f"{place}.svg").write_bytes(drawing)
        pictures = "".join(f"<p><img src='{place}.svg'></p>" for place in range(len(drawings)))
        weasyprint.HTML(string=pictures, base_url=tmp_path).write_pdf(tmp_path / "all.pdf")
        pages = subprocess.run(["pdftoppm", "-r", "60", tmp_path / "all.pdf"], capture_output=True, check=True).stdout
        seen.append((pages, [page.extract_text() for page in PdfReader(tmp_path / "all.pdf").pages]))
    assert seen[0] == seen[1]
