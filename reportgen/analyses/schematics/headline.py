"""For the report's other parts: what the net's layers are."""

from collections.abc import Mapping
from typing import Any


def layers(numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers, from the lowest up."""
    return list(numbers["layers"])
