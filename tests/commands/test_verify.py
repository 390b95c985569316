"""``make verify``: whether the report is what its commit and settings give."""

import shutil
from pathlib import Path

import pytest
from runs import Run, here

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.commands import verify
from reportgen.commands.verify import Verified, compared
from reportgen.page.folder import publish
from reportgen.pipeline.run import Pipeline
from reportgen.pipeline.work import Stage, Work


def test_files_of_two_folders_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    publish(first, "page", {"index.html": b"page", "figures/a.jpg": b"one", "figures/old.jpg": b"old"})
    publish(second, "page", {"index.html": b"page", "figures/a.jpg": b"two", "figures/new.jpg": b"new"})
    for folder in (first, second):
        publish(folder, "compare", {"compare.md": str(folder).encode()})
    found = compared(first, second, ("page", "pdf"))
    assert found == Verified(4, ("figures/a.jpg", "figures/new.jpg", "figures/old.jpg"))
    assert compared(first, first, ("page",)) == Verified(3, ())


def make(work: Work, folder: Path) -> None:
    """A stage that publishes what is given, and a file that is never twice the same if it is asked for."""
    files = {"index.html": str(work.stage.given["content"]).encode()}
    if work.stage.given["random"]:
        files["random.txt"] = str(work.build).encode()
    publish(work.report, "page", files)
    write_json(folder / DOCUMENT, {})


@pytest.mark.parametrize("random", [False, True])
def test_what_differs_the_second_time_and_what_was_altered_is_named(random: bool, tmp_path: Path) -> None:
    stage = Stage("page", __name__, outputs=("index.html",), given={"content": "a", "random": random}, doing="the page")
    pipeline = Pipeline(settings.load({"PROFILE": "tiny"}), {"page": stage}, tmp_path / "build", tmp_path / "report")
    differing = ("random.txt",) if random else ()
    assert verify.verify(pipeline, ("page",)) == Verified(1 + random, differing)
    (tmp_path / "report" / "index.html").write_text("by hand")
    assert verify.verify(pipeline, ("page",)) == Verified(1 + random, ("index.html", *differing))
    assert not list((tmp_path / "build").glob("verify-*"))


@pytest.mark.slow
def test_a_report_is_made_again_and_a_changed_byte_is_found(tiny: Run, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(tiny.home, home)
    page = home / "report" / "index.html"
    page.write_text(page.read_text() + "<!-- by hand -->")
    done = here("verify", "PROFILE=tiny", cwd=home, pdf=False)  # whose bytes a killed run is held against
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines() == ["differs: index.html"]
    assert "error: 1 of " in done.stderr
    assert not list((home / "build").glob("verify-*"))
