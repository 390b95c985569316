"""The claims `clipping`, `fewer-dead-features`, `less-aliasing` and `better-architecture`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy  # scipy.stats loads on first use

from reportgen.analyses.architecture import filters as measured
from reportgen.analyses.architecture.first_layers import FirstLayer
from reportgen.analyses.architecture.result import (
    AFTER,
    BEFORE,
    CLIPPED,
    FEWEST,
    LEADING,
    SAID,
    UNCLIPPED,
    Result,
    clipping_is_idle,
    filters_of,
    layers_of,
    likeness_of,
    missing,
)
from reportgen.analyses.architecture.shares import exact_interval, fewest_to_tell
from reportgen.base.statistics import without_nan
from reportgen.claims import (
    LEVEL,
    OF_DIFFERENCE,
    POINTS,
    SHARE,
    UNBOUNDED,
    Part,
    Unit,
    Verdict,
    difference_part,
    jackknife_part,
    mean_part,
    not_tested,
)

ARCHITECTURE = 6  # seeds, from which a claim is about the architecture
COSINE = Unit("(cosine)")
LOGARITHM = Unit("(natural logarithm)")


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The four claims of section 4.1 and table 2."""
    return [_clipping(result, rng), _dead(result, rng), _aliasing(result, rng), _better(result, rng)]


def _diverged(result: Result, *names: str) -> str:
    """Why a claim about these nets stays undecided; empty where it need not."""
    found = [name for name in names if result.facts[name]["diverged"] is not None]
    return "; ".join(f"training of {name} diverged in epoch {result.facts[name]['diverged']}" for name in found)


def _clipping(result: Result, rng: np.random.Generator) -> Verdict:
    claim, names = "clipping", (UNCLIPPED, CLIPPED)
    if why := missing(result, *names):
        return not_tested(claim, why)
    if not all(name in result.first for name in names):
        return not_tested(claim, "layer 1 does not read the image")
    if why := _diverged(result, *names):
        return not_tested(claim, why)
    if result.rescaled[CLIPPED] == 0:
        epochs = result.facts[CLIPPED]["finished_epochs"]
        why = f"clipping never acted in {epochs} epoch{'s' * (epochs != 1)}"
        return not_tested(claim, why + (": the two nets are the same" if clipping_is_idle(result) else ""))
    energies = [result.first[name].energy for name in names]
    leaders = [measured.leading(energy, LEADING) for energy in energies]
    shares = [measured.led_share(*pair) for pair in zip(energies, leaders, strict=True)]
    known = ~np.isnan(shares).any(axis=0)
    if not known.any():
        return not_tested(claim, "no validation image excites layer 1 of both nets")
    without, with_ = (share[known] for share in shares)
    name = f"energy in the strongest {len(leaders[0])} of {energies[0].shape[1]} filters: without clipping minus with"
    return Verdict(
        claim, (mean_part(name, without - with_, rng, unit=SHARE, bounds=OF_DIFFERENCE, most=1 - float(with_.mean())),)
    )


def _dead(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "fewer-dead-features"
    if why := missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    if not all(name in result.first for name in SAID):
        return not_tested(claim, "layer 1 does not read the image")
    before, after = (layers_of(result, name) for name in SAID)
    parts = (_dead_part(before, after), _likeness_part(before, after), _middle_part(before, after, rng))
    return Verdict(claim, parts, _diverged(result, BEFORE, AFTER))


def _dead_part(before: Sequence[FirstLayer], after: Sequence[FirstLayer]) -> Part:
    """The difference of the shares of dead filters, with its exact interval."""
    counts = [(sum(int(layer.dead.sum()) for layer in layers), filters_of(layers)) for layers in (before, after)]
    (dead, filters), (other_dead, others) = counts
    low, high = exact_interval(dead, filters, other_dead, others, LEVEL)
    return Part(
        name="share of dead filters: 11x11/4 minus 7x7/2",
        estimate=dead / filters - other_dead / others,
        low=low,
        high=high,
        n=min(filters, others),
        unit=SHARE,
        bounds=OF_DIFFERENCE,
        untested="" if dead or other_dead else _nothing_dead(filters, others),
    )


def _nothing_dead(filters: int, others: int) -> str:
    """That no filter is dead, and what this run could have shown."""
    fewest = fewest_to_tell(filters, others, LEVEL)
    could = (
        f"with so many filters, {fewest} dead ones of 11x11/4 beside none of 7x7/2 would have told"
        if fewest is not None
        else "so few filters cannot tell, whatever the number of dead ones"
    )
    return f"no filter is dead, of {filters} with 11x11/4 and {others} with 7x7/2; {could}"


def _likeness_part(before: Sequence[FirstLayer], after: Sequence[FirstLayer]) -> Part:
    """The difference of the likenesses beyond chance, with a jackknife over the filters (Student's t).

    A filter left out also changes the likeness of those to which it is the nearest: filters as independent units would make the
    interval a third too narrow, this makes it up to a half too wide (simulated). The two architectures are independent, so
    the squares of their errors add up.
    """
    name = "likeness to the nearest filter, beyond chance: 11x11/4 minus 7x7/2"
    found = [likeness_of(layers) for layers in (before, after)]
    units = min(len(left_out) for _, _, left_out in found)
    if units < FEWEST:
        return Part(name, 0.0, *UNBOUNDED, units)
    (first, first_chance, _), (second, second_chance, _) = found
    chance = second_chance - first_chance  # cosines lie between -1 and 1, and so do their means
    errors = [np.square(left - left.mean()).sum() * (len(left) - 1) / len(left) for _, _, left in found]
    error = float(np.sqrt(sum(errors)))
    reach = float(scipy.stats.t.ppf((1 + LEVEL) / 2, units - 1)) * error
    estimate = first - second
    return Part(
        name,
        estimate,
        estimate - reach,
        estimate + reach,
        units,
        unit=COSINE,
        se=error,
        bounds=(chance - 2, chance + 2),
        most=1 - second_chance - second,
    )


def _middle_part(before: Sequence[FirstLayer], after: Sequence[FirstLayer], rng: np.random.Generator) -> Part:
    """The difference of the shares of energy in the middle frequencies."""
    first, second = (
        without_nan(np.concatenate([measured.middle_share(layer.filters) for layer in layers]))
        for layers in (before, after)
    )
    name = "energy in the middle frequencies: 7x7/2 minus 11x11/4"
    most = 1 - float(first.mean()) if len(first) else 1.0
    return difference_part(name, second, first, rng, unit=SHARE, bounds=OF_DIFFERENCE, most=most)


def _aliasing(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "less-aliasing"
    if why := missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    if not all(name in result.second for name in SAID):
        return not_tested(claim, "layer 2 of a net responds to no validation image")
    before, after = (result.second[name].aliasing for name in SAID)
    name = "energy in the bands, logarithm of projection over patch: 11x11/4 minus 7x7/2"
    part = difference_part(name, before, after, rng, unit=LOGARITHM)
    return Verdict(claim, (part,), _diverged(result, BEFORE, AFTER))


def _better(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "better-architecture"
    if why := missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    lost = result.diverged_pairs  # leaving a pair out would favour the architecture that diverges
    why = f"with {lost} of the seeds one of the two did not train to the end" if lost else ""
    if not result.errors:
        return Verdict(claim, (), why)
    gap = result.errors[BEFORE] - result.errors[AFTER]
    seeds = len(gap)
    about: dict[str, Any] = {
        "unit": POINTS,
        "bounds": OF_DIFFERENCE,
        "most": 1 - float(result.errors[AFTER].mean()),
        "untested": result.doubt,
    }
    if seeds >= ARCHITECTURE:
        by_seed = gap.mean(axis=1)
        left_out = (by_seed.sum() - by_seed) / (seeds - 1)
        name = f"error of the architecture, {seeds} seeds: 11x11/4 minus 7x7/2"
        return Verdict(claim, (jackknife_part(name, float(by_seed.mean()), left_out, **about),), why)
    which = "these trained nets" if seeds == 1 else f"these {seeds} pairs of trained nets"
    return Verdict(claim, (mean_part(f"error of {which}: 11x11/4 minus 7x7/2", gap.mean(axis=0), rng, **about),), why)
