"""Reading the settings of a call: a profile's values, then the user's file (CONFIG=), then the switches.

A switch is SECTION_FIELD=value (``TRAINING_EPOCHS=3``); a few have a short name (``EPOCHS=3``). Nothing here imports torch.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.names import nearest
from reportgen.base.size import Size
from reportgen.settings.recipes import ADAMW, OWN_NETS, RECIPES
from reportgen.settings.sections import (
    FOLDER,
    OF_TRAINED_NETS,
    SECTIONS,
    TIMM,
    DataSettings,
    ModelSettings,
    Scaled,
    Settings,
    usual_sizes,
)
from reportgen.settings.switches import SWITCHES, Switch

LARGEST = 2**53  # whole numbers up to here are the same in JSON, numpy and torch
TRAINED_ORDERS = (("order", "RGB"), ("order", "L"))  # of the channels, also of a net that is trained here


@dataclass(frozen=True)
class Known:
    """All settings that exist: the common sections and those of the analyses, and the short switches."""

    types: Mapping[str, type]  # section name -> its dataclass
    switches: tuple[Switch, ...]

    @classmethod
    def of(cls, types: Mapping[str, type], switches: Iterable[Switch]) -> "Known":
        """The common sections and switches together with those of the analyses."""
        return cls(SECTIONS | dict(types), (*SWITCHES, *switches))

    @property
    def names(self) -> list[str]:
        """Every switch that the command line accepts."""
        long = [f"{section}_{part.name}".upper() for section, kind in self.types.items() for part in fields(kind)]
        return [switch.name for switch in self.switches] + long


def profiles() -> dict[str, Path]:
    """The profiles that ship with the package, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "profiles").glob("*.toml"))}


def load(
    switches: Mapping[str, str],
    known: Known,
    sizes: Callable[[ModelSettings], Scaled] = usual_sizes,
) -> Settings:
    """Settings of a call with these switches; raises UserError that names the switch or the file, and the way out.

    The images of a loaded net are scaled as its weights say (`sizes`) instead of as the profile does, unless the user
    says how.
    """
    types = known.types
    if held := next((name for name, value in switches.items() if "\0" in value), ""):  # which Python hands over
        raise UserError(f"{held}={switches[held]}: no value has a zero byte: leave it out")
    profile = switches.get("PROFILE", "default")
    values: dict[str, dict[str, Any]] = {name: {} for name in types}
    origin: dict[tuple[str, str], str] = {}

    def lay(section: str, key: str, value: Any, said_by: str) -> None:
        names = [part.name for part in fields(types[section])]
        if key not in names:
            raise UserError(f"{said_by}: {section} has no setting '{key}'{nearest(key, names)}")
        values[section][key] = value
        origin[section, key] = said_by

    there = profiles()
    if profile not in there:
        raise UserError(f"PROFILE={profile}: no such profile{nearest(profile, there)} ({', '.join(there)} exist)")
    files = [there[profile]] + ([Path(switches["CONFIG"])] if switches.get("CONFIG") else [])
    for path in files:
        for section, entries in _read_toml(path).items():
            if section not in types:
                raise UserError(f"{path}: no section [{section}]{nearest(section, types)}")
            if not isinstance(entries, dict):
                raise UserError(f"{path}: '{section}' is outside a section: put it below one, such as [run]")
            for key, value in entries.items():
                lay(section, key, value, f"{path}, [{section}] {key}")
    short = {switch.name: switch.setting for switch in known.switches}
    called: dict[tuple[str, str], str] = {}
    for name, text in switches.items():
        target = short[name] if name in short else _long_switch(name, known)
        if target is not None and text != "":
            lay(*target, _parse(types[target[0]], target[1], text), f"{name}={text}")
            called[target] = f"{name}={text}"
    _begin_with_recipe(values["training"], origin)
    model = _validate("model", types["model"], values["model"], origin)
    _check_model(model, values, origin)
    for (section, _), said_by in called.items():
        if section == "compare" and not model.loaded and not model.of_the_paper:
            raise UserError(f"{said_by}: only variants of the paper's nets are compared (MODEL=zfnet): leave it out")
    if model.loaded:
        for (section, key), said_by in called.items():
            if section in ("training", "compare") or (section, key) in (*OF_TRAINED_NETS, ("noise", "repeats")):
                raise UserError(
                    f"{said_by}: this is for a net that is trained here: leave it out, or leave out WEIGHTS="
                )
        for key, value in sizes(model)._asdict().items():
            if _of_profile(key, origin, there[profile]):
                values["data"][key] = value
    sections = {name: _validate(name, types[name], values[name], origin) for name in types}
    if not sections["data"].crop.square and _of_profile("size", origin, there[profile]):
        usual = sizes(model) if model.loaded else _sizes_of(there[profile])
        sections["data"] = replace(sections["data"], size=_around(sections["data"], usual.size, usual.crop))
    _check_channels(sections, origin)
    if sections["labels"].separator and model.outputs != "sigmoid":
        raise UserError(
            f"{origin['labels', 'separator']}: one label an image is read: give OUTPUTS=sigmoid, or leave it out"
        )
    if sections["labels"].file and (sections["data"].source == "scenes" or sections["data"].named):
        raise UserError(
            f"{origin['labels', 'file']}: DATA={sections['data'].source} brings its own labels: give a folder, DATA="
        )
    return Settings(profile, sections, dict(switches))


def _check_channels(sections: Mapping[str, Any], origin: Mapping[tuple[str, str], str]) -> None:
    """Raise UserError for settings of channels that do not fit each other."""
    data, reads = sections["data"], sections["preprocessing"]
    for key in ("mean", "deviation"):
        count = len(getattr(reads, key))
        if count not in (0, 1, data.channels):
            each = {2: "two", 3: "three"}.get(data.channels, f"{data.channels:,}")
            raise UserError(
                f"{origin['preprocessing', key]}: use {each} numbers, one for each channel, or one of a net that reads grey, "
                f"not {count}"
            )
    if data.channels == 3:
        if data.shown:
            raise UserError(
                f"{origin['data', 'shown']}: of images of three channels all are shown: give DATA_CHANNELS="
            )
        return
    said_by = origin["data", "channels"]
    if data.source == "scenes" or data.named:
        raise UserError(
            f"{said_by}: the images of DATA={data.source} have three: give a folder of .npy or TIFF files, DATA="
        )
    if reads.order:
        raise UserError(f"{origin['preprocessing', 'order']}: {said_by} are read in their own order: leave it out")
    if data.shown and max(data.shown) > data.channels:
        raise UserError(f"{origin['data', 'shown']}: there is no channel {max(data.shown)} ({said_by}): count from 1")


def _of_profile(key: str, origin: Mapping[tuple[str, str], str], profile: Path) -> bool:
    """Whether the user gave no other value of a setting of the images."""
    from_profile = f"{profile},"
    return origin.get(("data", key), from_profile).startswith(from_profile)


def _sizes_of(profile: Path) -> Scaled:
    """The sizes of stored images and of crops that a profile says."""
    data = _read_toml(profile).get("data", {})
    usual = DataSettings()
    return Scaled(Size.of(data.get("size", usual.size)), Size.of(data.get("crop", usual.crop)))


def _around(data: DataSettings, size: Size, crop: Size) -> Size:
    """The size of stored images for an oblong crop: as much larger as usual (`size` for `crop`); of the scenes a square."""
    found = data.crop.scaled(size.rows / crop.rows)
    return Size(max(found), max(found)) if data.source == "scenes" else found


def _check_model(model: ModelSettings, values: Mapping[str, Any], origin: Mapping[tuple[str, str], str]) -> None:
    """Raise UserError for an unknown net, and for settings that mix a loaded net with one that is trained here."""
    said_by = origin.get(("model", "name"), f"MODEL={model.name}")
    own = model.name in OWN_NETS
    bare = model.name.removeprefix(TIMM).replace(".", "").replace(":", "")
    if not own and not bare.isidentifier() and not model.name.startswith(FOLDER):
        raise UserError(
            f"{said_by}: use {', '.join(OWN_NETS)}, a torchvision classifier, timm/NAME, hf/FOLDER, or package.module:factory"
        )
    if not own and not model.loaded:
        _check_other(values, origin)
    for section, key in (
        *(("model", key) for key in ("classes", "snapshots", "weights_key", "entry")),
        *([("model", "outputs")] if values["model"].get("outputs") != "sigmoid" else ()),
        ("noise", "weights"),
        ("labels", "order"),
        *(
            ("preprocessing", k)
            for k in values["preprocessing"]
            if (k, values["preprocessing"][k]) not in TRAINED_ORDERS
        ),
    ):
        if values[section].get(key) and not model.loaded:
            raise UserError(f"{origin[section, key]}: this is for a net that is loaded: give WEIGHTS=, or leave it out")


def _check_other(values: Mapping[str, Any], origin: Mapping[tuple[str, str], str]) -> None:
    """Raise UserError for settings of the paper's nets, where another net is trained."""
    training = values["training"]
    of_papers = {
        ("training", "recipe"): training["recipe"] == "paper",
        ("training", "mean"): training["mean"] == "pixel",
        ("training", "initialisation"): training["initialisation"] == "paper",
        **dict.fromkeys((*OF_TRAINED_NETS, ("training", "dropout")), True),
    }
    for key, wrong in of_papers.items():
        if wrong and key in origin and not origin[key].startswith(str(Path(__file__).parent)):
            raise UserError(f"{origin[key]}: this is for the paper's nets (MODEL=zfnet): leave it out")


def _begin_with_recipe(training: dict[str, Any], origin: Mapping[tuple[str, str], str]) -> None:
    """Fill in the recipe's value for each training setting that was not given."""
    recipe = training.get("recipe", "default")
    if not isinstance(recipe, str) or recipe not in RECIPES:
        said_by = origin["training", "recipe"]
        raise UserError(f"{said_by}: no such recipe{nearest(str(recipe), RECIPES)} ({', '.join(RECIPES)} exist)")
    if training.get("optimiser") == "adamw":
        for key, value in ADAMW.items():
            training.setdefault(key, value)
    for key, value in asdict(RECIPES[recipe]).items():
        training.setdefault(key, value)


def said(profile: str, document: Mapping[str, Mapping[str, Any]], known: Known) -> dict[str, str]:
    """The switches that reproduce a run's settings (`Settings.document`): those that differ from the default."""
    net = document.get("model", {})
    named = {name: net[key] for name, key in (("MODEL", "name"), ("WEIGHTS", "weights")) if net.get(key)}
    plain = load({"PROFILE": profile}, known).document()
    # What the settings would be without switches; a loaded net decides the size of its images.
    usual = load({"PROFILE": profile} | named, known).document() | {"model": plain["model"]}
    short = {switch.setting: switch.name for switch in known.switches if switch.setting}
    found = {} if profile == "default" else {"PROFILE": profile}
    for section, entries in document.items():
        for key, value in entries.items():
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            if key in usual.get(section, {}) and value not in (None, usual[section][key]):
                found[short.get((section, key), f"{section}_{key}".upper())] = text
    first = [switch.name for switch in known.switches if switch.name in found]
    return {name: found[name] for name in (*first, *(name for name in found if name not in first))}


def _long_switch(name: str, known: Known) -> tuple[str, str]:
    for section, kind in known.types.items():
        for part in fields(kind):
            if name == f"{section}_{part.name}".upper():
                return section, part.name
    raise UserError(f"{name}: no such switch{nearest(name, known.names)} (make help lists them)")


def _parse(kind: type, key: str, text: str) -> Any:
    """A list if the setting takes one, else the text; `_validate` converts and checks the values."""
    hint = get_type_hints(kind)[key]
    return [part for part in text.split(",") if part] if get_origin(hint) is tuple else text


def _validate(section: str, kind: type, values: dict[str, Any], origin: Mapping[tuple[str, str], str]) -> Any:
    def said_by(key: str) -> str:
        return origin.get((section, key), f"[{section}] {key}")

    try:
        found = _adapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        where = said_by(str(first["loc"][0]) if first["loc"] else "")
        raise UserError(f"{where}: {message[0].lower()}{message[1:]}") from None
    for key, given in values.items():
        if wrong := _wrong(given, getattr(found, key)):
            raise UserError(f"{said_by(key)}: {wrong}")
    return found


@cache
def _adapter(kind: type) -> Any:
    return TypeAdapter(kind)


def _wrong(given: Any, value: Any) -> str:
    """What is wrong with a value that its type lets pass; empty if nothing is. `given`: before it was converted."""
    if isinstance(value, tuple):
        parts = given if isinstance(given, (list, tuple)) else value
        return next(filter(None, map(_wrong, parts, value)), "")
    if isinstance(value, str):
        return "a name has no zero byte" if "\0" in value else ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    if isinstance(given, bool):
        return f"use a number, not {str(given).lower()}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"use a finite number, not {value}"
    return f"use a number up to {LARGEST}" if abs(value) > LARGEST else ""


def _read_toml(path: Path) -> dict[str, Any]:
    return foreign.toml(path, f"CONFIG={path}", "give a TOML file of settings")
