"""The list of stages, each with what it reads and depends on. A stage is registered here and nowhere else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from reportgen.analyses import registry
from reportgen.analyses.base import Analysis
from reportgen.base.artifacts import digest_file
from reportgen.page import template_files
from reportgen.pipeline import user_files
from reportgen.pipeline.run import Pipeline
from reportgen.pipeline.work import Stage
from reportgen.settings import variants
from reportgen.settings.recipes import Architecture
from reportgen.settings.sections import Settings
from reportgen.settings.switches import older_report

TRAINED = (  # the code that a trained net's bytes depend on: docs/decisions/what-a-net-depends-on.md
    "reportgen.nets",
    "reportgen.data",
    "reportgen.scenes",
    "reportgen.settings.recipes",
    "reportgen.settings.variants",
    "reportgen.stages",
)
MEASURED_NOISE = (
    Path(__file__).parents[1] / "claims" / "noise_of"
)  # as `claims.noise.SHIPPED`, whose import takes scipy along
SPACING = 10_000  # between the seeds of repeated trainings; SEEDS= uses those that follow a seed


def pipeline(settings: Settings, build: Path, report: Path) -> Pipeline:
    """The pipeline of a run with these settings, in these folders."""
    return Pipeline(settings, stages(settings), build, report)


def stages(settings: Settings) -> dict[str, Stage]:
    """Every stage of a run with these settings, by name, each after the stages it reads."""
    loaded = settings.model.loaded  # it has no comparison nets, nor has another net than the paper's
    compared = (
        ()
        if loaded or not settings.model.of_the_paper
        else variants.compared(settings.compare.variants, settings.compare.seeds)
    )
    found = [
        *_images(settings),
        *_examined(settings, compared, registry.ANALYSES),
        *(_drawing(analysis) for analysis in registry.ANALYSES),
        *(repeated := list(_repeated(settings, compared))),
        _judging(settings, compared, repeated),
        *_atlas(settings),
        *_published(settings),
    ]
    if loaded:
        found.insert(0, _loading())
    return {stage.name: _as_shown(stage, settings) for stage in found}


def _as_shown(stage: Stage, settings: Settings) -> Stage:
    """The stage as it depends on which channels are shown, ``DATA_SHOWN=``: only what makes pictures does.

    The setting lies in the section of the images, which all that reads images depends on: there it is blank.
    """
    shown = settings.data.shown
    if not shown or stage.commit:  # what writes the page prints every setting
        return stage
    if stage.name == "atlas" or (stage.analysis and stage.analysis.pictures):
        return replace(stage, given={**stage.given, "shown": shown})
    return replace(stage, settings=(stage.settings or settings).but("data", shown=()))


def _images(settings: Settings) -> Iterator[Stage]:
    """The stages that read images and their annotations."""
    given = ({"loaded": True} if settings.model.loaded else {}) | ({"several": True} if settings.several else {})
    yield Stage(
        "data",
        "reportgen.stages.data",
        (),
        ("data", "labels", "run"),
        also=("reportgen.data.named",) if settings.data.named else (),
        rooms=TRAINED,
        doing="reading the images",
        given=given,
        files=user_files.images,
    )
    yield Stage(
        "annotations",
        "reportgen.stages.annotations",
        ("data",),
        ("annotations", "data", "labels", "run"),
        doing="reading what is marked in the images",
        given=given,
        files=user_files.annotation_files,
    )
    yield Stage(
        "transfer",
        "reportgen.stages.transfer",
        ("data",),
        ("transfer", "data", "run"),
        also=("reportgen.data.named",) if settings.transfer.named else (),
        doing="reading the images of other classes",
        given=given,
        files=user_files.transfer_images,
    )
    yield Stage(
        "multilabel",
        "reportgen.stages.multilabel",
        (),
        ("transfer", "data", "run"),
        also=("reportgen.data.named",) if settings.transfer.named else (),
        doing="reading the images of several objects",
        given=given,
        files=user_files.transfer_images,
    )
    if not settings.model.loaded and settings.model.of_the_paper:
        yield Stage(
            "judging",
            "reportgen.stages.judging",
            (),
            ("data", "run"),
            rooms=TRAINED,
            doing="reading further images, to judge comparison nets on",
        )


def _examined(
    settings: Settings, compared: Iterable[variants.Compared], analyses: Iterable[Analysis]
) -> Iterator[Stage]:
    """The net, the nets that it is compared with, and what these analyses compute on them."""
    yield _loaded_net() if settings.model.loaded else _trained_net(settings)
    yield from (_comparison(net, settings) for net in compared)
    yield from (_computing(analysis, _present(analysis.reads, compared)) for analysis in analyses)


def _trained_net(settings: Settings) -> Stage:
    return Stage(
        "net",
        "reportgen.stages.net",
        ("data",),
        ("model", "training", "data", "run", "compute"),
        rooms=TRAINED,
        doing="training the net",
        given={"machine": {"gpus": settings.machine.gpus}, "architecture": _what(settings)},
        files=None if settings.model.of_the_paper else user_files.net_files,
        shared=True,
    )


def _what(settings: Settings) -> dict[str, Any]:
    """What is trained: the paper's architecture, or another net by its name."""
    if settings.model.of_the_paper:
        return _architecture(settings).as_json()
    grey = {} if settings.channels == 3 else {"channels": settings.channels}
    return {"name": settings.model.name, "crop": settings.data.crop.said, **grey}


def _architecture(settings: Settings, variant: variants.Variant | None = None) -> Architecture:
    """The architecture of the net that is trained; the number of classes is a placeholder, since the images decide it."""
    base = settings.architecture(1, variant.base if variant else "")
    return variant.applied(base) if variant else base


def _loading() -> Stage:
    return Stage(
        "model",
        "reportgen.stages.model",
        (),
        ("model", "preprocessing", "data"),
        files=user_files.net_files,
        doing="loading the net and its weights",
    )


def _loaded_net() -> Stage:
    doing = "asking the net about every image"
    return Stage("net", "reportgen.stages.loaded", ("model", "data"), ("labels", "run", "compute"), doing=doing)


def _computing(analysis: Analysis, inputs: tuple[str, ...]) -> Stage:
    return Stage(
        analysis.name,
        "reportgen.stages.analysis",
        inputs,
        (analysis.name, "layers", "run", "compute"),
        also=(analysis.within("analysis"),),
        doing=analysis.title[0].lower() + analysis.title[1:],
        analysis=analysis,
        shared=analysis.shared,
        long=analysis.long,
    )


def _drawing(analysis: Analysis) -> Stage:
    name = analysis.name
    also = (analysis.within("draw"),)  # most analyses have none
    return Stage(
        f"drawn/{name}", "reportgen.stages.drawing", (name,), also=also, doing=f"drawing {name}", analysis=analysis
    )


def _repeated(settings: Settings, compared: Iterable[variants.Compared]) -> Iterator[Stage]:
    """The stages of further trainings, which differ in the training seed alone, or of further checkpoints (`_further`)."""
    for turn, again in enumerate(_further(settings), start=1):
        within = f"repeats/{turn}/"
        judging = [analysis for analysis in registry.ANALYSES if analysis.claims]
        family = [*([_loading()] if again.model.loaded else []), *_examined(again, compared, judging)]
        own = {stage.name for stage in family}
        for stage in family:
            yield replace(
                stage,
                name=within + stage.name,
                inputs=tuple(within + name if name in own else name for name in stage.inputs),
                doing=f"{stage.doing}, training {turn + 1}",
                settings=again,
                within=within,
            )


def _further(settings: Settings) -> Iterator[Settings]:
    """The settings of each training beside the run's own."""
    if settings.model.loaded:
        for weights in settings.noise.weights:
            yield settings.but("model", weights=weights)
    else:
        for seed in training_seeds(settings)[1:]:
            yield settings.but("training", seed=seed)


def training_seeds(settings: Settings) -> tuple[int, ...]:
    """The training seeds of a run that trains `noise.repeats` times, the run's own first."""
    return tuple(settings.training_seed + SPACING * turn for turn in range(settings.noise.repeats))


def _judging(settings: Settings, compared: Iterable[variants.Compared], repeated: Iterable[Stage]) -> Stage:
    """The stage that says what holds of this trained net and of training this way."""
    judging = [analysis.name for analysis in registry.ANALYSES if analysis.claims]
    again = [stage.name for stage in repeated if stage.analysis or stage.name.endswith("/net")]
    # What decides whether noise that was measured elsewhere is that of this run.
    sections = (
        "model",
        "training",
        "compare",
        "data",
        "labels",
        "transfer",
        "annotations",
        "layers",
        "noise",
        *judging,
    )
    return Stage(
        "claims",
        "reportgen.stages.claims",
        ("data", "net", *(net.stage for net in compared), *judging, *again),
        sections,
        doing="judging the paper's claims",
        given={} if settings.model.loaded else {"architecture": _what(settings)},
        files=user_files.noise_files,
        templates={f"noise/{path.name}": path for path in sorted(MEASURED_NOISE.glob("*.json"))},
    )


def _atlas(settings: Settings) -> Iterator[Stage]:
    """The pictures of all maps, whose strongest activations an analysis found."""
    if settings.atlas.shows != "none":
        analysis = registry.having("maps")
        yield Stage(
            "atlas",
            "reportgen.stages.atlas",
            ("data", "net", analysis.name),
            ("atlas", "layers", "compute"),
            also=(analysis.within("maps"),),
            doing="drawing all feature maps",
        )


def _published(settings: Settings) -> Iterator[Stage]:
    """The page and the PDF, which read everything that was made."""
    names = tuple(analysis.name for analysis in registry.ANALYSES)
    read = ("data", "annotations", "transfer", "net", "claims", *names, *(f"drawn/{name}" for name in names))
    read += tuple(stage.name for stage in _atlas(settings))
    heads = tuple(analysis.within("headline") for analysis in registry.ANALYSES)
    given = {"titles": {analysis.name: analysis.title for analysis in registry.ANALYSES}}
    found = template_files.by_writer()
    for name, doing, output in (("page", "the page", "index.html"), ("pdf", "the PDF", "report.pdf")):
        templates, unread = found[name]
        yield Stage(
            name,
            f"reportgen.stages.{name}",
            read,
            also=heads,
            doing=doing,
            outputs=(output,),
            given=given | (_beside(settings.switches) if name == "page" else {}),
            templates=templates,
            unread=unread,
            commit=True,
        )


def _beside(switches: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows beside its own run: the history of many, and what changed since an older report."""
    base = older_report(switches)
    found = Path(base) / "metrics.json"
    older = {
        "base": base,
        "metrics": digest_file(found) if found.is_file() else "",
        "tolerance": switches.get("TOLERANCE", ""),
    }
    return {"history": bool(switches.get("HISTORY")), "since": older if base else None}


def _comparison(net: variants.Compared, settings: Settings) -> Stage:
    """The stage of one comparison net; it depends only on the settings that change this net."""
    model, compare = settings.model, settings.compare
    training = net.variant.training(settings.training, compare.epochs, compare.paper_epochs)
    given = {
        "variant": asdict(net.variant),
        "seed": settings.training_seed + net.turn,
        "model": {key: value for key, value in asdict(model).items() if key != "name"},
        "training": asdict(training),
        "architecture": _architecture(settings, net.variant).as_json(),
        "machine": {"gpus": settings.machine.gpus},
        "images": compare.images,
    }
    return Stage(
        net.stage,
        "reportgen.stages.compare",
        ("data", "judging"),
        ("data", "compute"),
        rooms=TRAINED,
        doing=f"training {net.variant.name} for comparison",
        given=given,
        shared=True,
    )


def _present(reads: Iterable[str], compared: Iterable[variants.Compared]) -> tuple[str, ...]:
    """The stages an analysis reads: ``compare`` means every comparison net of the run, ``compare/zfnet`` all its seeds."""
    found: list[str] = []
    for name in reads:
        family, _, variant = name.partition("/")
        nets = [net.stage for net in compared if variant in ("", net.variant.name)]
        found += nets if family == variants.FAMILY else [name]
    return tuple(found)
