"""A build that something has damaged: what is no longer what its stage wrote is made again, and nothing else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, write_json, write_text
from reportgen.pipeline import intact, work
from reportgen.pipeline.run import Pipeline
from reportgen.stages.plan import pipeline as planned

MADE_OF = {"net/net.safetensors": b"\1" * 900, "data/train.npy": b"\2" * 900, "features/result.npz": b"\3" * 900}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("intact")
    return planned(settings.load({"PROFILE": "tiny"}), folder / "build", folder / "report")


@pytest.fixture
def made(opened: Pipeline) -> Pipeline:
    """What making every stage would leave."""
    shutil.rmtree(opened.build, ignore_errors=True)
    shutil.rmtree(opened.report, ignore_errors=True)
    pretend(opened)
    assert due(opened) == {}
    return opened


def pretend(made: Pipeline) -> None:
    for name, content in MADE_OF.items():
        (made.build / name).parent.mkdir(parents=True, exist_ok=True)
        (made.build / name).write_bytes(content)
    for name, stage in made.stages.items():
        folder = made.build / name
        write_json(folder / DOCUMENT, {"report": work.beside(made.build, made.report)})
        for output in stage.outputs:
            write_text(made.report / output, "as it was")
            write_json(made.report / "manifest" / f"{name}.json", {"what": "", "files": [output]})
            write_text(made.report / "manifest" / f"{name}.stamp", made.stamps[name]["fingerprint"] + "\n")
        files = intact.written(folder, made.report, name if stage.outputs else "")
        write_json(folder / intact.STAMP, made.stamps[name] | {"made": files})


def due(made: Pipeline) -> dict[str, str]:
    return dict(made.why())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("spoil", [flip, cut, Path.unlink, replace_by_folder, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("file", [*MADE_OF, f"occlusion/{DOCUMENT}", "report/index.html"])
def test_a_damaged_file_makes_its_stage_due(file: str, spoil: Callable[[Path], object], made: Pipeline) -> None:
    spoil(made.build.parent / file if file.startswith("report/") else made.build / file)
    name = "page" if file.startswith("report/") else file.split("/")[0]
    found = due(made)
    assert set(found) == {name}
    assert f"its file {Path(file).name} is damaged or missing" in found[name] or "are missing" in found[name]


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", '"x"', "{", "[" * 100_000, '{"fingerprint": 3}', '{"made": 3}', "\0"]
)
def test_a_stamp_that_is_none_makes_its_stage_due(text: str, made: Pipeline) -> None:
    (made.build / "net" / intact.STAMP).write_text(text)
    assert set(due(made)) == {"net"}


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def replace_by_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("spoil", [replace_by_pipe, replace_by_device])
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("build/net/net.safetensors", "net"),
        (f"build/net/{intact.STAMP}", "net"),
        (f"build/occlusion/{DOCUMENT}", "occlusion"),
        ("report/index.html", "page"),
        ("report/manifest/page.stamp", "page"),
    ],
)
def test_what_has_no_end_in_place_of_a_file_is_damage(
    file: str, name: str, spoil: Callable[[Path], object], made: Pipeline
) -> None:
    """It is not read: a pipe would be waited for, a device would fill the memory."""
    spoil(made.build.parent / file)
    assert set(due(made)) == {name}


@pytest.mark.parametrize("said", [3, None, {"artefact": 3, "report": {}}, {"artefact": {"../x": "y"}, "report": {}}])
def test_a_list_of_files_that_is_none_is_damage_or_of_an_older_version(said: object, made: Pipeline) -> None:
    stamp = made.stamps["net"]
    write_json(made.build / "net" / intact.STAMP, stamp | {"made": said})
    assert set(due(made)) == ({"net"} if isinstance(said, dict) else set())
