"""What a verdict is to be read beside, and how far pictures are to be believed: said where it is so, and only there."""

import re
from collections.abc import Callable
from copy import deepcopy
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fake_build import content_of, copied, page_of, section, source_of
from planted_results import ablation, correspondence, sanity
from runs import Run

from reportgen.base.artifacts import read_json
from reportgen.base.errors import UserError
from reportgen.page.content import Content, Section, gather

Numbers = dict[str, Any]
Change = Callable[[Numbers], Any]


@pytest.fixture(scope="module")
def content(tiny: Run) -> Content:
    """What the report of the profile `tiny` shows."""
    return gather(tiny.build, read_json(tiny.report / "metrics.json")["run"])


def page(content: Content, name: str, change: Change, claim: str = "", verdict: str = "holds") -> str:
    """The page with an analysis' numbers changed and a claim judged so."""
    changed = deepcopy(content)
    [found] = [part for part in changed.sections if part.name == name]
    change(found.artefact["numbers"])
    for entry in changed.claims:
        if entry["id"] == claim:
            entry.update(verdict=verdict, why="")
    return source_of(changed)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is drawn of planted results; of those with other numbers the page would have the same figures."""
    made = {"correspondence": correspondence.result(), "ablation": ablation.result(), "sanity": sanity.result()}
    return {name: section(tmp_path_factory.mktemp(name), name, result).figures for name, result in made.items()}


Planted = Callable[[str, Any], Section]


@pytest.fixture
def planted(drawn: dict[str, Any], tmp_path: Path) -> Planted:
    """What a page shows of an analysis that came to this result."""
    return lambda name, result: section(tmp_path, name, result, drawn[name])


def beside(text: str, claim: str) -> str:
    """What the table of claims says beside a verdict."""
    [row] = re.findall(rf'<tr id="row-{claim}">.*?</tr>', text, re.DOTALL)
    found = re.search(r"Beside it: (.*?)</p>", row, re.DOTALL)
    return " ".join(unescape(found[1]).replace("\xa0", " ").split()) if found else ""


def agreeing(*shares: float) -> Change:
    def change(numbers: Numbers) -> None:
        for layer, share in zip(numbers["layers"], shares, strict=True):
            layer["agreement"] = share

    return change


def grid(numbers: Numbers) -> None:
    for place, ends in (("axes", (1.9, 1.6, 2.3)), ("diagonals", (1.7, 1.4, 2.1))):
        numbers["grid"][place]["ratio"].update(zip(("estimate", "low", "high"), ends, strict=True))


def settled(numbers: Numbers) -> None:
    for layer, epoch in zip(numbers["likeness"], (0, 2.33, 3.06, 3.59, 3.73, 4.73, 5), strict=False):
        layer["plain"] = epoch


def softmax(best: float, scratch: float, frozen: float) -> Change:
    def change(numbers: Numbers) -> None:
        for one in numbers["classifiers"]:
            if one["kind"] == "softmax":
                one["all"]["mean"] = best if one["layer"] == 5 else 0.1
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
         lambda numbers: numbers.update(
             correct=9, left_at_ends={"translation": 0.36, "scale": 0.44}, one_pixel={"images": 100, "share": None, "any": 0.05}
         ),
         "The rule only asks for more stability than under rotation: the largest shifts leave 36 % of the probability, the largest "
         "scale 44 %."),
        ("invariance", "output-stable", "holds",
         lambda numbers: numbers.update(correct=0, one_pixel={"images": 100, "share": 0.021, "any": 0.05}),
         "A shift by one pixel changes the most probable class in 2.1 % of the trials."),
        ("architecture", "less-aliasing", "undecided", grid,
         "At the points where a grid of four pixels lies, the long steps’ peaks are 1.9 [1.6, 2.3] times as high as the short "
         "ones’ on the axes, 1.7 [1.4, 2.1] on the diagonals."),
        ("architecture", "less-aliasing", "undecided", lambda numbers: numbers.update(grid=None), ""),
        ("occlusion", "visualisation-is-genuine", "holds",
         lambda numbers: numbers["genuineness"].update(middle_share=0.58),
         "Covering the middle of the image and a corner, whatever the projection shows, makes 58 % of the difference to the "
         "empty place."),
        ("occlusion", "visualisation-is-genuine", "holds",
         lambda numbers: numbers["genuineness"].update(middle_share=-0.1), ""),
        ("generalisation", "generalises", "contradicted", softmax(0.906, 0.867, 0.7),
         "A softmax on layer 5 gets 90.6 % right; training from scratch gets 86.7 %."),
        ("generalisation", "generalises", "contradicted", softmax(0.8, 0.867, 0.7), ""),
        ("generalisation", "generalises", "holds", softmax(0.906, 0.867, 0.95), ""),
    ],
)  # fmt: skip
def test_a_verdict_is_read_beside(
    content: Content, section: str, claim: str, verdict: str, change: Change, said: str
) -> None:
    assert beside(page(content, section, change, claim, verdict), claim) == said


@pytest.mark.parametrize(
    ("name", "claim", "result", "said"),
    [
        ("correspondence", "correspondence", correspondence.result(opposite=(0.095, 0.132)),
         "Among features that both masks change, parts and random squares are 9.5 points apart at layer 5 and 13 at layer 7."),
        ("correspondence", "correspondence", correspondence.result(opposite=(0.132, 0.095)), ""),
        ("correspondence", "correspondence", correspondence.result(opposite=(None, 0.095)), ""),
        ("correspondence", "correspondence", correspondence.without_parts(), ""),
        ("ablation", "depth-matters", ablation.result((0.3, 0.3, 0.3, 0.241)),
         "Without all four layers the error changes by −5.9 points."),
        ("ablation", "depth-matters", ablation.untrained(), ""),
    ],
)  # fmt: skip
def test_what_a_result_says_beside_its_verdict(
    planted: Planted, tmp_path: Path, name: str, claim: str, result: Any, said: str
) -> None:
    assert beside(page_of(tmp_path, planted(name, result)), claim) == said


def test_the_order_in_which_layers_settle_stands_beside_the_rule(content: Content) -> None:
    text = page(content, "evolution", settled, "lower-layers-converge-first", "contradicted")
    said = beside(text, "lower-layers-converge-first")
    assert re.fullmatch(
        r"The learning rate .* CKA itself stays at 0\.\d+ or above from epochs 0, 2\.33, 3\.06, .* on \(layers 1, 2, 3, .*\)\.",
        said,
    )


@pytest.mark.parametrize(
    ("result", "said", "advice"),
    [
        (sanity.result(own=0.83, everything=0.12),
         "A caveat on the pictures: with the weights of layer 5 shuffled, a projection still correlates at 0.83 with "
         "the original; the projections of two different units correlate at 0.86. So a projection shows which parts of an "
         "image reach a layer, more than what one unit looks for.", "as an answer to the question"),
        (sanity.result(own=0.53, everything=0.35),
         "A caveat on the pictures: with the weights of all layers shuffled, a projection from layer 5 still "
         "correlates at 0.35 with the original: a part of it shows the image rather than the net.",
         "as an answer to the question"),
        (sanity.result(own=0.53, everything=0.12),
         "The pictures themselves were tested: with the weights of layer 5 shuffled, a projection from it "
         "correlates at no more than 0.53 with the original, and with those of all layers shuffled at 0.12: it shows what was "
         "learned.",
         "the projections pass the test"),
    ],
)  # fmt: skip
def test_the_findings_and_the_section_believe_the_pictures_alike(
    planted: Planted, tmp_path: Path, result: Any, said: str, advice: str
) -> None:
    text = page_of(tmp_path, planted("sanity", result))
    words = " ".join(unescape(re.sub("<[^>]+>", "", text)).replace("\xa0", " ").split())
    assert words.count(said) == 1
    assert advice in words
    other = {"as an answer to the question", "the projections pass the test"} - {advice}
    assert other.pop() not in words


def test_without_the_test_of_the_pictures_nothing_is_said_of_it(planted: Planted, tmp_path: Path) -> None:
    tested, other = planted("sanity", sanity.result()), planted("ablation", ablation.result())
    for said in ("caveat", "How that was tested"):
        assert said in source_of(content_of(tmp_path, other, tested))
        assert said not in source_of(content_of(tmp_path, other))


def test_where_no_map_responds_nothing_is_said_of_the_pictures(planted: Planted, tmp_path: Path) -> None:
    text = page_of(tmp_path, planted("sanity", sanity.silent()))
    assert "How that was tested" not in text
    assert "so there is nothing to test" in text


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


@pytest.mark.parametrize(
    ("worst", "said"),
    [
        (1, "{} worst (0 %). The commonest mistake"),
        (2, "{} and {} worst (0 %). The commonest mistake"),
        (5, "five classes worst (0 %). The commonest mistake"),
    ],
)
def test_classes_that_tie_for_the_last_place_are_all_named(content: Content, worst: int, said: str) -> None:
    def tie(numbers: Numbers) -> None:
        names = list(numbers["class_accuracy"])
        numbers["class_accuracy"] = {
            name: 0.0 if place < worst else 0.5 + place / 100 for place, name in enumerate(names)
        }
        numbers["best_class"], numbers["worst_class"] = names[-1], names[0]
        numbers["most_confused"], numbers["as_confused"] = [*names[:2], 3], 1

    names = list(next(one for one in content.sections if one.name == "trained").artefact["numbers"]["class_accuracy"])
    words = " ".join(unescape(re.sub("<[^>]+>", "", page(content, "trained", tie))).replace("\xa0", " ").split())
    assert said.format(*names) in words


def test_a_claim_that_rests_on_a_figure_that_is_not_shown_stops_the_build_by_name(
    planted: Planted, tmp_path: Path
) -> None:
    folder, template = copied("correspondence", tmp_path)
    template.write_text(
        template.read_text().replace('claim("correspondence", "gaps"', 'claim("correspondence", "gpas"')
    )
    with pytest.raises(
        UserError, match=r"correspondence/section\.html\.j2: the claim 'correspondence' rests on 'gpas', which is"
    ):
        source_of(content_of(tmp_path, planted("correspondence", correspondence.result())), folder)
