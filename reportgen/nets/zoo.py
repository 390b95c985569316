"""Nets of timm by name (``timm/resnet10t``) and of transformers by folder (``hf/path/to/folder``): both are optional."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook as at_each_parameter

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.names import nearest
from reportgen.base.progress import say
from reportgen.base.size import MOST_SIDE, Size
from reportgen.data.classes import ClassName
from reportgen.data.transforms import FARTHEST, Channels, largest_input
from reportgen.nets.checkpoints import State, read_state
from reportgen.nets.presets import Preset, known_interpolation
from reportgen.nets.users_code import users_code
from reportgen.settings.sections import FOLDER, TIMM, WEIGHTS_END

MOST_NUMBERS = 4_000_000_000  # of a net of a configuration alone: twice the largest classifiers of transformers
MOST_OF_HEAD = 100_000_000
MOST_LABELS = 1_000_000
MOST_LAYERS = 10_000
MOST_WEIGHTS = 20_000  # tensors of a net: making so many takes seconds
REPEATED = re.compile("layer|depth|block|stage")  # in what a configuration calls a number of things in a row
# What holds a folder's weights, the first that is there, as transformers chooses.
HELD = tuple(f"{name}{end}" for name in ("model.safetensors", "pytorch_model.bin") for end in ("", ".index.json"))
# In what a configuration calls a file, a net of timm's (which may be ``local-dir:`` or ``hf-hub:``), or code (``owner/kernel``).
FILED = re.compile("checkpoint_path|cache_dir")
LEADING = re.compile(f"{FILED.pattern}|^architecture$|_implementation$")
IMAGENET_CROP = 224  # pixels, where nobody says


def make(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The net of that name, its weights meaningless; raises UserError where its library is missing, or does not know it."""
    return _of_timm(name, arguments) if name.startswith(TIMM) else _of_folder(name, arguments)


def preset(name: str) -> Preset | None:
    """What timm, or the folder, says of the net's own weights: what it reads, and what its classes are called."""
    return _preset_of_timm(name) if name.startswith(TIMM) else _preset_of_folder(name)


def weights(name: str) -> State:
    """The net's own weights: from timm's cache or the hub, or from the folder."""
    return _weights_of_timm(name) if name.startswith(TIMM) else dict(_read(name).state_dict())


# --- timm ---------------------------------------------------------------------------------------------------------------


def _timm(name: str) -> ModuleType:
    return _library("timm", name)


def _of_timm(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    timm, known = _timm(name), name.removeprefix(TIMM)
    if not timm.is_model(known):
        raise UserError(f"MODEL={name}: timm {timm.__version__} has no such net{nearest(known, timm.list_models())}")
    try:
        return timm.create_model(known, pretrained=False, **arguments)
    except Exception as error:
        raise UserError(f"MODEL={name}: timm cannot make it: {foreign.in_one_line(error)}") from error


def _preset_of_timm(name: str) -> Preset | None:
    timm, known = _timm(name), name.removeprefix(TIMM)
    if not timm.is_model(known):
        _of_timm(name, {})  # says so
    said = _said_of(timm, known)
    if said is None:
        return None
    crop = Size.of(tuple(said.input_size[-2:]))
    share = said.crop_pct or 1.0
    label = f"timm/{said.architecture or known}{f'.{said.tag}' if said.tag else ''}"
    return Preset(
        label=label,
        size=crop.scaled(1 / share),
        crop=crop,
        mean=tuple(said.mean),
        deviation=tuple(said.std),
        classes=_timms_classes(timm, said),
        arguments={},
        interpolation=known_interpolation(said.interpolation),
    )


def _said_of(timm: ModuleType, known: str) -> Any:
    """What timm says of a net's own weights, None where it has none; raises UserError where it has no weights of that tag."""
    try:
        return timm.get_pretrained_cfg(known)
    except RuntimeError as error:
        near = nearest(known, timm.list_pretrained())
        raise UserError(f"MODEL={TIMM}{known}: timm has no such weights{near} ({foreign.in_one_line(error)})") from None


def _timms_classes(timm: ModuleType, said: Any) -> tuple[ClassName, ...]:
    if said.label_names:
        return tuple(ClassName(str(label)) for label in said.label_names)
    subset = timm.data.infer_imagenet_subset(said.to_dict())
    if not subset:
        return ()
    info = timm.data.ImageNetInfo(subset)
    described = zip(info.label_descriptions(), info.label_names(), strict=True)
    return tuple(ClassName(text, wnid) for text, wnid in described)


def _weights_of_timm(name: str) -> State:
    timm, known = _timm(name), name.removeprefix(TIMM)
    said = _said_of(timm, known)
    if said is None or not said.has_weights:
        raise UserError(f"WEIGHTS=DEFAULT: timm has no weights of {known}: give WEIGHTS=path to a state dict")
    try:
        return dict(timm.create_model(known, pretrained=True).state_dict())
    except Exception as error:  # of timm, of the hub, of the network
        place = said.hf_hub_id or said.url
        raise UserError(
            f"WEIGHTS=DEFAULT: the weights of {known} cannot be had from {place} ({foreign.in_one_line(error)}): download them "
            "elsewhere and give WEIGHTS=path/to/model.safetensors"
        ) from None


def in_timms_words(name: str, path: Path) -> State | None:
    """The weights of a file in their publisher's own names and shapes, as timm would load them; None where it cannot, either.

    timm has such translations for many nets (their ``checkpoint_filter_fn``).
    """
    try:
        made = _timm(name).create_model(
            name.removeprefix(TIMM), pretrained=True, pretrained_cfg_overlay={"file": str(path)}
        )
    except Exception:  # timm says what is missing from its own file: the caller says what is missing from this one
        return None
    return dict(made.state_dict())


# --- transformers -------------------------------------------------------------------------------------------------------


def _read(name: str) -> nn.Module:
    """The image classifier that `save_pretrained` wrote into a folder, with its weights.

    They are read as those of every file: transformers would follow an index out of the folder.
    """
    folder, transformers = _folder(name), _library("transformers", name)
    file = next((folder / file for file in HELD if (folder / file).is_file()), None)
    if file is None:
        raise UserError(
            f"MODEL={name}: no weights in that folder ({HELD[0]} or {HELD[2]}): save the whole classifier there"
        )
    said_by = f"MODEL={name}: {file.name}"
    state = read_state(file, said_by)
    if other := next((key for key, value in state.items() if value.is_complex() or value.is_quantized), None):
        raise UserError(
            f"{said_by}: {foreign.short(other)} holds no ordinary numbers: save the net in single precision"
        )
    kind, configured = _described(name, configuration(name))
    try:
        with _silent(transformers):
            net, told = kind.from_pretrained(
                None, config=configured, state_dict=state, ignore_mismatched_sizes=True, output_loading_info=True
            )
    except Exception as error:
        raise UserError(
            f"MODEL={name}: transformers cannot load an image classifier from it ({foreign.in_one_line(error)}): save it there with "
            "save_pretrained"
        ) from None
    lacking, unfitting, beside = (
        sorted(str(key[0] if isinstance(key, tuple) else key) for key in told[f"{which}_keys"])
        for which in ("missing", "mismatched", "unexpected")
    )
    for keys, wrong in ((lacking, "are missing"), (unfitting, "have other shapes than its config.json says")):
        if keys:
            raise UserError(
                f"MODEL={name}: {len(keys)} of its weights {wrong} ({foreign.some(keys)}): save the whole classifier there"
            )
    if beside:
        say(f"  MODEL={name}: {len(beside)} of its tensors are not the net's and left out ({foreign.some(beside)})")
    return net.float()


@contextmanager
def _silent(transformers: ModuleType) -> Iterator[None]:
    """Keep the library from saying what it loads: it would send the names in a file to the terminal as they are."""
    log = transformers.logging
    verbosity, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if bars:
            log.enable_progress_bar()


def _folder(name: str) -> Path:
    folder = Path(name.removeprefix(FOLDER))
    if not (folder / "config.json").is_file():
        raise UserError(
            f"MODEL={name}: no config.json in that folder: give one that save_pretrained of transformers wrote"
        )
    return folder


def _of_folder(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """The net of a configuration: the folder's, or the one in the arguments, with which a file explains itself."""
    transformers = _library("transformers", name)
    _, configured = _described(name, arguments.get("config") or configuration(name))
    with _making(name), _silent(transformers):
        return transformers.AutoModelForImageClassification.from_config(configured).float()


def _described(name: str, config: Mapping[str, Any]) -> tuple[Any, Any]:
    """The class of the net of a configuration, and transformers' own form of it; raises UserError for none that can be made."""
    transformers, said = _library("transformers", name), dict(config)
    with _making(name), _silent(transformers):
        _check(said)
        configured = transformers.AutoConfig.for_model(said.pop("model_type"), **said)
        # Without memory, of which a number in a configuration can ask for any amount.
        with torch.device("meta"), _few_weights():
            net = transformers.AutoModelForImageClassification.from_config(configured)
        if (numbers := sum(value.numel() for value in net.parameters())) > _room(name):
            raise ValueError(f"it describes a net of {numbers:,} numbers, which its folder does not hold")
    return type(net), configured


@contextmanager
def _making(name: str) -> Iterator[None]:
    try:
        with users_code(f"MODEL={name}", "making it"):
            yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"MODEL={name}: transformers cannot make it: {foreign.in_one_line(error)}") from None


def _check(said: Mapping[str, Any]) -> None:
    """Raise ValueError for a configuration that asks for very much, or for what lies elsewhere."""
    if isinstance(labels := said.get("num_labels"), int) and labels > MOST_LABELS:  # it makes a name for each
        raise ValueError(f"num_labels: {labels:,} are more than {MOST_LABELS:,}")
    if (layers := max(_layers(said), default=0)) > MOST_LAYERS:  # and something for each of these
        raise ValueError(f"{layers:,} layers are more than {MOST_LAYERS:,}")
    if elsewhere := next(_elsewhere(said), ""):
        raise ValueError(f"{elsewhere}, which leads out of its folder")
    if said.get("quantization_config"):
        raise ValueError("its weights are quantised: save it in single precision")


def _elsewhere(said: Any) -> Iterator[str]:
    """What in a configuration leads to files of this machine, or to code and weights of the hub."""
    for keys, value in _leaves(said):
        named = next(filter(LEADING.search, reversed(keys)), "")
        if named and isinstance(value, str) and (FILED.search(named) or set(value) & set("/\\:")):
            yield f"{foreign.short(named)}: {foreign.short(value)}"


def _layers(said: Any) -> Iterator[int]:
    """The numbers of a configuration that say how many layers, blocks or stages there are."""
    for keys, value in _leaves(said):
        # The keys of label2id are classes' names, and one may be a stage.
        if keys and REPEATED.search(keys[-1]) and "label2id" not in keys and isinstance(value, int):
            yield value


def _leaves(said: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What a configuration says, and by which keys one comes there."""
    if isinstance(said, Mapping):
        for key, value in said.items():
            yield from _leaves(value, (*keys, str(key)))
    elif isinstance(said, list | tuple):
        for value in said:
            yield from _leaves(value, keys)
    else:
        yield keys, said


@contextmanager
def _few_weights() -> Iterator[None]:
    """Raise ValueError in the block once the nets that it makes have more weights than any net has."""
    left = iter(range(MOST_WEIGHTS))

    def count(*_: Any) -> None:
        if next(left, None) is None:
            raise ValueError(f"it describes a net of more than {MOST_WEIGHTS:,} weights")

    counting = at_each_parameter(count)
    try:
        yield
    finally:
        counting.remove()


def _room(name: str) -> int:
    """How many numbers the net of a folder may hold: those of its files, of a byte or more each, and a larger last layer's."""
    folder = Path(name.removeprefix(FOLDER))
    held = sum(path.stat().st_size for path in folder.glob("*") if path.suffix in WEIGHTS_END)
    return held + MOST_OF_HEAD if held else MOST_NUMBERS


def configuration(name: str) -> dict[str, Any]:
    """What the folder's ``config.json`` says."""
    return _json(name, "config.json")


def _preset_of_folder(name: str) -> Preset:
    try:
        return _told_by_folder(name)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError) as error:
        raise UserError(
            f"MODEL={name}: its config.json and preprocessor_config.json do not fit together ({foreign.in_one_line(error)}): save the "
            "net there again"
        ) from None


def _told_by_folder(name: str) -> Preset:
    net, said = configuration(name), _json(name, "preprocessor_config.json")
    size = said.get("size") or net.get("image_size") or IMAGENET_CROP
    stored = _size(size)
    crop = _size(said["crop_size"]) if said.get("do_center_crop") and said.get("crop_size") else stored
    kind = str(said.get("image_processor_type") or said.get("feature_extractor_type") or "")
    if crop == stored or kind.startswith("Levit"):
        share = _share_that_is_read(kind, said, crop)
        stored = Size(*(int(side / share + 1e-6) for side in stored))
    stored = Size(max(stored.rows, crop.rows), max(stored.columns, crop.columns))
    # It reads (pixel * factor - mean) / deviation, and here white is 1, or 255 where nothing is scaled.
    factor = 255 * float(said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1.0
    normal = said.get("do_normalize", "image_mean" in said and not kind.startswith("MobileViT"))
    of_efficientnet = kind.startswith("EfficientNet")
    below = 1.0 if of_efficientnet and said.get("rescale_offset") else 0.0  # its inputs then lie around zero
    again = 2 if of_efficientnet and said.get("include_top") and normal else 1  # it divides by the deviation twice

    def channels(key: str, usual: float, change: Callable[[float], float]) -> Channels:
        given = (said.get(key) or (0.5,) * 3) if normal else (usual,) * 3
        first, second, third = (change(value) / factor for value in given[:3])
        return first, second, third

    if not all(0 < side <= MOST_SIDE for side in (*stored, *crop)):
        raise ValueError(f"images of {stored} and {crop} px")
    white = 1.0 if said.get("do_rescale", True) else 255.0
    mean = channels("image_mean", 0.0, lambda value: value + below)
    deviation = channels("image_std", 1.0, lambda value: value**again)
    if not (most := largest_input(white, mean, deviation)) <= FARTHEST:
        raise ValueError(f"inputs as large as {most:g}")
    labels = net.get("id2label") or {}
    names = [labels[key] for key in sorted(labels, key=int)]
    unnamed = all(text == f"LABEL_{index}" for index, text in enumerate(names))
    return Preset(
        label=name,
        size=stored,
        crop=crop,
        mean=mean,
        deviation=deviation,
        classes=() if unnamed else tuple(ClassName(str(text)) for text in names),
        arguments={"config": net},
        range=white,
        order="BGR" if said.get("do_flip_channel_order") else "RGB",
        interpolation=known_interpolation(said.get("resample")),
    )


def _share_that_is_read(kind: str, said: Mapping[str, Any], crop: Size) -> float:
    """Which share of the resized image's side the net reads: some of transformers' classes have rules of their own."""
    if kind.startswith("Levit"):
        return 224 / 256
    if kind.startswith("ConvNext"):
        return float(said.get("crop_pct", 224 / 256)) if min(crop) < 384 else 1.0
    return float(said.get("crop_pct", 1))


def _json(name: str, file: str) -> dict[str, Any]:
    path = _folder(name) / file
    if not path.is_file():
        return {}
    with foreign.reading(f"MODEL={name}: {path}", "a JSON file of transformers", "save the net there again"):
        found: dict[str, Any] = foreign.document(path, dict[str, Any])
        return found


def _size(size: Any) -> Size:
    """A size: of a number, a pair, ``{"height": ..., "width": ...}`` or ``{"shortest_edge": ...}``."""
    if isinstance(size, Mapping):
        size = size.get("shortest_edge") or (size.get("height"), size.get("width") or size.get("height"))
    return Size(*map(int, size)) if isinstance(size, (list, tuple)) else Size.of(int(size))


def _library(library: str, name: str) -> ModuleType:
    """An optional library, which no import statement names: those count as needed by every net."""
    try:
        return import_module(library)
    except ImportError as error:
        raise UserError(
            f"MODEL={name}: {library} is missing ({foreign.in_one_line(error)}): pip install {library}, or write its name into a file "
            "and give REQUIREMENTS= that file"
        ) from None
