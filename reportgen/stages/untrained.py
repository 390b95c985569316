"""The net before it is trained, or before it is asked about an image: whether it can be, and what its parts are called."""

from collections.abc import Collection
from pathlib import Path

import torch
from torch import nn

from reportgen import probe
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.base.errors import UserError
from reportgen.data.listing import list_images
from reportgen.nets.layers import paper_layers
from reportgen.nets.others import ANY, other_net
from reportgen.nets.snapshots import NET, load_net
from reportgen.nets.users_code import patience
from reportgen.nets.zfnet import ZFNet
from reportgen.probe import Graph
from reportgen.scenes import TRAINING_CLASSES
from reportgen.settings.sections import Settings
from reportgen.stages.model import trace


def _of_the_user(name: str) -> bool:
    """Whether a net comes from a factory, which need not make it for any number of classes."""
    return ":" in name


def check(settings: Settings, build: Path, due: Collection[str]) -> None:
    """Raise UserError for a net that cannot be trained on such images or looked into, and for no layer of it in ``LAYERS=``.

    `due`: the stages that are to be made; of a loaded net, the stage ``model`` has been made. torchvision's and timm's nets
    have layers, so that these are looked for only where some are named.
    """
    model, named = settings.model, settings.layers.nodes
    if not model.loaded and not model.of_the_paper and not named and not _of_the_user(model.name):
        with patience(model.patience):
            other_net(model.name, ANY, settings.data.crop, settings.channels)
    elif named or not model.of_the_paper:
        paper_layers(graph(settings, build, due), named)


def graph(settings: Settings, build: Path, due: Collection[str]) -> Graph:
    """The net as the probe sees it, its weights meaningless unless it is loaded; `due` as in `check`.

    Raises UserError, one line, where it cannot be built, reads no image of the crop's size, or gives another number of
    outputs than there are classes.
    """
    model, crop, channels = settings.model, settings.data.crop, settings.channels
    if model.loaded:
        net, preprocessing = load_net(build / "model" / NET)
        return probe.trace(net, torch.zeros(1, preprocessing.channels, *crop))
    with patience(model.patience):
        if model.of_the_paper:
            with torch.random.fork_rng(devices=[]):
                own = ZFNet(settings.architecture(ANY)).eval()
            return probe.trace(own, torch.zeros(1, channels, *crop))
        classes = _classes(settings, build, due) if _of_the_user(model.name) else ANY
        net = other_net(model.name, classes, crop, channels).drawn(torch.Generator().manual_seed(0)).eval()
        _check_trainable(model.name, net)
        return trace(model.name, net, (channels, *crop))


def _check_trainable(name: str, net: nn.Module) -> None:
    """Raise UserError for a net with weights of five axes: it is trained in channels_last, which torch has for four or five alone."""
    found = next((path for path, value in (*net.named_parameters(), *net.named_buffers()) if value.dim() == 5), None)
    if found is not None:
        raise UserError(
            f"MODEL={name}: {found} has five axes, as a 3-d convolution's, and such nets are not trained here: train it yourself "
            "and give WEIGHTS=, or WEIGHTS=factory if the factory loads them"
        )


def _classes(settings: Settings, build: Path, due: Collection[str]) -> int:
    """How many classes the images have, as the data stage will list them."""
    data, labels = settings.data, settings.labels
    if "data" not in due and (build / "data" / DOCUMENT).is_file():
        return len(read_json(build / "data" / DOCUMENT)["numbers"]["classes"])
    if data.source == "scenes":
        return len(TRAINING_CLASSES)
    if data.named:  # its files may have to be fetched first
        from reportgen.data.named import list_named  # torchvision

        return len(list_named(data, settings.run.seed, False).classes)
    root = Path(data.source)
    return len(list_images(data, labels, root, settings.run.seed, False, several=settings.several).classes)
