"""What a verdict is to be read beside, and how far pictures are to be believed: said where it is so, and only there."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fake_build import copied
from runs import Run

from reportgen.base.artifacts import read_json
from reportgen.base.errors import UserError
from reportgen.page.content import Content, gather
from reportgen.page.template import render

Numbers = dict[str, Any]
Change = Callable[[Numbers], Any]


@pytest.fixture(scope="module")
def content(tiny: Run) -> Content:
    """What the report of the profile `tiny` shows."""
    return gather(tiny.build, read_json(tiny.report / "metrics.json")["run"])


def page(content: Content, section: str, change: Change, claim: str = "", verdict: str = "holds") -> str:
    """The page with an analysis' numbers changed and a claim judged so."""
    changed = deepcopy(content)
    [found] = [part for part in changed.sections if part.name == section]
    change(found.artefact["numbers"])
    for entry in changed.claims:
        if entry["id"] == claim:
            entry.update(verdict=verdict, why="")
    return render(changed, "report.html.j2", "figures", print=False, has_pdf=False, scripts=())


def beside(text: str, claim: str) -> str:
    """What the table of claims says beside a verdict."""
    [row] = re.findall(rf'<tr id="claim-{claim}">.*?</tr>', text, re.DOTALL)
    found = re.search(r"Beside it: (.*?)</span>", row, re.DOTALL)
    return " ".join(unescape(found[1]).replace("\xa0", " ").split()) if found else ""


def agreeing(*shares: float) -> Change:
    def change(numbers: Numbers) -> None:
        for layer, share in zip(numbers["layers"], shares, strict=True):
            layer["agreement"] = share

    return change


def likeness(low: float, high: float) -> Change:
    return lambda numbers: numbers["likeness_resized"].update(estimate=(low + high) / 2, low=low, high=high)


def grid(numbers: Numbers) -> None:
    for place, ends in (("axes", (1.9, 1.6, 2.3)), ("diagonals", (1.7, 1.4, 2.1))):
        numbers["grid"][place]["ratio"].update(zip(("estimate", "low", "high"), ends, strict=True))


def settled(numbers: Numbers) -> None:
    for layer, epoch in zip(numbers["likeness"], (0, 2.33, 3.06, 3.59, 3.73, 4.73, 5), strict=False):
        layer["plain"] = epoch


def gaps(score: tuple[float, float], opposite: tuple[float | None, float | None]) -> Change:
    def change(numbers: Numbers) -> None:
        for layer, gap, other in zip(numbers["layers"], score, opposite, strict=True):
            layer.update(gap=gap, opposite_gap=other)

    return change


def softmax(best: float, scratch: float, frozen: float) -> Change:
    def change(numbers: Numbers) -> None:
        for layer in numbers["layers"]:
            layer["softmax"]["mean"] = best if layer["number"] == 4 else 0.1
        numbers["counts"][-1]["scratch"]["mean"], numbers["counts"][-1]["frozen"]["mean"] = scratch, frozen

    return change


@pytest.mark.parametrize(
    ("section", "claim", "verdict", "change", "said"),
    [
        ("features", "hierarchy", "holds", agreeing(0.44, 0.41, 0.38, 0.61, 0.79),
         "The share does not rise at every step: 44 %, 41 %, 38 %, 61 % and 79 % in layers 1, 2, 3, 4 and 5."),
        ("features", "hierarchy", "holds", agreeing(0.1, 0.2, 0.3, 0.4, 0.5), ""),
        ("features", "hierarchy", "contradicted", agreeing(0.5, 0.4, 0.3, 0.2, 0.1), ""),
        ("invariance", "output-stable", "holds",
         lambda numbers: numbers.update(correct=9, left_at_ends={"translation": 0.36, "scale": 0.44}),
         "The rule asks only for more stability than under turning: the largest shifts leave 36 % of the probability, the largest "
         "scale 44 %."),
        ("invariance", "output-stable", "holds", lambda numbers: numbers.update(correct=0), ""),
        ("architecture", "fewer-dead-features", "holds", likeness(-0.2, -0.1),
         "With all filters resampled to one grid, the 7 × 7 ones are the less distinct."),
        ("architecture", "fewer-dead-features", "contradicted", likeness(0.1, 0.2),
         "With all filters resampled to one grid, the 7 × 7 ones are the more distinct."),
        ("architecture", "fewer-dead-features", "contradicted", likeness(-0.1, 0.2),
         "With all filters resampled to one grid, the 7 × 7 ones are neither more nor less distinct."),
        ("architecture", "less-aliasing", "undecided", grid,
         "At the points where a grid of four pixels lies, the long steps’ peaks are 1.9 [1.6, 2.3] times as high as the short "
         "ones’ on the axes, 1.7 [1.4, 2.1] on the diagonals."),
        ("architecture", "less-aliasing", "undecided", lambda numbers: numbers.update(grid=None), ""),
        ("occlusion", "visualisation-is-genuine", "holds",
         lambda numbers: numbers["genuineness"].update(middle_share=0.58),
         "Covering the middle of the image and a corner, whatever the projection shows, makes 58 % of this difference."),
        ("occlusion", "visualisation-is-genuine", "holds",
         lambda numbers: numbers["genuineness"].update(middle_share=-0.1), ""),
        ("correspondence", "correspondence", "holds", gaps((0.053, 0.04), (0.095, 0.132)),
         "Among features that both masks change, parts and random squares are 9.5 points apart at layer 5 and 13 at layer 7."),
        ("correspondence", "correspondence", "holds", gaps((0.053, 0.04), (0.132, 0.095)), ""),
        ("correspondence", "correspondence", "holds", gaps((0.053, 0.04), (None, 0.095)), ""),
        ("ablation", "depth-matters", "undecided",
         lambda numbers: numbers["extra"].update(without_both=-0.059),
         "Without all four layers the error changes by −5.9 points."),
        ("generalisation", "generalises", "contradicted", softmax(0.906, 0.867, 0.7),
         "A softmax on layer 4, the best on these images, gets 90.6 % right; training from scratch gets 86.7 %."),
        ("generalisation", "generalises", "contradicted", softmax(0.8, 0.867, 0.7), ""),
        ("generalisation", "generalises", "holds", softmax(0.906, 0.867, 0.95), ""),
    ],
)  # fmt: skip
def test_a_verdict_is_read_beside(
    content: Content, section: str, claim: str, verdict: str, change: Change, said: str
) -> None:
    assert beside(page(content, section, change, claim, verdict), claim) == said


def test_the_order_in_which_layers_settle_stands_beside_the_rule(content: Content) -> None:
    text = page(content, "evolution", settled, "lower-layers-converge-first", "contradicted")
    said = beside(text, "lower-layers-converge-first")
    assert re.fullmatch(
        r"The learning rate .* CKA itself stays at 0\.\d+ or above from epochs 0, 2\.33, 3\.06, .* on \(layers 1, 2, 3, .*\)\.",
        said,
    )


@pytest.mark.parametrize(
    ("unit", "net", "said", "advice"),
    [
        (False, True, "A caveat on the pictures: when layer 5 forgets what it learned, a projection from it still correlates "
         "at 0.83 with what it was, and the projections of two different units correlate at 0.86: a projection shows "
         "which parts of an image get through to a layer, more than what one unit is looking for.", "as an answer to the question"),
        (True, False, "A caveat on the pictures: when every layer forgets what it learned, a projection from layer 5 still "
         "correlates at 0.35 with what it was: a part of it shows the image rather than the net.",
         "as an answer to the question"),
        (True, True, "The pictures themselves were tested: when layer 5 forgets what it learned, a projection from it "
         "correlates at no more than 0.83 with what it was, and when all layers do, at 0.35: it shows what was learned.",
         "the projections pass the test"),
    ],
)  # fmt: skip
def test_the_findings_and_the_section_believe_the_pictures_alike(
    content: Content, unit: bool, net: bool, said: str, advice: str
) -> None:
    found = {"layer": 5, "own": 0.83, "other": 0.86, "all": 0.35, "of_the_unit": unit, "of_the_net": net}
    text = page(content, "sanity", lambda numbers: numbers["belief"].update(found))
    words = " ".join(unescape(re.sub("<[^>]+>", "", text)).split())
    assert words.count(said) == 1
    assert advice in words
    other = {"as an answer to the question", "the projections pass the test"} - {advice}
    assert other.pop() not in words


def test_without_the_test_of_the_pictures_nothing_is_said_of_it(content: Content) -> None:
    sections = tuple(part for part in content.sections if part.name != "sanity")
    untested = replace(content, sections=sections)
    text = render(untested, "report.html.j2", "figures", print=False, has_pdf=False, scripts=())
    assert "caveat" not in text
    assert "How that was tested" not in text


def test_a_top_layer_that_tells_no_images_apart_has_a_page(content: Content) -> None:
    def collapse(numbers: Numbers) -> None:
        for small in numbers["small"]:
            small["top"] = None

    assert "Blur is part of the effect." not in page(content, "invariance", collapse)


def test_classes_that_are_all_recognised_alike_have_no_best(content: Content) -> None:
    def perfect(numbers: Numbers) -> None:
        numbers["class_accuracy"] = dict.fromkeys(numbers["class_accuracy"], 1.0)

    words = " ".join(unescape(re.sub("<[^>]+>", "", page(content, "trained", perfect))).replace("\xa0", " ").split())
    assert re.search(r"All classes are recognised equally well \(figure \d\): 100 %\.", words)
    assert "recognised best" not in words


def test_a_claim_that_rests_on_a_figure_that_is_not_shown_stops_the_build_by_name(
    content: Content, tmp_path: Path
) -> None:
    folder, section = copied("correspondence", tmp_path)
    section.write_text(section.read_text().replace('claim("correspondence", "gaps"', 'claim("correspondence", "gpas"'))
    with pytest.raises(
        UserError, match=r"correspondence/section\.html\.j2: the claim 'correspondence' rests on 'gpas', which is"
    ):
        render(content, "report.html.j2", "figures", folder, print=False, has_pdf=False, scripts=())
