"""Architecture selection (Zeiler & Fergus 2013, section 4.1, figure 6; section 5.1, table 2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
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
from reportgen.claims import Part, Verdict, difference_part, jackknife_part, mean_part, not_tested
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series, Table
from reportgen.look.inputs import Inputs, Learned
from reportgen.look.sight import Sight
from reportgen.look.strongest import feature_maps, filter_pictures, searched

BEFORE, AFTER = "krizhevsky", "zfnet"  # the order in which they are compared: 11x11/4 minus 7x7/2
UNCLIPPED, CLIPPED = "paper-unclipped", "paper-clipped"
SAID = {BEFORE: "11x11, stride 4", AFTER: "7x7, stride 2"}
LEADING = 0.05  # of the filters: those in which a layer's energy is said to gather
ARCHITECTURE = 6  # seeds, from which a claim is about the architecture


@dataclass(frozen=True)
class Result:
    """The nets that this run has of the four, by the names of the variants."""

    first: dict[str, FirstLayer]
    second: dict[str, SecondLayer]
    facts: dict[str, dict[str, Any]]  # what each net's stage wrote of it
    rescaled: dict[str, float]  # recipe `paper`: largest share of any layer's filters that was rescaled in any epoch
    errors: dict[str, Float[np.ndarray, "seed image"]]  # of the two architectures: 1 where an image is got wrong
    diverged_pairs: int  # seeds with which one of the two did not train to the end; their errors are left out
    images: int  # validation images


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Open the comparison nets and measure their first two layers."""
    nets = {name: net for name in (BEFORE, AFTER, UNCLIPPED, CLIPPED) if (net := inputs.compared(name)) is not None}
    errors, diverged = paired_errors(inputs)
    first = {name: first_layer(net) for name, net in nets.items()}
    second = {name: second_layer(nets[name], settings.maps, settings.projections, rng) for name in SAID if name in nets}
    return Result(
        first={name: layer for name, layer in first.items() if layer is not None},
        second={name: layer for name, layer in second.items() if layer is not None},
        facts={name: net.learned.numbers for name, net in nets.items()},
        rescaled={name: rescaled(nets[name].learned.history) for name in (UNCLIPPED, CLIPPED) if name in nets},
        errors=errors,
        diverged_pairs=diverged,
        images=len(inputs.data.val),
    )


def rescaled(history: list[dict[str, Any]]) -> float:
    """Largest share of any layer's filters that clipping rescaled, mean over an epoch; 0 where it never acted."""
    return max((share for epoch in history for share in epoch["clipped"].values()), default=0.0)


def paired_errors(inputs: Inputs) -> tuple[dict[str, Float[np.ndarray, "seed image"]], int]:
    """Which validation images the two architectures get wrong, for every seed with which both were trained to the end.

    Also returns the number of seeds with which one of them diverged.
    """
    labels = inputs.data.val.labels
    pairs: list[list[Learned]] = []
    while True:
        pair = [net for name in SAID if (net := inputs.compared(name, len(pairs))) is not None]
        if len(pair) < len(SAID):
            break
        pairs.append([net.learned for net in pair])
    kept = [pair for pair in pairs if all(net.numbers["diverged"] is None for net in pair)]
    errors = {
        name: np.array([pair[place].logits.argmax(axis=1) != labels for pair in kept], dtype=np.float64)
        for place, name in enumerate(SAID)
        if kept
    }
    return errors, len(pairs) - len(kept)


def weakest(result: Result) -> dict[str, Any] | None:
    """Numbers of the less able of the two architectures, on which the claims about what nets learned depend."""
    return min(
        (result.facts[name] for name in SAID if name in result.facts), key=lambda net: net["correct"], default=None
    )


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The four claims of section 4.1 and table 2."""
    return [_clipping(result, rng), _dead(result, rng), _aliasing(result, rng), _better(result, rng)]


def _missing(result: Result, *names: str) -> str:
    """Why a claim about these nets cannot be tested, or nothing."""
    missing = [name for name in names if name not in result.facts]
    return f"this run trains no net {', '.join(missing)} (COMPARE_VARIANTS)" if missing else ""


def _diverged(result: Result, *names: str) -> str:
    """Why a claim about these nets is undecided, or nothing."""
    found = [name for name in names if result.facts[name]["diverged"] is not None]
    return "; ".join(f"training of {name} diverged in epoch {result.facts[name]['diverged']}" for name in found)


def _clipping(result: Result, rng: np.random.Generator) -> Verdict:
    claim, names = "clipping", (UNCLIPPED, CLIPPED)
    if why := _missing(result, *names):
        return not_tested(claim, why)
    if not all(name in result.first for name in names):
        return not_tested(claim, "layer 1 does not read the image")
    why = _diverged(result, *names)
    if not why and result.rescaled[CLIPPED] == 0:
        epochs = result.facts[CLIPPED]["finished_epochs"]
        why = f"clipping never acted in {epochs} epoch{'s' * (epochs != 1)}" + (
            ": the two nets are the same" if _same(result) else ""
        )
        return Verdict(claim, (), why)  # a net against itself has a difference of zero, but no interval
    energies = [result.first[name].energy for name in names]
    leaders = [measured.leading(energy, LEADING) for energy in energies]
    shares = [measured.led_share(*pair) for pair in zip(energies, leaders, strict=True)]
    gap = shares[0] - shares[1]
    gap = gap[~np.isnan(gap)]
    if not len(gap):
        return not_tested(claim, "no validation image excites layer 1 of both nets")
    name = f"energy in the strongest {len(leaders[0])} of {energies[0].shape[1]} filters: without clipping minus with"
    return Verdict(claim, (mean_part(name, gap, rng),), why)


def _same(result: Result) -> bool:
    """Whether the nets with and without clipping have the same filters, to the bit."""
    return all(name in result.first for name in (UNCLIPPED, CLIPPED)) and np.array_equal(
        result.first[UNCLIPPED].filters, result.first[CLIPPED].filters
    )


def _dead(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "fewer-dead-features"
    if why := _missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    if not all(name in result.first for name in SAID):
        return not_tested(claim, "layer 1 does not read the image")
    before, after = (result.first[name] for name in SAID)
    likeness = [_known(measured.nearest_likeness(layer.filters)) for layer in (before, after)]
    middle = [_known(measured.middle_share(layer.filters)) for layer in (before, after)]
    if not all(len(values) for values in (*likeness, *middle)):
        return not_tested(claim, "layer 1 of a net has no two filters")
    parts = (
        difference_part("dead filters: 11x11/4 minus 7x7/2", before.dead.astype(float), after.dead.astype(float), rng),
        difference_part("likeness to the nearest filter: 11x11/4 minus 7x7/2", likeness[0], likeness[1], rng),
        difference_part("middle frequencies: 7x7/2 minus 11x11/4", middle[1], middle[0], rng),
    )
    return Verdict(claim, parts, _diverged(result, BEFORE, AFTER))


def _likeness_resized(result: Result) -> dict[str, Any] | None:
    """Likeness to the nearest filter, 11x11/4 minus 7x7/2, all on the grid of the smaller filters.

    Not a part of the claim: filters with more weights agree less by chance, so the cosine between them is lower.
    """
    if not all(name in result.first for name in SAID):
        return None
    filters = [result.first[name].filters for name in SAID]
    side = min(some.shape[1] for some in filters)
    before, after = (_known(measured.nearest_likeness(measured.resized(some, side))) for some in filters)
    if not len(before) or not len(after):
        return None
    part = difference_part("", before, after, np.random.default_rng(0))
    if not np.isfinite([part.low, part.high]).all():
        return None
    return {
        "side": side,
        BEFORE: float(before.mean()),
        AFTER: float(after.mean()),
        "estimate": part.estimate,
        "low": part.low,
        "high": part.high,
    }


def _aliasing(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "less-aliasing"
    if why := _missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    if not all(name in result.second for name in SAID):
        return not_tested(claim, "layer 2 of a net responds to no validation image")
    before, after = (result.second[name].aliasing for name in SAID)
    name = "energy in the bands, logarithm of projection over patch: 11x11/4 minus 7x7/2"
    return Verdict(claim, (difference_part(name, before, after, rng),), _diverged(result, BEFORE, AFTER))


def _better(result: Result, rng: np.random.Generator) -> Verdict:
    claim = "better-architecture"
    if why := _missing(result, BEFORE, AFTER):
        return not_tested(claim, why)
    lost = result.diverged_pairs  # a pair left out would flatter the architecture that diverges
    why = f"with {lost} of the seeds one of the two did not train to the end" if lost else ""
    if not result.errors:
        return Verdict(claim, (), why)
    gap = result.errors[BEFORE] - result.errors[AFTER]
    seeds = len(gap)
    if seeds >= ARCHITECTURE:
        by_seed = gap.mean(axis=1)
        left_out = (by_seed.sum() - by_seed) / (seeds - 1)
        name = f"error of the architecture, {seeds} seeds: 11x11/4 minus 7x7/2"
        return Verdict(claim, (jackknife_part(name, float(by_seed.mean()), left_out),), why)
    which = "these trained nets" if seeds == 1 else f"these {seeds} pairs of trained nets"
    return Verdict(claim, (mean_part(f"error of {which}: 11x11/4 minus 7x7/2", gap.mean(axis=0), rng),), why)


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]


def _mean(values: np.ndarray) -> float | None:
    known = _known(values)
    return float(known.mean()) if len(known) else None


def numbers(result: Result) -> dict[str, Any]:
    """What the section's prose speaks of."""
    return {
        "images": result.images,
        "seeds": len(result.errors[AFTER]) if result.errors else 0,
        "diverged_pairs": result.diverged_pairs,
        "nets": {name: _of_net(result, name) for name in SAID if name in result.facts},
        "grid": _grids(result),
        "same": _same(result),
        "likeness_resized": _likeness_resized(result),
        "recipes": {name: _of_recipe(result, name) for name in (UNCLIPPED, CLIPPED) if name in result.facts},
    }


def _of_net(result: Result, name: str) -> dict[str, Any]:
    facts = result.facts[name]
    found: dict[str, Any] = {
        "said": SAID[name],
        **{key: facts[key] for key in ("epochs", "diverged", "parameters", "multiply_adds", "train_error", "top1")},
        "sides": {str(layer["layer"]): layer["convolved"] for layer in facts["layers"]},
    }
    if result.errors:
        found["error"] = float(result.errors[name].mean())
        found["error_by_seed"] = result.errors[name].mean(axis=1).tolist()
    if name in result.first:
        layer = result.first[name]
        found |= {
            "filters": len(layer.filters),
            "dead": int(layer.dead.sum()),
            "likeness": _mean(measured.nearest_likeness(layer.filters)),
            "middle": _mean(measured.middle_share(layer.filters)),
        }
    if name in result.second:
        second = result.second[name]
        found |= {
            "projections": len(second.projection_share),
            "field": second.field,
            "times_patch": float(np.exp(second.aliasing.mean())),
        }
    return found


def _grid(layer: SecondLayer) -> dict[str, Float[np.ndarray, " large"]]:
    """How far a grid of four pixels stands out of each projection's spectrum, compared with its patch's: logarithms.

    At its points on the axes, and at those on the diagonals. Compared with the neighbours on the line or on the ring,
    whichever leave the lower mean. Not a part of the claim, whose bands are rings in which such points are diluted.
    """
    if not len(layer.lattice):
        return {}
    least = layer.lattice.mean(axis=0).argmin(axis=1)
    return {place: layer.lattice[:, row, least[row]] for row, place in enumerate(("axes", "diagonals"))}


def _times(part: Part) -> dict[str, Any]:
    """A logarithm with its interval as a factor; an end that is open is None."""
    low, high = (float(np.exp(end)) if np.isfinite(end) else None for end in (part.low, part.high))
    return {"estimate": float(np.exp(part.estimate)), "low": low, "high": high, "n": part.n}


def _grids(result: Result) -> dict[str, Any] | None:
    """The grid of each of the two nets, and the ratio of the grid with long steps to the other."""
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
        "chance": 1 / facts["classes"],
        "rescaled": result.rescaled[name],
    }
    if name in result.first:
        energy = result.first[name].energy
        leaders = measured.leading(energy, LEADING)
        found |= {"leaders": len(leaders), "led": _mean(measured.led_share(energy, leaders))}
    return found


def figures(result: Result) -> dict[str, Figure]:
    """Figure 6, and the numbers behind what it shows."""
    found: dict[str, Figure] = {}
    for name, letter in ((UNCLIPPED, "(a) "), (CLIPPED, "")):
        if name in result.first and not (name == CLIPPED and _same(result)):  # the same picture is not shown twice
            found[name.replace("-", "_")] = _recipe_filters(result, name, letter)
    if all(name in result.first for name in (UNCLIPPED, CLIPPED)):
        found["energy"] = _energy_chart(result)
    for name, letter in ((BEFORE, "(b)"), (AFTER, "(c)")):
        if name in result.first:
            found[f"{name}_filters"] = _filters(result.first[name], SAID[name], letter)
    for name, letter in ((BEFORE, "(d)"), (AFTER, "(e)")):
        if name in result.second:
            second = result.second[name]
            found[f"{name}_layer2"] = feature_maps(
                SECOND,
                second.pictures,
                Sight(second.field, second.size),
                searched(result.images),
                title=f"{letter} Layer 2 of {SAID[name]}",
                net=f"the net with {SAID[name]}",
                look_for="a fine grid of four pixels in the projections that the patches do not have",
            )
    if len(result.second) == len(SAID) and all(name in result.first for name in SAID):
        found["spectra"] = _spectra_chart(result)
    if any(name in result.facts for name in SAID):
        found["nets"] = _table(result)
    return found


def _filters(layer: FirstLayer, said: str, letter: str) -> ImageGrid:
    return ImageGrid(
        title=f"{letter} Layer 1 of {said}",
        caption=f"The {len(layer.filters)} filters of layer 1 of the comparison net with {said}; grey is zero, each is "
        "scaled to its own contrast. Look for filters that are noise, that look like another, or that have only the "
        "coarsest or only the finest stripes.",
        alt=f"A grid of {len(layer.filters)} small colour pictures, the filters of layer 1 of the net with {said}.",
        images=filter_pictures(layer.filters),
        columns=_columns(len(layer.filters)),
        smooth=False,
    )


def _columns(count: int) -> int:
    return 16 if count > 32 else 12


def _recipe_filters(result: Result, name: str, letter: str) -> ImageGrid:
    layer, how = result.first[name], "without" if name == UNCLIPPED else "with"
    if _same(result):
        how = "with and without"
    diverged = result.facts[name]["diverged"]
    after = f" before training diverged in epoch {diverged}" if diverged is not None else ""
    return ImageGrid(
        title=f"{letter}Layer 1 trained {how} clipping",
        caption=f"The {len(layer.filters)} filters of layer 1 of the net with 7x7, stride 2, trained by the paper's recipe "
        f"{how} clipping of the filters' RMS{after}; grey is zero, all are scaled alike, by the largest weight of all. "
        + ("The two nets' filters are the same to the bit, so they are shown once. " if _same(result) else "")
        + "Where one filter dominates, it alone has contrast.",
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
        caption=f"Share of layer 1's response energy over {result.images} validation images that lies in its strongest "
        "filters, the strongest first. The steeper the beginning, the fewer filters do the work; where the two curves "
        "coincide, clipping changed nothing.",
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
        "band holds the middle half of them. The paper's middle frequencies are here those from 1/16 to 1/4 cycle per "
        f"pixel. Right: energy of layer-2 projections against that of the image patches behind them, {counts}, "
        "one for each image. A stride of 4 px repeats what it reads at 1/4 and 1/2 cycle per pixel, but at single points: "
        "each value here is a mean over a ring, in which they are diluted.",
        alt=f"Two panels of curves over spatial frequency; {'; '.join(said)}.",
        panels=(
            Panel("layer 1, filters", "cycles per pixel", "share of the energy (%)", tuple(first)),
            Panel("layer 2, projections", "cycles per pixel", "log2 of share over patch's share", tuple(second)),
        ),
    )


def _table(result: Result) -> Table:
    found = {name: _of_net(result, name) for name in SAID if name in result.facts}

    def cell(net: Mapping[str, Any], key: str, text: str, times: float = 1) -> str:
        return "–" if net.get(key) is None else text.format(net[key] * times)

    rows = tuple(
        (
            net["said"] + (f" (diverged in epoch {net['diverged']})" if net["diverged"] is not None else ""),
            cell(net, "error", "{:.1f}", 100),
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
        caption="Two comparison nets, trained on the same images with the same seed and schedule. Top-1 errors on the "
        "validation and the training images, centre crops; multiply-adds for one image; dead filters of layer 1, their mean "
        "cosine similarity to the nearest other, and their share of energy in the middle frequencies; energy of layer-2 "
        "projections near 1/4 and 1/2 cycle per pixel as a multiple of their patches' (geometric mean).",
        alt=f"A table with one row for each of {len(rows)} nets: errors, cost, dead filters, aliasing.",
        columns=(
            "layer 1",
            "validation error (%)",
            "training error (%)",
            "multiply-adds (million)",
            "parameters",
            "dead filters",
            "likeness to the nearest",
            "middle frequencies (%)",
            "aliasing (times the patch)",
        ),
        rows=rows,
    )
