"""The head of the page: a feature map of every layer, and the pictures that tell the story.

The analyses offer them in their ``headline.py``: ``strip(figures)`` and ``story(figures)``, with ``TURN``, its place in
the story. If several analyses have the same turn, the first that offers a picture is shown.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

from reportgen.analyses.registry import BY_NAME
from reportgen.page.content import Content, Section


def strip(content: Content) -> list[dict[str, Any]]:
    """One feature map of every layer of the net, for the head of the report."""
    return [
        {"id": f"{section.name}-{name}", "analysis": section.name, **map_}
        for section, offer in _offers(content, "strip")
        for name, map_ in offer.strip(section.figures)
    ]


def story(content: Content) -> list[dict[str, Any]]:
    """Up to three pictures that tell the story, each of parts side by side: {"id", "analysis", "figure", "parts", "map"}."""
    found: dict[int, dict[str, Any]] = {}
    for section, offer in _offers(content, "story"):
        told = offer.story(section.figures)
        if told and offer.TURN not in found:
            name = told.pop("name")
            place = {"id": f"{section.name}-{name}", "analysis": section.name, "figure": section.figures[name]}
            found[offer.TURN] = place | told
    return [found[turn] for turn in sorted(found)]


def _offers(content: Content, what: str) -> Iterator[tuple[Section, ModuleType]]:
    for section in content.sections:
        offer = BY_NAME[section.name].offered("headline") if section.name in BY_NAME else None
        if offer and hasattr(offer, what):
            yield section, offer


def layers(content: Content) -> list[dict[str, Any]]:
    """The net's layers, as the analysis that draws the net describes them; empty if no analysis does."""
    return [
        layer for section, offer in _offers(content, "layers") for layer in offer.layers(section.artefact["numbers"])
    ]
