"""The numbers of the section's text, figure 6 and the table of the nets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from reportgen.analyses.architecture import filters as measured
from reportgen.analyses.architecture import spectra
from reportgen.analyses.architecture.first_layers import ALIASES, SECOND, FirstLayer, SecondLayer, ring_edges
from reportgen.analyses.architecture.result import (
    AFTER,
    BEFORE,
    CLIPPED,
    LEADING,
    SAID,
    UNCLIPPED,
    Result,
    clipping_is_idle,
    filters_of,
    layers_of,
    likeness_of,
)
from reportgen.base.statistics import mean_or_none
from reportgen.claims import Part, difference_part, mean_part
from reportgen.figures.kinds import Figure, ImageGrid, LineChart, Panel, Series, Table
from reportgen.look.sight import Sight
from reportgen.look.strongest import feature_maps, filter_pictures, searched


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text."""
    return {
        "images": result.images,
        "seeds": len(result.errors[AFTER]) if result.errors else 0,
        "diverged_pairs": result.diverged_pairs,
        "nets": {name: _of_net(result, name) for name in SAID if name in result.facts},
        "grid": _grids(result),
        "same": clipping_is_idle(result),
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
        layers = layers_of(result, name)
        likeness, chance, filters = likeness_of(layers)
        found |= {
            "filters": filters_of(layers),
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
        if name in result.first and not (
            name == CLIPPED and clipping_is_idle(result)
        ):  # the same picture is not shown twice
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
    if clipping_is_idle(result):
        how = "with and without"
    diverged = result.facts[name]["diverged"]
    after = f" before training diverged in epoch {diverged}" if diverged is not None else ""
    return ImageGrid(
        title=f"{letter}Layer 1 trained {how} clipping",
        caption=f"The {len(layer.filters)} filters of layer 1 of the net with 7x7, stride 2, trained by the paper's recipe "
        f"{how} clipping of the filters' RMS{after}; grey is zero, and one scale, set by the largest weight, serves all. "
        + ("The two nets' filters are exactly the same, so they are shown once. " if clipping_is_idle(result) else "")
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
        caption=f"Share of layer 1's response energy over {result.images:,} validation images that its strongest filters "
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
        f"longer falls. Top-1 error on {result.judged:,} {result.on} and on the training images, centre crops; "
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
