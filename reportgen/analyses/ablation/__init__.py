"""Ablation (Zeiler & Fergus 2013, section 5.1, tables 2 and 3).

Each variant is a separate net, trained from scratch by one rule (`reportgen.settings.variants`). Their errors stand beside
the paper's, which were measured on ImageNet; only the differences within a column can be compared.
"""

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from reportgen.analyses.base import Analysis


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Settings:
    """Nothing to set: the section `compare` sets which variants are trained, and how long."""


ANALYSIS = Analysis(
    "ablation",
    "What the net can do without",
    Settings,
    figures=("table3_krizhevsky", "extra", "table3_zfnet", "table2"),
    claims=("depth-matters",),
    reads=("data", "net", "compare"),
    pictures=False,
)
