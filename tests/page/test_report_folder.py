"""Only files that a report wrote are replaced or removed."""

import subprocess
from pathlib import Path

import pytest
from fake_build import FAKED, RUN

from reportgen.base.artifacts import MANIFEST, write_json
from reportgen.base.errors import UserError
from reportgen.page import html
from reportgen.page.folder import publish, remove_report


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_files_of_an_earlier_report_go_and_foreign_ones_stay(tmp_path: Path):
    publish(tmp_path, "page", {"index.html": b"old", "figures/a/one.jpg": b"1", "figures/b/two.jpg": b"2"})
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "figures" / "b" / "mine.jpg").write_text("mine")
    publish(tmp_path, "page", {"index.html": b"new", "figures/c/three.jpg": b"3"})
    assert below(tmp_path) == {
        f"{MANIFEST}/page.json",
        "index.html",
        "notes.txt",
        "figures/b/mine.jpg",
        "figures/c/three.jpg",
    }
    assert (tmp_path / "index.html").read_bytes() == b"new"
    assert not (tmp_path / "figures" / "a").exists()


def test_what_a_killed_run_left_beside_its_files_goes(tmp_path: Path):
    publish(tmp_path, "page", {"figures/a/one.jpg": b"1"})
    dead = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "figures" / "a" / f".two.jpg.{dead}").write_bytes(b"half")
    publish(tmp_path, "page", {"figures/a/one.jpg": b"1"})
    assert below(tmp_path) == {f"{MANIFEST}/page.json", "figures/a/one.jpg"}


def test_two_writers_leave_each_others_files(tmp_path: Path):
    publish(tmp_path, "page", {"index.html": b"page"})
    publish(tmp_path, "pdf", {"report.pdf": b"pdf"})
    publish(tmp_path, "page", {"index.html": b"again"})
    assert (tmp_path / "report.pdf").read_bytes() == b"pdf"


def test_a_foreign_page_is_not_written_over(tmp_path: Path):
    (tmp_path / "index.html").write_text("my website")
    with pytest.raises(UserError, match=r"REPORT=.*: index\.html there was not written by reportgen"):
        publish(tmp_path, "page", {"a.txt": b"", "index.html": b"report"})
    assert below(tmp_path) == {"index.html"}
    assert (tmp_path / "index.html").read_text() == "my website"


def test_removing_a_report_removes_its_files_alone(build: Path, tmp_path: Path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").write_text("mine")
    html.write(build, tmp_path, RUN, FAKED)
    assert len(below(tmp_path)) > 100
    (tmp_path / MANIFEST / "page.stamp").write_text("the run's")
    remove_report(tmp_path)
    assert below(tmp_path) == {"figures/mine.png"}
    remove_report(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../victim", "a/../../victim"])
def test_a_tampered_list_does_not_lead_out_of_the_folder(tmp_path: Path, name: str):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    write_json(tmp_path / "report" / MANIFEST / "page.json", [name, str(victim)])
    remove_report(tmp_path / "report")
    assert victim.exists()
