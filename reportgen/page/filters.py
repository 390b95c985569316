"""The filters that templates use to write numbers and text."""

import datetime
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from reportgen.base.typesetting import NO_BREAK, typeset

SMALL = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
)
SHORT = 30  # words that are shown at once
SMALLEST_POWER = -6  # of ten, below which a number is written with it


def percent(share: float | int | None, digits: int = 0) -> str:
    """0.874 as ``87 %``; with a true minus sign, but none before zero."""
    if share is None:
        return "unknown"
    text = f"{share * 100:z.{digits}f}".replace("-", "−")
    return f"{text}{NO_BREAK}%"


def number(value: float | int | None, digits: int = 3) -> str:
    """A number with `digits` significant digits and a true minus sign; with a power of ten only below a millionth.

    Raises ValueError for None: the template says what stands where nothing was measured.
    """
    if value is None:
        raise ValueError("None is no number: say in the template what stands where there is none")
    text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"
    _, _, power = text.partition("e")
    if power.startswith("+"):  # 999.7 in three digits
        text = f"{value:,.0f}"
    elif power and int(power) >= SMALLEST_POWER:
        text = f"{Decimal(text):f}"
    return text.replace("-", "−")


def by(size: int | str) -> str:
    """A size as settings write it, 88 or ``64x128``, with both sides: ``88×88``."""
    return f"{size}×{size}" if isinstance(size, int) else size.replace("x", "×")


def thousands(value: int) -> str:
    """3600 as ``3,600``."""
    return f"{value:,}"


def file_size(size: int) -> str:
    """3_400_000 bytes as ``3.4 MB``, in steps of a thousand."""
    value, units = float(size), ["GB", "MB", "kB", "B"]
    while value >= 999.5 and len(units) > 1:
        value /= 1000
        units.pop()
    digits = 1 if value < 9.95 and units[-1] != "B" else 0
    return f"{value:.{digits}f}{NO_BREAK}{units[-1]}"


def count(value: int, name: str, plural: str = "") -> str:
    """``one map``, ``12 maps``: small numbers as words up to ten."""
    said = SMALL[value] if value <= 10 else thousands(value)
    return f"{said} {name if value == 1 else plural or name + 's'}"


def word(value: int) -> str:
    """Numbers up to twenty in words."""
    return SMALL[value] if 0 <= value < len(SMALL) else thousands(value)


def listing(items: Iterable[object]) -> str:
    """``a, b and c``."""
    said = [str(item) for item in items]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}" if said else ""


def sentence(text: str) -> str:
    """The text, `typeset`, with a capital at its start and a full stop at its end."""
    text = capital(typeset(text))
    return text if not text or text[-1] in ".!?" else f"{text}."


def first_sentence(text: str) -> tuple[str, str]:
    """The first sentence of a text, and the rest: empty where the whole is short."""
    if len(text.split()) <= SHORT:
        return text, ""
    said, rest = (re.split(r"(?<=[.!?])\s+(?=[A-Z])", text, maxsplit=1) + [""])[:2]
    return said, rest


def capital(text: str) -> str:
    """The text with a capital at its start."""
    return text[:1].upper() + text[1:]


def day(seconds: int | None) -> str:
    """Seconds since 1970 as ``24 November 2026``."""
    if not seconds:
        return ""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{moment.day} {moment:%B %Y}"


def bounds(part: Mapping[str, Any]) -> str:
    """An estimate with its interval, in its unit but without its words: ``58 [49, 66]``; an end that is None is open."""
    scale = (part.get("unit") or {"scale": 1})["scale"]
    if part["estimate"] is None:
        raise ValueError("None is no number: say in the template what stands where there is none")
    low = "−∞" if part["low"] is None else number(part["low"] * scale)
    high = "∞" if part["high"] is None else number(part["high"] * scale)
    return f"{number(part['estimate'] * scale)} [{low}, {high}]"


def words(part: Mapping[str, Any]) -> str:
    """The words of a part's unit, such as ``points of accuracy``; empty for a plain number."""
    return str((part.get("unit") or {"words": ""})["words"])


def interval(part: Mapping[str, Any]) -> str:
    """An estimate with its interval and unit, ``58 [49, 66] points``; an end that is None is open: ``0.58 [−∞, ∞]``."""
    return f"{bounds(part)} {words(part)}".rstrip()


def in_unit(value: float | None, part: Mapping[str, Any]) -> str:
    """A number in the unit of a part, such as the smallest effect that it could have shown."""
    if value is None:
        return "unknown"
    scale = (part.get("unit") or {"scale": 1})["scale"]
    return f"{number(value * scale, 2)} {words(part)}".rstrip()


def times(factor: Mapping[str, Any], digits: int = 2) -> str:
    """A factor with its interval, ``1.9 [1.6, 2.3]``; an interval without ends is left out, for a factor has no −∞."""
    if factor["low"] is None or factor["high"] is None:
        return f"{number(factor['estimate'], digits)} (too few to give an interval)"
    low, high = number(factor["low"], digits), number(factor["high"], digits)
    return f"{number(factor['estimate'], digits)} [{low}, {high}]"


def whisker(part: Mapping[str, Any], width: float = 132, pad: float = 6) -> dict[str, float]:
    """Positions in an interval's picture: its ends, the estimate and the limits of the claim's range, in pixels."""
    low_end, high_end = part["range"]
    estimate = part["estimate"]
    low = estimate if part["low"] is None else part["low"]
    high = estimate if part["high"] is None else part["high"]
    limits = [end for end in (low_end, high_end) if end is not None]
    first, last = min(low, estimate, *limits), max(high, estimate, *limits)
    room = (last - first) or 1.0
    first, last = first - 0.08 * room, last + 0.08 * room

    def place(value: float) -> float:
        return round(pad + (width - 2 * pad) * (value - first) / (last - first), 1)

    return {
        "low": pad if part["low"] is None else place(low),
        "high": width - pad if part["high"] is None else place(high),
        "estimate": place(estimate),
        "from": pad if low_end is None else place(low_end),
        "to": width - pad if high_end is None else place(high_end),
        "width": width,
    }


FILTERS = {
    function.__name__: function
    for function in (
        percent,
        number,
        by,
        thousands,
        file_size,
        count,
        word,
        listing,
        first_sentence,
        capital,
        sentence,
        typeset,
        day,
        bounds,
        words,
        interval,
        in_unit,
        times,
        whisker,
    )
}
