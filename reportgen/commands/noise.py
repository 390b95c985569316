"""``make noise``: how much training again changes every number that a claim rests on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reportgen.base.artifacts import DOCUMENT, read_json, write_json
from reportgen.base.errors import UserError
from reportgen.base.libraries import version
from reportgen.base.names import whole
from reportgen.claims.noise import FEWEST, SCHEMA, About, Measured, OfAnalysis, Spread, read
from reportgen.pipeline import holdings
from reportgen.pipeline.run import Pipeline
from reportgen.settings.sections import Settings
from reportgen.stages.claims import usual
from reportgen.stages.plan import SPACING, training_seeds

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
    number = whole(seeds)
    if number is None or number < FEWEST:
        raise UserError(f"SEEDS={seeds}: use a number of trainings, {FEWEST} or more ({USUAL} if left out)")
    return found | {"REPEATS": seeds}


def measure(pipeline: Pipeline, at_once: int | None, said: Callable[[str], None]) -> None:
    """Train, measure, and write the file of training noise; what was measured before is not measured again.

    The trainings of NOISE= are added. Raises UserError, before anything is trained, where it holds a training of these.
    """
    older = _older(pipeline.settings)
    pipeline.make_due(["claims"], at_once)
    document = read_json(pipeline.build / "claims" / DOCUMENT)
    found = _measured(pipeline, document)
    if older:
        found = found.joined(older, usual(pipeline.settings))
    path = pipeline.build / FILE
    holdings.enter(pipeline.build, [FILE])
    write_json(path, asdict(found))
    for line in _lines(found, path):
        said(line)


def _older(settings: Settings) -> Measured | None:
    """The trainings of NOISE=, if it is given."""
    if not settings.noise.file:
        return None
    switch = f"NOISE={settings.noise.file}"
    if settings.model.loaded:
        raise UserError(f"{switch}: the net is loaded: leave it out, and name all checkpoints in WEIGHTS=")
    found = read(Path(settings.noise.file), switch)
    if found.most > len(set(found.about.training_seeds)):
        raise UserError(f"{switch}: it does not say which training seeds it holds: leave it out, and train them all")
    again = set(found.about.training_seeds) & set(training_seeds(settings))
    if again:
        following = max(found.about.training_seeds) + SPACING
        raise UserError(f"{switch}: it holds training seed {min(again)} already: use TRAINING_SEED={following}")
    return found


def _measured(pipeline: Pipeline, document: Mapping[str, Any]) -> Measured:
    times, settings = pipeline.times, pipeline.settings
    seconds = sum(times.get(name, 0.0) for name in pipeline.needed(["claims"]))
    about = About(
        trainings=document["numbers"]["trainings"],
        training_seeds=() if settings.model.loaded else training_seeds(settings),
        profile=settings.profile,
        machine_hours=round(seconds / SECONDS_OF_HOUR, 2),
        device=settings.compute.device,
        reportgen=version("reportgen"),
        torch=pipeline.run("claims")["versions"].get("torch", ""),
    )
    analyses = {
        name: OfAnalysis(conditions, _spreads(document["spread"].get(name, {})))
        for name, conditions in document["conditions"].items()
    }
    return Measured(SCHEMA, about, analyses)


def _spreads(claims: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Spread]]:
    return {claim: {part: Spread(**spread) for part, spread in parts.items()} for claim, parts in claims.items()}


def _lines(found: Measured, path: Path) -> Iterator[str]:
    yield f"{found.about.trainings} trainings; tau is the standard deviation between them"
    for analysis in found.analyses.values():
        for claim, parts in analysis.claims.items():
            for part, spread in parts.items():
                yield f"  {claim}, {part}: mean {spread.mean:.3g}, tau {spread.tau:.2g}, {spread.trainings} trainings"
    yield f"training noise: {path}; use it with make report NOISE={path}"
