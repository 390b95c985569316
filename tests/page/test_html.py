"""The page: whole, linked, labelled, and harmless whatever names the user's files have."""

import base64
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fake_build import CLASSES, DATA, FAKED, FILE, NET, RUN, copied, figures, source_of
from planted_results import architecture, features, trained
from runs import REPOSITORY, Run

from reportgen.base.artifacts import read_json
from reportgen.base.errors import UserError
from reportgen.claims import CLAIMS
from reportgen.figures.kinds import Table
from reportgen.page import html, single
from reportgen.page.filters import file_size, first_sentence, typeset
from reportgen.page.template import render

Alter = Callable[[str, Callable[[Any], None]], Path]
Replant = Callable[[str, Any], Path]
VOID = {"meta", "link", "img", "rect", "line", "circle", "br", "image", "input"}


class Page(HTMLParser):
    """Every element as (tag, attributes), the text of every element by tag, and whether they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, tag
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, *tags: str) -> list[dict[str, str]]:
        """The attributes of every element of these tags."""
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def printed(text: str) -> str:
    """A text of ours as a page says it, with one blank wherever there are some."""
    return " ".join(typeset(text).split())


@pytest.fixture(scope="session")
def page(report: Path) -> Page:
    return Page((report / "index.html").read_text(encoding="utf-8"))


def test_the_made_up_net_and_data_have_what_a_run_writes_down(tiny: Run):
    for stage, known in (("net", NET), ("data", DATA)):
        written = read_json(tiny.build / stage / "artefact.json")["numbers"]
        assert set(known) <= set(written)
        for name, value in known.items():
            assert value is None or type(written[name]) is type(value), name


def test_elements_nest_and_identities_are_unique(page: Page):
    assert page.open == []
    identities = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(identities) == len(set(identities))


def test_every_figure_has_a_number_in_order_a_caption_and_its_source(page: Page, report: Path):
    text = (report / "index.html").read_text(encoding="utf-8")
    blocks = re.findall(r"<figure .*?</figure>", text, re.DOTALL)
    made = [figure for found in figures().values() for figure in found.values()]
    assert len(blocks) == len(made)
    kinds = ["Table" if "<table" in block else "Figure" for block in blocks]
    assert kinds.count("Table") == sum(isinstance(figure, Table) for figure in made) > 0
    for place, (kind, block) in enumerate(zip(kinds, blocks, strict=True), 1):
        assert f"{kind} {kinds[:place].count(kind)}." in block
        shown = [
            figure
            for figure in made
            if all(printed(said) in Page(block).text for said in first_sentence(figure.caption))
        ]
        assert len(shown) == 1
        made.remove(shown[0])
    for analysis in FAKED:
        size = file_size((report / "data" / f"{analysis.name}.npz").stat().st_size)
        assert f'href="data/{analysis.name}.npz" download>{analysis.name}.npz</a> ({size})' in text
        assert f'href="provenance.html#{analysis.name}"' in text
    assert "After the paper’s figure 2" in page.text


def test_where_every_figure_comes_from_stands_on_a_page_of_its_own(report: Path):
    text = (report / "provenance.html").read_text(encoding="utf-8")
    assert text.count(f"<code>{RUN['commit']}</code>") == 1
    assert "feedfacefeedface" in text  # of the images
    for analysis in FAKED:
        block = text[text.index(f'<section id="{analysis.name}"') :].split("</section>")[0]
        assert f"<code>make figures ANALYSIS={analysis.name} PROFILE=tiny SEED=7</code>" in block
        assert f"{analysis.name}-fingerprint</code>" in block
        assert f'href="data/{analysis.name}.npz"' in block
        assert "numpy 2.4.0" in block
        for name in figures()[analysis.name]:
            assert f'href="index.html#{analysis.name}-{name}"' in block
    assert "maps = 8" in text
    for path in re.findall(r"<code>((?:reportgen|templates)/[^<]+)</code>", text):
        assert (REPOSITORY / path).is_file(), path


def test_every_picture_says_what_it_shows_and_how_large_it_is(page: Page):
    pictures = page.all("img")
    assert len(pictures) > 80
    for picture in pictures:
        assert len(picture["alt"]) > 3
        assert not picture["alt"].endswith((".jpg", ".png", ".svg"))
        assert int(picture["width"]) > 0
        assert int(picture["height"]) > 0
    assert all(picture.get("loading") == "lazy" for picture in pictures[5:])
    assert all("loading" not in picture for picture in pictures[:5])  # the head's, seen at once


def test_every_address_stays_in_the_folder_and_leads_somewhere(page: Page, report: Path):
    identities = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    addresses = [attributes[name] for _, attributes in page.elements for name in ("href", "src") if name in attributes]
    assert len(addresses) > 100
    for address in addresses:
        place, _, anchor = unquote(address).partition("#")
        if place and place != "report.pdf":  # another stage's
            assert not place.startswith(("/", "http", "//", "data:", "file:"))
            assert (report / place).resolve().is_relative_to(report.resolve())
            assert (report / place).is_file(), address
        else:
            assert not anchor or anchor in identities, address


def test_everything_in_the_folder_is_reached(page: Page, report: Path):
    there = {path.relative_to(report).as_posix() for path in (report / "figures").rglob("*") if path.is_file()}
    shown = {picture["src"] for picture in page.all("img")}
    unreached = there - shown
    # Pictures that the page shows tile by tile also exist as a whole.
    whole = {"trained/gallery", "trained/mistakes", *(f"features/layer{number}" for number in range(1, 6))}
    assert unreached == {f"figures/{name}.jpg" for name in whole}


def test_nothing_is_loaded_from_elsewhere_and_nothing_can_run(page: Page, report: Path):
    [policy] = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert set(rules["img-src"].split()) | set(rules["style-src"].split()) == {"'self'", "file:"}
    assert "unsafe" not in policy
    assert set(rules["script-src"].split()) == {"'self'", "file:"}
    assert not page.all("style", "iframe", "object", "embed", "base")
    for script in page.all("script"):
        assert script.get("type") == "application/json" or (report / script["src"]).is_file()
    for _, attributes in page.elements:
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"@import|url\(|https?:", (report / "report.css").read_text())


def test_hostile_names_are_shown_as_they_are(page: Page):
    for name in (*CLASSES, FILE):
        assert " ".join(name.split()) in page.text
    assert not [picture for picture in page.all("img") if picture["src"] == "x"]


def test_every_claim_has_its_row_and_verdict_in_words(page: Page, report: Path):
    text = (report / "index.html").read_text(encoding="utf-8")
    expected = {
        "hierarchy": "holds",
        "grouping": "contradicted",
        "better-architecture": "undecided",
    }
    for claim in CLAIMS:
        [row] = re.findall(rf'<tr id="row-{claim.id}">.*?</tr>', text, re.DOTALL)
        verdict = expected.get(claim.id, "not tested")
        assert re.search(
            rf'<span class="badge {verdict.replace(" ", "-")}"><span aria-hidden="true">.</span> {verdict}[<:]', row
        )
        why = {
            "localises": "It is not known where the objects lie in the test images.",
            "visualisation-is-genuine": "50 images are needed, and there are 0:",
            "clipping": "Training of paper-unclipped diverged in epoch 3.",
            "fewer-dead-features": "Layer 1 does not read the image.",
            "less-aliasing": "Layer 2 of a net responds to no validation image.",
        }.get(claim.id, "No analysis of this report measures it.")
        if verdict == "not tested":
            assert why in row
    assert (
        "This run tests three of the paper’s sixteen claims: one holds, one is contradicted and one is undecided, "
        "because this run gave nothing to measure." in page.text
    )
    assert "59 [57.5, 60.5]" in page.text


def test_a_claim_links_to_the_figure_it_rests_on_and_prints_its_rule(report: Path):
    text = (report / "index.html").read_text(encoding="utf-8")
    [row] = re.findall(r'<tr id="row-hierarchy">.*?</tr>', text, re.DOTALL)
    [(figure, number)] = re.findall(r'<a href="#(features-[a-z0-9_]+)">Figure&nbsp;(\d+)</a>', row)
    assert f'id="{figure}"' in text
    assert re.search(rf'id="{figure}".*?Figure {number}\.', text, re.DOTALL)
    rule = next(claim.rule for claim in CLAIMS if claim.id == "hierarchy")
    assert typeset(rule) in unescape(row)


def test_the_first_screen_counts_the_verdicts(report: Path):
    text = (report / "index.html").read_text(encoding="utf-8")
    tally, at_the_table = re.findall(r'<ul class="tally".*?</ul>', text, re.DOTALL)
    assert re.findall(r'href="#([\w-]+)"', at_the_table) == [
        "holds",
        "contradicted",
        "undecided",
        "not-tested",
        "claims",
    ]
    said = [" ".join(Page(item).text.split()[1:]) for item in re.findall(r"<li>.*?</li>", tally, re.DOTALL)]
    assert said == ["1 holds", "1 contradicted", "1 undecided", "13 not tested"]
    assert text.index(tally) < text.index('<ul class="strip">')


def test_a_verdict_says_what_decided_it(replanted: Replant, tmp_path: Path):
    replanted("features", features.result(untrained=features.AGREEMENT[5]))
    build = replanted("architecture", architecture.result(diverged=None, rescaled=0.0))
    html.write(build, tmp_path / "report", RUN, FAKED)
    text = unescape((tmp_path / "report" / "index.html").read_text())
    for claim, why in (
        ("hierarchy", "The interval spans the bound: pairs of one class, layer 5, trained minus untrained."),
        ("grouping", "The interval lies beyond the bound: layer 5."),
        ("clipping", "Clipping never acted in 12 epochs."),
    ):
        [row] = re.findall(rf'<tr id="row-{claim}">.*?</tr>', text, re.DOTALL)
        assert why in row


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("the factory's own", "with the weights that its factory gives it, and tells six classes apart"),
        ("mine.pt", "with the weights <code>mine.pt</code>, and tells six classes apart"),
    ],
)
def test_whose_weights_a_loaded_net_has(altered: Alter, weights: str, said: str):
    def load(document: Any) -> None:
        document["numbers"] |= {"loaded": True, "weights": weights, "preprocessing_from": "by default"}
        document["numbers"] |= {"mapped": "by their names", "unlabelled_images": 0, "unfollowed": "", "alone": ""}
        document["numbers"] |= {
            "read_so": "logits of classes that exclude each other",
            "classes_read": "they count from 1",
        }

    content = html.gather(altered("net/artefact.json", load), RUN, FAKED)
    for section in content.sections:
        section.figures.pop("curves", None)  # of training
    text = source_of(content)
    text = " ".join(unescape(text).split())
    assert said in text
    assert "They count from 1." in text
    assert f"parameters, {weights}{' weights' * (weights != 'mine.pt')}</dd>" in text


def test_a_claim_may_rest_on_several_figures_and_be_read_beside_something(build: Path, tmp_path: Path):
    folder, section = copied("features", tmp_path)
    source = section.read_text()
    for before, after in (
        (
            '{{ claim("hierarchy", beside=falls) }}',
            '{{ claim("hierarchy", "layer1", "layer5", "absent", beside=said) }}',
        ),
        ('{{ claim("grouping") }}', '{{ claim("grouping", beside="chance <would>  do as well.") }}'),
    ):
        assert before in source
        source = source.replace(before, after)
    section.write_text("{% set said %}\n  It&#8217;s 1 &lt; 2.\n{% endset %}" + source)
    text = source_of(html.gather(build, RUN, FAKED), folder)
    [row] = re.findall(r'<tr id="row-hierarchy">.*?</tr>', text, re.DOTALL)
    assert re.findall(r'<a href="#(features-\w+)">Figure', row) == ["features-layer1", "features-layer5"]
    assert "Beside it: It&#8217;s 1 &lt; 2.</p>" in row
    [row] = re.findall(r'<tr id="row-grouping">.*?</tr>', text, re.DOTALL)
    assert "Beside it: chance &lt;would&gt; do as well.</p>" in row


def test_numbers_in_the_prose_are_the_results(page: Page):
    assert "right 87.4 % of the time" in page.text.replace("\xa0", " ")
    assert "validation loss of 0.432 nats" in page.text
    assert "1,234 validation images" in page.text


def test_the_commit_stands_once(report: Path):
    assert (report / "index.html").read_text(encoding="utf-8").count(RUN["commit"][:12]) == 1


def test_the_page_opens_with_what_was_examined_and_the_claims(report: Path):
    text = (report / "index.html").read_text(encoding="utf-8")
    places = [
        text.index(mark)
        for mark in ("<h1>", 'class="facts"', 'id="claims"', 'id="trained"', 'id="features"', 'id="about"')
    ]
    assert places == sorted(places)


def test_the_same_run_gives_the_same_bytes_wherever_it_is_written(build: Path, report: Path, tmp_path: Path):
    html.write(build, tmp_path / "elsewhere", RUN, FAKED, atlas=True)
    for path in report.rglob("*"):
        if path.is_file():
            assert (tmp_path / "elsewhere" / path.relative_to(report)).read_bytes() == path.read_bytes(), path


def test_first_sight_is_small(page: Page, report: Path):
    """What a browser loads before anyone scrolls: the page, its style, the pictures that are not lazy."""
    eager = {picture["src"] for picture in page.all("img") if "loading" not in picture}
    names = {"index.html", "report.css", *eager, *(script["src"] for script in page.all("script") if "src" in script)}
    assert sum((report / name).stat().st_size for name in names) < 2_000_000


def test_a_missing_figure_stops_the_build_by_name(altered: Alter, tmp_path: Path):
    build = altered("drawn/trained/artefact.json", lambda document: document["figures"].pop("curves"))
    with pytest.raises(
        UserError, match=r"trained/section\.html\.j2: analysis 'trained' made no figure 'curves' \(it made: gallery,"
    ):
        html.write(build, tmp_path / "report", RUN, FAKED)
    assert not (tmp_path / "report").exists()


def test_a_figure_that_no_template_shows_stops_the_build_by_name(altered: Alter, tmp_path: Path):
    def add(document: Any) -> None:
        document["figures"]["extra"] = document["figures"]["architecture"]

    build = altered("drawn/schematics/artefact.json", add)
    with pytest.raises(UserError, match="figure 'extra' was made but is not shown"):
        html.write(build, tmp_path / "report", RUN, FAKED)


def test_an_undefined_name_stops_the_build_by_name(altered: Alter, tmp_path: Path):
    build = altered("schematics/artefact.json", lambda document: document["numbers"].pop("put_back"))
    with pytest.raises(UserError, match=r"schematics/section\.html\.j2, line \d+: .*put_back"):
        html.write(build, tmp_path / "report", RUN, FAKED)


def test_a_number_that_was_not_measured_stops_the_build_by_name(altered: Alter, tmp_path: Path):
    def forget(document: Any) -> None:
        document["numbers"]["final_train_loss"] = None

    build = altered("trained/artefact.json", forget)
    with pytest.raises(UserError, match=r"trained/section\.html\.j2, line \d+: number: None is no number"):
        html.write(build, tmp_path / "report", RUN, FAKED)


def test_a_claim_that_is_none_of_the_papers_stops_the_build_by_name(build: Path, tmp_path: Path):
    folder, section = copied("features", tmp_path)
    section.write_text(section.read_text().replace('claim("grouping")', 'claim("groping")'))
    with pytest.raises(UserError, match="the paper has no claim 'groping'"):
        render(html.gather(build, RUN, FAKED), "report.html.j2", "figures", folder, print=False, has_pdf=False)


def test_a_figure_shown_twice_stops_the_build_by_name(build: Path, tmp_path: Path):
    folder, section = copied("features", tmp_path)
    section.write_text(section.read_text() + '{{ figure("agreement") }}')
    with pytest.raises(UserError, match="figure 'agreement' is shown twice"):
        render(html.gather(build, RUN, FAKED), "report.html.j2", "figures", folder, print=False, has_pdf=False)


def test_a_net_without_labels_mistakes_or_skipped_files_has_a_page(altered: Alter, replanted: Replant, tmp_path: Path):
    altered("net/artefact.json", lambda document: document["numbers"].update(top1=None))
    altered("data/artefact.json", lambda document: document["numbers"].update(skipped=[], drawn=False))
    build = replanted("trained", trained.result(trained.IMAGES))
    html.write(build, tmp_path / "report", RUN | {"commit": None, "date": 0}, FAKED)
    text = Page((tmp_path / "report" / "index.html").read_text()).text
    assert "Files that were skipped" not in text
    assert "no mistake at all" in text
    assert "unknown: no labels" in text


def test_without_pango_the_page_offers_no_pdf(build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reportgen.page.pdf.available", lambda: False)
    html.write(build, tmp_path, RUN, FAKED)
    assert "report.pdf" not in (tmp_path / "index.html").read_text()


def test_a_browser_shows_everything_and_complains_of_nothing(report: Path, tmp_path: Path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")
    quiet = ("--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update")
    command = [browser, "--headless", "--no-sandbox", *quiet, "--disable-sync", "--disable-quic"]
    command += [f"--user-data-dir={tmp_path}", "--enable-logging=stderr", "--dump-dom", "--virtual-time-budget=2000"]
    done = subprocess.run(
        [*command, (report / "index.html").as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in done.stderr, [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    seen = Page(done.stdout)
    assert not [
        script for script in seen.all("script") if not script.get("src") and script.get("type") != "application/json"
    ]
    assert len(seen.all("figure")) == sum(len(found) for found in figures().values())
    assert not [picture for picture in seen.all("img") if "onerror" in picture]


def test_maps_of_another_net_are_not_shown_as_the_reports_own(
    altered: Callable[[str, Callable[[Any], None]], Path], tmp_path: Path
) -> None:
    def change(document: Any) -> None:
        document["figures"]["layer2"]["net"] = "another net"

    build = altered("drawn/features/artefact.json", change)
    html.write(build, tmp_path / "report", RUN, FAKED)
    text = unescape((tmp_path / "report" / "index.html").read_text())
    strip = text[text.index('<ul class="strip">') : text.index("</ul>", text.index('<ul class="strip">'))]
    assert re.findall(r"features-layer(\d)", strip) == ["1", "3", "4", "5"]
    assert "make figures LAYER=3 MAPS=all" in text
    assert "make figures LAYER=2 MAPS=all" not in text


def test_the_page_in_one_file_shows_all_that_it_shows(report: Path, tmp_path: Path):
    shutil.copytree(report, tmp_path / "report")
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    packed = single.write(tmp_path / "report")
    page, packed_page = Page(text), Page(packed.read_text(encoding="utf-8"))
    (tmp_path / "report" / "single.html").rename(tmp_path / "alone.html")
    assert packed == tmp_path / "report" / "single.html"
    assert len(packed_page.all("img")) == len(page.all("img"))
    for _, attributes in packed_page.elements:
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "data:", "https://")), attributes
    for before, now in zip(page.all("img"), packed_page.all("img"), strict=True):
        content = (report / before["src"]).read_bytes()
        assert base64.b64decode(now["src"].partition(",")[2]) == content
    [policy] = [meta["content"] for meta in packed_page.all("meta") if "http-equiv" in meta]
    assert "default-src 'none'; img-src data:" in policy
    assert "'self'" not in policy
