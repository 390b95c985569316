"""Ways to spoil a file: what a careless program, a broken disk or an attacker makes of a valid document."""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

WRONG = (
    None,
    True,
    False,
    -1,
    0,
    1.5,
    10**30,
    -(10**400),
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\0",
    "../../etc/passwd",
)
ODD = (
    "\x1b[2J",
    "a" * 5_000,
    "\ud800",
    "é漢",
    "/",
    "%s%n",
    "1e999",
    [],
    {},
    [[]],
    [None],
    {"": None},
    [1, 2, 3, 4],
    {"counts": 3},
)
# Legal in most places, and the most that is: what is made of them later may not be.
EDGES = (1e100, -1e100, 1e50, 5e-324, (1 << 53) - 1, 10**18, 1_000_000, 0, -1)
WORDS = (b"\xff" * 4, b"\x00" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"[[[[", b"    ")
DEEP, MANY = 3_000, 3_000


def places(document: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document, its own included."""
    found = [above]
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inside:
        found += places(value, (*above, key))
    return found


def at_the_edge(document: Any) -> Iterator[Any]:
    """The document with each of its numbers at each of the `EDGES`, and with all of them there at once."""
    numbers = [way for way in places(document) if type(_at(document, way)) in (int, float)]
    for ways in [*([way] for way in numbers), numbers]:
        for edge in EDGES:
            found = copy.deepcopy(document)
            for *above, last in ways:
                _at(found, above)[last] = edge
            yield found


def _at(document: Any, way: Sequence[Any]) -> Any:
    for key in way:
        document = document[key]
    return document


def spoil(draw: Any, document: Any) -> str:
    """A JSON document in which one to three values were dropped, doubled, given another type, enlarged or nested, as text."""
    document = copy.deepcopy(document)
    nested = False
    for _ in range(draw(st.integers(1, 3))):
        *way, last = (None, *draw(st.sampled_from(places(document))))
        holder: Any = {None: document}
        for key in way:
            holder = holder[key]
        what = draw(st.sampled_from(("drop", "double", "retype", "enlarge", "nest", "rename")))
        value = holder[last]
        if what == "drop" and last is not None:
            del holder[last]
        elif what == "double" and isinstance(holder, list):
            holder.insert(last, copy.deepcopy(value))
        elif what == "enlarge":
            holder[last] = _enlarged(value)
        elif what == "nest":
            nested = True
            holder[last] = "@nested@"
        elif what == "rename" and isinstance(holder, dict) and last is not None:
            holder[draw(st.sampled_from(("x", "", "\0", "id")))] = holder.pop(last)
        else:
            holder[last] = copy.deepcopy(draw(st.sampled_from(WRONG + ODD)))
        if way == [] or last is None:
            document = holder.get(None)
    text = json.dumps(document)
    return text.replace('"@nested@"', "[" * DEEP + "]" * DEEP) if nested else text


def _enlarged(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return value * 10**9
    if isinstance(value, str):
        return (value or "x") * (MANY if len(value) < MANY else 2)  # it may have been enlarged before
    if isinstance(value, list):
        return (value or [0]) * MANY if len(json.dumps(value)) < 200 else value * 20
    return value or dict.fromkeys(map(str, range(MANY)), 0)


def damage(draw: Any, content: bytes) -> bytes:
    """A file that was cut off, or in which bytes were flipped, written over, taken out or put in; mostly near its head."""
    found = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not found:
            break
        near = draw(st.booleans())
        at = draw(st.integers(0, min(len(found), 200) - 1 if near else len(found) - 1))
        what = draw(st.sampled_from(("cut", "flip", "write", "out", "in", "double")))
        if what == "cut":
            del found[at:]
        elif what == "flip":
            found[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "write":
            found[at : at + 4] = draw(st.sampled_from(WORDS))
        elif what == "out":
            del found[at : at + draw(st.integers(1, 16))]
        elif what == "in":
            found[at:at] = draw(st.binary(min_size=1, max_size=16))
        else:
            found[at:at] = found[at : at + 64]
    return bytes(found)
