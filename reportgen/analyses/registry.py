"""The analyses in the report's order. Adding one is a folder and a line here."""

from importlib import import_module
from importlib.util import find_spec
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


def having(module: str) -> Analysis:
    """The one analysis that has a module of that name."""
    return next(analysis for analysis in ANALYSES if find_spec(analysis.within(module)))


def offering(module: str) -> Any:
    """The module of that name of the one analysis that has it: ``maps``, which knows the report's feature maps."""
    return having(module).offered(module)
