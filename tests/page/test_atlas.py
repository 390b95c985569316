"""The atlas: every map on a page, every link of the report to it lands, and what scripts are given is what is shown."""

import json
import re
from pathlib import Path
from typing import Any

from fake_build import FAKED, RUN, plant_atlas
from planted_results import FILE, features
from test_html import Page

from reportgen.base.artifacts import read_json
from reportgen.page import html, single
from reportgen.page.atlas import address

NUMBERS = {"columns": 6, "rows": 4, "layers": [{"number": 3, "maps": 1000}]}


def source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def index_of(report: Path) -> Any:
    found = re.fullmatch(r'"use strict";\nconst ATLAS = (.*);\n', source(report / "atlas" / "index.js"))
    assert found
    return json.loads(found[1])


def test_a_map_has_an_address() -> None:
    assert address(NUMBERS, 3) == "atlas/layer3.html"
    assert address(NUMBERS, 3, 17) == "atlas/layer3.html#map17"
    assert address(NUMBERS, 3, 479, own=True) == "layer3.html#map479"
    assert address(NUMBERS, 3, 480) == "atlas/layer3-480.html#map480"
    assert address(NUMBERS, 3, 999) == "atlas/layer3-960.html#map999"
    assert address(NUMBERS, 4, 1) == ""


def test_every_map_stands_on_its_layers_page_at_its_place_of_a_sheet(report: Path, build: Path) -> None:
    for number in features.FIELDS:
        page = Page(source(report / "atlas" / f"layer{number}.html"))
        assert page.open == []
        assert [item["id"] for item in page.all("li") if "id" in item] == [f"map{map_}" for map_ in range(48)]
        pictures = page.all("img")
        assert [picture["loading"] for picture in pictures] == ["lazy"] * 48
        assert (pictures[31]["src"], pictures[31]["class"]) == (f"layer{number}/1-patches.jpg", "c1 r1")
        for picture in pictures:
            made = build / "atlas" / picture["src"]
            assert (report / "atlas" / picture["src"]).read_bytes() == made.read_bytes()
        for note in read_json(build / "atlas" / f"layer{number}.json")["notes"]:
            assert " ".join(note.split()) in page.text
        assert page.text.count("(dead)") == (number == 2)


def test_every_link_of_the_report_to_the_atlas_lands_and_back(report: Path) -> None:
    there = {path: Page(source(path)) for path in [report / "index.html", *(report / "atlas").glob("*.html")]}
    known = {path: {one["id"] for _, one in page.elements if "id" in one} for path, page in there.items()}
    links = 0
    for path, page in there.items():
        for link in page.all("a"):
            file, _, name = link["href"].partition("#")
            if "atlas" in link["href"] or path.parent.name == "atlas":
                target = (path.parent / file).resolve() if file else path
                assert not name or name in known[target], link["href"]
                assert target.is_file(), link["href"]
                links += path.name == "index.html"
    assert links == 5 * (1 + 1 + features.SHOWN)  # a layer's text, its caption, the maps that are shown


def test_the_index_knows_what_the_pages_show(report: Path, build: Path) -> None:
    index = index_of(report)
    assert index["page"] == 480
    for layer in index["layers"]:
        said = read_json(build / "atlas" / f"layer{layer['number']}.json")
        assert layer["maps"] == len(layer["kinds"]) == len(layer["strongest"]) == 48
        assert layer["kinds"] == [[one[1] for one in nine] for nine in said["nine"]]
        assert [place for place, dead in enumerate(said["dead"]) if dead] == layer["dead"]
        assert set(layer["report"]) == {str(3 * place) for place in range(features.SHOWN)}
        for entry in layer["report"].values():
            for part in ("projections", "patches"):
                assert (report / entry[part]["file"]).is_file()
        text = source(report / "atlas" / f"layer{layer['number']}" / "1.js")
        called = re.fullmatch(r"described\((\d+), 1, (.*)\);\n", text)
        assert called
        assert int(called[1]) == layer["number"]
        assert json.loads(called[2]) == said["nine"][24:]
        assert json.loads(called[2])[0][0][2] == FILE


def test_a_large_layer_has_several_pages(build: Path, tmp_path: Path) -> None:
    for name in ("net", "data", "claims"):
        (tmp_path / "build").mkdir(exist_ok=True)
        (tmp_path / "build" / name).symlink_to(build / name)
    plant_atlas(tmp_path / "build", 500)
    html.write(tmp_path / "build", tmp_path / "report", RUN, (), atlas=True)
    pages = sorted(path.name for path in (tmp_path / "report" / "atlas").glob("layer4*.html"))
    assert pages == ["layer4-480.html", "layer4.html"]
    first, second = (Page(source(tmp_path / "report" / "atlas" / name)) for name in reversed(pages))
    assert [item["id"] for item in second.all("li") if "id" in item] == [f"map{map_}" for map_ in range(480, 500)]
    assert "480 feature maps of 500" in first.text
    assert {"layer4.html", "layer4-480.html"} <= {link["href"] for link in second.all("a")}
    assert second.all("img")[0]["src"] == "layer4/20-patches.jpg"


def test_without_an_atlas_nothing_speaks_of_it(build: Path, tmp_path: Path) -> None:
    html.write(build, tmp_path, RUN, FAKED)
    assert not (tmp_path / "atlas").exists()
    assert "atlas" not in source(tmp_path / "index.html")


def test_one_file_has_no_links_to_the_atlas(report: Path, tmp_path: Path) -> None:
    files = {path.name: path for path in report.iterdir()}
    for name, path in files.items():
        if name not in ("manifest", "single.html"):
            (tmp_path / name).symlink_to(path)
    text = source(single.write(tmp_path))
    assert not re.search(r'(href|src|data-atlas)="atlas/', text)
    assert "<span>48 maps in the atlas</span>" in text
