"""The claim `correspondence`."""

from typing import Any

import numpy as np
from jaxtyping import Float

from reportgen.analyses.correspondence.part_masks import in_words
from reportgen.analyses.correspondence.result import SCORED, Layer, Result
from reportgen.analyses.correspondence.sign_patterns import Pairing
from reportgen.claims import OF_DIFFERENCE, OF_GAPS, Part, Unit, Verdict, jackknife_part, not_tested

SCORE = Unit("in the paper’s score")  # as table 1 prints it


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claim `correspondence`: each part's gap at layer 5, and the parts' mean gap at layer 5 minus that at layer 7."""
    if result.why:
        return [not_tested("correspondence", result.why)]
    missing = [str(number) for number in SCORED if f"layer{number}" not in result.layers]
    if missing:
        return [not_tested("correspondence", f"the net has no layer {' and no layer '.join(missing)}")]
    beside = _parts(result, result.within, "within classes: ") if result.within is not None else []
    return [Verdict("correspondence", tuple(_parts(result, result.pairing)), beside=tuple(beside))]


def _parts(result: Result, pairing: Pairing, prefix: str = "") -> list[Part]:
    """The claim's numbers over some pairs."""
    deep, top = (result.layers[f"layer{number}"] for number in SCORED)
    found = []
    for place, (part, gap) in enumerate(zip(result.part_names, deep.gaps, strict=True)):
        # The part's own score is 0 or more, so that the gap is at most the score of the random masks.
        found.append(
            jackknifed(
                f"{prefix}random minus {in_words(part)}, layer {deep.number}",
                gap,
                pairing,
                bounds=OF_DIFFERENCE,
                most=pairing.mean(deep.random[place]),
                untested=_untouched(deep, slice(place, place + 1)),
            )
        )
    most = pairing.mean(deep.random.mean(axis=0)) + 1 - pairing.mean(top.random.mean(axis=0))
    untested = _untouched(deep, slice(None)) or _untouched(top, slice(None))
    values = claim_of_depth(deep.gaps, top.gaps)
    found.append(
        jackknifed(f"{prefix}mean gap, layer 5 minus 7", values, pairing, bounds=OF_GAPS, most=most, untested=untested)
    )
    return found


def _untouched(layer: Layer, part: slice) -> str:
    """Why a gap says nothing: no mask, of the part or at random, changes the layer at all. Empty where one does."""
    touched = any(getattr(layer, sort).changed[part].any() for sort in ("part", "on_object"))
    return "" if touched else f"no mask changes any feature of layer {layer.number}"


def claim_of_depth(
    deep: Float[np.ndarray, "part pair"], top: Float[np.ndarray, "part pair"]
) -> Float[np.ndarray, " pair"]:
    """The gap at layer 5 minus that at layer 7, mean over the parts: positive where the parts stand out more at layer 5."""
    return deep.mean(axis=0) - top.mean(axis=0)


def jackknifed(name: str, values: Float[np.ndarray, " pair"], pairing: Pairing, **about: Any) -> Part:
    left = pairing.without_each(values)
    return jackknife_part(name, pairing.mean(values), left, pairing.freedom, unit=SCORE, **about)
