"""COCO's compressed run-length encoding, as pycocotools writes a mask's ``counts``."""

FIRST = 48  # the character of the value 0
BITS, SIGN, MORE = 5, 16, 32  # of a character: how many carry the number; the number's sign; another one follows
MOST_BITS = 60  # of a number: a mask has fewer pixels
LONGEST = 6_000_000  # characters: a million runs of six, which make more than any image's pixels


def uncompressed(counts: str) -> list[int]:
    """The lengths of the runs: outside, inside, outside, ...

    Each number is written in pieces of five bits, the lowest first; from the fourth on it is the difference from the
    number two places before (``rleFrString`` in cocoapi's maskApi.c). Raises ValueError for text that is no such runs.

    >>> uncompressed("52203")
    [5, 2, 2, 2, 5]
    """
    if len(counts) > LONGEST:
        raise ValueError(f"{len(counts):,} characters of compressed runs in a mask are more than {LONGEST:,}")
    found: list[int] = []
    number = shift = 0
    for character in counts:
        piece = ord(character) - FIRST
        if not 0 <= piece < 2 * MORE:
            raise ValueError(f"{character!r} in the compressed runs of a mask")
        number |= (piece & (MORE - 1)) << shift
        shift += BITS
        if piece & MORE:
            if shift > MOST_BITS:
                raise ValueError("a run longer than any image in a mask")
            continue
        if piece & SIGN:
            number -= 1 << shift
        found.append(number + (found[-2] if len(found) > 2 else 0))
        if found[-1] < 0:
            raise ValueError("a run of negative length in a mask")
        number = shift = 0
    if shift:
        raise ValueError("the compressed runs of a mask end within a number")
    return found
