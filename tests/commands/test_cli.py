"""The command as a user meets it: one line for every mistake, exit status 2, nothing overwritten."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from runs import REPOSITORY, Run, here, reportgen

from reportgen import cli
from reportgen.__main__ import start
from reportgen.base.artifacts import read_json, write_json
from reportgen.base.errors import UserError
from reportgen.cli import main
from reportgen.commands.figures import parse_maps


def call(*words: str) -> Result:
    """The command in this process, for what fails before anything heavy starts."""
    return CliRunner().invoke(main, [*words, "PROFILE=tiny"], env={"REPORTGEN_SWITCHES": ""})


VERY_LONG = "9" * 5000  # Python reads no whole number of so many digits


def photographs(root: Path, count: int = 30) -> Path:
    """Two classes of pictures that a tiny net can be trained on."""
    rng = np.random.default_rng(0)
    for label, kind in enumerate(("dark", "light")):
        (root / kind).mkdir(parents=True)
        for index in range(count):
            picture = rng.integers(100 * label, 100 * label + 120, (50, 60, 3), dtype=np.uint8)
            Image.fromarray(picture).save(root / kind / f"{index:03d}.png")
    return root


def copy_of(run: Run, home: Path) -> Path:
    """The artefacts of a finished run, to be spoilt."""
    shutil.copytree(run.home, home, dirs_exist_ok=True)
    return home


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "PROFLE=smoke"], "PROFLE: no such switch; did you mean 'PROFILE'?"),
        (["run", "TRAINING_EPOCS=2"], "TRAINING_EPOCS: no such switch; did you mean 'TRAINING_EPOCHS'?"),
        (["run", "FORMAT=zip"], "FORMAT=zip: use single (the page in one file), or leave it out"),
        (["run", "OCCLUSION_STRIDE=0"], "OCCLUSION_STRIDE=0: use 1 pixel or more"),
        (["run", "OCCLUSION_SIZE=300"], "OCCLUSION_SIZE=300: larger than the image: use at most 224"),
        (["run", "EPOCHS=0"], "EPOCHS=0: input should be greater than or equal to 1"),
        (["run", "faster"], "faster: write a switch as NAME=VALUE"),
        (["run", "DATA=/no/such/folder"], "DATA=/no/such/folder: no such folder: give a folder"),
        (["run", "BUILD=out", "REPORT=out"], "BUILD=out and REPORT=out are the same folder: give two"),
        (["run", "BUILD=."], "BUILD=.: it holds files that reportgen did not write: choose another folder"),
        (["figures", "ANALYSIS=feature"], "ANALYSIS=feature: no such analysis; did you mean 'features'?"),
        (["run", f"JOBS={VERY_LONG}"], "JOBS=999"),
        (["noise", f"SEEDS={VERY_LONG}"], "SEEDS=999"),
        (["figures", "MAPS=1"], "MAPS=1: name the layer, too, as in LAYER=3 MAPS=1"),
        (["stage", "featurs"], "featurs: no such stage; did you mean 'features'?"),
        (["serve"], "report/index.html: there is no report yet: make it with make report"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "thesis.tex").touch()
    done = call(*words)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_who_interrupts_a_command_that_just_begins_reads_one_line(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = reportgen("why", cwd=tmp_path, PYTHONPATH=f"{tmp_path}:{REPOSITORY}")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted: the same command continues where this one stopped\n"


def test_a_command_that_is_told_to_end_ends_as_if_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    monkeypatch.setattr(cli, "main", lambda: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(5))
    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def test_a_map_with_very_many_digits_is_none_of_the_layers() -> None:
    with pytest.raises(UserError, match="layer 1 has no map 999"):
        parse_maps(VERY_LONG, count=8, layer=1, shown=4)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: shutil.rmtree(root / "dark"), "only one class (light)"),
        (lambda root: [path.unlink() for path in (root / "dark").iterdir()], "only one class (light)"),
        (lambda root: [shutil.rmtree(path) for path in root.iterdir()], "no folders of images in it"),
        (
            lambda root: (root / "dark" / "000.png").write_bytes(b""),
            "1 of 60 files cannot be used (the first: dark/000.png",
        ),
    ],
)
def test_a_folder_that_cannot_be_used_leaves_everything_as_it_was(
    spoil: object, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = photographs(tmp_path / "images")
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "notes.txt").write_text("the user's")
    spoil(root)  # type: ignore[operator]
    done = call("run", f"DATA={root}")
    assert done.exit_code == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert message in line
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["notes.txt"]
    assert not (tmp_path / "build" / "data").exists()


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        (["LAYER=9"], "LAYER=9: the net has no such convolution layer: use one of 1, 2, 3, 4, 5"),
        (["LAYER=conv"], "LAYER=conv: the net has no such convolution layer"),
        (["LAYER=3", "MAPS=9999"], "MAPS=9999: layer 3 has no map 9999: its maps are 0 to 15, or say all"),
        (["LAYER=3", "MAPS=1,x"], "MAPS=1,x: layer 3 has no map x"),
    ],
)
def test_a_layer_or_map_that_there_is_not(switches: list[str], message: str, tiny: Run) -> None:
    done = here("figures", "PROFILE=tiny", *switches, cwd=tiny.home)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [("run",), ("figures",), ("figures", "ANALYSIS=occlusion"), ("compare", "BASE=report")]
)
def test_an_image_that_there_is_not(words: tuple[str, ...], tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    shutil.rmtree(home / "build" / "net")
    done = here(*words, "PROFILE=tiny", "IMAGES=dog/dog_00001.png,dgo/dog_00002.png", cwd=home)
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert line.startswith(
        "error: IMAGES=dgo/dog_00002.png: no test or validation image has that name; did you mean 'dog/"
    )
    assert not (home / "build" / "net").exists()  # it is found before a net is trained
    assert "Traceback" not in done.stderr
    assert (home / "report" / "metrics.json").read_bytes() == (tiny.report / "metrics.json").read_bytes()


def test_too_few_images_of_other_classes(tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    for kind in ("cup", "saucer"):
        (home / "few" / kind).mkdir(parents=True)
        Image.new("RGB", (60, 60), (9, 99, 199)).save(home / "few" / kind / "1.png")
    done = here("run", "PROFILE=tiny", "TRANSFER=few", cwd=home)
    assert done.returncode == 2
    assert "error: TRANSFER=few: class 'cup' has 1 image, 1 of them kept for testing" in done.stderr
    assert "generalisation:" not in done.stderr


def test_a_device_that_is_not_there(tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    done = here("run", "PROFILE=tiny", "DEVICE=cuda:7", cwd=home)
    assert done.returncode == 2
    assert "error: DEVICE=cuda:7: there is no such device here: use auto, cpu" in done.stderr
    assert "Traceback" not in done.stderr
    assert (home / "report" / "metrics.json").read_bytes() == (tiny.report / "metrics.json").read_bytes()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    locked = Path("/sys/kernel/reportgen")  # not even root may write there
    if os.geteuid() != 0:
        (tmp_path / "locked").mkdir(mode=0o555)
        locked = tmp_path / "locked" / "build"
    done = here("run", "PROFILE=tiny", f"BUILD={locked}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: BUILD={locked}: {locked}")
    assert "choose another folder with BUILD=, or give yourself access" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_disk_that_is_full(tiny: Run, tmp_path: Path) -> None:
    """No file may grow beyond 100 kB: what a full disk looks like to a program."""
    home = copy_of(tiny, tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        done = here("run", "PROFILE=tiny", "FEATURES_MAPS=3", cwd=home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert "raise what one file may hold (ulimit -f), or choose another folder" in line
    assert "Traceback" not in done.stderr
    assert (home / "report" / "metrics.json").read_bytes() == (tiny.report / "metrics.json").read_bytes()
    assert read_json(home / "build" / "features" / "stamp.json") == read_json(tiny.build / "features" / "stamp.json")


@pytest.mark.parametrize("content", [b"", b"not a net", b'\x10\0\0\0\0\0\0\0{"a":1}          '])
def test_a_damaged_net_is_made_again(content: bytes, tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    net = home / "build" / "net" / "net.safetensors"
    whole = net.read_bytes()
    net.write_bytes(content)
    done = here("stage", "net", "PROFILE=tiny", cwd=home)
    assert done.returncode == 0, done.stderr
    assert net.read_bytes() == whole
    assert "everything is up to date" in here("run", "PROFILE=tiny", cwd=home).stdout


def test_without_pango_only_the_pdf_is_missing(tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path / "home")
    shutil.rmtree(home / "report")
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "weasyprint.py").write_text("raise OSError(\"cannot load library 'libpango-1.0-0'\")")
    path = os.pathsep.join([str(tmp_path / "fake"), str(REPOSITORY)])
    done = reportgen("run", "PROFILE=tiny", cwd=home, PYTHONPATH=path)
    assert done.returncode == 0, done.stderr
    assert (home / "report" / "index.html").exists()
    assert not (home / "report" / "report.pdf").exists()
    assert "only the PDF is missing (cannot load library 'libpango-1.0-0')" in done.stderr
    assert "apt-get install libpango-1.0-0" in done.stderr
    assert "no PDF" in done.stdout


def test_extra_pictures_leave_the_report_alone(tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (home / "report").rglob("*") if path.is_file()}
    done = here("figures", "PROFILE=tiny", "LAYER=2", "MAPS=all", cwd=home)
    assert done.returncode == 0, done.stderr
    [path] = [home / line for line in done.stdout.splitlines()]
    with Image.open(path) as picture:
        assert picture.width > 300
    assert {path: path.stat().st_mtime_ns for path in before} == before
    again = here("run", "PROFILE=tiny", cwd=home)
    assert "everything is up to date" in again.stdout


def test_figures_prints_every_picture_of_an_analysis(tiny: Run) -> None:
    done = here("figures", "PROFILE=tiny", "ANALYSIS=features", cwd=tiny.home)
    paths = [tiny.home / line for line in done.stdout.splitlines()]
    assert len(paths) >= 8
    assert all(path.is_file() for path in paths)


def test_why_names_what_is_due_and_the_reason(tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    assert here("why", "PROFILE=tiny", cwd=home).stdout == "everything is up to date\n"
    lines = here("why", "PROFILE=tiny", "FEATURES_MAPS=3", cwd=home).stdout.splitlines()
    assert lines[0] == "features: its settings changed: features.maps"
    *reasons, last = lines
    assert [line.split(":")[0] for line in reasons] == ["features", "drawn/features", "claims", "atlas", "page", "pdf"]
    assert last.startswith("6 stages are due")


def test_clean_removes_what_is_ours_and_nothing_else(tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    (home / "report" / "notes.txt").write_text("mine")
    (home / "data" / "photographs").mkdir()
    done = here("clean", "PROFILE=tiny", cwd=home)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in home.iterdir()) == ["data", "report"]
    assert [path.name for path in (home / "report").iterdir()] == ["notes.txt"]
    assert [path.name for path in (home / "data").iterdir()] == ["photographs"]


def test_a_make_variable_reaches_the_settings() -> None:
    found = CliRunner().invoke(
        main, ["run"], env={"REPORTGEN_SWITCHES": "DATA PROFILE", "DATA": "/no/such folder's", "PROFILE": "tiny"}
    )
    assert "DATA=/no/such folder's: no such folder" in found.stderr


# --- What is missing in a Python that the user brings (VENV=none) ----------------------------------------------------------


def lacking(tiny: Run, tmp_path: Path, library: str, switch: str) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A change of one setting, made by a Python that does not find a library."""
    home = copy_of(tiny, tmp_path / "home")
    shutil.rmtree(home / "report")
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{library!r}] = None")
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY)])
    return home, reportgen("run", "PROFILE=tiny", switch, cwd=home, PYTHONPATH=path)


def test_without_weasyprint_only_the_pdf_is_missing(tiny: Run, tmp_path: Path) -> None:
    home, done = lacking(tiny, tmp_path, "weasyprint", "HISTORY=history.jsonl")
    assert done.returncode == 0, done.stderr
    assert (home / "report" / "index.html").exists()
    assert not (home / "report" / "report.pdf").exists()
    assert "only the PDF is missing (" in done.stderr
    assert f"'{sys.executable} -m pip install weasyprint', then make the report again" in done.stderr


@pytest.mark.parametrize(("library", "name"), [("sklearn", "scikit-learn"), ("click", "click")])
def test_a_missing_library_is_named_before_anything_is_made(library: str, name: str, tiny: Run, tmp_path: Path) -> None:
    home, done = lacking(tiny, tmp_path, library, "GENERALISATION_FOLDS=3")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {sys.executable} has no {name}: install what is missing (")
    assert done.stderr.count("\n") == 1
    assert not (home / "report").exists()


def test_what_got_worse_since_an_older_report_fails_the_run(tiny: Run, tmp_path: Path) -> None:
    home = copy_of(tiny, tmp_path)
    metrics = read_json(home / "report" / "metrics.json")
    metrics["model"] |= {"top1": 1.0, "weights_digest": "another net's"}
    shutil.copytree(home / "report", home / "older")
    write_json(home / "older" / "metrics.json", metrics)
    done = here("run", "PROFILE=tiny", "BASE=older", "FAIL_ON=verdict", "TOLERANCE=0", cwd=home)
    assert done.returncode == 1
    assert "error: FAIL_ON=verdict: 1 got worse: " in done.stderr


def test_a_first_commit_has_nothing_to_be_compared_with(tiny: Run, tmp_path: Path) -> None:
    done = here("run", "PROFILE=tiny", "FAIL_ON=verdict", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), list(tmp_path.iterdir())) == (2, 1, [])
    assert done.stderr.startswith("error: FAIL_ON=verdict: it asks what changed since an older report: give BASE=")
    home = copy_of(tiny, tmp_path)
    done = here("run", "PROFILE=tiny", "FAIL_ON=verdict", "BASE=none", cwd=home)
    assert (done.returncode, done.stderr) == (
        0,
        "warning: FAIL_ON=verdict: there is no older report to compare with yet\n",
    )
    done = here("compare", "PROFILE=tiny", "BASE=none", cwd=home)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "BASE=: give the folder of the report to compare with" in done.stderr


@pytest.mark.parametrize("device", ["pipe", "zero"])
@pytest.mark.parametrize(
    "switches",
    [
        ["NOISE={}"],
        ["HISTORY={}"],
        ["LABELS={}", "DATA=images"],
        ["MASKS={}", "DATA=images"],
        ["BASE={}"],
        ["CONFIG={}"],
    ],
)
def test_what_may_never_end_is_not_read(device: str, switches: list[str], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    place = Path("/dev/zero")
    if device == "pipe":
        place = tmp_path / "pipe"
        os.mkfifo(place)
    words = [switch.format(place) for switch in switches]
    done = here("run", "PROFILE=tiny", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert re.fullmatch(rf"error: {words[0]}\b[^\n]*: (give|[^\n]* give) [^\n]+\n", done.stderr)
    assert not (tmp_path / "build" / "data").exists()


@pytest.mark.parametrize("name", ["NOISE", "HISTORY"])
def test_a_file_of_another_kind_is_refused_before_anything_is_made_and_stays_as_it_is(
    name: str, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("my notes\nline two")
    done = here("run", "PROFILE=tiny", f"{name}=notes.md", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name}=notes.md: no")
    assert notes.read_text() == "my notes\nline two"
    assert not (tmp_path / "build" / "data").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["DATA=."],
            "DATA=.: BUILD=build lies in it and would be read as images: give a folder of images alone, or BUILD=",
        ),
        (["DATA=.", "BUILD=/tmp/apart"], "DATA=.: REPORT=report lies in it"),
        (["TRANSFER=.."], "TRANSFER=..: BUILD=build lies in it"),
        (["BUILD=/proc/x"], "BUILD=/proc/x: /proc/x: No such file or directory: choose another folder with BUILD="),
        (["REPORT=/proc/x"], "REPORT=/proc/x: /proc/x: No such file or directory: choose another folder with REPORT="),
    ],
)
def test_folders_that_cannot_serve(words: list[str], message: str, tmp_path: Path) -> None:
    done = here("run", "PROFILE=tiny", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert message in done.stderr
