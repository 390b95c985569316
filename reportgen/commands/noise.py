"""``make noise``: how much training again changes every number that a claim rests on."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from reportgen.analyses.registry import ANALYSES
from reportgen.base.artifacts import DOCUMENT, read_json, write_json
from reportgen.base.errors import UserError
from reportgen.base.libraries import version
from reportgen.claims.noise import FEWEST, SCHEMA
from reportgen.pipeline.run import Pipeline

USUAL = 20  # trainings
FILE = "noise.json"  # in the build folder
SECONDS_OF_HOUR = 3600


def trainings(switches: Mapping[str, str]) -> dict[str, str]:
    """The switches of a run that trains SEEDS times, or examines each of the checkpoints in WEIGHTS=a,b,c.

    Raises UserError for fewer trainings than a deviation needs.
    """
    found = {name: value for name, value in switches.items() if name != "SEEDS"}
    weights = [part for part in switches.get("WEIGHTS", "").split(",") if part]
    if weights:
        if switches.get("SEEDS"):
            raise UserError(
                f"SEEDS={switches['SEEDS']}: the net is loaded: leave it out, and name all checkpoints in WEIGHTS="
            )
        if len(weights) < FEWEST:
            raise UserError(
                f"WEIGHTS={switches['WEIGHTS']}: name {FEWEST} or more checkpoints that differ in the training seed "
                "alone, with commas between them"
            )
        return found | {"WEIGHTS": weights[0], "NOISE_WEIGHTS": ",".join(weights[1:])}
    seeds = switches.get("SEEDS") or str(USUAL)
    if not seeds.isdecimal() or int(seeds) < FEWEST:
        raise UserError(f"SEEDS={seeds}: use a number of trainings, {FEWEST} or more ({USUAL} if left out)")
    return found | {"REPEATS": seeds}


def measure(pipeline: Pipeline, at_once: int, said: Callable[[str], None]) -> None:
    """Train, measure, and write the file of training noise; what was measured before is not measured again."""
    pipeline.make_due(["claims"], at_once)
    document = read_json(pipeline.build / "claims" / DOCUMENT)
    path = pipeline.build / FILE
    write_json(path, _measured(pipeline, document))
    for line in _lines(document, path):
        said(line)


def _measured(pipeline: Pipeline, document: Mapping[str, Any]) -> dict[str, Any]:
    timings = read_json(pipeline.build / "timings.json")
    seconds = sum(timings.get(name, 0.0) for name in pipeline.needed(["claims"]))
    run = pipeline.run("claims")
    about = {
        "profile": pipeline.settings.profile,
        "trainings": document["numbers"]["trainings"],
        "first_training_seed": None if pipeline.settings.model.loaded else pipeline.settings.training_seed,
        "machine_hours": round(seconds / SECONDS_OF_HOUR, 2),
        "device": pipeline.settings.compute.device,
        "reportgen": version("reportgen"),
        "torch": run["versions"].get("torch", ""),
    }
    return {
        "schema": SCHEMA,
        "about": about,
        "analyses": {
            name: {"conditions": conditions, "claims": document["spread"].get(name, {})}
            for name, conditions in document["conditions"].items()
        },
    }


def _lines(document: Mapping[str, Any], path: Path) -> Iterator[str]:
    count = document["numbers"]["trainings"]
    yield f"{count} trainings; tau is the standard deviation between them"
    for analysis in ("net", *(one.name for one in ANALYSES if one.claims)):
        for claim, parts in document["spread"].get(analysis, {}).items():
            for part, spread in parts.items():
                yield f"  {claim}, {part}: mean {spread['mean']:.3g}, tau {spread['tau']:.2g}"
    yield f"training noise: {path}; use it with make report NOISE={path}"
