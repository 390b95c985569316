"""Ablation (Zeiler & Fergus 2013, section 5.1, tables 2 and 3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from reportgen.analyses.ablation import Settings
from reportgen.claims import OF_DIFFERENCE, OF_GAPS, POINTS, Part, Verdict, jackknife_part, mean_part, not_tested, paper
from reportgen.data.several import right
from reportgen.figures.kinds import BarChart, Figure, Table
from reportgen.look import compared
from reportgen.look.inputs import Inputs, Judged
from reportgen.nets.probabilities import probabilities
from reportgen.settings import variants

AS_IS, WITHOUT_34, WITHOUT_67, WITHOUT_BOTH = (
    "krizhevsky",
    "krizhevsky-without-3-4",
    "krizhevsky-without-6-7",
    "krizhevsky-without-3-4-6-7",
)
DEPTH = (AS_IS, WITHOUT_34, WITHOUT_67, WITHOUT_BOTH)
TOP = 5
SAID_FROM = 100  # classes: of fewer, an error among the first five would say little, least of all beside ImageNet's
AVERAGED = 5  # nets, in table 2
WIDER = "zfnet-wider-3-4-5"
NONE = "–"
PAPER_ROWS = {"krizhevsky": paper.ABLATION_KRIZHEVSKY, "zfnet": paper.ABLATION_ZEILER_FERGUS}
SINGLE = {  # rows of the paper's table 2 that have a counterpart in this run: the variant
    "their replication of Krizhevsky et al., 1 net": "krizhevsky",
    "1 net of the paper’s figure 3": "zfnet",
    "1 net, layers 3, 4, 5: 512, 1024, 512 maps (b)": WIDER,
}
AVERAGES = {  # and those of several nets: the architecture of which there are several seeds, and what joins them
    "5 nets of the paper’s figure 3 (a)": ("zfnet", ()),
    "6 nets, (a) and (b) combined": ("zfnet", (WIDER,)),
}


@dataclass(frozen=True)
class Ensemble:
    """Several nets whose probabilities are averaged."""

    nets: int
    top1: float  # error
    top5: float | None


@dataclass(frozen=True)
class Result:
    """The variants that this run trained, by name."""

    facts: dict[str, dict[str, Any]]  # what each net's stage wrote of it
    wrong: dict[str, Float[np.ndarray, " image"]]  # 1 where a net is wrong on a judged image; without diverged nets
    top5: dict[str, float | None]  # error among the five most probable classes; None where it says little
    doubt: str  # why the nets of the claim are not compared; empty if they are
    ensembles: dict[str, Ensemble]  # by the row of table 2, and of Krizhevsky's net by its name
    images: int  # by which the nets are judged
    on: str  # which images these are


def compute(inputs: Inputs, settings: Settings, rng: np.random.Generator) -> Result:
    """Gather the comparison nets' answers for the images by which they are judged."""
    rows = [variant.name for variant in variants.VARIANTS if variant.row]
    nets = {name: net for name in rows if (net := inputs.compared(name)) is not None}
    answers = {name: compared.judged(net) for name, net in nets.items() if net.learned.numbers["diverged"] is None}
    facts = {name: net.learned.numbers for name, net in nets.items()}
    some = next(iter(answers.values()), None)
    return Result(
        facts=facts,
        wrong={name: answer.wrong for name, answer in answers.items()},
        top5={name: top5(answer.logits, answer.labels) for name, answer in answers.items()},
        doubt=compared.not_comparable({name: facts[name] for name in DEPTH if name in answers}),
        ensembles=_ensembles(inputs),
        images=len(inputs.data.val) if some is None else len(some.labels),
        on=compared.ON_VALIDATION if some is None else some.on,
    )


def top5(scores: Float[np.ndarray, "image class"], labels: Int[np.ndarray, "image *class"]) -> float | None:
    """Share of images whose class is not among the five with the highest scores; None of fewer than 100 classes, or of several."""
    if scores.shape[1] < SAID_FROM or labels.ndim > 1:
        return None
    ahead = (scores > scores[np.arange(len(labels)), labels][:, None]).sum(axis=1)
    return float((ahead >= TOP).mean())


def _ensembles(inputs: Inputs) -> dict[str, Ensemble]:
    found = {row: ensemble(inputs, name, joined) for row, (name, joined) in AVERAGES.items()}
    found["krizhevsky"] = ensemble(inputs, "krizhevsky")
    return {row: entry for row, entry in found.items() if entry is not None}


def ensemble(inputs: Inputs, name: str, joined: tuple[str, ...] = ()) -> Ensemble | None:
    """The first five nets of one architecture, or as many as there are, and those that join them: together.

    None where there is only one net of the architecture, where one of those that join is not there, or one diverged.
    """
    nets: list[Inputs] = []
    while len(nets) < AVERAGED and (net := inputs.compared(name, len(nets))) is not None:
        nets.append(net)
    others = [net for other in joined if (net := inputs.compared(other)) is not None]
    if len(nets) < 2 or len(others) < len(joined):
        return None
    nets += others
    if any(net.learned.numbers["diverged"] is not None for net in nets):
        return None
    return averaged([compared.judged(net) for net in nets])


def averaged(answers: Sequence[Judged]) -> Ensemble:
    """Nets whose probabilities for the same images are averaged."""
    labels = answers[0].labels
    shares = np.mean([probabilities(answer.logits, answer.reading) for answer in answers], axis=0)
    error = float((~right(shares.argmax(axis=1), labels)).mean())
    return Ensemble(len(answers), error, top5(shares, labels))


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
    wrong = [result.wrong[name] for name in DEPTH]
    name = "extra error without 3, 4, 6, 7 minus that without 3, 4 and that without 6, 7, in these trained nets"
    about: dict[str, Any] = {
        "unit": POINTS,
        "bounds": OF_GAPS,
        "most": largest_excess(*wrong),
        "untested": result.doubt,
    }
    part = mean_part(name, excess(*wrong), rng, **about)
    return [Verdict(claim, (part,), beside=tuple(_extra_parts(result)))]


def largest_excess(as_is: Any, without_34: Any, without_67: Any, without_both: Any) -> float:
    """How large the excess would be if the net without both pairs were wrong everywhere."""
    return 1 + float(as_is.mean() - without_34.mean() - without_67.mean())


def _extra_parts(result: Result) -> list[Part]:
    """What taking layers away costs, one number each: not judged; with Student's t over the images."""
    named = ((WITHOUT_34, "3, 4"), (WITHOUT_67, "6, 7"), (WITHOUT_BOTH, "3, 4, 6, 7"))
    found = []
    for name, layers in named:
        extra = result.wrong[name] - result.wrong[AS_IS]
        left_out = (extra.sum() - extra) / (len(extra) - 1)
        about: dict[str, Any] = {"unit": POINTS, "bounds": OF_DIFFERENCE}
        found.append(jackknife_part(f"extra error without {layers}", float(extra.mean()), left_out, **about))
    return found


def numbers(result: Result) -> dict[str, Any]:
    """The numbers in the section's text: errors and differences as shares of 1."""
    found: dict[str, Any] = {
        "images": result.images,
        "on": result.on,
        "learned_from": max((net["learned_from"] for net in result.facts.values()), default=0),
        "doubt": result.doubt,
        "trained": len(result.facts),
        "variants": sum(len(rows) for rows in PAPER_ROWS.values()),
        "nets": {name: _errors(result, name) for name in result.facts},
        "ensembles": {name: vars(entry) for name, entry in result.ensembles.items()},
        "extra": None,
        "paper": _paper_extra(),
    }
    if all(name in result.wrong for name in DEPTH):
        as_is, first, second, both = (float(result.wrong[name].mean()) for name in DEPTH)
        cost = _extra_parts(result)[-1]
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
        "epochs": facts["finished_epochs"] if whole else None,
        "error": float(result.wrong[name].mean()) if whole else None,
        "top5": result.top5[name] if whole else None,
        "diverged": facts["diverged"],
        "parameters": facts["parameters"],
        "multiply_adds": facts["multiply_adds"],
        "maps": {str(layer["layer"]): layer["maps"] for layer in facts["layers"]},
    }


def figures(result: Result) -> dict[str, Figure]:
    """Tables 3 and 2, and how much error removing layers adds."""
    found: dict[str, Figure] = {
        "table3_krizhevsky": _table3(result, "krizhevsky", "Krizhevsky’s net"),
        "table3_zfnet": _table3(result, "zfnet", "the paper’s own net"),
    }
    if all(name in result.wrong for name in DEPTH):
        found["extra"] = _extra_chart(result)
    found["table2"] = _table2(result)
    return found


def _cell(share: float | None) -> str:
    return NONE if share is None else f"{share * 100:.1f}"


def _says_top5(result: Result) -> bool:
    return any(value is not None for value in result.top5.values())


def _table3(result: Result, base: str, said: str) -> Table:
    top = _says_top5(result)
    rows = []
    for row, printed in PAPER_ROWS[base].items():
        variant = next(item for item in variants.VARIANTS if item.base == base and item.row == row)
        net = _errors(result, variant.name) if variant.name in result.facts else {}
        rows.append(
            (
                row + _here(variant, net),
                str(net.get("epochs") or NONE),
                *(_cell(net.get(key)) for key in ("train", "error", *(("top5",) if top else ()))),
                *(f"{value:.1f}" for value in printed),
            )
        )
    trained = sum(row[1] != NONE for row in rows)
    table = Table(
        title=f"Variants of {said}",
        caption=f"Errors of {said} and its variants, in per cent. This run: {trained} of the {len(rows)} nets, trained from "
        "scratch on the same images for as many epochs as each needs until its training error no longer falls. Errors are "
        f"those on the training images and on {result.images:,} {result.on}, centre crops. A dash stands for what was not "
        "trained in this profile, or cannot be said. The paper: ImageNet 2012. Read the differences within a column; the two "
        "data sets are not alike.",
        alt=f"A table of {len(rows)} variants of {said}: errors of this run and of the paper.",
        columns=(
            "what was changed",
            "epochs",
            "training error",
            "error",
            *(("error, top 5",) if top else ()),
            "paper: training",
            "paper: validation",
            "paper: validation, top 5",
        ),
        rows=tuple(rows),
    )
    what = f"Errors of {said} and its variants in per cent"
    return table if result.facts else _quoted(table, 3 + top, what)


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
    spoken = ", ".join(f"{name} {value:z.1f}" for name, value in zip(names, values, strict=True)).replace(" -", " −")
    return BarChart(
        title="What removing layers costs",
        caption="Top-1 error of Krizhevsky’s net without some of its layers, minus that of the whole net, in "
        f"points; the line is a 95 % interval over {result.images:,} {result.on}, paired. In the paper: "
        + ", ".join(f"{value:.1f}" for value in known)
        + ". If depth matters, the last bar ends to the right of zero and further right than the bar above it.",
        alt=f"Four bars, extra error in points: {spoken}.",
        names=names,
        values=values,
        x_label="extra error (points)",
        low=values - reach,
        high=values + reach,
    )


def _table2(result: Result) -> Table:
    top = _says_top5(result)
    rows = []
    for row, printed in paper.IMAGENET.items():
        here: tuple[float | None, float | None] = (None, None)
        said, variant = "", SINGLE.get(row, "")
        if row in result.ensembles:
            found = result.ensembles[row]
            here = (found.top1, found.top5)
            said = f" (here {found.nets} nets)" if found.nets < AVERAGED + len(AVERAGES[row][1]) else ""
        elif variant in result.facts:
            net = _errors(result, variant)
            here = (net["error"], net["top5"])
            said = _here(variants.BY_NAME[variant], net)
        cells = map(_cell, here if top else here[:1])
        rows.append((row + said, *cells, *(NONE if value is None else f"{value:.1f}" for value in printed)))
    table = Table(
        title="Single nets and averages of several",
        caption="Errors in per cent. This run has counterparts of the paper’s single nets, and of several nets whose "
        "probabilities are averaged where it trains more than one seed (SEEDS) and the wider net (COMPARE_VARIANTS); the other "
        f"rows stand as the paper’s numbers. This run: {result.images:,} {result.on}, centre crops; the paper: ImageNet 2012.",
        alt=f"A table of {len(rows)} models with errors of this run and of the paper.",
        columns=(
            "model",
            "error",
            *(("error, top 5",) if top else ()),
            "paper: validation",
            "paper: validation, top 5",
            "paper: test, top 5",
        ),
        rows=tuple(rows),
    )
    return (
        table
        if result.facts
        else _quoted(table, 1 + top, "Errors in per cent of single nets and of averages of several")
    )
