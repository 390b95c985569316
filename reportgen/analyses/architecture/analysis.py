"""Architecture selection (Zeiler & Fergus 2013, section 4.1, figure 6; section 5.1, table 2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # scipy.stats loads on first use
from jaxtyping import Float

from reportgen.analyses.architecture import Settings, spectra
from reportgen.analyses.architecture import filters as measured
from reportgen.analyses.architecture.first_layers import (
    ALIASES,
    SECOND,
    FirstLayer,
    SecondLayer,
    first_layer,
    ring_edges,
    second_layer,
)
from reportgen.analyses.architecture.shares import exact_interval, fewest_to_tell
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
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series, Table
from reportgen.look import compared
from reportgen.look.inputs import Inputs
from reportgen.look.sight import Sight
from reportgen.look.statistics import mean_or_none, without_nan
from reportgen.look.strongest import feature_maps, filter_pictures, searched

BEFORE, AFTER = "krizhevsky", "zfnet"  # differences are 11x11/4 minus 7x7/2
UNCLIPPED, CLIPPED = "paper-unclipped", "paper-clipped"
SAID = {BEFORE: "11x11, stride 4", AFTER: "7x7, stride 2"}
LEADING = 0.05  # of the filters: those in which a layer's energy is said to gather
ARCHITECTURE = 6  # seeds, from which a claim is about the architecture
FEWEST = 3  # filters: of fewer there is no error of a likeness
COSINE = Unit("(cosine)")
LOGARITHM = Unit("(natural logarithm)")


@dataclass(frozen=True)
class Result:
    """Those of the four nets that this run has, by variant name."""

    first: dict[str, FirstLayer]
    further: dict[str, tuple[FirstLayer, ...]]  # of the two architectures: of the nets with the other seeds
    second: dict[str, SecondLayer]
    facts: dict[str, dict[str, Any]]  # what each net's stage recorded about it
    rescaled: dict[str, float]  # recipe `paper`: largest share of any layer's filters that was rescaled in any epoch
    errors: dict[str, Float[np.ndarray, "seed image"]]  # of the two architectures: 1 where an image is got wrong
    diverged_pairs: int  # seeds with which one of the two did not train to the end; their errors are left out
    doubt: str  # why the errors of the two are not compared; empty if they are
    images: int  # validation images
    judged: int  # images by which the nets' errors are judged
    on: str  # which images these are


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Open the comparison nets and measure their first two layers."""
    nets = {name: net for name in (BEFORE, AFTER, UNCLIPPED, CLIPPED) if (net := inputs.compared(name)) is not None}
    pairs = _pairs(inputs)
    kept = [pair for pair in pairs if all(net.learned.numbers["diverged"] is None for net in pair)]
    first = {name: first_layer(net) for name, net in nets.items()}
    further = {name: [first_layer(pair[place]) for pair in pairs[1:]] for place, name in enumerate(SAID)}
    second = {name: second_layer(nets[name], settings.maps, settings.projections, rng) for name in SAID if name in nets}
    answers = [[compared.judged(net) for net in pair] for pair in kept]
    return Result(
        first={name: layer for name, layer in first.items() if layer is not None},
        further={name: tuple(layer for layer in layers if layer is not None) for name, layers in further.items()},
        second={name: layer for name, layer in second.items() if layer is not None},
        facts={name: net.learned.numbers for name, net in nets.items()},
        rescaled={name: rescaled(nets[name].learned.history) for name in (UNCLIPPED, CLIPPED) if name in nets},
        errors={name: np.array([pair[place].wrong for pair in answers]) for place, name in enumerate(SAID) if answers},
        diverged_pairs=len(pairs) - len(kept),
        doubt=_doubt(kept),
        images=len(inputs.data.val),
        judged=len(answers[0][0].labels) if answers else 0,
        on=answers[0][0].on if answers else compared.ON_VALIDATION,
    )


def _pairs(inputs: Inputs) -> list[list[Inputs]]:
    """The two architectures, trained with each seed in turn."""
    pairs: list[list[Inputs]] = []
    while True:
        pair = [net for name in SAID if (net := inputs.compared(name, len(pairs))) is not None]
        if len(pair) < len(SAID):
            return pairs
        pairs.append(pair)


def _doubt(pairs: Sequence[Sequence[Inputs]]) -> str:
    """Why the errors of these pairs of nets are not compared; empty if they are."""
    return compared.not_comparable(
        {
            name + (f" (seed {turn + 1} of {len(pairs)})" if len(pairs) > 1 else ""): pair[place].learned.numbers
            for turn, pair in enumerate(pairs)
            for place, name in enumerate(SAID)
        }
    )


def rescaled(history: list[dict[str, Any]]) -> float:
    """Largest share of a layer's filters that clipping rescaled, each share a mean over an epoch; 0 if it never acted."""
    return max((share for epoch in history for share in epoch["clipped"].values()), default=0.0)


def weakest(result: Result) -> dict[str, Any] | None:
    """Numbers of the less accurate of the two architectures: claims about what nets learned depend on it."""
    return min(
        (result.facts[name] for name in SAID if name in result.facts), key=lambda net: net["correct"], default=None
    )


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The four claims of section 4.1 and table 2."""
    return [_clipping(result, rng), _dead(result, rng), _aliasing(result, rng), _better(result, rng)]


def _missing(result: Result, *names: str) -> str:
    """Why a claim about these nets cannot be tested; empty where it can."""
    missing = [name for name in names if name not in result.facts]
    return f"this run trains no net {', '.join(missing)} (COMPARE_VARIANTS)" if missing else ""


def _diverged(result: Result, *names: str) -> str:
    """Why a claim about these nets stays undecided; empty where it need not."""
    found = [name for name in names if result.facts[name]["diverged"] is not None]
    return "; ".join(f"training of {name} diverged in epoch {result.facts[name]['diverged']}" for name in found)


def _clipping(result: Result, rng: np.random.Generator) -> Verdict:
    claim, names = "clipping", (UNCLIPPED, CLIPPED)
    if why := _missing(result, *names):
        return not_tested(claim, why)
    if not all(name in result.first for name in names):
        return not_tested(claim, "layer 1 does not read the image")
    if why := _diverged(result, *names):
        return not_tested(claim, why)
    if result.rescaled[CLIPPED] == 0:
        epochs = result.facts[CLIPPED]["finished_epochs"]
        why = f"clipping never acted in {epochs} epoch{'s' * (epochs != 1)}"
        return not_tested(claim, why + (": the two nets are the same" if _same(result) else ""))
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


def _same(result: Result) -> bool:
    """Whether the nets with and without clipping have exactly the same filters."""
    return all(name in result.first for name in (UNCLIPPED, CLIPPED)) and np.array_equal(
        result.first[UNCLIPPED].filters, result.first[CLIPPED].filters
    )


def _dead(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "fewer-dead-features"
    if why := _missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    if not all(name in result.first for name in SAID):
        return not_tested(claim, "layer 1 does not read the image")
    before, after = (_layers(result, name) for name in SAID)
    parts = (_dead_part(before, after), _likeness_part(before, after), _middle_part(before, after, rng))
    return Verdict(claim, parts, _diverged(result, BEFORE, AFTER))


def _layers(result: Result, name: str) -> list[FirstLayer]:
    """Layer 1 of all nets of an architecture, one for each seed."""
    return [result.first[name], *result.further[name]]


def _dead_part(before: Sequence[FirstLayer], after: Sequence[FirstLayer]) -> Part:
    """The difference of the shares of dead filters, with its exact interval."""
    counts = [(sum(int(layer.dead.sum()) for layer in layers), _filters_of(layers)) for layers in (before, after)]
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


def _filters_of(layers: Sequence[FirstLayer]) -> int:
    return sum(len(layer.filters) for layer in layers)


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
    found = [_likeness(layers) for layers in (before, after)]
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


def _likeness(layers: Sequence[FirstLayer]) -> tuple[float, float, Float[np.ndarray, " filter"]]:
    """Likeness to the nearest filter of the same net minus that of random filters, the latter, and the former without each.

    Means over the filters of all nets; nothing is left out of a net without two filters that point somewhere.
    """
    nets = [(layer.filters, measured.comparable(layer.filters)) for layer in layers]
    nets = [(filters, common) for filters, common in nets if len(common) >= FEWEST]
    count = sum(len(common) for _, common in nets)
    if not count:
        return 0.0, 0.0, np.zeros(0)
    total, chance, left_out = 0.0, 0.0, []
    for filters, common in nets:
        mean, without = measured.mean_likeness(common)
        total += mean * len(common)
        chance += measured.random_likeness(len(common), filters.shape[1]) * len(common)
        left_out.append((mean * len(common), without * (len(common) - 1)))
    each = np.concatenate([(total - own + without) / (count - 1) for own, without in left_out])
    return (total - chance) / count, chance / count, each


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
    if why := _missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    if not all(name in result.second for name in SAID):
        return not_tested(claim, "layer 2 of a net responds to no validation image")
    before, after = (result.second[name].aliasing for name in SAID)
    name = "energy in the bands, logarithm of projection over patch: 11x11/4 minus 7x7/2"
    part = difference_part(name, before, after, rng, unit=LOGARITHM)
    return Verdict(claim, (part,), _diverged(result, BEFORE, AFTER))


def _better(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "better-architecture"
    if why := _missing(result, BEFORE, AFTER):
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


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text."""
    return {
        "images": result.images,
        "seeds": len(result.errors[AFTER]) if result.errors else 0,
        "diverged_pairs": result.diverged_pairs,
        "nets": {name: _of_net(result, name) for name in SAID if name in result.facts},
        "grid": _grids(result),
        "same": _same(result),
        "judged": result.judged,
        "on": result.on,
        "doubt": result.doubt,
        "recipes": {name: _of_recipe(result, name) for name in (UNCLIPPED, CLIPPED) if name in result.facts},
    }


def _of_net(result: Result, name: str) -> dict[str, Any]:
    facts = result.facts[name]
    found: dict[str, Any] = {
        "said": SAID[name],
        "epochs": facts["finished_epochs"],
        **{key: facts[key] for key in ("diverged", "parameters", "multiply_adds", "train_error", "top1")},
        "sides": {str(layer["layer"]): layer["convolved"] for layer in facts["layers"]},
    }
    if result.errors:
        found["error"] = float(result.errors[name].mean())
        found["error_by_seed"] = result.errors[name].mean(axis=1).tolist()
    if name in result.first:
        layers = _layers(result, name)
        likeness, chance, filters = _likeness(layers)
        found |= {
            "filters": _filters_of(layers),
            "dead": sum(int(layer.dead.sum()) for layer in layers),
            "likeness": likeness if len(filters) else None,
            "chance": chance,
            "middle": mean_or_none(np.concatenate([measured.middle_share(layer.filters) for layer in layers])),
        }
    if name in result.second:
        second = result.second[name]
        found |= {
            "projections": len(second.projection_share),
            "field": second.field.said,
            "times_patch": float(np.exp(second.aliasing.mean())),
        }
    return found


def _grid(layer: SecondLayer) -> dict[str, Float[np.ndarray, " large"]]:
    """How far a grid of four pixels stands out in each projection's spectrum, relative to its patch's: logarithms.

    One value for the grid's points on the axes, one for those on the diagonals. Each point is compared with its
    neighbours on the line or on the ring, whichever give the lower mean. Not a part of the claim: its bands are whole
    rings, which dilute single points.
    """
    if not len(layer.lattice):
        return {}
    least = layer.lattice.mean(axis=0).argmin(axis=1)
    return {place: layer.lattice[:, row, least[row]] for row, place in enumerate(("axes", "diagonals"))}


def _times(part: Part) -> dict[str, Any]:
    """A logarithm and its interval, as factors; an infinite end is None."""
    low, high = (float(np.exp(end)) if np.isfinite(end) else None for end in (part.low, part.high))
    return {"estimate": float(np.exp(part.estimate)), "low": low, "high": high, "n": part.n}


def _grids(result: Result) -> dict[str, Any] | None:
    """How far the grid stands out in each of the two nets, and the ratio of stride 4 to stride 2."""
    found = [_grid(result.second[name]) for name in SAID if name in result.second]
    if len(found) < len(SAID) or not all(found):
        return None
    rng = np.random.default_rng(0)
    return {
        place: {
            BEFORE: _times(mean_part("", found[0][place], rng)),
            AFTER: _times(mean_part("", found[1][place], rng)),
            "ratio": _times(difference_part("", found[0][place], found[1][place], rng)),
        }
        for place in found[0]
    }


def _of_recipe(result: Result, name: str) -> dict[str, Any]:
    facts = result.facts[name]
    found: dict[str, Any] = {
        "epochs": facts["epochs"],
        "finished_epochs": facts["finished_epochs"],
        "diverged": facts["diverged"],
        "top1": facts["top1"],
        "chance": facts["chance"],
        "rescaled": result.rescaled[name],
    }
    if name in result.first:
        energy = result.first[name].energy
        leaders = measured.leading(energy, LEADING)
        found |= {"leaders": len(leaders), "led": mean_or_none(measured.led_share(energy, leaders))}
    return found


def figures(result: Result) -> dict[str, Figure]:
    """Figure 6, and the numbers behind it."""
    found: dict[str, Figure] = {}
    for name, letter in ((UNCLIPPED, "(a) "), (CLIPPED, "")):
        if name in result.first and not (name == CLIPPED and _same(result)):  # the same picture is not shown twice
            found[name.replace("-", "_")] = _recipe_filters(result, name, letter)
    if all(name in result.first for name in (UNCLIPPED, CLIPPED)):
        found["energy"] = _energy_chart(result)
    for name, letter in ((BEFORE, "(b)"), (AFTER, "(c)")):
        if name in result.first:
            found[f"{name}_filters"] = _filters(result.first[name], SAID[name], letter)
    grid = "a fine grid of four pixels"
    for name, letter, look_for in (
        (BEFORE, "(d)", grid),
        (AFTER, "(e)", f"{grid}: by the paper it is weaker here than in (d)"),
    ):
        if name in result.second:
            second = result.second[name]
            found[f"{name}_layer2"] = feature_maps(
                SECOND,
                second.pictures,
                Sight(second.field, second.size),
                searched(result.images),
                title=f"{letter} Layer 2 of {SAID[name]}",
                net=f"the net with {SAID[name]}",
                look_for=look_for,
                beside=False,
            )
    if len(result.second) == len(SAID) and all(name in result.first for name in SAID):
        found["spectra"] = _spectra_chart(result)
    if any(name in result.facts for name in SAID):
        found["nets"] = _table(result)
    return found


def _filters(layer: FirstLayer, said: str, letter: str) -> ImageGrid:
    return ImageGrid(
        title=f"{letter} Layer 1 of {said}",
        caption=f"The {len(layer.filters)} filters of layer 1 of the comparison net with {said}. Grey is zero, and each "
        "filter has its own contrast. Look for filters that are noise, that repeat another, or that have only very coarse "
        "or only very fine stripes.",
        alt=f"A grid of {len(layer.filters)} small colour pictures, the filters of layer 1 of the net with {said}.",
        images=filter_pictures(layer.filters),
        columns=_columns(len(layer.filters)),
        smooth=False,
    )


def _columns(count: int) -> int:
    return 12 if count > 32 else 8  # two of these grids stand side by side


def _recipe_filters(result: Result, name: str, letter: str) -> ImageGrid:
    layer, how = result.first[name], "without" if name == UNCLIPPED else "with"
    if _same(result):
        how = "with and without"
    diverged = result.facts[name]["diverged"]
    after = f" before training diverged in epoch {diverged}" if diverged is not None else ""
    return ImageGrid(
        title=f"{letter}Layer 1 trained {how} clipping",
        caption=f"The {len(layer.filters)} filters of layer 1 of the net with 7x7, stride 2, trained by the paper's recipe "
        f"{how} clipping of the filters' RMS{after}; grey is zero, and one scale, set by the largest weight, serves all. "
        + ("The two nets' filters are exactly the same, so they are shown once. " if _same(result) else "")
        + "Where one filter dominates, only that one is visible.",
        alt=f"A grid of {len(layer.filters)} small colour pictures, filters of layer 1 trained {how} clipping.",
        images=filter_pictures(layer.filters, alike=True),
        columns=_columns(len(layer.filters)),
        smooth=False,
    )


def _energy_chart(result: Result) -> LineChart:
    series, said = [], []
    for name, how in ((UNCLIPPED, "without clipping"), (CLIPPED, "with clipping")):
        energy = np.sort(result.first[name].energy.sum(axis=0))[::-1]
        gathered = 100 * energy.cumsum() / max(energy.sum(), 1e-300)
        places = np.arange(1, len(energy) + 1, dtype=np.float64)
        series.append(Series(how, places, gathered, dashed=name == CLIPPED))
        said.append(f"{how} the strongest filter has {gathered[0]:.0f} %")
    return LineChart(
        title="Where the energy of layer 1 gathers",
        caption=f"Share of layer 1's response energy over {result.images} validation images that its strongest filters "
        "hold together, by how many of them are counted. The steeper a curve begins, the fewer filters hold the energy; "
        "where the two curves coincide, clipping changed nothing.",
        alt=f"Two rising curves over the number of filters: {'; '.join(said)}.",
        panels=(Panel("", "strongest filters", "share of the energy (%)", tuple(series), (0.0, 102.0)),),
    )


def _spectra_chart(result: Result) -> LineChart:
    edges = ring_edges()
    centres = (edges[:-1] + edges[1:]) / 2
    first, second, said = [], [], []
    for name, dashed in ((AFTER, False), (BEFORE, True)):
        filters = result.first[name].filters
        grid = spectra.grid_for(filters.shape[1])
        rings = np.array([spectra.profile(spectra.energy(filter_, grid), edges) for filter_ in filters])
        rings = 100 * rings[~np.isnan(rings).any(axis=1)]
        low, high = np.percentile(rings, (25, 75), axis=0)
        first.append(Series(SAID[name], centres, rings.mean(axis=0), low, high, dashed=dashed))
        layer = result.second[name]
        reached = (layer.projection_rings > 0) & (layer.patch_rings > 0)
        times = np.log2(layer.projection_rings[reached] / layer.patch_rings[reached])
        second.append(Series(SAID[name], centres[reached], times, dashed=dashed))
        at = int(np.argmin(np.abs(centres[reached] - ALIASES[0])))
        said.append(
            f"near 1/4 cycle per pixel projections of {SAID[name]} have {2 ** times[at]:.2g} times their patches' share"
        )
    counts = " and ".join(f"{len(result.second[name].projection_share)} ({SAID[name]})" for name in SAID)
    return LineChart(
        title="Spectra of layer 1's filters and of layer 2's projections",
        caption="Left: how the energy of a layer-1 filter is spread over spatial frequencies, mean over the filters; the "
        "band holds the middle half of them. What the paper calls middle frequencies is taken here as 1/16 to 1/4 cycle per "
        f"pixel. Right: energy of layer-2 projections relative to that of the image patches that caused them, {counts}, "
        "one for each image. A stride of 4 px causes aliasing at 1/4 and 1/2 cycle per pixel, but only at single points of "
        "the spectrum: each value here is a mean over a ring, which dilutes them.",
        alt=f"Two panels of curves over spatial frequency; {'; '.join(said)}.",
        panels=(
            Panel("layer 1, filters", "cycles per pixel", "share of the energy (%)", tuple(first)),
            Panel("layer 2, projections", "cycles per pixel", "log2 of share over patch's share", tuple(second)),
        ),
    )


def _table(result: Result) -> Table:
    found = {name: _of_net(result, name) for name in SAID if name in result.facts}
    seeds = len(result.errors[AFTER]) if result.errors else 0

    def cell(net: Mapping[str, Any], key: str, text: str, times: float = 1) -> str:
        return "–" if net.get(key) is None else text.format(net[key] * times)

    rows = tuple(
        (
            net["said"] + (f" (diverged in epoch {net['diverged']})" if net["diverged"] is not None else ""),
            cell(net, "error", "{:.1f}", 100),
            str(net["epochs"]),
            cell(net, "train_error", "{:.1f}", 100),
            cell(net, "multiply_adds", "{:.1f}", 1e-6),
            cell(net, "parameters", "{:,}"),
            cell(net, "dead", "{}") + f" of {net.get('filters', '–')}",
            cell(net, "likeness", "{:.2f}"),
            cell(net, "middle", "{:.0f}", 100),
            cell(net, "times_patch", "{:.2f}"),
        )
        for net in found.values()
    )
    return Table(
        title="The two architectures",
        caption="Two comparison nets, trained on the same images for as many epochs as each needs until its training error no "
        f"longer falls. Top-1 error on {result.judged} {result.on} and on the training images, centre crops; "
        "multiply-adds for one image; dead filters of layer 1, their mean cosine similarity to the nearest other beyond that "
        "of random filters, and their share of energy in the middle frequencies; energy of layer-2 projections near 1/4 and "
        "1/2 cycle per pixel as a multiple of their patches' (geometric mean)."
        + (f" Errors and filters are of {seeds} seeds, all else is of the first." if seeds > 1 else ""),
        alt=f"A table with one row for each of {len(rows)} nets: errors, cost, dead filters, aliasing.",
        columns=(
            "layer 1",
            "error (%)",
            "epochs",
            "training images (%)",
            "multiply-adds (million)",
            "parameters",
            "dead filters",
            "likeness beyond chance",
            "middle frequencies (%)",
            "aliasing (times the patch)",
        ),
        rows=rows,
    )
