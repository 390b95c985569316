"""Drawings for the PDF: the same picture of half as many elements.

WeasyPrint draws an SVG element by element, which takes a quarter of the PDF's time. Matplotlib puts every tick, line and text into
groups that do nothing but name it, draws markers by reference, and has a style parsed for each element.
"""

import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
STYLE = re.compile(rb'<style type="text/css">(.*?)</style>', re.DOTALL)
FOR_ALL = re.compile(r"\*\{([^{}]*)\}")  # the one rule that matplotlib writes
FOR_SCREENS = re.compile(r"@media screen[^{]*\{(?:[^{}]*\{[^{}]*\})*\}")  # ours


def simpler(drawing: bytes) -> bytes:
    """An SVG of `figures.draw` with fewer elements; one with other style rules than matplotlib's and ours stays as it is."""
    rules = "".join(found.decode() for found in STYLE.findall(drawing))
    rest = FOR_SCREENS.sub("", rules)
    if FOR_ALL.sub("", rest).strip():
        return drawing
    every = {name: value for found in FOR_ALL.findall(rest) for name, value in _declared(found).items()}
    root = ElementTree.fromstring(STYLE.sub(b"", drawing))
    paths = {f"#{one.get('id')}": one for one in root.iter(f"{SVG}path") if one.get("id")}
    root[:] = [simple for child in root for simple in _simpler(child, every, paths)]
    return ElementTree.tostring(root)


def _simpler(element: Element, every: Mapping[str, str], paths: Mapping[str, Element]) -> list[Element]:
    """What is drawn in place of an element: nothing, itself, or what is inside it.

    `every`: the style of all elements. `paths`: those that others refer to, by their address.
    """
    if element.tag == f"{SVG}use" and element.get(HREF) in paths:
        return [_marker(element, every, paths[element.get(HREF, "")])]
    inside = [simple for child in element for simple in _simpler(child, every, paths)]
    if element.tag == f"{SVG}g" and set(element.attrib) <= {"id"}:
        return inside
    if element.tag == f"{SVG}defs":
        inside = [one for one in inside if one.tag != f"{SVG}path"]
        if not inside:
            return []
    found = Element(element.tag, _styled(element, {} if element.tag == f"{SVG}g" else every))
    found.text = element.text
    found[:] = inside
    return [found]


def _marker(use: Element, every: Mapping[str, str], path: Element) -> Element:
    """A path where it is used: its own style counts before that of the place."""
    place = {name: value for name, value in _styled(use, {}).items() if name not in (HREF, "x", "y", "transform")}
    own = {name: value for name, value in _styled(path, every).items() if name != "id"}
    moved = f"{use.get('transform', '')} translate({use.get('x', '0')} {use.get('y', '0')})".strip()
    return Element(path.tag, {**place, **own, "transform": moved})


def _styled(element: Element, every: Mapping[str, str]) -> dict[str, str]:
    """The attributes of an element, with its style as attributes, too."""
    plain = {name: value for name, value in element.attrib.items() if name != "style"}
    return {**plain, **every, **_declared(element.get("style", ""))}


def _declared(style: str) -> dict[str, str]:
    pairs = (part.partition(":") for part in style.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs if value}
