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

from reportgen.base.artifacts import read_json
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

    shutil.copytree(theirs / "report", theirs / "older")
    torch.save(planted(white=255.0), theirs / "weights" / "net.pt")
    summary = theirs / "summary.md"
    done = report(theirs, OLDER="older", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stderr
    said = (theirs / "digest.md").read_text()
    assert summary.read_text() == said == (theirs / "report" / "compare.md").read_text()
    assert "Changed: code" in said
    assert len(said) <= LONGEST
    assert below(REPOSITORY) == ours  # nothing was copied here


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_calls_is_there(workflow: Path) -> None:
    text = workflow.read_text()
    for script in re.findall(r"\.ci/(\w+)", text):
        assert os.access(REPOSITORY / ".ci" / script, os.X_OK), script
    for other in re.findall(r"uses: \./(\S+)", text):
        assert (REPOSITORY / other).is_file(), other
    for target in re.findall(r"run: make (\w+)", text):
        assert re.search(rf"^{target}:", (REPOSITORY / "Makefile").read_text(), re.M), target
