"""Artefacts are whole or absent, and their bytes depend on their content alone."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reportgen.base import artifacts, foreign
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
    with pytest.raises(UserError, match=r"thesis holds files that reportgen did not write \(chapter1\.tex\): choose"):
        fill(tmp_path / "thesis", "gone")
    assert (tmp_path / "thesis" / "chapter1.tex").exists()


def test_a_file_that_someone_put_into_an_artefact_is_not_lost(tmp_path: Path) -> None:
    fill(tmp_path / "a", "old")
    (tmp_path / "a" / "below").mkdir()
    (tmp_path / "a" / "below" / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"a holds files that reportgen did not write \(below/notes\.txt\)"):
        fill(tmp_path / "a", "new")
    artifacts.remove_artefact(tmp_path / "a")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "a" / "below" / "notes.txt"]


def test_what_an_artefact_of_an_earlier_version_holds_is_told_by_its_stamp(tmp_path: Path) -> None:
    for name in ("made", "mine"):
        artifacts.write_json(tmp_path / name / artifacts.DOCUMENT, {})
    artifacts.write_json(tmp_path / "made" / "stamp.json", {"fingerprint": "0", "sources": {}})
    fill(tmp_path / "made", "new")
    with pytest.raises(UserError, match="mine holds files that reportgen did not write"):
        fill(tmp_path / "mine", "new")


@pytest.mark.parametrize("listed", ['["../b", "content"]', '["/etc", 7, null]', "{", "[" * 100_000, "7"])
def test_a_damaged_list_of_files_leads_nowhere_else(tmp_path: Path, listed: str) -> None:
    fill(tmp_path / "a", "old")
    (tmp_path / "b").write_text("mine")
    (tmp_path / "a" / artifacts.FILES).write_text(listed)
    artifacts.remove_artefact(tmp_path / "a")
    assert (tmp_path / "b").read_text() == "mine"
    assert (tmp_path / "a" / artifacts.DOCUMENT).exists()


def test_a_link_that_leads_out_of_an_artefact_is_not_followed(tmp_path: Path) -> None:
    with artifacts.replace_folder(tmp_path / "a") as folder:
        artifacts.write_text(folder / "below" / "content", "ours")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "content").write_text("mine")
    (tmp_path / "a" / "below" / "content").unlink()
    (tmp_path / "a" / "below").rmdir()
    (tmp_path / "a" / "below").symlink_to(tmp_path / "mine")
    artifacts.remove_artefact(tmp_path / "a")
    assert (tmp_path / "mine" / "content").read_text() == "mine"


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


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system names no file where reading it fails, as on a broken disk."""

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    (tmp_path / "a").write_text("1")
    monkeypatch.setattr(artifacts.hashlib, "file_digest", broken)
    with pytest.raises(OSError, match="Input/output error") as caught:
        artifacts.digest_file(tmp_path / "a")
    assert caught.value.filename == str(tmp_path / "a")


@pytest.mark.parametrize("read", [artifacts.read_json, foreign.text])
def test_what_has_no_end_is_not_read_in_place_of_a_document_of_ours(
    read: Callable[[Path], object], tmp_path: Path
) -> None:
    """A pipe would be waited for, a device fills the memory, and so does a file of holes."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with (tmp_path / "holes").open("wb") as file:
        file.truncate(4 << 30)
    for name in ("pipe", "device", "holes"):
        with pytest.raises(foreign.Wrong):
            read(tmp_path / name)


def test_of_a_file_without_bytes_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of some files in /proc the system says that they are ordinary and empty, and reading them never ends."""
    (tmp_path / "a").touch()
    monkeypatch.setattr(artifacts, "digest_file", None)
    assert artifacts.FileDigests(tmp_path / "memory.json").of(tmp_path / "a") == artifacts.digest(b"")


def remembered(tmp_path: Path, age: float = 0.0) -> list[Path]:
    """The files that are read for a digest of tmp_path/a, which the memory knows; `age`: seconds that passed since."""
    read: list[Path] = []

    def digest_file(path: Path) -> str:
        read.append(path)
        return artifacts.digest(path.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        now = time.time_ns() + int(age * 1e9)
        patch.setattr(artifacts, "digest_file", digest_file)
        patch.setattr(artifacts.time, "time_ns", lambda: now)
        digests = artifacts.FileDigests(tmp_path / "memory.json")
        assert digests.of(tmp_path / "a") == artifacts.digest((tmp_path / "a").read_bytes())
        digests.save()
    return read


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    assert remembered(tmp_path, age=10) == [path]
    assert remembered(tmp_path, age=20) == []


def test_a_file_that_changed_is_noticed_where_size_and_time_did_not(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    remembered(tmp_path, age=10)
    status = path.stat()
    time.sleep(0.02)  # a tick of the kernel's clock
    path.write_text("two")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert remembered(tmp_path, age=20) == [path]
    other = tmp_path / "other"
    other.write_text("six")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    remembered(tmp_path, age=30)
    other.rename(path)
    assert remembered(tmp_path, age=40) == [path]


def test_a_digest_of_the_same_second_is_not_trusted(tmp_path: Path) -> None:
    """A change right after the digest may leave the same times; nor is a digest of a clock that was set back since."""
    path = tmp_path / "a"
    path.write_text("one")
    assert remembered(tmp_path) == [path]
    assert remembered(tmp_path, age=5) == [path]
    assert remembered(tmp_path, age=6) == []
    assert remembered(tmp_path, age=4) == [path]
    assert remembered(tmp_path, age=-1000) == [path]


@pytest.mark.parametrize("memory", ["[]", "{", '{"a": 7}', "null", "[" * 100_000, '{"%s": [3, 1, "x"]}'])
def test_a_damaged_memory_of_digests_is_forgotten(tmp_path: Path, memory: str) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    (tmp_path / "memory.json").write_text(memory.replace("%s", str(path)))
    assert remembered(tmp_path, age=10) == [path]


@pytest.mark.parametrize("count", [0, 1, 12])
@pytest.mark.parametrize("kind", [np.uint8, bool, np.float32])
def test_an_array_that_grows_has_the_bytes_of_one_saved_whole(tmp_path: Path, count: int, kind: type) -> None:
    items = np.random.default_rng(0).integers(0, 2, (count, 3, 5)).astype(kind)
    np.save(tmp_path / "whole.npy", items)
    with artifacts.growing(tmp_path / "grown.npy", (3, 5), kind) as add:
        for item in items:
            add(np.asfortranarray(item))
    assert (tmp_path / "grown.npy").read_bytes() == (tmp_path / "whole.npy").read_bytes()


def test_a_disk_that_is_full_is_named_by_the_file(tmp_path: Path) -> None:
    full = Path("/dev/full")  # each write to it is refused
    if not full.exists():
        pytest.skip("no /dev/full")
    with (
        pytest.raises(OSError, match="No space left on device: '/dev/full'"),
        artifacts.growing(full, (1 << 20,)) as add,
    ):
        add(np.zeros(1 << 20, np.uint8))
