"""How much there is to read before anything is opened, what the first screen says, and that all else is one step away."""

import re

import pytest
from pages import Open
from playwright.sync_api import Page, expect
from runs import Run

TALLEST = {360: 60_000, 1440: 36_000}  # CSS pixels
MOST_WORDS = 7_500
SCREEN = 900  # CSS pixels
WORDS = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let words = 0;
    while (texts.nextNode()) {
        const { data, parentElement } = texts.currentNode;
        if (parentElement.checkVisibility() && !parentElement.closest(".hidden, .skip, script"))
            words += data.split(/\\s+/).filter(Boolean).length;
    }
    return words;
}"""


@pytest.mark.parametrize("width", TALLEST)
def test_the_page_is_short_before_anything_is_opened(opened: Open, full_sized: Run, width: int) -> None:
    page = opened(full_sized.report, width)
    assert page.evaluate("document.documentElement.scrollHeight") <= TALLEST[width]
    assert page.evaluate(WORDS) <= MOST_WORDS


@pytest.mark.parametrize("width", TALLEST)
def test_the_claims_fit_on_two_screens_one_row_each(opened: Open, full_sized: Run, width: int) -> None:
    page = opened(full_sized.report, width)
    table = page.locator("table.claims").bounding_box()
    assert table is not None
    assert table["height"] <= 2 * SCREEN
    assert page.locator("table.claims tbody tr").count() == 16
    verdicts = [text.split()[-1] for text in page.locator("table.claims td:first-child .badge").all_inner_texts()]
    order = ["contradicted", "undecided", "holds", "tested"]
    assert verdicts == sorted(verdicts, key=order.index)  # what fails first


def test_the_first_screen_says_accuracy_verdicts_and_what_fails(opened: Open, shown: Run) -> None:
    page = opened(shown.report)
    expect(page.locator(".lead strong")).to_have_text(re.compile(r"\d\d?\.\d\s%"))
    for part in (".lead", ".tally", ".facts"):
        expect(page.locator(f"header {part}")).to_be_in_viewport(ratio=1)
    failing = page.locator("#contradicted th > a").all_inner_texts()
    said = page.locator("header .fails")
    assert said.count() == bool(failing)
    for statement in failing[:3]:
        expect(said).to_contain_text(statement.rstrip("."))
    if failing:
        expect(said).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("scripts", [True, False])
def test_a_badge_leads_to_its_verdicts_rows_and_all_leads_back(opened: Open, shown: Run, scripts: bool) -> None:
    page = opened(shown.report, java_script_enabled=scripts)
    rows = page.locator("table.claims tbody tr")
    for badge in page.locator("header .tally a").all():
        many, verdict = int(re.findall(r"\d+", badge.inner_text())[0]), (badge.get_attribute("href") or "")[1:]
        badge.click()
        expect(page.locator(f"tbody#{verdict} tr:visible")).to_have_count(many)
        expect(page.locator("table.claims tbody tr:visible")).to_have_count(many)
        expect(page.locator(f"tbody#{verdict} tr").first).to_be_in_viewport()
        page.locator("#claims .tally .every").click()
        expect(page.locator("table.claims tbody tr:visible")).to_have_count(rows.count())


def test_a_claims_title_leads_to_its_card(page: Page) -> None:
    link = page.locator("table.claims th > a").first
    statement = link.inner_text()
    link.click()
    card = page.locator(".claim:target")
    expect(card).to_be_in_viewport()
    expect(card.locator("strong")).to_have_text(statement)


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_folded_opens_by_the_keyboard_and_by_a_link_to_what_is_inside(
    opened: Open, shown: Run, scripts: bool
) -> None:
    page = opened(shown.report, java_script_enabled=scripts)
    fold = page.locator("#features details.fold").first
    inside = fold.locator("> div")
    expect(inside).to_be_hidden()
    fold.locator("> summary").focus()
    page.keyboard.press("Enter")
    expect(inside).to_be_visible()
    confusion = page.locator("#trained-confusion")
    expect(confusion).to_be_hidden()
    page.locator('.contents a[href="#trained-confusion"]').click()
    expect(confusion).to_be_visible()
    expect(confusion).to_be_in_viewport()


def test_a_browser_prints_what_is_folded(opened: Open, shown: Run) -> None:
    page = opened(shown.report)
    seen = "(figure) => figure.checkVisibility()"
    confusion = page.locator("#trained-confusion")
    assert not confusion.evaluate(seen)
    page.emulate_media(media="print")
    assert confusion.evaluate(seen)


@pytest.mark.parametrize("name", ["features-layer3", "trained-curves"])
def test_a_link_of_the_contents_lands_above_the_figure(opened: Open, shown: Run, name: str) -> None:
    page = opened(shown.report)
    page.emulate_media(reduced_motion="reduce")
    page.locator(f'.contents a[href="#{name}"]').click()
    page.wait_for_timeout(200)
    top = page.locator(f"#{name}").evaluate("(figure) => figure.getBoundingClientRect().top")
    assert 0 <= top < SCREEN / 4


def test_all_layers_stand_side_by_side_before_each_of_them(page: Page, full_sized: Run) -> None:
    sweep = page.locator("#features .sweep")
    assert sweep.locator(".level").count() == 5
    for level in sweep.locator(".level").all():
        assert level.locator("a:has(img)").count() == 6
    box = sweep.bounding_box()
    assert box is not None
    assert box["height"] < SCREEN
