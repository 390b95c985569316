"""Artefacts are whole or absent, and their bytes depend on their content alone."""

import os
from pathlib import Path

import numpy as np
import pytest

from reportgen.base import artifacts
from reportgen.base.errors import UserError


def fill(place: Path, text: str) -> None:
    with artifacts.replace_folder(place) as folder:
        (folder / "content").write_text(text)
        artifacts.write_json(folder / artifacts.DOCUMENT, {})


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    fill(tmp_path / "a", "old")
    fill(tmp_path / "a", "new")
    assert (tmp_path / "a" / "content").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    fill(tmp_path / "a", "old")

    def fail() -> None:
        with artifacts.replace_folder(tmp_path / "a") as folder:
            (folder / "content").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (tmp_path / "a" / "content").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_of_someone_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.tex").touch()
    with pytest.raises(UserError, match=r"thesis holds files that reportgen did not write: choose another folder"):
        fill(tmp_path / "thesis", "gone")
    assert (tmp_path / "thesis" / "chapter1.tex").exists()


def test_leftovers_of_dead_processes_are_removed_and_nothing_else(tmp_path: Path) -> None:
    dead = 2**22 + 1  # beyond the largest process number of Linux
    for name in (f".net.{dead}", f".net.{dead}.old"):
        (tmp_path / name).mkdir()
    (tmp_path / f".metrics.json.{dead}").touch()
    (tmp_path / f".net.{os.getpid()}").mkdir()
    (tmp_path / ".gitignore").touch()
    (tmp_path / "net").mkdir()
    artifacts.remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".gitignore", f".net.{os.getpid()}", "net"]


def test_json_and_arrays_have_the_same_bytes_for_the_same_content(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5.0), "b": np.zeros((2, 3), np.uint8)}
    for name in ("one", "two"):
        artifacts.write_arrays(tmp_path / f"{name}.npz", arrays)
        artifacts.write_json(tmp_path / f"{name}.json", {"ü": [1.5, None]})
        os.utime(tmp_path / f"{name}.npz", (0, 0))
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    read = artifacts.read_arrays(tmp_path / "one.npz")
    assert list(read) == ["a", "b"]
    np.testing.assert_array_equal(read["a"], arrays["a"])


def test_a_number_that_json_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_tree_is_digested_by_names_and_content_not_by_times(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "a").write_text("1")
    (folder / ".hidden").write_text("1")

    def digest() -> str:
        return artifacts.FileDigests(tmp_path / "memory.json").of_tree(folder)

    first = digest()
    os.utime(folder / "a", (1, 1))
    (folder / ".hidden").write_text("2")
    assert digest() == first
    (folder / "a").rename(folder / "b")
    renamed = digest()
    (folder / "b").write_text("2")
    assert len({first, renamed, digest()}) == 3


def test_a_tree_is_digested_through_links_as_if_the_files_lay_there(tmp_path: Path) -> None:
    for place in ("whole/dog", "whole/cat/old", "linked/cat", "elsewhere/dog", "elsewhere/old"):
        (tmp_path / place).mkdir(parents=True)
    for place in (
        "whole/dog/1",
        "elsewhere/dog/1",
        "whole/cat/old/2",
        "elsewhere/old/2",
        "whole/cat/3",
        "linked/cat/3",
    ):
        (tmp_path / place).write_text(place[-1])
    (tmp_path / "linked" / "dog").symlink_to(tmp_path / "elsewhere" / "dog")
    (tmp_path / "linked" / "cat" / "old").symlink_to("../../elsewhere/old")

    def digest(name: str) -> str:
        return artifacts.FileDigests(tmp_path / "memory.json").of_tree(tmp_path / name)

    first = digest("linked")
    assert first == digest("whole")
    (tmp_path / "linked" / "cat" / "loop").symlink_to(tmp_path / "linked")
    (tmp_path / "linked" / "nowhere").symlink_to("gone")
    (tmp_path / "linked" / "itself").symlink_to("itself")
    assert digest("linked") == first
    (tmp_path / "elsewhere" / "dog" / "1").write_text("changed")
    assert digest("linked") != first


def test_the_digest_of_a_tree_is_the_one_that_it_was(tmp_path: Path) -> None:
    """By the rule written out: names in the order of their parts, content, JSON."""
    for place in ("b/a", "b-a", "B", ".old/x"):
        (tmp_path / "tree" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / place).write_text(place)
    entries = [[name, artifacts.digest(name.encode())] for name in (".old/x", "B", "b/a", "b-a")]
    digests = artifacts.FileDigests(tmp_path / "memory.json")
    assert digests.of_tree(tmp_path / "tree") == artifacts.digest(entries)


def test_of_a_file_whose_name_is_not_utf8_the_name_counts(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    odd = Path(os.fsdecode(os.fsencode(tmp_path / "images") + b"/caf\xe9.png"))
    digests = artifacts.FileDigests(tmp_path / "memory.json")
    empty = digests.of_tree(tmp_path / "images")
    odd.write_text("1")
    assert digests.of_tree(tmp_path / "images") != empty
    digests.save()
    assert artifacts.readable(odd.name) == "caf\\xe9.png"
    assert artifacts.readable("café.png") == "café.png"


def test_a_name_that_is_not_utf8_and_would_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    for refused in (lambda name: artifacts.write_json(tmp_path / "x.json", {"data": name}), artifacts.digest):
        with pytest.raises(UserError, match=r"^caf\\xe9 of \\ud800: this name is not UTF-8: rename it$"):
            refused("caf\udce9 of \ud800")
    assert not list(tmp_path.iterdir())


def test_a_file_is_read_again_only_when_its_size_or_time_changed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    digests = artifacts.FileDigests(tmp_path / "memory.json")
    first = digests.of(path)
    digests.save()
    status = path.stat()
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert artifacts.FileDigests(tmp_path / "memory.json").of(path) == first  # it trusts size and time, as git does
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert artifacts.FileDigests(tmp_path / "memory.json").of(path) != first
