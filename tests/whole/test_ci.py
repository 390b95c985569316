"""What a CI calls, here and from a repository of somebody else's, whose net, weights and images the report is of."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from runs import REPOSITORY, below
from users_nets import CODE, photographs, planted

from reportgen.base.artifacts import read_json, write_json
from reportgen.page.digest import LONGEST

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
SWITCHES = (
    *("MODEL=theirs.nets:brightness", "WEIGHTS=weights/net.pt", "DATA=images", "DATA_SIZE=36", "DATA_CROP=32"),
    *("PROFILE=tiny", "VENV=none", f"PYTHON={sys.executable}"),
)


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A repository with a package, weights and images."""
    home = tmp_path / "theirs"
    (home / "theirs").mkdir(parents=True)
    (home / "theirs" / "__init__.py").touch()
    (home / "theirs" / "nets.py").write_text(CODE)
    (home / "weights").mkdir()
    torch.save(planted(), home / "weights" / "net.pt")
    photographs(home / "images", count=4)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "their first"]):
        subprocess.run(
            ["git", "-c", "user.name=they", "-c", "user.email=they@example.org", *words], cwd=home, check=True
        )
    return home


def report(home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    outside = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    return subprocess.run(
        [REPOSITORY / ".ci" / "report", *SWITCHES],
        cwd=home, env={**outside, **environment}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def test_a_repository_of_their_own_gets_its_report_and_what_changed(theirs: Path) -> None:
    ours = below(REPOSITORY)
    done = report(theirs)
    assert done.returncode == 0, done.stderr
    found = read_json(theirs / "report" / "metrics.json")
    assert found["model"]["name"] == "theirs.nets:brightness"
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=theirs, capture_output=True, text=True, check=True).stdout
    assert found["run"]["commit"] == commit.strip()
    assert "| claim | verdict | measured |" in (theirs / "digest.md").read_text()

    older = read_json(shutil.copytree(theirs / "report", theirs / "older") / "metrics.json")
    write_json(theirs / "older" / "metrics.json", older | {"run": older["run"] | {"commit": "0" * 40}})
    summary = theirs / "summary.md"
    done = report(theirs, OLDER="older", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    said = (theirs / "digest.md").read_text()
    assert summary.read_text() == said == (theirs / "report" / "compare.md").read_text()
    assert "Changed: code" in said
    assert len(said) <= LONGEST
    assert below(REPOSITORY) == ours  # nothing was copied here


def test_the_workflows_pass_the_linter() -> None:
    """Actions pinned by digest, no credentials kept, no text of a pull request in a shell, no right that is not needed."""
    zizmor = shutil.which("zizmor", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if zizmor is None:
        pytest.skip("zizmor is not installed")
    done = subprocess.run(
        [zizmor, "--offline", "--no-progress", "--min-severity=medium", REPOSITORY / ".github"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_the_default_branch_is_told_by_its_full_name(workflow: Path) -> None:
    text = workflow.read_text()
    actions = re.findall(r"^[^#]*uses: ([^.\s]\S+@.*)", text, re.MULTILINE)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert "github.ref_name" not in text  # a tag may be called as the branch is


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("MODEL=a WEIGHTS=b", ["MODEL=a", "WEIGHTS=b"]),
        ("MODEL=a\nWEIGHTS=b  \n\n  DATA=c\n", ["MODEL=a", "WEIGHTS=b", "DATA=c"]),
        ("DATA=\"my images/it's\" LAYERS='a b'", ["DATA=my images/it's", "LAYERS=a b"]),
        ("DATA=$(touch${IFS}here) X=`id`;#*", ["DATA=$(touch${IFS}here)", "X=`id`;#*"]),
        ("", []),
    ],
)
def test_switches_of_a_workflow_arrive_whole_and_nothing_in_them_is_run(
    given: str, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "make").write_text(
        f"#!{sys.executable}\nimport sys\nprint(*sys.argv[1:], sep='\\0', end='')\nsys.exit(9)\n"
    )
    (tmp_path / "make").chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [REPOSITORY / ".ci" / "report", "SEED=1"], cwd=home, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "SWITCHES": given},
    )  # fmt: skip
    assert done.returncode == 9, done.stderr
    assert done.stdout.split("\0") == ["-f", str(REPOSITORY / "Makefile"), "report", "SEED=1", *words]
    assert not list(home.iterdir())


@pytest.mark.parametrize("older", [False, True])
def test_a_first_commit_is_told_from_later_ones(older: bool, tmp_path: Path) -> None:
    stub = "import sys, pathlib\nwith open('calls', 'a') as file:\n    print(*sys.argv[3:], file=file)\n"
    stub += "pathlib.Path('report').mkdir(exist_ok=True)\n"
    stub += "for name in ('digest.md', 'compare.md'):\n    pathlib.Path('report', name).touch()\n"
    (tmp_path / "make").write_text(f"#!{sys.executable}\n{stub}")
    (tmp_path / "make").chmod(0o755)
    (tmp_path / "older").mkdir()
    if older:
        (tmp_path / "older" / "metrics.json").touch()
    subprocess.run(
        [REPOSITORY / ".ci" / "report", "SEED=1"], cwd=tmp_path, timeout=300, check=True,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "FAIL_ON": "verdict", "OLDER": "older"},
    )  # fmt: skip
    judging = "compare BASE=older FAIL_ON=verdict SEED=1" if older else "report BASE=none FAIL_ON=verdict SEED=1"
    assert (tmp_path / "calls").read_text().splitlines() == ["report SEED=1", judging]


def test_a_quote_that_is_not_closed_is_named() -> None:
    done = subprocess.run(
        [REPOSITORY / ".ci" / "report"], capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "SWITCHES": "DATA='a"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "error: SWITCHES=DATA='a: No closing quotation: close it, or take it out\n"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_calls_is_there(workflow: Path) -> None:
    text = workflow.read_text()
    for script in re.findall(r"\.ci/(\w+)", text):
        assert os.access(REPOSITORY / ".ci" / script, os.X_OK), script
    for other in re.findall(r"uses: \./(\S+)", text):
        assert (REPOSITORY / other).is_file(), other
    for target in re.findall(r"run: make (\w+)", text):
        assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.M), target
