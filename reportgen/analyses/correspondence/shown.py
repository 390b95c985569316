"""The numbers of the section's text, figure 8, table 1 and what is behind it."""

from typing import Any

import numpy as np

from reportgen.analyses.correspondence.part_masks import in_words
from reportgen.analyses.correspondence.result import SCORED, Layer, Result, Row, rows
from reportgen.analyses.correspondence.sign_patterns import SMALLEST_GROUP
from reportgen.analyses.correspondence.verdict import jackknifed
from reportgen.claims.paper import CORRESPONDENCE
from reportgen.figures.kinds import BarChart, Figure, ImageGrid, Table


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text and in the metrics."""
    pairing, layers = result.pairing, list(result.layers.values())
    lines = rows(result.part_names) if layers else []
    return {
        "why": result.why,
        "images": len(result.names),
        "pairs": int(pairing.compared.sum()) if layers else 0,
        "across": result.across,
        "within_pairs": int(result.within.compared.sum()) if result.within is not None else 0,
        "images_of_class": {name: int((result.groups == group).sum()) for group, name in enumerate(result.group_names)},
        "parts": [in_words(part) for part in result.part_names],
        "draws": int(result.masks.on_object.shape[1]),
        "mask_side": float(result.masks.part[..., 2].mean()) if layers else None,
        "shown": [result.names[place] for place in result.shown],
        "left_out": [{"file": name, "reason": reason} for name, reason in result.left_out],
        "as_in_the_paper": bool(set(result.part_names) & set(CORRESPONDENCE)),
        "layers": [
            {
                "number": layer.number,
                "entries": layer.entries,
                "gap": float(np.mean([pairing.mean(gap) for gap in layer.gaps])),
                "within_gap": _within_gap(result, layer),
                "scores": scores,
                "opposite_gap": _opposite_gap([score["opposite"] for score in scores.values()]),
            }
            for layer in layers
            for scores in [{line.key: _line(line, layer, result) for line in lines}]
        ],
    }


def _within_gap(result: Result, layer: Layer) -> float | None:
    within = result.within
    return None if within is None else float(np.mean([within.mean(gap) for gap in layer.gaps]))


def _opposite_gap(opposite: list[float | None]) -> float | None:
    """Share of opposite changes under random masks minus that under masks of parts, among features that changed in both.

    `opposite`: that share for each line of table 1: the parts, then random masks on the object, then anywhere.
    """
    *parts, random, _ = opposite
    known = [share for share in parts if share is not None]
    return random - sum(known) / len(known) if known and random is not None else None


def _line(line: Row, layer: Layer, result: Result) -> dict[str, float | None]:
    distances, pairing = line.distances(layer), result.pairing
    among_shown = np.isin(pairing.pairs, result.shown).all(axis=1) & pairing.compared
    within = result.within
    return {
        "mean": pairing.mean(distances.mean(axis=0)),
        "deviation": pairing.deviation(distances),
        "shown_mean": float(distances[:, among_shown].mean()),
        "shown_deviation": float(distances[:, among_shown].std()),
        "changed": line.changed(layer),
        "opposite": line.opposite(layer),
        "within_mean": None if within is None else within.mean(distances.mean(axis=0)),
        "within_deviation": None if within is None else within.deviation(distances),
    }


def figures(result: Result) -> dict[str, Figure]:
    """Figure 8, table 1, the gaps that the claim is about, and what the scores are made of."""
    if result.why:
        return {}
    found: dict[str, Figure] = {"masks": _figure8(result)}
    if result.layers:
        found |= {"table1": _table1(result), "gaps": _gap_chart(result), "behind": _behind(result)}
    return found


def _figure8(result: Result) -> ImageGrid:
    kinds = [result.group_names[group] for group in result.groups[result.shown]]
    count = len(result.shown)
    masked = [in_words(part) for part in result.part_names]
    return ImageGrid(
        title="The masks",
        caption=f"{count} of the {len(result.names)} annotated images, drawn at random ({', '.join(kinds)}), "
        f"{'of different classes as far as can be' if result.across else 'of the one class that is annotated'}. From above: "
        f"the image; {', '.join(masked)} under a grey square that fits the part; a square as large as that of the "
        f"{masked[0]}, at a random place on the object that is clear of the other squares; and one anywhere. Each "
        "column is one image. Look whether the squares cover what they should.",
        alt=f"A grid of {count} columns: {', '.join(kinds)}. Rows: the original, then a grey square "
        f"over {', '.join(masked)}, on a random place of the object, and anywhere.",
        images=result.pictures.reshape(-1, *result.pictures.shape[2:]),
        columns=count,
        row_titles=("original", *masked, "random, on object", "random, anywhere"),
    )


def _layers_of(result: Result) -> list[Layer]:
    return list(result.layers.values())


def _table1(result: Result) -> Table:
    """Table 1, with the paper's numbers for the parts that it has."""
    layers = _layers_of(result)
    beside = bool(set(result.part_names) & set(CORRESPONDENCE))
    printed = []
    for line in rows(result.part_names):
        cells = [_line(line, layer, result) for layer in layers]
        row = [line.name]
        row += [_spread(cell["mean"], cell["deviation"]) for cell in cells]
        row += [_spread(cell["shown_mean"], cell["shown_deviation"]) for cell in cells]
        if result.within is not None:
            row += [_spread(cell["within_mean"], cell["within_deviation"]) for cell in cells]
        if beside:
            known = CORRESPONDENCE.get(line.key)
            row += [_spread(*known[SCORED.index(layer.number)]) if known else "–" for layer in layers]
        printed.append(tuple(row))
    names = [f"layer {layer.number}" for layer in layers]
    images, few, draws = len(result.names), len(result.shown), layers[0].on_object.different.shape[1]
    columns = ["masked", *names, *(f"the {few} shown: {name}" for name in names)]
    columns += [f"of one class: {name}" for name in names] if result.within is not None else []
    columns += [f"paper: {name}" for name in names] if beside else []
    [claimed, *others] = _whose_pairs(result)
    lowest = min(rows(result.part_names)[:-1], key=lambda line: _mean(line, layers[0], result))
    return Table(
        title="How alike masks change the features",
        caption="Hamming distance between the signs of two images’ changes, as a share of the feature vector’s length: "
        f"mean over pairs ± standard deviation of a pair. First the pairs that the claim is judged by: all {images} annotated images, "
        f"{claimed}; then the same among the {few} images shown"
        + "".join(f"; then {other}" for other in others)
        + ("; then what the paper printed, from five dogs of different breeds." if beside else ".")
        + f" {draws} random mask{'s' if draws > 1 else ''} for each part of each image, as large as that part’s. "
        "A lower number says that the masks change the features alike: compare the parts with the random masks.",
        alt=f"A table of scores; at layer {layers[0].number} the lowest is that of {lowest.name}, "
        f"{_mean(lowest, layers[0], result):.3f}.",
        columns=tuple(columns),
        rows=tuple(printed),
    )


def _whose_pairs(result: Result) -> list[str]:
    """The pairs in words: the claim's, then those that stand beside it."""
    if not result.across:
        return [f"in pairs within the one class that is annotated, {result.group_names[0]}"]
    return ["in pairs of different classes"] + (
        ["pairs within a class, averaged over the classes" + _but_for_few(result)] if result.within is not None else []
    )


def _but_for_few(result: Result) -> str:
    few = int((np.bincount(result.groups) < SMALLEST_GROUP).sum())
    return f" of at least {SMALLEST_GROUP} images" if few else ""


def _mean(line: Row, layer: Layer, result: Result) -> float:
    return result.pairing.mean(line.distances(layer).mean(axis=0))


def _spread(mean: float | None, deviation: float | None) -> str:
    """Mean and deviation as the paper prints them."""
    return f"{mean:.3f}\u00a0±\u00a0{deviation:.3f}"


def _gap_chart(result: Result) -> BarChart:
    bars = [
        jackknifed(f"{in_words(part)}, layer {layer.number}", gap, result.pairing)
        for layer in _layers_of(result)
        for part, gap in zip(result.part_names, layer.gaps, strict=True)
    ]
    spoken = ", ".join(f"{bar.name} {bar.estimate:.3f}" for bar in bars)
    return BarChart(
        title="How far the parts stand out from random masks",
        caption="Score of random masks on the object less the score of the part’s masks, each of the same size. The bars’ "
        "lines are intervals for this trained net (images left out one after another); where the noise of training is known, the "
        "claim’s own are wider. To the right of zero, "
        "masking the "
        "part changes the features more alike than chance does.",
        alt=f"Bars: {spoken}.",
        names=tuple(bar.name for bar in bars),
        values=np.array([bar.estimate for bar in bars]),
        low=np.array([bar.low for bar in bars]),
        high=np.array([bar.high for bar in bars]),
        x_label="random minus part (share of the entries)",
        reference=0.0,
        reference_name="no difference",
    )


def _behind(result: Result) -> Table:
    """What the paper's score is made of: how many features change at all, and how many of those in opposite directions."""
    layers = _layers_of(result)
    printed = []
    for line in rows(result.part_names):
        cells = [_line(line, layer, result) for layer in layers]
        opposite = ["–" if cell["opposite"] is None else f"{cell['opposite']:.1%}" for cell in cells]
        printed.append((line.name, *(f"{cell['changed']:.1%}" for cell in cells), *opposite))
    names = [f"layer {layer.number}" for layer in layers]
    return Table(
        title="What the scores are made of",
        caption="Secondary numbers, on which no verdict rests. First, the share of the layer’s features that a mask changes "
        "at all: where that is small, most features are unchanged in both images, which counts as agreement, so the score "
        "is low for that reason alone. Then, among features that changed in both images, the share that rose in one and "
        "fell in the other: one half means that the masks have nothing in common.",
        alt="A table: for each sort of mask the share of features that it changes, and the share of opposite changes among "
        "those that changed in both images.",
        columns=(
            "masked",
            *(f"changed, {name}" for name in names),
            *(f"opposite, {name}" for name in names),
        ),
        rows=tuple(printed),
    )
