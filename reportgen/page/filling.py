"""Filling the pages of the PDF: a figure that no longer fits on a page lets the words after it go first.

WeasyPrint sets what it is given in order, and a figure cannot break: a large one leaves the end of a page white. As in LaTeX,
such a figure moves down. One of rows, or a table, breaks between them only where nothing else fills the page; two figures side
by side are parted there, and stand one below the other. The report is laid out once to learn how tall everything is; `arranged`
then decides by these heights alone, and the report is laid out again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

LEAST_FILLED = 0.72  # share of a page below which words go before a figure
LINES = 40.0  # CSS pixels: the end of a page that takes the beginning of a paragraph
CLAIM = 90.0  # CSS pixels: the end of a page that takes the beginning of a claim and its numbers
SLACK = 0.05  # CSS pixels left free: heights are measured, and sums of them are rounded otherwise here than there
MILLIMETRE = 96 / 25.4  # CSS pixels
SPACE = 3 * MILLIMETRE  # between two blocks, where it cannot be measured
WIDER = 4 * MILLIMETRE  # likewise, below a figure or above a heading
CHAPTER = 34.0  # CSS pixels above a section: print.css's 9 mm
FEW = {
    "tr": (4, 3),
    "row": (1, 2),
    "line": (1, 1),
}  # first rows, a table's head among them, and last ones that stay together
APART = "rows-apart"  # the class of figures that break between their rows
BESIDE = "beside"  # the class of figures side by side

Boxes = Mapping[str, tuple[float, float, float, float]]  # of one page: id -> left, top, right, bottom in CSS pixels


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, figure or claim of a section."""

    kind: str  # "heading", "figure" or "words"
    height: float  # CSS pixels, with the space above it
    least: float  # how much of it must fit where it begins: all of it, if it cannot break
    above: float = 0.0  # of its height, what is left out at the top of a page
    series: str = ""  # of a figure: those of one series, figures or tables, keep their order
    rows: tuple[float, ...] = ()  # heights of the parts between which it may break, the captions with the first or last
    parted: tuple[float, ...] = ()  # of figures side by side: their heights, one below the other

    @property
    def whole(self) -> "Block":
        """The same, unbroken."""
        return replace(self, least=self.height, rows=())

    @property
    def apart(self) -> "Block":
        """Figures side by side, one below the other."""
        return replace(self, height=sum(self.parted), least=self.parted[0], rows=self.parted, parted=())


class Arranged(NamedTuple):
    """How blocks follow each other."""

    order: list[int]  # their places
    together: set[int]  # those that must not be parted from the next one
    whole: set[int]  # figures that could break and do not
    parted: set[int]  # those side by side that stand one below the other instead
    filled: float  # how far the last page is filled, CSS pixels


def arranged(blocks: Sequence[Block], page: float, filled: float = 0.0) -> Arranged:
    """The order in which blocks fill pages of this height, the first of which is `filled` already.

    Only figures move, only down, never past another but a table that has a heading of its own; a heading stays with its figure
    if that stands within two paragraphs, unless the page would be left too empty. A figure that could break stays whole, unless
    it is higher than a page, the page before it would be left too empty, or its heading would stay behind. Two side by side are
    parted only where the page would be left too empty.
    """
    blocks = list(blocks)
    order: list[int] = []
    together: set[int] = set()
    whole: set[int] = set()
    parted: set[int] = set()
    place = 0
    while place < len(blocks):
        end = _unit(blocks, place)
        unit = list(range(place, end))
        if blocks[unit[-1]].rows and _goes_whole(blocks, unit, filled, page):
            whole.add(unit[-1])
            blocks[unit[-1]] = blocks[unit[-1]].whole
        if (
            blocks[unit[-1]].parted
            and not _goes_whole(blocks, unit, filled, page)
            and _fits_apart(blocks, unit, filled, page)
        ):
            parted.add(unit[-1])
            blocks[unit[-1]] = blocks[unit[-1]].apart
        place = end
        if _fits(blocks, unit, filled, page) or filled >= LEAST_FILLED * page or blocks[unit[-1]].kind != "figure":
            if not _fits(blocks, unit, filled, page):
                filled = -blocks[unit[0]].above
            together.update(unit[:-1])
        else:
            before, figures, _ = _moved_down(blocks, unit, filled, page)
            unit = [*before, *figures]
            place = max(unit) + 1
        for one in unit:
            filled = _after(blocks[one], filled, page)
        order += unit
    return Arranged(order, together, whole, parted, filled)


def _moved_down(
    blocks: Sequence[Block], unit: Sequence[int], filled: float, page: float
) -> tuple[list[int], list[int], float]:
    """What comes before a figure, the last of its unit, that goes to the next page; that figure and others; what stays white."""
    before, figures, place = [*unit[:-1]], [*unit[-1:]], unit[-1] + 1
    rest = page - filled - sum(blocks[one].height for one in before)
    while place < len(blocks) and rest > 0:
        end = _unit(blocks, place)
        height = sum(blocks[one].height for one in range(place, end))
        if blocks[place].kind == "heading" and end > place + 2:  # this heading has a figure of its own
            if height > rest or not _passes(blocks[end - 1], blocks, figures):
                break
            before += range(place, end)
            rest -= height
            place = end
            continue
        if blocks[place].kind == "figure":
            figures.append(place)
        elif rest >= blocks[place].least:
            before.append(place)
            rest -= blocks[place].height
        else:
            break
        place += 1
    return before, figures, rest


def _passes(one: Block, blocks: Sequence[Block], figures: Sequence[int]) -> bool:
    """Whether a figure is of another series than all of these: a table may go before a figure."""
    return one.series not in {blocks[place].series for place in figures}


def _goes_whole(blocks: Sequence[Block], unit: Sequence[int], filled: float, page: float) -> bool:
    """Whether a figure that does not fit here, and could break, goes to the next page instead, with this one full enough."""
    height = sum(blocks[one].height for one in unit)
    if filled + height <= page or blocks[unit[-1]].height > page:
        return False
    if filled >= LEAST_FILLED * page and height <= page:
        return True
    if len(unit) > 1 and _fits(blocks, unit, filled, page):
        return False  # its heading would stay behind
    return _moved_down(blocks, unit, filled, page)[2] <= (1 - LEAST_FILLED) * page


def _unit(blocks: Sequence[Block], start: int) -> int:
    """The end of what is read together: a heading with the next figure if it is near, or else with the next block."""
    if blocks[start].kind != "heading":
        return start + 1
    end = start + 1
    while end < len(blocks) and blocks[end].kind == "heading":
        end += 1
    for figure in range(end, min(end + 3, len(blocks))):
        if blocks[figure].kind != "words":
            return figure + 1 if blocks[figure].kind == "figure" else min(end + 1, len(blocks))
    return min(end + 1, len(blocks))


def _fits(blocks: Sequence[Block], unit: Sequence[int], filled: float, page: float) -> bool:
    *before, last = unit
    return filled + sum(blocks[one].height for one in before) + blocks[last].least <= page


def _fits_apart(blocks: Sequence[Block], unit: Sequence[int], filled: float, page: float) -> bool:
    """Whether of figures that do not fit here side by side the first does."""
    apart = [*blocks]
    apart[unit[-1]] = blocks[unit[-1]].apart
    return not _fits(blocks, unit, filled, page) and _fits(apart, unit, filled, page)


def _after(block: Block, filled: float, page: float) -> float:
    """How far the page is filled on which a block ends that begins `filled` down a page, or on the next if it does not fit."""
    if filled + block.least > page:
        filled = -block.above
    if block.rows:
        for row in block.rows:
            filled = row if filled + row > page else filled + row
        return filled
    return (filled + block.height) % page if filled + block.height > page else filled + block.height


class Galley:
    """The blocks of a report's sections, as WeasyPrint's tree of elements has them."""

    def __init__(self, root: Element, skipped: Iterable[str]) -> None:
        sections = [one for one in root.iter("section") if one.get("class") not in set(skipped)]
        self.sections = [(section, list(section)) for section in sections]
        for number, element in enumerate(one for _, blocks in self.sections for one in blocks):
            if not element.get("id"):
                element.set("id", f"block-{number}")
            for place, row in enumerate(one for one in element.iter() if _row_kind(one)):
                row.set("id", f"{element.get('id')}-row{place}")

    def arrange(self, pages: Sequence[Boxes], top: float, height: float) -> None:
        """Move figures where they fill the pages, by where all blocks are on laid-out pages.

        `top` and `height` of what is printed of a page, CSS pixels.
        """
        first = self.sections[0][1][0].get("id", "") if self.sections else ""
        filled = next((boxes[first][1] - top - CHAPTER for boxes in pages if first in boxes), 0.0)
        for section, elements in self.sections:
            order, together, whole, parted, filled = arranged(_measured(elements, pages), height - SLACK, filled)
            for places, name in ((together, "with-next"), (whole, "whole"), (parted, "parted")):
                for place in places:
                    elements[place].set("class", f"{elements[place].get('class', '')} {name}".strip())
            section[:] = [elements[place] for place in order]


def _measured(elements: Sequence[Element], pages: Sequence[Boxes]) -> list[Block]:
    found, last = [], (-1, 0.0)  # where the block before ended: page, CSS pixels
    for element in elements:
        name = str(element.get("id"))
        parts = [(number, boxes[name]) for number, boxes in enumerate(pages) if name in boxes]
        if not parts:  # it is not shown
            found.append(Block("words", 0.0, 0.0))
            continue
        height = sum(box[3] - box[1] for _, box in parts)
        kind = _kind(element)
        if parts[0][0] == last[0]:
            above = parts[0][1][1] - last[1]
        elif not found:
            above = CHAPTER
        else:
            above = WIDER if kind == "heading" or found[-1].kind == "figure" else SPACE
        last = parts[-1][0], parts[-1][1][3]
        rows = _rows(element, pages)
        series = ("table" if "Table" in _classes(element) else kind) if kind == "figure" else ""
        if len(rows) < 2:
            beside = _beside(element, pages, above)
            found.append(Block(kind, height + above, above + _least(element, height), above, series, parted=beside))
            continue
        rows = (above + rows[0], *rows[1:])
        found.append(Block(kind, sum(rows), rows[0], above, series, rows))
    return found


def _kind(element: Element) -> str:
    if element.tag in ("h2", "h3", "h4"):
        return "heading"
    return "figure" if element.tag == "figure" or BESIDE in _classes(element) else "words"


def _beside(element: Element, pages: Sequence[Boxes], above: float) -> tuple[float, ...]:
    """How high figures side by side are, one below the other, each with what stands above it; empty for anything else."""
    if BESIDE not in _classes(element):
        return ()
    boxes = [boxes[str(one.get("id"))] for one in element for boxes in pages if one.get("id") in boxes]
    heights = [bottom - top for _, top, _, bottom in boxes]
    return () if len(heights) < 2 else (above + heights[0], *(WIDER + height for height in heights[1:]))


def _least(element: Element, height: float) -> float:
    if element.tag == "p" or "claim" in _classes(element):
        return min(height, LINES if element.tag == "p" else CLAIM)
    return height


def _row_kind(element: Any) -> str:
    """What kind of row it is, as in `FEW` and print.css; empty for anything else."""
    return next((kind for kind in FEW if kind in (element.tag, *_classes(element))), "")


def _rows(element: Element, pages: Sequence[Boxes]) -> tuple[float, ...]:
    """How high the rows of a figure are, each with what stands above it, the last with what stands below; empty if it does not break.

    By the rows: the box of a figure that was broken reaches to the end of its page.
    """
    if APART not in _classes(element):
        return ()
    found: dict[str, float] = {}
    for boxes in (one for one in pages if element.get("id") in one):
        _, above, _, below = boxes[str(element.get("id"))]
        for name in (str(row.get("id")) for row in element.iter() if _row_kind(row)):
            if name in boxes:
                found.setdefault(name, boxes[name][3] - above)  # a table's head stands on each of its pages
                above = boxes[name][3]
    if not found:
        return ()
    *first, last = found.values()
    rows = (*first, last + below - above)
    return few_stay_together(rows, *FEW[next(filter(None, map(_row_kind, element.iter())))])


def few_stay_together(rows: tuple[float, ...], first: int, last: int) -> tuple[float, ...]:
    """The first rows as one, and the last ones: print.css does not part them."""
    if len(rows) < first + last:
        return (sum(rows),)
    return (sum(rows[:first]), *rows[first : len(rows) - last], sum(rows[len(rows) - last :]))


def _classes(element: Any) -> list[str]:
    return str(element.get("class", "")).split() if isinstance(element.tag, str) else []
