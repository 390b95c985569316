"""Names that mean harm, in every place where a name can stand: nothing runs, everything is shown."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from figure_samples import OWN_KINDS, draw_any
from pages import Open, leave_viewer
from pypdf import PdfReader
from runs import Run, once, words_of

from reportgen.base.artifacts import DOCUMENT, read_arrays, read_json, write_json
from reportgen.figures.kinds import from_data
from reportgen.page import html, pdf

CLASSES = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "قطة \u202eevil",
    "猫 🐱 &lt;b&gt;",
    "'; alert(1); '",
    r"$\frac{1}{0}$ & co",
)
FILE = '"><img src=x onerror=alert(1)>.jpg'


@pytest.fixture(scope="session")
def hostile(shown: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that is shown, with other names for its classes and images in all that is drawn and in all that it reads."""
    return once("hostile", tmp_path_factory, lambda home: rename(shown, home)) / "report"


def rename(shown: Run, home: Path) -> None:
    shutil.copytree(shown.build, home / "build", symlinks=True)
    run = read_json(shown.report / "metrics.json")["run"]
    classes = read_json(shown.build / "data" / "artefact.json")["numbers"]["classes"]
    names = {name: CLASSES[place % len(CLASSES)] for place, name in enumerate(classes)}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {names.get(key, key): renamed(part) for key, part in value.items()}
        if isinstance(value, list):
            return [renamed(part) for part in value]
        if isinstance(value, str) and ".png" in value and "activation" in value:
            return value.replace(".png", FILE)
        return names.get(value, value) if isinstance(value, str) else value

    for document in (*(home / "build").rglob("artefact.json"), *(home / "build").rglob("figures.json")):
        write_json(document, renamed(read_json(document)))
    for drawn in (home / "build" / "drawn").iterdir():
        source = home / "build" / drawn.name
        figures = from_data(read_json(source / "figures.json"), read_arrays(source / "figures.npz"), OWN_KINDS)
        write_json(drawn / DOCUMENT, {"figures": draw_any(figures, drawn)})
    for layer in (home / "build" / "atlas").glob("layer*.json"):
        said = read_json(layer)
        notes = [re.sub("|".join(names), lambda name: names[name[0]], note) for note in said["notes"]]
        nine = [[[value, kind, FILE, *place] for value, kind, _, *place in one] for one in said["nine"]]
        write_json(layer, said | {"notes": notes, "nine": nine})
    html.write(home / "build", home / "report", run, atlas=True)


def test_nothing_runs_and_everything_is_shown(opened: Open, hostile: Path) -> None:
    page = opened(hostile)  # which fails where anything is asked for, thrown or alerted
    assert page.locator('img[src="x"], [onerror]').count() == 0
    text = page.locator("main").text_content() or ""
    for name in (*CLASSES, FILE):
        assert name in text


def test_drawings_show_them_and_run_nothing(opened: Open, hostile: Path) -> None:
    """Each on its own: inside the page, a browser lets no picture run anything."""
    named = ""
    drawings = sorted((hostile / "figures").rglob("*.svg"))
    page = opened(drawings[0], home=hostile)
    for drawing in drawings:
        page.goto(drawing.as_uri())
        assert page.evaluate("document.documentElement.tagName") == "svg", drawing
        assert page.evaluate("document.querySelectorAll('script, img, [onerror], [onload]').length") == 0, drawing
        named += page.evaluate("document.documentElement.textContent")
    assert len(drawings) > 10
    for name in CLASSES:
        assert name.replace("\u202e", "")[:9] in named  # where there is no room for it all, the rest is "…"


def test_scripts_show_them_as_they_are(opened: Open, hostile: Path) -> None:
    page = opened(hostile)
    page.locator("button.pair").first.click()
    assert FILE in page.locator(".viewer .nine").inner_text()
    leave_viewer(page)
    for figure, key in (("occlusion-example1", "ArrowRight"), ("invariance-examples", "ArrowRight")):
        page.locator(f"#{figure} .stage").focus()
        page.keyboard.press(key)
        names = page.locator(f"#{figure} .readout bdi").all_text_contents()
        assert names
        assert set(names) <= set(CLASSES)
    page.locator("#evolution-layer5 input").press("ArrowLeft")
    assert page.locator('img[src="x"], [onerror], .viewer script').count() == 0
    assert not page.evaluate("[...document.scripts].some((script) => script.text.includes('alert') && !script.type)")


@pytest.mark.slow
def test_the_pdf_shows_them_and_runs_nothing(hostile: Path, tmp_path: Path) -> None:
    pdf.write(hostile.parent / "build", tmp_path, read_json(hostile / "metrics.json")["run"])
    reader = PdfReader(tmp_path / "report.pdf")
    assert "/JavaScript" not in str(reader.root_object)
    text = "".join("".join(words_of(page).split()) for page in reader.pages)
    for name in (*CLASSES, FILE):
        assert longest_latin(name) in text


def longest_latin(name: str) -> str:
    """The part of a name that stands in a PDF letter by letter: other scripts are turned round and shaped."""
    return max(re.findall(r"[!-~]+", "".join(name.split())), key=len)
