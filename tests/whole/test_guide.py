"""Your own net in five minutes: its code is written down and run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from runs import REPOSITORY, here
from users_nets import numbers, photographs

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.nets.sizes import sizes
from reportgen.stages.plan import pipeline as planned

GUIDE = (REPOSITORY / "docs" / "your-own-net.md").read_text()


def test_the_commands_of_the_guide_do_what_it_says(tmp_path: Path) -> None:
    """Its code is written down and run, then every command that needs neither a network nor other files."""
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE, re.S):
        (tmp_path / name).write_text(code)
    names, labels, several = re.findall(r"```csv\n(.*?)```", GUIDE, re.S)
    (tmp_path / "classes.csv").write_text(names)
    (tmp_path / "labels.csv").write_text(labels)
    (tmp_path / "several.csv").write_text(several)
    (tmp_path / "photographs").mkdir()
    for name in re.findall(r"^(photo_\d\.png),", several, re.M):
        Image.new("RGB", (50, 40), "black" if name == "photo_1.png" else "white").save(tmp_path / "photographs" / name)
    photographs(tmp_path / "images", count=3)
    subprocess.run([sys.executable, "save.py"], cwd=tmp_path, check=True)
    commands = [shlex.split(line) for line in re.findall(r"^make report (MODEL=mynet:.* WEIGHTS=.*)$", GUIDE, re.M)]
    assert len(commands) >= 5
    said = {}
    for place, command in enumerate(commands):
        quick = [*command, "PROFILE=tiny"]
        [labelled] = [word.split("=")[1] for word in command if word.startswith("LABELS=")] or [""]
        stages = [["stage", name] for name in ("model", "data", "net") if labelled or name == "model"]
        for asked in [["run"]] if place == 0 else stages:
            done = here(*asked, *quick, cwd=tmp_path, pdf=False)
            assert done.returncode == 0, done.stderr
        if labelled:
            found = read_json(tmp_path / "build" / "net" / DOCUMENT)["numbers"]
            assert (found["labelled_images"], found["several"]) == ((3, True) if "several" in labelled else (2, False))
        said[" ".join(command)] = read_json(tmp_path / "build" / "model" / DOCUMENT)
    page = (tmp_path / "report" / "index.html").read_text()
    assert "mynet:small" in page
    assert "ImageNet" in page  # who says what it reads
    first, given, *_ = said.values()
    assert first["numbers"]["preprocessing"] == given["numbers"]["preprocessing"]  # as the guide claims
    [grey] = [found["numbers"] for command, found in said.items() if "mynet:grey" in command]
    assert (grey["preprocessing"]["order"], grey["preprocessing"]["mean"]) == ("L", [0.5])
    [named] = [found["classes"] for command, found in said.items() if "CLASSES=" in command]
    assert [entry["name"] for entry in named] == ["dark", "light"]


def written(home: Path) -> None:
    """The guide's code and images, in the user's folder."""
    for name, code in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE, re.S):
        (home / name).write_text(code)
    photographs(home / "images", count=6)


def test_the_nets_of_timm_and_transformers_in_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    written(tmp_path)
    subprocess.run([sys.executable, "others.py"], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    for begin, read_from, classes in (
        ("timm/test_resnet WEIGHTS=timm.pt", "timm/test_resnet.r160_in1k says so", 2),
        ("hf/vit", "hf/vit says so", 2),
    ):
        [line] = re.findall(rf"^make report (MODEL={begin} .*)$", GUIDE, re.M)
        switches = dict(word.split("=", 1) for word in shlex.split(line)) | {"PROFILE": "tiny"}
        planned(settings.load(switches, sizes), tmp_path / "build", tmp_path / "report").make_due(
            ["trained", "occlusion"]
        )
        said = numbers(tmp_path)
        assert (said["preprocessing_from"], said["classes"], said["labelled_images"]) == (read_from, classes, 12)


def test_a_net_of_the_guide_is_trained_here_and_its_report_says_so(tmp_path: Path) -> None:
    written(tmp_path)
    [line] = re.findall(r"^make report (MODEL=mynet:small DATA.*)$", GUIDE, re.M)
    done = here("run", *shlex.split(line), "PROFILE=tiny", "REPEATS=2", cwd=tmp_path, pdf=False)
    assert done.returncode == 0, done.stderr
    said = numbers(tmp_path)
    assert (said["loaded"], said["classes"], said["epochs"], said["snapshots"][0]) == (False, 2, 2, 0.0)
    whys = {claim["id"]: claim["why"] for claim in read_json(tmp_path / "report" / "metrics.json")["claims"]}
    assert all("not this net" in whys[name] for name in ("better-architecture", "depth-matters", "clipping"))
    assert (tmp_path / "build" / "repeats" / "1" / "net" / "net.safetensors").exists()
    page = (tmp_path / "report" / "index.html").read_text()
    assert "not of this net, which is neither" in " ".join(page.split())
    before = {path: path.read_bytes() for path in (tmp_path / "build" / "net").rglob("*.safetensors")}
    done = here("stage", "net", *shlex.split(line), "PROFILE=tiny", "SEED=0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "training the net" not in done.stderr  # it is not due
    (tmp_path / "mynet.py").write_text((tmp_path / "mynet.py").read_text() + "\n# changed\n")
    done = here("stage", "net", *shlex.split(line), "PROFILE=tiny", cwd=tmp_path, pdf=False)
    assert "training the net" in done.stderr
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_net_of_the_guide_is_trained_on_grey_images(tmp_path: Path) -> None:
    written(tmp_path)
    [line] = re.findall(r"^make report (MODEL=mynet:grey DATA.*)$", GUIDE, re.M)
    for stage in ("data", "net"):
        done = here("stage", stage, *shlex.split(line), "PROFILE=tiny", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    said = numbers(tmp_path)
    assert (said["loaded"], said["preprocessing"]["order"], len(said["preprocessing"]["mean"])) == (False, "L", 1)
