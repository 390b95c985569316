"""The claims stage: what holds of this trained net, and of training this way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.base.artifacts import DOCUMENT, digest, read_arrays, read_json, write_arrays, write_json
from reportgen.claims import Noise, influence_key, noise
from reportgen.data.labels import SEEN
from reportgen.data.several import answerable, answers, right
from reportgen.data.voc import PRESENT
from reportgen.look.precisions import precisions
from reportgen.nets.probabilities import probabilities
from reportgen.pipeline.work import Work
from reportgen.scenes.generate import VERSION as SCENES
from reportgen.settings.recipes import Architecture
from reportgen.settings.sections import Settings, jsonable
from reportgen.settings.variants import FAMILY

# How files become pixels: of scenes in one way, of others the fingerprint says it.
READ_SO = ("alpha", "range", "interpolation")
RIGHT = "right.npz"  # in its artefact
LOADED = ("name", "classes")  # of the section model: two checkpoints of one loaded net share these


def make(work: Work, folder: Path) -> None:
    """Judge every claim with the training noise that is known, and write what this run's own trainings say of it."""
    settings = work.settings
    data = _numbers(work.build / "data")
    judging = [analysis for analysis in ANALYSES if analysis.claims]
    documents = {analysis.name: read_json(work.build / analysis.name / DOCUMENT) for analysis in judging}
    places = list(_again(work))
    again = {
        analysis.name: [estimates(read_json(place / analysis.name / DOCUMENT)) for place in places]
        for analysis in judging
    }
    own = {name: noise.spread([estimates(documents[name]), *others]) for name, others in again.items()}
    nets = [work.build / "net", *(place / "net" for place in places)]
    given = [_answers(path, data["classes"]) for path in nets]
    by_class = list(map(_by_class, given))
    own["net"] = noise.spread(list(map(_accuracies, nets, by_class)))
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
    analysis, accuracy, _ = noise.ACCURACY
    top1 = noise_of(*noise.ACCURACY)
    of_classes = {name: noise_of(analysis, accuracy, noise.OF_CLASS.format(name)) for name in by_class[0]}
    of_any = noise.among(found for found in of_classes.values() if found)
    write_arrays(folder / RIGHT, _influences(given[0]))
    write_json(
        folder / DOCUMENT,
        {
            "claims": claims,
            "numbers": {
                "trainings": 1 + len(places),
                "source": source,
                "known": any(claim["of"] == "training" for claim in claims),
                "top1_tau": _tau(top1),
                **_precision(nets[0]),
                "by_class": [
                    {
                        "name": name,
                        "right": right,
                        "images": images,
                        "tau": _tau(noise.pooled(of_classes[name], of_any)),
                    }
                    for name, (right, images) in by_class[0].items()
                ],
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


class _OfClass(NamedTuple):
    """The validation images that show a class, and of which of these the net says so."""

    shown: Bool[np.ndarray, " image"]
    right: Bool[np.ndarray, " shown"]


class _Answers(NamedTuple):
    """Which of the validation images a net has right, of those with a label, and what it says of each class."""

    right: Bool[np.ndarray, " image"]
    known: Bool[np.ndarray, " image"]
    of_class: Mapping[str, _OfClass]


def _answers(net: Path, classes: Sequence[str]) -> _Answers:
    """What a net answers; `classes`: their names, where it does not name its own."""
    arrays = read_arrays(net / "predictions.npz")
    targets, logits = arrays["labels"], arrays["logits"]
    names = read_json(net / SEEN)["classes"] if (net / SEEN).exists() else classes
    said = answers(logits, targets)
    of_class = {}
    for label, name in enumerate(names):
        shown = targets == label if targets.ndim == 1 else targets[:, label] == PRESENT
        if shown.any():
            of_class[name] = _OfClass(shown, said[shown, label])
    return _Answers(right(logits.argmax(1), targets), answerable(targets), of_class)


def _influences(found: _Answers) -> dict[str, np.ndarray]:
    """What each labelled image adds to the error of the accuracy and of that of its class (as `claims.Part.influence`)."""
    _, accuracy, all_images = noise.ACCURACY
    of_parts = {all_images: found.right[found.known]}
    of_parts |= {noise.OF_CLASS.format(name): of_class.right for name, of_class in found.of_class.items()}
    return {
        influence_key(accuracy, part): ((right - right.mean()) / len(right)).astype(np.float32)
        for part, right in of_parts.items()
        if len(right)
    }


def _by_class(found: _Answers) -> dict[str, tuple[int, int]]:
    """How many of the validation images of each class the net has right, and how many there are."""
    return {name: (int(one.right.sum()), len(one.right)) for name, one in found.of_class.items()}


def _accuracies(net: Path, by_class: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, float]]:
    """The accuracy of a net and that of each class, as estimates; none where no image has a label."""
    _, accuracy, all_images = noise.ACCURACY
    top1 = _numbers(net)["top1"]
    if top1 is None:
        return {}
    shares = {noise.OF_CLASS.format(name): right / images for name, (right, images) in by_class.items()}
    return {accuracy: {all_images: top1} | shares}


def _precision(net: Path) -> dict[str, float | None]:
    """The ends of the interval of the mean average precision; None where an image shows one class.

    Here, not with the net: a net's stamp does not hold how intervals are made.
    """
    numbers, arrays = _numbers(net), read_arrays(net / "predictions.npz")
    if not numbers["several"] or numbers["map"] is None:
        return {"map_low": None, "map_high": None}
    known = answerable(arrays["labels"])
    ranking, labels = probabilities(arrays["logits"][known], numbers["reading"]), arrays["labels"][known]
    _, (_, low, high) = precisions(ranking, labels.astype(np.int64), np.random.default_rng(0))
    return {"map_low": float(low), "map_high": float(high)}


def _tau(found: Noise | None) -> float | None:
    return found.tau if found else None


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
    if settings.several:
        shared["outputs"] = {"reading": "sigmoid"}
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
    return found | {"architecture": Architecture().as_json()}


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
