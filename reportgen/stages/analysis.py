"""The analysis stage: compute, judge, and save the result and its figures as data."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from reportgen import claims, probe
from reportgen.analyses.base import Analysis
from reportgen.base.artifacts import DOCUMENT, write_arrays, write_json
from reportgen.base.errors import UserError
from reportgen.figures.kinds import to_data
from reportgen.look.inputs import Inputs
from reportgen.nets.others import OtherNet, other_net
from reportgen.nets.threads import prepare
from reportgen.nets.world import joined
from reportgen.pipeline.work import Work
from reportgen.settings.sections import Settings
from reportgen.settings.variants import FAMILY


def make(work: Work, folder: Path) -> None:
    """Run one analysis on the net and the data."""
    work.forget_others()
    with opened(work) as inputs:
        save(work, inputs, folder)


def assist(work: Work) -> None:
    """Do this process's share of an analysis that another one makes."""
    with opened(work) as inputs:
        work.analysis.module.share(inputs)


@contextmanager
def opened(work: Work) -> Iterator[Inputs]:
    """What the analysis examines, together with the other processes where there are any."""
    prepare(work.settings)
    settings, stage = work.settings, work.stage
    reads = {name.removeprefix(stage.within) for name in stage.inputs}
    inputs = Inputs.open(work.build, settings.compute.device, work.workshop, reads, settings.training_seed, work.input)
    with joined() as world:
        layers, shown = settings.layers, settings.data.red_green_blue
        inputs = replace(inputs, nodes=layers.nodes, smooth=layers.smooth, shown=shown)
        yield replace(inputs, cores=settings.cores, untrained=_untrained(settings), world=world)


def _untrained(settings: Settings) -> Callable[[int], OtherNet] | None:
    """How the net is made anew for other classes (`Inputs.untrained`)."""
    model = settings.model
    if model.loaded or model.of_the_paper:
        return None
    return partial(other_net, model.name, crop=settings.data.crop, channels=settings.channels)


def save(work: Work, inputs: Inputs, folder: Path) -> None:
    """Compute an analysis on `inputs` and write its artefact."""
    name, seed = work.analysis.name, work.settings.run.seed
    rng = np.random.default_rng([seed, *name.encode()])
    try:
        result = work.analysis.module.compute(inputs, work.settings.sections[name], rng)
    except probe.ProbeError as error:  # of a net that the instrument cannot look into
        raise UserError(f"{name}: {error}") from error
    verdicts = judged(work.analysis, result, seed, inputs.net_numbers, inputs.loaded)
    write(folder, work.analysis, result, verdicts, seed, work.stamp)


def judged(
    analysis: Analysis, result: Any, seed: int, net: Mapping[str, Any], loaded: bool = False
) -> list[claims.Verdict]:
    """What a result says of its claims, where the nets that it judges are able; `net`: the numbers of the report's own."""
    name, module, whose = analysis.name, analysis.module, "the net"
    compares = any(read.split("/")[0] == FAMILY for read in analysis.reads)
    if compares and (own := module.weakest(result)):
        net, whose = own, "the weakest of the compared nets"
    skill = claims.competence(net["correct"], net["labelled_images"], net["chance"])
    verdicts = claims.gated(module.judge(result, np.random.default_rng([seed, *name.encode(), 1])), skill, whose)
    if loaded and compares:
        why = "the net was loaded, and no net is trained here that could be compared with it"
        verdicts = [claims.not_tested(item.id, why) if item.not_tested else item for item in verdicts]
    elif compares and net.get("architecture", whose) is None:
        why = "not this net: it compares the paper's architectures, and this net is none of them"
        verdicts = [claims.not_tested(item.id, why) if item.not_tested else item for item in verdicts]
    return verdicts


def write(
    folder: Path,
    analysis: Analysis,
    result: Any,
    verdicts: Sequence[claims.Verdict],
    seed: int,
    stamp: Mapping[str, Any],
) -> None:
    """Write an analysis' artefact: its result, its figures as data, and the document; `stamp` is its stage's."""
    name, figures = analysis.name, analysis.module.figures(result)
    for made in figures:
        if not any(fnmatchcase(made, declared) for declared in analysis.figures):
            raise UserError(
                f"{name}: it made a figure '{made}' that it does not declare: name it in analyses/{name}/__init__.py"
            )
    if sorted(verdict.id for verdict in verdicts) != sorted(analysis.claims):
        raise UserError(
            f"{name}: it judges {', '.join(verdict.id for verdict in verdicts) or 'no claim'}, and declares "
            f"{', '.join(analysis.claims) or 'none'}: name them in analyses/{name}/__init__.py"
        )
    document, arrays = to_data(figures)
    influences = {
        claims.influence_key(verdict.id, part.name): part.influence.astype(np.float32)
        for verdict in verdicts
        for part in verdict.parts
        if part.influence is not None
    }
    write_arrays(folder / "result.npz", arrays_of(result) | influences)
    write_arrays(folder / "figures.npz", arrays)
    write_json(folder / "figures.json", document)
    write_json(
        folder / DOCUMENT,
        {
            "analysis": name,
            "fingerprint": stamp["fingerprint"],
            "inputs": stamp["inputs"],
            "settings": stamp["settings"][name],
            "versions": stamp["libraries"],
            "seed": seed,
            "numbers": analysis.module.numbers(result),
            "verdicts": [verdict.document() for verdict in verdicts],
        },
    )


def arrays_of(result: Any) -> dict[str, np.ndarray]:
    """The arrays of a result by name; those of a dictionary of results under its keys: ``layer1.top.values``."""
    found: dict[str, np.ndarray] = {}
    for part in fields(result):
        value = getattr(result, part.name)
        entries = value if isinstance(value, dict) else {part.name: value}
        for name, item in entries.items():
            if isinstance(item, np.ndarray):
                found[name] = item
            elif is_dataclass(item):
                found |= {f"{name}.{key}": array for key, array in arrays_of(item).items()}
    return found
