"""Which files of the user's code a net depends on."""

from pathlib import Path

import pytest

from reportgen.analyses.settings import load
from reportgen.base.artifacts import FileDigests
from reportgen.pipeline.user_code import files
from reportgen.pipeline.user_files import net_files


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(**code: str) -> None:
    """Write files; two underscores stand for a folder."""
    for name, text in code.items():
        path = Path(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_modules_imports_from_beside_it_count_and_so_do_theirs(home: Path) -> None:
    write(
        mynet="import torch, blocks\ndef small():\n    from parts.heads import head\n",
        blocks="try:\n    from layers import conv\nexcept ImportError:\n    pass\n",
        layers="import mynet",
        parts__heads="from . import common",
        parts__common="",
        parts__init="",
        parts__unused="",
        train="import mynet",
    )
    Path("parts/init.py").rename("parts/__init__.py")
    expected = ["blocks.py", "layers.py", "mynet.py", "parts/__init__.py", "parts/common.py", "parts/heads.py"]
    assert [path.as_posix() for path in files("mynet")] == expected


def test_of_a_package_every_file_counts(home: Path) -> None:
    write(nets__a="", nets__deep__b="from shared import c", shared="")
    assert [path.as_posix() for path in files("nets.a")] == ["nets/a.py", "nets/deep/b.py", "shared.py"]


def test_reportgen_itself_is_no_code_of_the_users(home: Path) -> None:
    write(mynet="import reportgen.probe", reportgen__probe="")
    assert files("mynet") == [Path("mynet.py")]


@pytest.mark.parametrize("text", ["def", "\0", "(" * 500 + ")" * 500])
def test_what_is_no_python_imports_nothing(text: str, home: Path) -> None:
    write(mynet=text)
    assert files("mynet") == [Path("mynet.py")]
    assert files("") == files("missing") == []


def test_a_change_beside_the_module_makes_the_net_due(home: Path) -> None:
    write(mynet="import blocks", blocks="width = 1", other="")
    settings = load({"PROFILE": "tiny", "MODEL": "mynet:small", "WEIGHTS": "factory"})
    before = net_files(settings, FileDigests(home / "memory"))
    write(other="width = 1")
    assert net_files(settings, FileDigests(home / "memory")) == before
    write(blocks="width = 2")
    assert net_files(settings, FileDigests(home / "memory")) != before
