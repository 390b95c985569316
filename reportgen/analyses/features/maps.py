"""The feature maps of a report, for comparing two reports or drawing more maps: which have pictures, and how they respond."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reportgen.base.artifacts import read_arrays
from reportgen.settings.sections import Settings

STAGE = "features"  # that finds them


def responses(report: Path, layer: int) -> np.ndarray:
    """The largest response of every map of a layer to every image: "map image".

    Raises FileNotFoundError or KeyError where the report does not hold them.
    """
    with np.load(report / "data" / "features.npz") as file:
        return file[f"layer{layer}.responses"]


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
            folder, stem = Path(file).parent.name, Path(file).stem
            if folder.startswith("layer") and stem.startswith("map"):
                number, part = stem.removeprefix("map").split("-")
                layer = int(folder.removeprefix("layer"))
                found.setdefault(layer, {}).setdefault(int(number), {})[part] = file
    return found
