"""The settings of a run: the common sections, and one for each analysis."""

from collections.abc import Callable, Mapping
from typing import Any

from reportgen.analyses.registry import ANALYSES
from reportgen.settings import load as reading
from reportgen.settings.sections import ModelSettings, Scaled, Settings, usual_sizes

KNOWN = reading.Known.of(
    {analysis.name: analysis.settings for analysis in ANALYSES},
    [switch for analysis in ANALYSES for switch in analysis.switches],
)


def load(switches: Mapping[str, str], sizes: Callable[[ModelSettings], Scaled] = usual_sizes) -> Settings:
    """As `reportgen.settings.load.load`."""
    return reading.load(switches, KNOWN, sizes)


def said(profile: str, document: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """As `reportgen.settings.load.said`."""
    return reading.said(profile, document, KNOWN)
