"""The model stage: a net that was trained elsewhere, with its weights, before any image is looked at."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from reportgen import probe
from reportgen.base import foreign
from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.look.cost import multiply_adds
from reportgen.nets.behaviour import bounded, check_memory, check_steady, depends_on_memory
from reportgen.nets.build import build, cannot_read
from reportgen.nets.checkpoints import fit, read_state
from reportgen.nets.loading import Loaded, load
from reportgen.nets.snapshots import NET, save_net, snapshot_path
from reportgen.nets.users_code import patience, users_code
from reportgen.pipeline.work import Work
from reportgen.probe import Graph
from reportgen.probe.layouts import AnyLayout
from reportgen.settings.sections import ModelSettings

CHECKPOINT = re.compile(r"epoch-([0-9]{1,9}(?:\.[0-9]{1,9})?)\.(?:safetensors|pt|pth)")  # a name in SNAPSHOTS=
TWO = 2  # classes of a net that gives one number


def make(work: Work, folder: Path) -> None:
    """Write the net and its snapshots as `reportgen.nets.snapshots.load_net` opens them, and what is known of them."""
    model, data = work.settings.model, work.settings.data
    with patience(model.patience):
        loaded = load(model, work.settings.preprocessing, data.crop, data.channels, data.red_green_blue)
        known = examine(model.name, loaded.net, (loaded.preprocessing.channels, *data.crop))
    classes = TWO if known.outputs == 1 else known.outputs
    names, from_one = loaded.classes
    if names and len(names) != classes:
        said_by = f"CLASSES={model.classes}" if model.classes else f"WEIGHTS={model.weights}"
        zero = ": they count from 1: name its class 0, too" if from_one and len(names) == classes - 1 else ""
        raise UserError(f"{said_by}: {len(names)} classes, but the net {model.name} has {classes}{zero}")
    if model.outputs == "logit" and known.outputs > 1:
        raise UserError(
            f"OUTPUTS=logit: MODEL={model.name} gives {known.outputs} numbers for an image: use softmax or sigmoid"
        )
    if model.outputs == "softmax" and known.outputs == 1:
        raise UserError(f"OUTPUTS=softmax: MODEL={model.name} gives one number for an image: use logit")
    save_net(loaded.net, loaded.preprocessing, folder / NET, loaded.description)
    epochs = list(_snapshots(Path(model.snapshots), loaded, folder, model)) if model.snapshots else []
    numbers = {
        "name": model.name,
        "weights": loaded.weights,
        "parameters": sum(value.numel() for value in loaded.net.parameters()),
        "multiply_adds": multiply_adds(known.graph),
        "preprocessing": loaded.preprocessing.as_json(),
        "preprocessing_from": loaded.preprocessing_from,
        "snapshots": sorted(epochs),
        "outputs": classes,
        "from_one": from_one,
        "asked_outputs": model.outputs,
        "bounded": known.bounded,
        "unfollowed": known.graph.unfollowed,
        "alone": known.graph.alone,
    }
    write_json(folder / DOCUMENT, {"numbers": numbers, "classes": [asdict(entry) for entry in names]})


@dataclass(frozen=True)
class Known:
    """What is known of a net without an image of the user's."""

    graph: Graph
    outputs: int  # numbers that it gives for an image
    bounded: bool  # whether they lie between 0 and 1 however strong the image


def examine(name: str, net: torch.nn.Module, shape: tuple[int, int, int]) -> Known:
    """Follow the net, and run it on noise; raises UserError where it is none that images can be shown to.

    `name`: the net, as in ``MODEL=``; `shape`: of an image, channel first. The net is in eval().
    """
    ask = partial(_asked, name, net)
    with users_code(f"MODEL={name}", "running one image"):
        try:
            check_steady(ask, net, _noise(shape), name)
        except UserError:
            raise
        except Exception:  # following it, below, says what is wrong
            pass
        graph = trace(name, net, shape)
        return Known(graph, _outputs(name, graph), bounded(ask, shape))


def _noise(shape: tuple[int, int, int]) -> torch.Tensor:
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))


def _asked(name: str, net: torch.nn.Module, image: torch.Tensor) -> torch.Tensor:
    """What the net gives for an image; raises UserError where that is whole numbers."""
    with AnyLayout(), torch.no_grad():
        answer = net(image)
        if not answer.is_floating_point():
            raise UserError(
                f"MODEL={name}: it gives whole numbers ({str(answer.dtype).removeprefix('torch.')}): return what argmax is "
                "taken of, a number for each class"
            )
        return answer.double()


def trace(name: str, net: torch.nn.Module, shape: tuple[int, int, int]) -> Graph:
    """The net as the probe sees it, in channels_last from here on.

    Raises UserError where it does not take one image of this size, or depends on how memory holds it.
    """
    runs = True
    try:
        check_memory(partial(_asked, name, net), net, _noise(shape), name)
    except UserError:
        raise
    except Exception:  # following it says what is wrong
        runs = False
    try:
        graph = probe.trace(net, torch.zeros(1, *shape))
    except probe.ProbeError as error:
        raise UserError(f"MODEL={name}: {error}") from None
    except Exception as error:  # whatever the user's forward pass raises
        if runs:
            said = foreign.in_one_line(error)
            raise UserError(
                f"MODEL={name}: it runs, but cannot be looked into ({said}): make it without that in the factory"
            ) from None
        raise cannot_read(net, name, shape, error) from None
    if graph.held:
        raise depends_on_memory(name, f"layer {graph.held!r}")
    if graph.unfollowed:
        say(f"  {graph.unfollowed}: every image is run by itself, whole")
    elif graph.alone:
        say(f"  {graph.alone}: every image is run by itself, whole")
    return graph


def _outputs(name: str, graph: Graph) -> int:
    """How many numbers the net gives for an image; raises UserError where they are not one for each class."""
    try:
        shape = graph.shape(graph.output)
    except probe.ProbeError:
        raise UserError(
            f"MODEL={name}: it returns several things: return the numbers of the classes alone, from a factory that wraps the "
            "net: WEIGHTS= may stay the file of the net itself"
        ) from None
    if shape == ():
        raise UserError(
            f"MODEL={name}: of one image it loses the axis of the batch: write flatten(1) where it says squeeze()"
        )
    if len(shape) != 1:
        raise UserError(f"MODEL={name}: it gives {shape} for an image, not one number for each class")
    return shape[0]


def _snapshots(source: Path, loaded: Loaded, folder: Path, model: ModelSettings) -> Iterator[float]:
    """Keep every checkpoint of the user's folder as a snapshot; gives the epochs."""
    found = {path: CHECKPOINT.fullmatch(path.name) for path in sorted(source.iterdir())}
    named = [(float(match[1]), path) for path, match in found.items() if match]
    if not named:
        raise UserError(f"SNAPSHOTS={source}: no checkpoints in it: name them epoch-1.pt, epoch-2.safetensors, ...")
    kept: dict[Path, Path] = {}
    for epoch, path in named:
        if (other := kept.setdefault(snapshot_path(folder, epoch), path)) != path:
            raise UserError(f"SNAPSHOTS={source}: {other.name} and {path.name} are of one epoch: leave one of them out")
    for epoch, path in named:
        net = build(loaded.description)
        said_by = f"SNAPSHOTS={path}"
        fit(net, read_state(path, said_by), model.name, said_by, model.weights_key)
        save_net(net.eval(), loaded.preprocessing, snapshot_path(folder, epoch), loaded.description)
        yield epoch
