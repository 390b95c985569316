"""The claims stage: what holds of this trained net, and of training this way."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.base.artifacts import DOCUMENT, digest, read_json, write_json
from reportgen.claims import Noise, noise
from reportgen.pipeline.work import Work
from reportgen.scenes.generate import VERSION as SCENES
from reportgen.settings.recipes import Architecture
from reportgen.settings.sections import Settings, jsonable
from reportgen.settings.variants import FAMILY

READ_SO = ("alpha", "range")  # how files become pixels: of scenes in one way, of others the fingerprint says it
LOADED = ("name", "classes")  # of the section model: two checkpoints of one loaded net share these


def make(work: Work, folder: Path) -> None:
    """Judge every claim with the training noise that is known, and write what this run's own trainings say of it."""
    settings = work.settings
    net, data = (_numbers(work.build / name) for name in ("net", "data"))
    judging = [analysis for analysis in ANALYSES if analysis.claims]
    documents = {analysis.name: read_json(work.build / analysis.name / DOCUMENT) for analysis in judging}
    places = list(_again(work))
    again = {
        analysis.name: [estimates(read_json(place / analysis.name / DOCUMENT)) for place in places]
        for analysis in judging
    }
    own = {name: noise.spread([estimates(documents[name]), *others]) for name, others in again.items()}
    tops = [
        one["top1"] for one in (net, *map(_numbers, (place / "net" for place in places))) if one["top1"] is not None
    ]
    _, accuracy, right = noise.ACCURACY
    own["net"] = noise.spread([{accuracy: {right: top}} for top in tops])
    measured_under = conditions(settings, data, work.stage.given.get("architecture"))
    known, source = _known(settings, measured_under)

    def noise_of(name: str, claim: str, part: str) -> Noise | None:
        spread = own[name].get(claim, {}).get(part)
        measured = Noise(spread.tau, spread.trainings - 1) if spread else None
        return noise.pooled(measured, known.get(name, {}).get(claim, {}).get(part))

    read_by = {analysis.name: _nets(analysis, work.stage.inputs) for analysis in judging}
    digests = {stage: _numbers(work.build / stage).get("weights_digest") for nets in read_by.values() for stage in nets}
    claims = [
        noise.judged(
            verdict,
            {part["name"]: noise_of(name, verdict["id"], part["name"]) for part in verdict["parts"]},
            [one.get(verdict["id"], {}) for one in again[name]],
        )
        | {"section": name, "weights": digest([digests[stage] for stage in read_by[name]])}
        for name, document in documents.items()
        for verdict in document["verdicts"]
    ]
    top1 = noise_of(*noise.ACCURACY)
    write_json(
        folder / DOCUMENT,
        {
            "claims": claims,
            "numbers": {
                "trainings": 1 + len(places),
                "source": source,
                "known": any(claim["of"] == "training" for claim in claims),
                "top1_tau": top1.tau if top1 else None,
            },
            "conditions": measured_under,
            "spread": {name: _plain(found) for name, found in own.items()},
        },
    )


def estimates(document: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The estimates of an analysis' document, by claim and part; those that were not measured are left out."""
    return {
        verdict["id"]: {part["name"]: part["estimate"] for part in verdict["parts"] if part["low"] is not None}
        for verdict in document["verdicts"]
    }


def _nets(analysis: Analysis, inputs: tuple[str, ...]) -> list[str]:
    """The stages whose nets an analysis examines."""
    families = {read.partition("/")[0] for read in analysis.reads}
    return [name for name in inputs if name == "net" or (FAMILY in families and name.startswith(f"{FAMILY}/"))]


def _plain(found: Mapping[str, Mapping[str, noise.Spread]]) -> dict[str, Any]:
    return {claim: {part: asdict(spread) for part, spread in parts.items()} for claim, parts in found.items()}


def _again(work: Work) -> Iterator[Path]:
    """The folders of the trainings beside the net's own."""
    for name in work.stage.inputs:
        if name.startswith("repeats/") and name.endswith("/net"):
            yield (work.build / name).parent


def _numbers(folder: Path) -> dict[str, Any]:
    return read_json(folder / DOCUMENT)["numbers"]


def conditions(
    settings: Settings, data: Mapping[str, Any], architecture: Mapping[str, Any] | None
) -> dict[str, dict[str, dict[str, Any]]]:
    """By analysis: all settings, by section, that its numbers depend on, but the training seed, the device and the code.

    ``net``: what the accuracy depends on. `data`: the numbers of the data's artefact.
    """
    sections = settings.document()
    images = {name: value for name, value in sections["data"].items() if name not in READ_SO}
    images |= {"fingerprint": data["fingerprint"]} if settings.data.source != "scenes" else {"scenes": SCENES}
    shared = {"data": images, "layers": sections["layers"], "labels": {"order": settings.labels.order}}
    if settings.model.loaded:
        shared["model"] = {name: sections["model"][name] for name in LOADED}
    else:
        shared["architecture"] = jsonable(architecture or {})
        shared["training"] = {name: value for name, value in sections["training"].items() if name != "seed"}

    def beside(analysis: Analysis) -> dict[str, Any]:
        families = {read.partition("/")[0] for read in analysis.reads}
        return {name: sections[name] for name in ("compare", "transfer", "annotations") if name in families}

    of_analyses = {
        analysis.name: shared | beside(analysis) | {analysis.name: sections[analysis.name]}
        for analysis in ANALYSES
        if analysis.claims
    }
    return of_analyses | {"net": shared}


def usual(settings: Settings) -> dict[str, dict[str, Any]]:
    """The values, by section, that settings have where nothing else is said."""
    found = {name: jsonable(asdict(type(section)())) for name, section in settings.sections.items()}
    return found | {"architecture": jsonable(asdict(Architecture()))}


def _known(
    settings: Settings, measured_under: Mapping[str, noise.Conditions]
) -> tuple[dict[str, noise.Estimated], str]:
    """The noise that was measured elsewhere, by analysis, and its source: the user's file, or the first shipped one that fits."""
    if settings.noise.file:
        source = f"NOISE={settings.noise.file}"
        return noise.read(Path(settings.noise.file), source).under(measured_under, usual(settings)), source
    for path in noise.shipped():
        if found := noise.read(path, str(path)).under(measured_under, usual(settings)):
            return found, f"measured by reportgen on its profile {path.stem}"
    return {}, ""
