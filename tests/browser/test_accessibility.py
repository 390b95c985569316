"""WCAG 2.2 AA as far as axe-core can tell; the rest of what a keyboard needs."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import WIDTHS, Open, leave_viewer
from playwright.sync_api import Page
from runs import Run

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {
    "runOnly": TAGS,
    "resultTypes": ["violations"],  # of what passes it would describe every element, which takes most of its time
    "preload": False,  # what axe would load beforehand, the page's policy forbids
}


def violations(page: Page, part: str = "html") -> list[Any]:
    """Each rule that is violated within a part of the page, with the first elements that do."""
    found = Axe().run(page, part, RULES).response["violations"]
    return [(rule["id"], rule["help"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in found]


@pytest.mark.parametrize(
    ("scheme", "widths"),
    [
        ("light", (WIDTHS[0], WIDTHS[-1])),
        ("dark", WIDTHS[-1:]),
        pytest.param("light", WIDTHS[1:-1], marks=pytest.mark.slow),
        pytest.param("dark", WIDTHS[:-1], marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing(opened: Open, shown: Run, scheme: str, widths: tuple[int, ...]) -> None:
    page = opened(shown.report, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == [], width
        page.locator("button.pair").first.click()
        assert violations(page, ".viewer") == [], width
        leave_viewer(page)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(opened: Open, shown: Run) -> None:
    page = opened(shown.report)
    can = ":is(a[href], button:not(:disabled), input, summary, [tabindex]):not([tabindex='-1'])"
    there = page.evaluate(
        f"""[...document.querySelectorAll("{can}")].filter((part) => part.checkVisibility()
            && !(part.type === "radio" && !part.checked)).length"""
    )
    for _ in range(there):
        page.keyboard.press("Tab")
        seen, shown = page.evaluate(
            """(() => { const part = document.activeElement, { outlineStyle, outlineWidth } = getComputedStyle(part);
            return [part.outerHTML.slice(0, 200), outlineStyle !== "none" && outlineWidth !== "0px"]; })()"""
        )
        assert not seen.startswith("<body"), "the way ends before everything is reached"
        assert shown, seen
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement === document.body")


def test_nothing_moves_for_who_wants_it_still(opened: Open, shown: Run) -> None:
    behaviour = "getComputedStyle(document.documentElement).scrollBehavior"
    assert opened(shown.report, reduced_motion="reduce").evaluate(behaviour) == "auto"
    assert opened(shown.report, reduced_motion="no-preference").evaluate(behaviour) == "smooth"
