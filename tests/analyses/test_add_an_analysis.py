"""The page for contributors, followed to the letter in a copy of the package."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from runs import REPOSITORY, Run, python, reportgen

from reportgen.analyses.registry import ANALYSES
from reportgen.base.artifacts import read_json
from reportgen.base.errors import UserError
from reportgen.page import section_checks

PAGE = (REPOSITORY / "docs" / "add-an-analysis.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(reportgen/[\w/.]+)`\n\n```(?:python|jinja)\n(.*?)^```$", PAGE, flags=re.M | re.S))
STAGES = """
import sys
from reportgen.cli import main
for stage in sys.argv[1:]:
    main(["stage", stage, "PROFILE=tiny"], standalone_mode=False)
"""
SECTION = "reportgen/analyses/confidence/section.html.j2"


@pytest.fixture
def checkout(tiny: Run, tmp_path: Path) -> Path:
    """A copy of the package with the page's analysis in it, and beside it a build of the report without."""
    for folder in ("reportgen", "templates"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in FILES.items():
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(content, encoding="utf-8")
    place = re.search(r"`(reportgen/[\w/.]+)`: add the name", PAGE)
    diff = re.search(r"^```diff\n(.*?)^```$", PAGE, flags=re.M | re.S)
    assert place is not None
    assert diff is not None
    before, after = ("".join(line[1:] for line in diff[1].splitlines(True) if line[0] != mark) for mark in "+-")
    registry = tmp_path / place[1]
    assert registry.read_text().count(before) == 1
    registry.write_text(registry.read_text().replace(before, after))
    for folder in ("build", "report", "data"):
        shutil.copytree(tiny.home / folder, tmp_path / folder)
    return tmp_path


def test_the_page_adds_an_analysis(checkout: Path) -> None:
    assert len(FILES) == 3
    why = reportgen("why", "PROFILE=tiny", cwd=checkout, PYTHONPATH=str(checkout))
    due = [line.split(":")[0] for line in why.stdout.splitlines()]
    assert due[:4] == ["confidence", "drawn/confidence", "page", "pdf"], why.stdout + why.stderr
    done = python("-c", STAGES, "confidence", "drawn/confidence", "page", cwd=checkout, PYTHONPATH=str(checkout))
    assert done.returncode == 0, done.stderr
    metrics = read_json(checkout / "report" / "metrics.json")
    assert set(metrics["analyses"]["confidence"]) == {"surest", "from"}
    page = (checkout / "report" / "index.html").read_text(encoding="utf-8")
    assert 'id="confidence-histogram"' in page
    assert "How sure the net is" in page
    assert (checkout / "report" / "figures" / "confidence" / "histogram.svg").is_file()
    there = reportgen(
        "figures", "PROFILE=tiny", "ANALYSIS=confidence", "CONFIDENCE_BINS=4", cwd=checkout, PYTHONPATH=str(checkout)
    )
    assert there.stdout.strip() == "build/drawn/confidence/histogram.svg", there.stderr


@pytest.mark.parametrize(
    ("written", "instead", "message"),
    [
        ('{{ figure("histogram") }}', "", "figure 'histogram' is not shown: write {{ figure(\"histogram\") }}"),
        ('{{ figure("histogram") }}', '{{ figure("histogran") }}', "figure 'histogram' is not shown"),
        ('{{ figure("histogram") }}', '{{ figure("histogram") }}{{ figure("other") }}', "it shows a figure 'other'"),
        ('{{ figure("histogram") }}', '{{ figure("histogram") }}{{ claim("surest") }}', "has no claim 'surest'"),
        ("{{ figure", "{{ figure( {{", "section.html.j2, line 4: "),
    ],
)
def test_what_is_wrong_with_a_section_is_said(
    written: str, instead: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = tmp_path / "confidence" / "section.html.j2"
    section.parent.mkdir()
    section.write_text(FILES[SECTION].replace(written, instead))
    monkeypatch.setattr(section_checks, "folders", lambda: (tmp_path, tmp_path))
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        section_checks.check([replace(ANALYSES[0], name="confidence", figures=("histogram",))])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("instead", "message"),
    [("", "figure 'histogram' is not shown: write"), (None, "section.html.j2: no such file: write")],
)
def test_a_section_that_forgets_its_figure_is_refused_before_anything_is_computed(
    instead: str | None, message: str, checkout: Path
) -> None:
    section = checkout / SECTION
    if instead is None:
        section.unlink()
    else:
        section.write_text(section.read_text().replace('{{ figure("histogram") }}', instead))
    done = reportgen("run", "PROFILE=tiny", cwd=checkout, PYTHONPATH=str(checkout))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (checkout / "build" / "confidence").exists()


def test_a_figure_that_is_not_declared_is_refused(checkout: Path) -> None:
    module = checkout / "reportgen/analyses/confidence/analysis.py"
    module.write_text(module.read_text().replace('"histogram": BarChart', '"other": BarChart'))
    done = reportgen("stage", "confidence", "PROFILE=tiny", cwd=checkout, PYTHONPATH=str(checkout))
    assert done.returncode == 2
    assert "confidence: it made a figure 'other' that it does not declare" in done.stderr
