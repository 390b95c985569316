"""The analysis stage: compute, judge, and save the result and its figures as data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from reportgen import claims, probe
from reportgen.base.artifacts import DOCUMENT, write_arrays, write_json
from reportgen.base.errors import UserError
from reportgen.figures.kinds import to_data
from reportgen.look.inputs import Inputs
from reportgen.nets.threads import prepare
from reportgen.nets.world import joined
from reportgen.pipeline.work import Work
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
    prepare(work.settings.compute)
    inputs = Inputs.open(work.build, work.settings.compute.device, work.workshop, work.stage.inputs)
    with joined() as world:
        yield replace(inputs, nodes=work.settings.layers.nodes, world=world)


def save(work: Work, inputs: Inputs, folder: Path) -> None:
    """Compute an analysis on `inputs` and write its artefact."""
    name, module = work.analysis.name, work.analysis.module
    seed = work.settings.run.seed
    try:
        result = module.compute(inputs, work.settings.sections[name], np.random.default_rng([seed, *name.encode()]))
    except probe.ProbeError as error:  # of a net that the instrument cannot look into
        raise UserError(f"{name}: {error}") from error
    net, whose = inputs.net_numbers, "the net"
    if hasattr(module, "weakest") and (own := module.weakest(result)):  # it judges other nets than the report's
        net, whose = own, "the weakest of the nets that are compared"
    skill = claims.competence(net["correct"], net["labelled_images"], net["classes"])
    verdicts = claims.gated(module.judge(result, np.random.default_rng([seed, *name.encode(), 1])), skill, whose)
    if inputs.loaded and any(read.split("/")[0] == FAMILY for read in work.analysis.reads):
        why = "the net was loaded, and no net is trained here that could be compared with it"
        verdicts = [claims.not_tested(item.id, why) if item.not_tested else item for item in verdicts]
    figures = module.figures(result)
    for made in figures:
        if not any(fnmatchcase(made, declared) for declared in work.analysis.figures):
            raise UserError(
                f"{name}: it made a figure '{made}' that it does not declare: name it in analyses/{name}/__init__.py"
            )
    document, arrays = to_data(figures)
    write_arrays(folder / "result.npz", arrays_of(result))
    write_arrays(folder / "figures.npz", arrays)
    write_json(folder / "figures.json", document)
    write_json(
        folder / DOCUMENT,
        {
            "analysis": name,
            "fingerprint": work.stamp["fingerprint"],
            "inputs": work.stamp["inputs"],
            "settings": work.stamp["settings"][name],
            "versions": work.stamp["libraries"],
            "seed": seed,
            "numbers": module.numbers(result),
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
