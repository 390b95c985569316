"""The section reads well whatever the run could test, and discusses a verdict against the paper."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_build import FAKED, FILE, RUN

from reportgen.page.content import Section, gather
from reportgen.page.template import render

EXAMPLE = {
    "figure": "example1",
    "name": FILE,
    "split": "test",
    "chosen": True,
    "class": "<script>alert(1)</script>",
    "guess": "<script>alert(1)</script>",
    "probability": 0.98,
    "lowest": 0.12,
    "lost_places": 0.25,
    "map": 17,
    "activation": 12.0,
    "quietest": 3.0,
}
LOCALISATION = {
    "images": 98,
    "on_object": 0.1234,
    "on_object_median": 0.0567,
    "on_background": -0.0123,
    "more_on_object": 0.9,
    "hits": 0.8,
    "chance": 0.4,
    "overlap": 0.2,
    "overlap_of_middle": 0.3,
}
GENUINENESS = {
    "middle_drop": 0.2,
    "corner_drop": 0.05,
    "middle_share": 0.46,
    "middle_correlation": 0.4,
    "images": 97,
    "maps": 16,
    "peak_drop": 0.34,
    "empty_drop": 0.012,
    "more_at_peak": 0.9,
    "rank_correlation": 0.41,
}
NUMBERS: dict[str, Any] = {
    "size": 19,
    "side": 88,
    "stride": 3,
    "layer": 5,
    "rule": "drawn by the seed",
    "objects_known": True,
    "whole": "",
    "sample": 100,
    "sample_stride": 9,
    "sample_places": 81,
    "examples": [EXAMPLE],
    "localisation": LOCALISATION,
    "genuineness": GENUINENESS,
}


def page(build: Path, verdict: str = "holds", figures: tuple[str, ...] = ("example1", "claims"), **changed: Any) -> str:
    """The text of a report whose only section is this one."""
    content = gather(build, RUN, FAKED)
    artefact = {"numbers": NUMBERS | changed, "settings": {}, "seed": 7, "fingerprint": "fingerprint"}
    picture = {"file": "x.svg", "width": 10, "height": 10}
    words = {"kind": "Occlusion", "title": "T", "caption": "C.", "alt": "A.", "picture": picture, "clean": picture}
    words |= {"side": 88, "size": 19, "tops": [0], "lefts": [0], "map": 17, "panels": [[0.1, 0.1, 0.5, 0.5]] * 4}
    words |= {
        "classes": ["dog"],
        "clean_probability": 0.9,
        "probability": [[0.5]],
        "guesses": [[0]],
        "activation": [[1]],
    }
    section = Section("occlusion", "What happens", artefact, {name: words | {"files": ["x.svg"]} for name in figures})
    claims = tuple(
        claim | {"verdict": verdict, "section": "occlusion", "parts": [], "why": "as planted"}
        if claim["id"] in ("localises", "visualisation-is-genuine")
        else claim
        for claim in content.claims
    )
    found = render(
        replace(content, sections=(section,), claims=claims),
        "report.html.j2",
        "figures",
        print=False,
        has_pdf=False,
        scripts=(),
    )
    return " ".join(found.replace("&nbsp;", " ").replace("\u00a0", " ").split())


def test_it_says_what_was_measured(build: Path) -> None:
    text = page(build)
    for said in (
        "loses 12 points",
        "clear of it, −1.2",
        "80 % of them",
        "in 40 %",
        "loses 34 %",
        "correlate by 0.41",
        "Map 17 keeps 25 %",
    ):
        assert said in text, said
    assert "no better than that guess" in text  # the overlap is below that of a square in the middle
    assert "no better than that guess" not in page(build, localisation=LOCALISATION | {"overlap": 0.4})
    assert "<script>alert" not in text.split('id="occlusion"')[1]


@pytest.mark.parametrize(
    ("middle", "share", "said"),
    [
        (0.2, 0.46, "covering the middle of the image would give about 46 % of the difference that decides the claim"),
        (0.2, 1.5, "this test does not tell the projections from a guess"),
        (0.2, None, "this test does not tell the projections from a guess"),  # projections make no difference
        (0.01, -0.1, "The middle of the image explains none of the difference"),
        (0.01, None, "The middle of the image explains none of the difference"),
    ],
)
def test_what_the_middle_of_the_image_explains(middle: float, share: float | None, said: str, build: Path) -> None:
    text = page(build, genuineness=GENUINENESS | {"middle_drop": middle, "middle_share": share})
    assert said in text


def test_a_map_that_is_more_active_under_the_square_gains(build: Path) -> None:
    drops = {"peak_drop": 0.34, "empty_drop": -0.021, "middle_drop": 0.2, "corner_drop": -0.001}
    text = page(build, genuineness=GENUINENESS | drops, localisation=LOCALISATION | {"on_object": -0.03})
    for said in (
        "map loses 34 %",
        "emptiest, the map gains 2 %",
        "a map loses 20 %",
        "corner it loses 0 %",
        "class gains 3 p",
    ):
        assert said in text, said


@pytest.mark.parametrize("verdict", ["holds", "undecided", "not tested"])
def test_only_a_verdict_against_the_paper_is_discussed(verdict: str, build: Path) -> None:
    assert "claim is contradicted" not in page(build, verdict)
    assert page(build, "contradicted").count("claim is contradicted") == 2


def test_without_masks_or_a_sample_it_still_reads_well(build: Path) -> None:
    text = page(build, "not tested", objects_known=False, localisation=None)
    assert "is not known, so this report cannot count" in text
    bare = page(build, "not tested", ("example1",), localisation=None, genuineness=None, sample=0, sample_places=0)
    assert "is not known" not in bare
    assert "Over many images" not in bare


def test_it_says_where_more_was_computed_than_what_the_square_changes(build: Path) -> None:
    assert "takes longer" not in page(build)
    text = page(build, whole="there is no rule for windows of flip ('flip'): behind it, whole maps")
    assert "takes longer and changes no number: there is no rule for windows of flip (&#39;flip&#39;)" in text


def test_an_image_that_the_user_named_and_the_net_gets_wrong(build: Path) -> None:
    text = page(build, examples=[EXAMPLE | {"chosen": False, "guess": "cat", "lost_places": 0, "activation": 0.0}])
    assert "chosen by <code>IMAGES=</code>" in text
    assert "takes it for cat" in text
    assert "stays the right one" in text
