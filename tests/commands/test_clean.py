"""``make clean`` removes what reportgen wrote, and nothing else: whatever the folders are called and hold."""

import shutil
import threading
from pathlib import Path

import pytest
from other_processes import HOLDING, another
from runs import Run, here

from reportgen.base.artifacts import DOCUMENT, replace_folder, write_json
from reportgen.page.folder import publish
from reportgen.pipeline import holdings


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def written(home: Path, build: str = "build", report: str = "report") -> set[str]:
    """A small build and report, as the pipeline would write them; the names of their files."""
    before = below(home)
    for name in ("net", "compare/zfnet", "drawn/features", "pictures/layer3"):
        holdings.enter(home / build, [name, holdings.DIGESTS, holdings.TIMINGS])
        with replace_folder(home / build / name) as folder:
            write_json(folder / DOCUMENT, {})
            write_json(folder / "figures" / "one.json", {})
    write_json(home / build / holdings.DIGESTS, {})
    write_json(home / build / holdings.TIMINGS, {})
    (home / build / "work-net-0123456789abcdef").mkdir()
    (home / build / "work-net-0123456789abcdef" / "checkpoint.pt").touch()
    publish(home / report, "page", {"index.html": b"page", "figures/a/one.jpg": b"1"})
    publish(home / report, "pdf", {"report.pdf": b"pdf"})
    return below(home) - before


PRECIOUS = (
    *("pictures/holiday.jpg", "compare/mine.txt", "drawn/a.svg", "repeats/song.mp3", "stamps/penny-black.jpg"),
    *(
        "noise.json",
        "timings.json",
        "work-in-progress/thesis.tex",
        "verify-me/x",
        ".net.99999999/x",
        "net/artefact.json",
    ),
    *("stamps/digests.json", "work-net-0123456789abcdef/x", "index.html", "manifest/page.json", "manifest/page.stamp"),
)


def test_no_name_is_lost_where_two_commands_begin_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, late = holdings.write_json, []

    def slowly(path: Path, document: object) -> None:
        if not late:  # the other one comes between reading and writing
            late.append(threading.Thread(target=holdings.enter, args=(tmp_path / "build", ["net"])))
            late[0].start()
            late[0].join(0.2)
        write(path, document)

    monkeypatch.setattr(holdings, "write_json", slowly)
    holdings.enter(tmp_path / "build", [holdings.DIGESTS])
    late[0].join()
    assert holdings.held(tmp_path / "build") == {holdings.DIGESTS, "net"}


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of somebody's that has all the names which reportgen uses."""
    home = tmp_path / "somebody"
    for name in PRECIOUS:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("[1, 2]")
    return home


@pytest.mark.parametrize("switch", ["BUILD", "REPORT"])
def test_a_folder_that_reportgen_never_wrote_keeps_every_file(switch: str, foreign: Path, tmp_path: Path) -> None:
    written(tmp_path)
    before = below(tmp_path)
    done = here("clean", f"{switch}={foreign}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {switch}={foreign}: reportgen never wrote there, so nothing was removed")
    assert done.stderr.count("\n") == 1
    assert below(tmp_path) == before


@pytest.mark.parametrize("command", ["run", "why", "figures", "noise", "verify"])
def test_no_other_command_writes_there_either(command: str, foreign: Path, tmp_path: Path) -> None:
    before = below(foreign)
    done = here(command, "PROFILE=tiny", f"BUILD={foreign}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: BUILD={foreign}: it holds files that reportgen did not write")
    assert below(foreign) == before


@pytest.mark.parametrize(
    ("build", "report"),
    [("build", "report"), ("out", "out/report"), ("out/build", "out"), ("a b/'c", "a b/$d")],
)
def test_what_was_written_goes_and_what_was_not_stays(build: str, report: str, tmp_path: Path) -> None:
    written(tmp_path, build, report)
    mine = {
        f"{build}/notes.txt", f"{build}/net/notes.txt", f"{build}/compare/mine/artefact.json", f"{build}/pictures/me.jpg",
        f"{build}/work-net-mine/x", f"{report}/notes.txt", f"{report}/figures/a/mine.jpg", f"{report}/compare/mine.jpg",
    }  # fmt: skip
    for name in mine:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    done = here("clean", f"BUILD={build}", f"REPORT={report}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert below(tmp_path) == mine
    assert "stays: reportgen did not write it" in done.stderr


def test_clean_leaves_no_empty_folder_and_may_be_said_twice(tmp_path: Path) -> None:
    written(tmp_path)
    for _ in range(2):
        done = here("clean", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert not list(tmp_path.iterdir())


def test_everything_of_a_run_goes(tiny: Run, tmp_path: Path) -> None:
    home = shutil.copytree(tiny.home, tmp_path / "home")
    (home / "data" / "scenes-mine").mkdir()
    (home / "data" / "scenes-mine" / "artefact.json").write_text("{}")
    done = here("clean", cwd=home)  # without the profile: what there is says it, not the plan
    assert done.returncode == 0, done.stderr
    assert below(home) == {"data/scenes-mine/artefact.json"}


def test_a_build_of_an_earlier_version_is_known_by_its_stamps(tiny: Run, tmp_path: Path) -> None:
    home = shutil.copytree(tiny.home, tmp_path / "home")
    for listed in home.rglob("files.json"):
        listed.unlink()
    (home / "build" / holdings.NAME).unlink()
    (home / "build" / "mine.txt").write_text("mine")
    (home / "build" / "mine").mkdir()
    (home / "build" / "mine" / "artefact.json").write_text("{}")
    assert here("why", "PROFILE=tiny", cwd=home).stdout == "everything is up to date\n"
    done = here("clean", cwd=home)
    assert done.returncode == 0, done.stderr
    assert below(home / "build") == {"mine.txt", "mine/artefact.json"}


def test_artefacts_that_were_moved_to_another_disk_and_linked_stay_there(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "build" / "compare").rename(tmp_path / "disk")
    (tmp_path / "build" / "compare").symlink_to(tmp_path / "disk")
    done = here("clean", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {name.split("/")[0] for name in below(tmp_path)} == {"disk"}
    assert (tmp_path / "build" / "compare").is_symlink()


@pytest.mark.parametrize(
    ("build", "report", "taken"),
    [
        ("out", "out", "the same folder"),
        ("out", "out/net", "out/net is for files of out alone"),
        ("out", "out/compare/mine", "out/compare is for files of out alone"),
        ("out", "out/work-net-0123456789abcdef", "for files of out alone"),
        ("out/figures", "out", "out/figures is for files of out alone"),
        ("out/manifest/x", "out", "out/manifest is for files of out alone"),
    ],
)
def test_two_folders_that_would_mix_are_refused(build: str, report: str, taken: str, tmp_path: Path) -> None:
    done = here("run", "PROFILE=tiny", f"BUILD={build}", f"REPORT={report}", cwd=tmp_path)
    assert done.returncode == 2
    assert taken in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_clean_does_not_pull_the_folder_from_under_a_run(tmp_path: Path) -> None:
    before = written(tmp_path)
    with another(HOLDING, tmp_path / "build"):
        done = here("clean", cwd=tmp_path)
        assert done.returncode == 2
        assert "error: BUILD=build: another command works there (process " in done.stderr
        assert below(tmp_path) == before | {"build/stamps/lock"}
