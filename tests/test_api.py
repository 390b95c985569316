"""The package from Python: opening a report, and making one of a net in memory."""

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from runs import REPOSITORY
from torch import nn

from reportgen import Report, UserError, make_report
from reportgen.claims import CLAIMS
from reportgen.handed import _pictures, switches_for
from reportgen.page.filters import number


def small() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = (nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU())
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))


def pictures(count: int = 24) -> tuple[np.ndarray, list[int]]:
    labels = [number % 2 for number in range(count)]
    noise = np.random.default_rng(0).random((count, 3, 32, 32))
    return (0.4 * noise + 0.6 * np.array(labels)[:, None, None, None]).astype(np.float32), labels


def test_importing_the_package_is_light() -> None:
    said = "import sys, reportgen; print({'torch', 'numpy', 'jinja2', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", said], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    said = "import sys; from reportgen import Report; print({'torch', 'matplotlib', 'weasyprint'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", said], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    with pytest.raises(AttributeError, match="no attribute 'Reprot'"):
        _ = __import__("reportgen").Reprot


def well_formed(source: str) -> None:
    assert "<script" not in source
    ET.fromstring(f"<div>{source.replace('<br>', '<br/>')}</div>".replace('margin:2px">', 'margin:2px"/>'))


def test_a_report_is_opened(report: Path) -> None:
    found = Report.open(report)
    assert list(found.claims) == [claim.id for claim in CLAIMS]
    claim = found.claims["grouping"]
    assert claim.verdict in ("holds", "contradicted", "undecided")
    assert claim.estimate is not None
    assert claim.measured.startswith(number(claim.estimate * claim.unit["scale"]))
    assert found.accuracy == found.metrics["model"]["top1"]
    assert "features" in found.numbers
    arrays = found.arrays("features")
    assert any(name.startswith("layer1.") for name in arrays)
    layer, maps = next(iter(found.layers.items()))
    map_ = found.map(layer, maps[0])
    assert map_.patches.is_file()
    shown = [found, found.claims, claim, map_, *found.figures.values()]
    for one in shown:
        well_formed(one._repr_html_())
    assert sum(one._repr_html_().count("data:image/") for one in found.figures.values()) > 5
    with pytest.raises(KeyError, match="no claim 'groupin'; did you mean 'grouping'"):
        found.claims["groupin"]
    with pytest.raises(KeyError, match="no analysis 'feature'; did you mean 'features'"):
        found.arrays("feature")
    with pytest.raises(KeyError, match="has no map 9999 here"):
        found.map(layer, 9999)


def test_where_there_is_no_report_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no report in it \(metrics.json\)"):
        Report.open(tmp_path)


@pytest.mark.parametrize(
    "form",
    [
        lambda images: images,
        torch.from_numpy,
        lambda images: np.moveaxis(images, 1, -1),
        lambda images: np.round(images * 255).astype(np.uint8),
        lambda images: list(torch.from_numpy(images)),
    ],
    ids=["array", "tensor", "channel-last", "bytes", "list"],
)
def test_images_come_in_any_form(form: Callable[[np.ndarray], Any]) -> None:
    images = pictures(2)[0]
    for found, image in zip(_pictures(form(images)), images, strict=True):
        assert np.array_equal(found, np.round(np.moveaxis(image, 0, -1) * 255))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net": "resnet"}, "net: a str, not a torch.nn.Module"),
        ({"images": np.zeros((0, 3, 8, 8))}, "images: none: give one or more"),
        ({"images": np.full((1, 3, 8, 8), -1.0)}, "images: image 0 reaches from -1 to -1: give 0 to 1, as before"),
        ({"images": np.full((1, 3, 8, 8), np.nan)}, "images: image 0 reaches from nan to nan"),
        ({"images": np.zeros((1, 3, 8, 8), dtype=int)}, "images: image 0 is of int64: give uint8"),
        ({"images": np.zeros((1, 5, 8, 8))}, r"images: image 0 has the shape \(5, 8, 8\)"),
        ({"labels": [0]}, "labels: 1 for 2 images"),
        ({"labels": [0, -1]}, "labels: -1 is none"),
        ({"labels": [0, 7]}, "classes: 2 names, but a label is 7"),
        ({"mean": (0.1, 0.2)}, "mean: 2 numbers for 3 channels"),
    ],
)
def test_a_wrong_argument_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = {"net": small(), "images": pictures(2)[0], "labels": [0, 1], "classes": ["a", "b"]}
    given |= {"mean": (0.0,), "deviation": (1.0,), "build": tmp_path}
    with pytest.raises(UserError, match=message):
        switches_for(**{**given, **change})


def test_other_folders_and_processes_are_refused(tmp_path: Path) -> None:
    images, labels = pictures(2)
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UserError, match="holds files that reportgen did not write"):
        make_report(small(), images, labels, build=tmp_path, report=tmp_path / "r")
    with pytest.raises(UserError, match="JOBS=2: a net in memory is examined in this process alone"):
        make_report(small(), images, labels, build=tmp_path / "b", report=tmp_path / "r", JOBS=2)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["thesis.tex"]


def test_what_the_net_computes_is_part_of_its_file(tmp_path: Path) -> None:
    """Two nets of the same weights and names that compute something else are two nets."""

    class Other(nn.Sequential):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(1 - images)

    images, labels = pictures(2)
    one = small()
    files = []
    for net in (one, one, nn.Sequential(*one), Other(*one)):
        switches_for(net, images, labels, None, (0.0,), (1.0,), tmp_path)
        files.append((tmp_path / "in-memory" / "net.safetensors").read_bytes())
    assert files[0] == files[1] == files[2] != files[3]


def test_a_report_is_made_of_a_net_in_memory(tmp_path: Path) -> None:
    """The same numbers as those of the net loaded from its file, and the net stays as it was."""
    images, labels = pictures()
    net = small()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    where = {"build": tmp_path / "build", "report": tmp_path / "report", "PROFILE": "tiny"}
    found = make_report(net, images, labels, ["dark", "light"], **where)
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [one["name"] for one in found.metrics["model"]["by_class"]] == ["dark", "light"]
    expected = net.eval()(torch.from_numpy(np.round(images * 255) / 255)).argmax(1)
    assert found.accuracy == pytest.approx((expected == torch.tensor(labels)).float().mean().item())
    written = (tmp_path / "report" / "index.html").stat().st_mtime_ns
    make_report(net, images, labels, ["dark", "light"], **where)
    assert (tmp_path / "report" / "index.html").stat().st_mtime_ns == written  # nothing was due
