"""``make verify``: whether the report is what its commit and settings give."""

import shutil
from pathlib import Path

from runs import Run, here

from reportgen.commands.verify import Verified, compared
from reportgen.page.folder import publish


def test_files_of_two_folders_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    publish(first, "page", {"index.html": b"page", "figures/a.jpg": b"one", "figures/old.jpg": b"old"})
    publish(second, "page", {"index.html": b"page", "figures/a.jpg": b"two", "figures/new.jpg": b"new"})
    for folder in (first, second):
        publish(folder, "compare", {"compare.md": str(folder).encode()})
    found = compared(first, second, ("page", "pdf"))
    assert found == Verified(4, ("figures/a.jpg", "figures/new.jpg", "figures/old.jpg"))
    assert compared(first, first, ("page",)) == Verified(3, ())


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
