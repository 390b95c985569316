"""Only files that a report wrote are replaced or removed."""

from pathlib import Path

import pytest
from fake_build import FAKED, RUN

from reportgen.base.artifacts import MANIFEST, write_json
from reportgen.base.errors import UserError
from reportgen.page import html
from reportgen.page.folder import MARK, is_report, publish, remove_report


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
    (tmp_path / "figures" / "a" / ".two.jpg.0123456789abcdef.reportgen").write_bytes(b"half")
    (tmp_path / MANIFEST / ".page.json.0123456789abcdef.reportgen").mkdir()
    publish(tmp_path, "page", {"figures/a/one.jpg": b"1"})
    assert {path.name for path in tmp_path.rglob("*") if not path.is_dir()} == {"page.json", "one.jpg"}
    assert {path.name for path in (tmp_path / MANIFEST).iterdir()} == {"page.json"}


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


@pytest.mark.parametrize("there", ["index.html/", "figures", "figures/a", "figures/a/one.jpg"])
def test_what_is_in_the_way_is_named_before_anything_is_written(tmp_path: Path, there: str):
    place = tmp_path / there
    place.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir() if there.endswith("/") else place.write_text("mine")
    before = below(tmp_path)
    with pytest.raises(UserError, match=rf"REPORT=.*: {there.rstrip('/')} there was not written by reportgen: move it"):
        publish(tmp_path, "page", {"figures/a/one.jpg": b"1", "index.html": b"report"})
    assert below(tmp_path) == before


def test_nothing_is_written_or_removed_through_a_link_that_leads_out(tmp_path: Path):
    report, elsewhere = tmp_path / "report", tmp_path / "elsewhere"
    publish(report, "page", {"figures/a/one.jpg": b"1", "index.html": b"report"})
    (report / "figures").rename(elsewhere)
    (elsewhere / "a" / "one.jpg").write_text("mine")
    (report / "figures").symlink_to(elsewhere)
    with pytest.raises(UserError, match=r"REPORT=.*: figures/a is a link that leads out of it: remove the link"):
        publish(report, "page", {"figures/a/one.jpg": b"2"})
    publish(report, "page", {"index.html": b"report"})
    remove_report(report)
    assert (elsewhere / "a" / "one.jpg").read_text() == "mine"
    assert (report / "figures").is_symlink()


@pytest.mark.parametrize("name", ["app.json", "page.json"])
def test_a_manifest_of_somebody_else_is_none(tmp_path: Path, name: str):
    (tmp_path / "index.html").write_text("my website")
    write_json(tmp_path / MANIFEST / name, ["index.html"])
    assert not is_report(tmp_path)
    remove_report(tmp_path)
    assert below(tmp_path) == {"index.html", f"{MANIFEST}/{name}"}


def test_a_manifest_of_an_earlier_version_is_read(tmp_path: Path):
    (tmp_path / "index.html").write_text("a report")
    write_json(tmp_path / MANIFEST / "page.json", ["index.html"])
    (tmp_path / MANIFEST / "page.stamp").write_text("0123456789abcdef\n")
    publish(tmp_path, "page", {"index.html": b"new"})
    remove_report(tmp_path)
    assert not tmp_path.exists()


def test_removing_a_report_removes_its_files_alone(build: Path, tmp_path: Path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.png").write_text("mine")
    html.write(build, tmp_path, RUN, FAKED)
    assert len(below(tmp_path)) > 100
    (tmp_path / MANIFEST / "page.stamp").write_text("0123456789abcdef\n")
    remove_report(tmp_path)
    assert below(tmp_path) == {"figures/mine.png"}
    remove_report(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../victim", "a/../../victim"])
def test_a_tampered_list_does_not_lead_out_of_the_folder(tmp_path: Path, name: str):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    write_json(tmp_path / "report" / MANIFEST / "page.json", {"what": MARK, "files": [name, str(victim), 7, None]})
    remove_report(tmp_path / "report")
    assert victim.exists()
