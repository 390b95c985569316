"""The analyses in the report's order. Adding one is a folder and a line here."""

from importlib import import_module
from typing import Any

from reportgen.analyses.base import Analysis

NAMES = (
    "trained",
    "schematics",
    "features",
    "evolution",
    "invariance",
    "architecture",
    "occlusion",
    "correspondence",
    "ablation",
    "generalisation",
    "pascal",
    "sanity",
)

ANALYSES: tuple[Analysis, ...] = tuple(import_module(f"reportgen.analyses.{name}").ANALYSIS for name in NAMES)
BY_NAME = {analysis.name: analysis for analysis in ANALYSES}


def offering(module: str) -> Any:
    """The module of that name of the one analysis that has it: ``maps``, which knows the report's feature maps."""
    return next(found for analysis in ANALYSES if (found := analysis.offered(module)))
