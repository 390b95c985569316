"""The feature maps of a report, for comparing two reports or drawing more maps: which have pictures, and how they respond."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.base import foreign
from reportgen.base.artifacts import read_arrays
from reportgen.base.foreign_arrays import arrays
from reportgen.settings.sections import Settings

STAGE = "features"  # that finds them
PICTURE = re.compile(r".*/layer([0-9]{1,4})/map([0-9]{1,6})-(projections|patches)\.[a-z]+")


def responses(report: Path, layer: int) -> np.ndarray | None:
    """The largest response of every map of a layer to every image: "map image"; None where the report does not hold them.

    Raises as `reportgen.base.foreign_arrays.arrays`: the report may be anyone's.
    """
    path, name = report / "data" / "features.npz", f"layer{layer}.responses"
    found = arrays(path, lambda key: key == name).get(name) if path.is_file() else None
    if found is not None and (found.ndim != 2 or not found.size):
        raise foreign.Wrong(f"{name} has the shape {found.shape}, not of maps and images")
    return found


def shown(settings: Settings) -> int:
    """How many maps of a layer the report shows."""
    return settings.sections[STAGE].maps


def found(build: Path, layer: int) -> tuple[np.ndarray, ...]:
    """The strongest activations of a layer's maps as the analysis found them: values, images, rows, columns."""
    arrays = read_arrays(build / STAGE / "result.npz")
    return tuple(arrays[f"layer{layer}.top.{part}"] for part in ("values", "images", "rows", "columns"))


def pictured(metrics: Mapping[str, Any]) -> dict[int, dict[int, dict[str, str]]]:
    """The feature maps that a report has pictures of: layer -> map -> {"projections", "patches"}: files."""
    found: dict[int, dict[int, dict[str, str]]] = {}
    for figure in metrics["figures"]:
        for file in figure["files"] if figure["analysis"] == STAGE else ():
            if match := PICTURE.fullmatch(file):
                layer, number, part = int(match[1]), int(match[2]), match[3]
                found.setdefault(layer, {}).setdefault(number, {})[part] = file
    return found
