"""Ablation (Zeiler & Fergus 2013, section 5.1, tables 2 and 3; table 6 as the paper printed it)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from reportgen.analyses.ablation import Settings
from reportgen.claims import Verdict, mean_part, not_tested, paper
from reportgen.figures.kinds import BarChart, Figure, Table
from reportgen.look.inputs import Inputs, Learned
from reportgen.look.probabilities import softmax
from reportgen.settings import variants

AS_IS, WITHOUT_34, WITHOUT_67, WITHOUT_BOTH = (
    "krizhevsky",
    "krizhevsky-without-3-4",
    "krizhevsky-without-6-7",
    "krizhevsky-without-3-4-6-7",
)
DEPTH = (AS_IS, WITHOUT_34, WITHOUT_67, WITHOUT_BOTH)
TOP = 5
NONE = "–"
PAPER_ROWS = {"krizhevsky": paper.ABLATION_KRIZHEVSKY, "zfnet": paper.ABLATION_ZEILER_FERGUS}
TABLE_2 = {  # rows of the paper's table 2 with a counterpart in this run: the variant, and whether all its seeds are averaged
    "their replication of Krizhevsky et al., 1 net": ("krizhevsky", False),
    "1 net of the paper’s figure 3": ("zfnet", False),
    "5 nets of the paper’s figure 3 (a)": ("zfnet", True),
    "1 net, layers 3, 4, 5: 512, 1024, 512 maps (b)": ("zfnet-wider-3-4-5", False),
}


@dataclass(frozen=True)
class Ensemble:
    """Nets of one architecture and several seeds, their probabilities averaged."""

    nets: int
    top1: float  # error
    top5: float | None


@dataclass(frozen=True)
class Result:
    """The variants that this run trained, by name."""

    facts: dict[str, dict[str, Any]]  # what each net's stage recorded about it
    wrong: dict[str, Float[np.ndarray, " image"]]  # 1 where a net misclassifies a validation image; no diverged nets
    ensembles: dict[str, Ensemble]
    images: int  # validation images


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Gather the comparison nets' predictions for the validation images."""
    labels = inputs.data.val.labels
    rows = [variant.name for variant in variants.VARIANTS if variant.row]
    nets = {name: net.learned for name in rows if (net := inputs.compared(name)) is not None}
    ensembles = {name: found for name in variants.SEEDED if (found := ensemble(inputs, name)) is not None}
    return Result(
        facts={name: net.numbers for name, net in nets.items()},
        wrong={
            name: (net.logits.argmax(axis=1) != labels).astype(np.float64)
            for name, net in nets.items()
            if net.numbers["diverged"] is None
        },
        ensembles=ensembles,
        images=len(labels),
    )


def ensemble(inputs: Inputs, name: str) -> Ensemble | None:
    """The nets of one architecture together; None where there is only one, or where one diverged."""
    nets: list[Learned] = []
    while (net := inputs.compared(name, len(nets))) is not None:
        nets.append(net.learned)
    if len(nets) < 2 or any(net.numbers["diverged"] is not None for net in nets):
        return None
    probabilities = np.mean([softmax(net.logits) for net in nets], axis=0)
    labels = inputs.data.val.labels
    rank = (probabilities > probabilities[np.arange(len(labels)), labels][:, None]).sum(axis=1)
    top5 = float((rank >= TOP).mean()) if probabilities.shape[1] > TOP else None
    return Ensemble(len(nets), float((rank > 0).mean()), top5)


def excess(as_is: Any, without_34: Any, without_67: Any, without_both: Any) -> Any:
    """Extra error without both pairs of layers minus the sum of the extra errors without each; of numbers or arrays."""
    return (without_both - as_is) - (without_34 - as_is) - (without_67 - as_is)


def weakest(result: Result) -> dict[str, Any] | None:
    """Numbers of the net from which layers are removed: the claim depends on what it learned."""
    return result.facts.get(AS_IS)


def judge(result: Result, rng: np.random.Generator) -> list[Verdict]:
    """The claim `depth-matters`."""
    claim = "depth-matters"
    missing = [name for name in DEPTH if name not in result.facts]
    if missing:
        return [not_tested(claim, f"this run trains no net {', '.join(missing)} (COMPARE_VARIANTS)")]
    lost = [name for name in DEPTH if name not in result.wrong]
    if lost:
        epochs = "; ".join(f"training of {name} diverged in epoch {result.facts[name]['diverged']}" for name in lost)
        return [Verdict(claim, (), epochs)]
    each = excess(*(result.wrong[name] for name in DEPTH))
    name = "extra error without 3, 4, 6, 7 minus that without 3, 4 and that without 6, 7, in these trained nets"
    return [Verdict(claim, (mean_part(name, each, rng),))]


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text: errors and differences as shares of 1."""
    found: dict[str, Any] = {
        "images": result.images,
        "epochs": max((net["epochs"] for net in result.facts.values()), default=0),
        "trained": len(result.facts),
        "variants": sum(len(rows) for rows in PAPER_ROWS.values()),
        "nets": {name: _errors(result, name) for name in result.facts},
        "ensembles": {name: vars(entry) for name, entry in result.ensembles.items()},
        "extra": None,
        "paper": _paper_extra(),
    }
    if all(name in result.wrong for name in DEPTH):
        as_is, first, second, both = (float(result.wrong[name].mean()) for name in DEPTH)
        cost = mean_part("", result.wrong[WITHOUT_BOTH] - result.wrong[AS_IS], np.random.default_rng(0))
        found["extra"] = {
            "without_34": first - as_is,
            "without_67": second - as_is,
            "without_both": both - as_is,
            "without_both_interval": [cost.low, cost.high],  # at the claims' level
            "excess": excess(as_is, first, second, both),
        }
    return found


def _paper_extra() -> dict[str, float]:
    """The same differences in the paper's table 3, as shares of 1."""
    rows = paper.ABLATION_KRIZHEVSKY
    as_is, first, second, both = (rows[variants.BY_NAME[name].row].validation / 100 for name in DEPTH)
    extra = {"without_34": first - as_is, "without_67": second - as_is, "without_both": both - as_is}
    return extra | {"excess": excess(as_is, first, second, both)}


def _errors(result: Result, name: str) -> dict[str, Any]:
    """The errors of one net; None where its training diverged."""
    facts = result.facts[name]
    whole = facts["diverged"] is None
    return {
        "train": facts["train_error"] if whole else None,
        "validation": float(result.wrong[name].mean()) if whole else None,
        "validation5": 1 - facts["top5"] if whole and facts["top5"] is not None else None,
        "diverged": facts["diverged"],
        "parameters": facts["parameters"],
        "multiply_adds": facts["multiply_adds"],
        "maps": {str(layer["layer"]): layer["maps"] for layer in facts["layers"]},
    }


def figures(result: Result) -> dict[str, Figure]:
    """Tables 3, 2 and 6, and how much error removing layers adds."""
    found: dict[str, Figure] = {
        "table3_krizhevsky": _table3(result, "krizhevsky", "Krizhevsky’s net"),
        "table3_zfnet": _table3(result, "zfnet", "the paper’s own net"),
    }
    if all(name in result.wrong for name in DEPTH):
        found["extra"] = _extra_chart(result)
    found["table2"] = _table2(result)
    found["table6"] = _table6()
    return found


def _cell(share: float | None) -> str:
    return NONE if share is None else f"{share * 100:.1f}"


def _table3(result: Result, base: str, said: str) -> Table:
    rows = []
    for row, printed in PAPER_ROWS[base].items():
        variant = next(item for item in variants.VARIANTS if item.base == base and item.row == row)
        net = _errors(result, variant.name) if variant.name in result.facts else {}
        rows.append(
            (
                row + _here(variant, net),
                *(_cell(net.get(key)) for key in ("train", "validation", "validation5")),
                *(f"{value:.1f}" for value in printed),
            )
        )
    trained = sum(row[1] != NONE for row in rows)
    table = Table(
        title=f"Variants of {said}",
        caption=f"Errors in per cent of {said} and its variants. This run: {trained} of the {len(rows)} nets, trained from "
        f"scratch on one schedule and evaluated on {result.images} validation images (centre crops) and on the training "
        "images; a dash marks a net that this profile does not train, or an error that is not defined. The paper’s columns: "
        "ImageNet 2012. The two data sets differ, so compare rows within a column, not this run’s columns with the paper’s.",
        alt=f"A table of {len(rows)} variants of {said}: training, validation and top-5 error of this run and of the paper.",
        columns=(
            "what was changed",
            "training",
            "validation",
            "validation, top 5",
            "paper: training",
            "paper: validation",
            "paper: validation, top 5",
        ),
        rows=tuple(rows),
    )
    return table if result.facts else _quoted(table, 3, f"Errors in per cent of {said} and its variants")


def _quoted(table: Table, own: int, what: str) -> Table:
    """The table of a run that trained no net: without its ``own`` columns (a count), which would hold this run's errors."""
    return replace(
        table,
        caption=f"{what}, as the paper printed them (ImageNet 2012).",
        alt=f"{what}, {len(table.rows)} rows, from the paper.",
        columns=(table.columns[0], *table.columns[1 + own :]),
        rows=tuple((row[0], *row[1 + own :]) for row in table.rows),
    )


def _here(variant: variants.Variant, net: Mapping[str, Any]) -> str:
    """The layer widths that this run uses in place of the paper's, and whether the net diverged."""
    if not net:
        return ""
    said = []
    if variant.units != 1:
        said.append(f"{net['maps']['6']} units")
    if variant.wider:
        said.append(", ".join(str(net["maps"][str(layer)]) for layer in (3, 4, 5)) + " maps")
    found = f" (here {'; '.join(said)})" if said else ""
    return found + (f" (diverged in epoch {net['diverged']})" if net["diverged"] is not None else "")


def _extra_chart(result: Result) -> BarChart:
    as_is, first, second, both = (result.wrong[name] for name in DEPTH)
    samples = (first - as_is, second - as_is, first + second - 2 * as_is, both - as_is)
    values = np.array([100 * sample.mean() for sample in samples])
    reach = np.array([100 * 1.96 * sample.std(ddof=1) / np.sqrt(len(sample)) for sample in samples])
    printed = _paper_extra()
    known = [printed[key] * 100 for key in ("without_34", "without_67")]
    known += [sum(known), printed["without_both"] * 100]
    names = ("without layers 3, 4", "without layers 6, 7", "the sum of these two", "without layers 3, 4, 6, 7")
    spoken = ", ".join(f"{name} {value:.1f}" for name, value in zip(names, values, strict=True)).replace(" -", " −")
    return BarChart(
        title="What removing layers costs",
        caption="Top-1 validation error of Krizhevsky’s net without some of its layers, minus that of the whole net, in "
        f"percentage points; the lines are 95 % intervals over {result.images} images (paired). In the paper: "
        + ", ".join(f"{value:.1f}" for value in known)
        + ". If depth matters, the last bar ends to the right of zero and further right than the bar above it.",
        alt=f"Four bars, extra error in points: {spoken}.",
        names=names,
        values=values,
        x_label="extra validation error (points)",
        low=values - reach,
        high=values + reach,
    )


def _table2(result: Result) -> Table:
    rows = []
    for row, printed in paper.IMAGENET.items():
        variant, many = TABLE_2.get(row, ("", False))
        here: tuple[float | None, float | None] = (None, None)
        said = ""
        if many and variant in result.ensembles:
            found = result.ensembles[variant]
            here, said = (found.top1, found.top5), f" (here {found.nets} nets)"
        elif not many and variant in result.facts:
            net = _errors(result, variant)
            here = (net["validation"], net["validation5"])
        rows.append((row + said, *map(_cell, here), *(NONE if value is None else f"{value:.1f}" for value in printed)))
    table = Table(
        title="Single nets and averages of several",
        caption="Errors in per cent. This run repeats the paper’s single nets and, where it trains more than one seed "
        "(SEEDS), the average of several nets’ probabilities; the other rows show only the paper’s numbers. "
        f"This run: {result.images} validation images, centre crops; the paper: ImageNet 2012.",
        alt=f"A table of {len(rows)} models with validation errors of this run and of the paper.",
        columns=(
            "model",
            "validation",
            "validation, top 5",
            "paper: validation",
            "paper: validation, top 5",
            "paper: test, top 5",
        ),
        rows=tuple(rows),
    )
    return table if result.facts else _quoted(table, 2, "Errors in per cent of single nets and of averages of several")


def _table6() -> Table:
    low, high = paper.PASCAL_LEADERS
    best, classes = paper.PASCAL_BEST_OF
    return Table(
        title="PASCAL 2012, not reproduced",
        caption="The paper’s numbers, for completeness: mean accuracy over the classes of PASCAL VOC 2012 of a softmax "
        "trained on the features of the paper’s ImageNet net. This report has no such images and does not reproduce them.",
        alt=f"A table: the paper's mean of {paper.PASCAL_MEAN}, the two leaders' {low} and {high}.",
        columns=("method", "mean accuracy (%)", f"best on how many of {classes} classes"),
        rows=(
            ("the paper, frozen features and a new softmax", f"{paper.PASCAL_MEAN:.1f}", str(best)),
            ("the leaders of the challenge", f"{low:.1f}, {high:.1f}", NONE),
        ),
    )
