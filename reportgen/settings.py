"""The typed settings: a profile's values, then the user's file (CONFIG=), then the switches of this call.

Every section is a frozen dataclass; an analysis keeps its own in its module. A switch is SECTION_FIELD=value
(``TRAINING_EPOCHS=3``); a few have a short name (``EPOCHS=3``). Nothing here imports torch.
"""

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from reportgen.errors import UserError
from reportgen.recipes import OWN_NETS, RECIPES, Architecture, TrainingSettings
from reportgen.registry import ANALYSES
from reportgen.variants import BY_NAME, VARIANTS

STRICT = ConfigDict(extra="forbid")
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=STRICT)
class RunSettings:
    """What holds for the whole run."""

    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, config=STRICT)
class ComputeSettings:
    """What computes."""

    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    threads: Annotated[int, Field(ge=0)] = 0  # of each stage on the CPU; 0: one for each core of the machine


@dataclass(frozen=True, config=STRICT)
class MachineSettings:
    """How the work is shared: what is found does not hang on it, but for the last bits of what is trained."""

    gpus: Positive = 1  # processes that share training and search, each with a GPU, or on the CPU with DEVICE=cpu


@dataclass(frozen=True, config=STRICT)
class DataSettings:
    """The images: the embedded scenes, or a folder of the user's."""

    source: str = "scenes"  # "scenes", a folder (an ImageFolder tree, with or without splits), or a torchvision set
    size: Annotated[int, Field(ge=32)] = 96  # pixels: the shorter side is scaled to this, then the centre square is cut
    crop: Annotated[int, Field(ge=24)] = 88  # pixels: side of what the net reads
    train: Positive = 300  # scenes of each class
    val: Positive = 100
    test: Positive = 100
    transfer: Positive = 60  # scenes of each class that the net never sees
    val_share: Share = 0.15  # of a folder that has no val/ of its own
    test_share: Share = 0.15
    pack: bool = True  # store every image, decoded; else files are decoded whenever they are read: slower, no disk


OF_TRAINED_NETS = (("model", "widths"), ("model", "fully_connected"), ("model", "second_padding"))  # beside the recipe
NAMED_SETS = ("CIFAR10", "STL10", "Caltech101", "Imagenette", "OxfordIIITPet", "ImageNet")  # torchvision's, by name


def _three_or_none(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) not in (0, 3):
        raise ValueError(f"use three numbers, one for each channel, not {len(values)}")
    return values


def _white(value: float | None) -> float | None:
    if value not in (None, 1, 255):
        raise ValueError("use 1 or 255")
    return value


Channels = Annotated[tuple[float, ...], AfterValidator(_three_or_none)]


@dataclass(frozen=True, config=STRICT)
class ModelSettings:
    """The net: trained here, or loaded with its weights."""

    name: str = "zfnet"  # one of OWN_NETS; with weights also a torchvision classifier, or package.module:factory
    weights: str = ""  # a file, or DEFAULT and other names of torchvision's: the net is loaded; empty: it is trained
    classes: str = ""  # a .csv or .json file with the names of a loaded net's classes, in its order
    snapshots: str = ""  # a folder with a loaded net's checkpoints, epoch-<number>.safetensors, .pt or .pth
    widths: tuple[Positive, Positive, Positive, Positive, Positive] = (96, 256, 384, 384, 256)  # maps of layers 1-5
    fully_connected: tuple[Positive, Positive] = (4096, 4096)  # units of layers 6 and 7
    second_padding: Annotated[int, Field(ge=0)] = 0  # pixels around layer 2's input; the paper's net has none

    @property
    def loaded(self) -> bool:
        """Whether the net comes with its weights and is not trained here."""
        return self.weights != ""

    def architecture(self, crop: int, classes: int, name: str = "") -> Architecture:
        """The net that is trained on crops of so many pixels, or that of the two which is named, at the same size."""
        base = OWN_NETS[name or self.name]
        return dataclasses.replace(
            base,
            second_padding=max(base.second_padding, self.second_padding),
            widths=self.widths,
            fully_connected=self.fully_connected,
            input_size=crop,
            classes=classes,
        )


@dataclass(frozen=True, config=STRICT)
class PreprocessingSettings:
    """What a loaded net reads: (pixel / 255 * range - mean) / deviation. What is empty, its weights say, else ImageNet's usual."""

    range: Annotated[float | None, AfterValidator(_white)] = None  # what white is before the mean is subtracted
    order: Literal["RGB", "BGR"] | None = None  # of the channels
    mean: Channels = ()  # in units of the range, in the net's order
    deviation: Channels = ()  # likewise


@dataclass(frozen=True, config=STRICT)
class LayerSettings:
    """What the paper's layers are in this net; empty: the rule of docs/claims.md."""

    nodes: tuple[str, ...] = ()  # names of nodes for layers 1, 2, ..., or with numbers: 1=features.0


def _known_variant(name: str) -> str:
    if name not in BY_NAME:
        raise ValueError(f"no such variant '{name}'{nearest(name, BY_NAME)} ({', '.join(BY_NAME)} exist)")
    return name


@dataclass(frozen=True, config=STRICT)
class CompareSettings:
    """The nets that are trained only to be compared with each other, on one schedule."""

    epochs: Positive = 5
    paper_epochs: Positive = 3  # of the two by the recipe `paper`, if that is less
    seeds: Positive = 1  # of the two architectures as they are; the others are trained once
    variants: tuple[Annotated[str, AfterValidator(_known_variant)], ...] = tuple(item.name for item in VARIANTS)


@dataclass(frozen=True, config=STRICT)
class AnnotationSettings:
    """Where objects and parts are marked; the embedded scenes bring their own marks."""

    parts: str = ""  # a COCO file with keypoints; its images lie beside it, or in the data's folder
    masks: str = ""  # where the objects are: a COCO file, or a folder of PNGs named as the images


@dataclass(frozen=True, config=STRICT)
class TransferSettings:
    """The data set on which the frozen features are tried."""

    source: str = ""  # "scenes", or a folder with one folder of images for each class; empty: scenes with DATA=scenes


SECTIONS: dict[str, type] = {
    "run": RunSettings,
    "compute": ComputeSettings,
    "machine": MachineSettings,
    "data": DataSettings,
    "annotations": AnnotationSettings,
    "transfer": TransferSettings,
    "model": ModelSettings,
    "preprocessing": PreprocessingSettings,
    "layers": LayerSettings,
    "training": TrainingSettings,
    "compare": CompareSettings,
}


@dataclasses.dataclass(frozen=True)
class Switch:
    """A short name on the command line for a setting, or a switch of the Makefile itself."""

    name: str
    setting: tuple[str, str] | None  # (section, field); None: read by the Makefile or the command
    help: str


SWITCHES = (
    Switch("PROFILE", None, "the size of the run: tiny, smoke, default or full"),
    Switch(
        "MODEL", ("model", "name"), "zfnet or krizhevsky; with WEIGHTS, a torchvision net or package.module:factory"
    ),
    Switch(
        "WEIGHTS", ("model", "weights"), "load the net: a .safetensors, .pt or .pth file, or DEFAULT (torchvision's)"
    ),
    Switch("CLASSES", ("model", "classes"), "a .csv or .json file with the names of the loaded net's classes"),
    Switch(
        "SNAPSHOTS", ("model", "snapshots"), "a folder of the loaded net's checkpoints: epoch-1.pt, epoch-2.pt, ..."
    ),
    Switch(
        "LAYERS", ("layers", "nodes"), "which nodes of the net are layers 1 to 5, as in conv1,conv2 or 1=conv1,7=fc"
    ),
    Switch("DATA", ("data", "source"), "scenes (drawn here), a folder, or a torchvision data set such as CIFAR10"),
    Switch("PARTS", ("annotations", "parts"), "a COCO file with keypoints: the parts that are masked in figure 8"),
    Switch("MASKS", ("annotations", "masks"), "where the objects are: a COCO file, or a folder of mask PNGs"),
    Switch("TRANSFER", ("transfer", "source"), "images of other classes: a folder with one folder for each class"),
    Switch("IMAGES", ("occlusion", "images"), "further images for figure 7: class/file,class/file"),
    Switch("SEED", ("run", "seed"), "seed of everything random"),
    Switch("EPOCHS", ("training", "epochs"), "how long the net is trained"),
    Switch(
        "COMPARE_EPOCHS",
        ("compare", "epochs"),
        "epochs of each comparison net; by the paper's recipe at most COMPARE_PAPER_EPOCHS",
    ),
    Switch("SEEDS", ("compare", "seeds"), "how often the two architectures are trained: from 6, a claim is about them"),
    Switch("DEVICE", ("compute", "device"), "auto, cpu, cuda, cuda:1 or mps"),
    Switch("GPUS", ("machine", "gpus"), "GPUs that share training and search; with DEVICE=cpu, processes"),
    Switch("BUILD", None, "folder of the artefacts"),
    Switch("REPORT", None, "folder of the report"),
    Switch("FORMAT", None, "single: also report/single.html, the whole page in one file"),
    Switch("CONFIG", None, "a TOML file of settings, laid over the profile"),
    Switch("JOBS", None, "stages made at the same time, each in a process of its own"),
    Switch("VENV", None, "folder of the virtual environment; none: use PYTHON as it is"),
    Switch("PYTHON", None, "the Python that makes the environment"),
    Switch("REQUIREMENTS", None, "a requirements.txt of what your own net imports, installed into VENV"),
    Switch("ANALYSIS", None, "make figures: of this analysis only"),
    Switch("LAYER", None, "make figures: of this layer only"),
    Switch("MAPS", None, "make figures LAYER=...: these feature maps (0,5,17), or all"),
    Switch("BASE", None, "make compare: folder of the older report"),
    Switch("FAIL_ON", None, "make compare: verdict: status 1 where a verdict got worse"),
    Switch("PORT", None, "make serve: port on this machine"),
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings of a run, by section."""

    profile: str
    sections: Mapping[str, Any]
    switches: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)  # they were read from

    @property
    def run(self) -> RunSettings:
        return self.sections["run"]

    @property
    def compute(self) -> ComputeSettings:
        return self.sections["compute"]

    @property
    def machine(self) -> MachineSettings:
        return self.sections["machine"]

    @property
    def data(self) -> DataSettings:
        return self.sections["data"]

    @property
    def annotations(self) -> AnnotationSettings:
        return self.sections["annotations"]

    @property
    def transfer(self) -> TransferSettings:
        return self.sections["transfer"]

    @property
    def model(self) -> ModelSettings:
        return self.sections["model"]

    @property
    def preprocessing(self) -> PreprocessingSettings:
        return self.sections["preprocessing"]

    @property
    def layers(self) -> LayerSettings:
        return self.sections["layers"]

    @property
    def training(self) -> TrainingSettings:
        return self.sections["training"]

    @property
    def compare(self) -> CompareSettings:
        return self.sections["compare"]

    @property
    def words(self) -> list[str]:
        """The switches as words of a command, for another process."""
        return [f"{name}={value}" for name, value in self.switches.items()]

    def document(self, *names: str) -> dict[str, Any]:
        """The named sections (all, if none is named) as JSON-able values."""
        return {name: jsonable(asdict(self.sections[name])) for name in names or self.sections}


def jsonable(value: Any) -> Any:
    """Tuples as lists, all the way down: what reading the JSON back gives."""
    if isinstance(value, dict):
        return {key: jsonable(part) for key, part in value.items()}
    return [jsonable(part) for part in value] if isinstance(value, (list, tuple)) else value


def section_types() -> dict[str, type]:
    """Every section's dataclass: the common ones, then one for each analysis that has settings."""
    own = {analysis.name: analysis.module.Settings for analysis in ANALYSES}
    return SECTIONS | own


def profiles() -> dict[str, Path]:
    """The profiles that ship with the package, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "profiles").glob("*.toml"))}


def usual_sizes(model: ModelSettings) -> tuple[int, int]:
    """Stored size and crop of a loaded net whose file does not say: ImageNet's usual, pixels."""
    return 256, 224


def load(switches: Mapping[str, str], sizes: Callable[[ModelSettings], tuple[int, int]] = usual_sizes) -> Settings:
    """Settings of a call with these switches; raises UserError that names the switch or the file, and the way out.

    A loaded net's images have the `sizes` (stored, crop) that its weights say, not the profile's, unless both are given.
    """
    types = section_types()
    profile = switches.get("PROFILE", "default")
    values: dict[str, dict[str, Any]] = {name: {} for name in types}
    origin: dict[tuple[str, str], str] = {}

    def lay(section: str, key: str, value: Any, said_by: str) -> None:
        names = [part.name for part in fields(types[section])]
        if key not in names:
            raise UserError(f"{said_by}: {section} has no setting '{key}'{nearest(key, names)}")
        values[section][key] = value
        origin[section, key] = said_by

    known = profiles()
    if profile not in known:
        raise UserError(f"PROFILE={profile}: no such profile{nearest(profile, known)} ({', '.join(known)} exist)")
    files = [known[profile]] + ([Path(switches["CONFIG"])] if switches.get("CONFIG") else [])
    for path in files:
        for section, entries in _read_toml(path).items():
            if section not in types:
                raise UserError(f"{path}: no section [{section}]{nearest(section, types)}")
            if not isinstance(entries, dict):
                raise UserError(f"{path}: '{section}' stands outside a section: write it below one, such as [run]")
            for key, value in entries.items():
                lay(section, key, value, f"{path}, [{section}] {key}")
    short = {switch.name: switch.setting for switch in SWITCHES}
    called: dict[tuple[str, str], str] = {}
    for name, text in switches.items():
        target = short[name] if name in short else _long_switch(name, types)
        if target is not None and text != "":
            lay(*target, _parse(types[target[0]], target[1], text), f"{name}={text}")
            called[target] = f"{name}={text}"
    _begin_with_recipe(values["training"], origin)
    model = _validate("model", types["model"], values["model"], origin)
    _check_model(model, values, origin)
    if model.loaded:
        for (section, key), said_by in called.items():
            if section in ("training", "compare") or (section, key) in OF_TRAINED_NETS:
                raise UserError(f"{said_by}: this is for a net that is trained here: leave it out, or WEIGHTS=")
        for key, pixels in zip(("size", "crop"), sizes(model), strict=True):
            if origin.get(("data", key), "").startswith(f"{known[profile]},"):  # nobody asked for the profile's
                values["data"][key] = pixels
    sections = {name: _validate(name, types[name], values[name], origin) for name in types}
    return Settings(profile, sections, dict(switches))


def _check_model(model: ModelSettings, values: Mapping[str, Any], origin: Mapping[tuple[str, str], str]) -> None:
    """Raise UserError where the settings of a loaded net and of one that is trained here are mixed."""
    said_by = origin.get(("model", "name"), f"MODEL={model.name}")
    own = model.name in OWN_NETS
    if not own and not model.name.replace(".", "").replace(":", "").isidentifier():
        raise UserError(f"{said_by}: use {', '.join(OWN_NETS)}, a torchvision classifier, or package.module:factory")
    if not own and not model.loaded:
        way = "WEIGHTS=path to a state dict" + ("" if ":" in model.name else ", or WEIGHTS=DEFAULT for torchvision's")
        near = nearest(model.name, OWN_NETS)
        raise UserError(f"{said_by}: only {' and '.join(OWN_NETS)} are trained here{near}: give {way}")
    for section, key in (
        ("model", "classes"),
        ("model", "snapshots"),
        *(("preprocessing", k) for k in values["preprocessing"]),
    ):
        if values[section].get(key) and not model.loaded:
            raise UserError(f"{origin[section, key]}: this is for a net that is loaded: give WEIGHTS=, or leave it out")


def _begin_with_recipe(training: dict[str, Any], origin: Mapping[tuple[str, str], str]) -> None:
    """A recipe's values hold where nothing else was said."""
    recipe = training.get("recipe", "default")
    if recipe not in RECIPES:
        said_by = origin["training", "recipe"]
        raise UserError(f"{said_by}: no such recipe{nearest(str(recipe), RECIPES)} ({', '.join(RECIPES)} exist)")
    for key, value in asdict(RECIPES[recipe]).items():
        training.setdefault(key, value)


def nearest(name: str, known: Any) -> str:
    """``; did you mean 'x'?`` where one of the known names is near, else nothing."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{found[0]}'?" if found else ""


def switch_names() -> list[str]:
    """Every switch that can stand on the command line."""
    long = [f"{section}_{part.name}".upper() for section, kind in section_types().items() for part in fields(kind)]
    return [switch.name for switch in SWITCHES] + long


def said(profile: str, document: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The switches that give a run's settings (`Settings.document`): all that differ from what they would be otherwise."""
    net = document.get("model", {})
    named = {name: net[key] for name, key in (("MODEL", "name"), ("WEIGHTS", "weights")) if net.get(key)}
    plain = load({"PROFILE": profile}).document()
    usual = load({"PROFILE": profile} | named).document() | {"model": plain["model"]}  # images of the net's own size
    short = {switch.setting: switch.name for switch in SWITCHES if switch.setting}
    found = {} if profile == "default" else {"PROFILE": profile}
    for section, entries in document.items():
        for key, value in entries.items():
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            if key in usual.get(section, {}) and value not in (None, usual[section][key]):
                found[short.get((section, key), f"{section}_{key}".upper())] = text
    first = [switch.name for switch in SWITCHES if switch.name in found]
    return {name: found[name] for name in (*first, *(name for name in found if name not in first))}


def _long_switch(name: str, types: Mapping[str, type]) -> tuple[str, str]:
    for section, kind in types.items():
        for part in fields(kind):
            if name == f"{section}_{part.name}".upper():
                return section, part.name
    raise UserError(f"{name}: no such switch{nearest(name, switch_names())} (make help lists them)")


def _parse(kind: type, key: str, text: str) -> Any:
    """A list where the setting takes one; the rest is left to the validation."""
    hint = get_type_hints(kind)[key]
    return [part for part in text.split(",") if part] if get_origin(hint) is tuple else text


def _validate(section: str, kind: type, values: dict[str, Any], origin: Mapping[tuple[str, str], str]) -> Any:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        said_by = origin.get((section, key), f"[{section}] {key}")
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{said_by}: {message[0].lower()}{message[1:]}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"CONFIG={path}: {os.strerror(error.errno or 0)}: give a TOML file of settings") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}") from None
