"""Building a net from its description in a file or a switch: one of ours, torchvision's, or the user's own factory.

A net's *description* is a JSON-able document: ``{"architecture": {...}}`` for `reportgen.nets.zfnet.ZFNet`, or
``{"model": {"name": "resnet18", "arguments": {...}}}`` for a torchvision classifier or ``package.module:factory``. Two
entries may stand beside the arguments: ``first``, the shape of an image that the net must see once before it has all its
weights, and ``entry``, which part of what it returns are its outputs.
"""

import copy
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any
from weakref import WeakSet

import torch
from pydantic import TypeAdapter
from torch import nn
from torch.nn.parameter import is_lazy

from reportgen.base import foreign
from reportgen.base.errors import UserError
from reportgen.base.names import nearest
from reportgen.base.size import Size
from reportgen.nets.answers import answering
from reportgen.nets.presets import check_classifier
from reportgen.nets.users_code import users_code
from reportgen.nets.zfnet import ZFNet
from reportgen.settings.recipes import Architecture
from reportgen.settings.sections import FOLDER, TIMM

SINGLE = 4  # bytes of a number in single precision
COLOURS = 3  # channels of an image
WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized", "torch.nn.intrinsic.q")
_made: WeakSet[nn.Module] = WeakSet()  # by factories: a net that a factory gives twice must be copied


def build(description: Mapping[str, Any]) -> nn.Module:
    """The net of a description, its weights meaningless; raises UserError where it can no longer be made."""
    if "architecture" in description:
        return ZFNet(TypeAdapter(Architecture).validate_python(description["architecture"]))
    model = description["model"]
    net = make(model["name"], model.get("arguments", {}))
    if "first" in model:
        show_first(net, model["name"], model["first"])
    return answering(net, model.get("entry", ""))


def build_from(path: Path, description: Mapping[str, Any]) -> nn.Module:
    """`build` of what a file says of the net whose weights it holds.

    Raises ValueError where one of ours cannot be made, or would be larger than the file: a number in a description can ask for any
    amount of memory.
    """
    if "architecture" in description:
        try:
            net = TypeAdapter(Architecture).validate_python(description["architecture"])
            numbers = net.parameters + (net.channels * net.input_size.area if net.mean_image else 0)
        except UserError as error:
            raise ValueError(f"it describes no net ({error})") from None
        if SINGLE * numbers > path.stat().st_size:
            raise ValueError(f"it describes a net of {numbers:,} numbers, which it does not hold")
    return build(description)


def make(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """A torchvision classifier by its name, or what the factory ``package.module:factory`` gives.

    Raises UserError that names the net or the factory, with the factory's own error in one line.
    """
    with torch.random.fork_rng(devices=[]):  # modules draw weights from the global generator: leave it as it was
        if name.startswith((TIMM, FOLDER)):
            from reportgen.nets import zoo  # which needs this module

            return zoo.make(name, arguments)
        return _from_factory(name, arguments) if ":" in name else _from_torchvision(name, arguments)


def _from_torchvision(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    import torchvision  # takes seconds, and the nets of our own do without it

    check_classifier(name)
    if name in ("googlenet", "inception_v3"):
        arguments = {"init_weights": False, **arguments}  # else it draws weights for minutes, only to replace them
    return torchvision.models.get_model(name, weights=None, **arguments)


def factory_of(name: str) -> Any:
    """What ``package.module:factory`` names: a function or class that gives a net, or a net."""
    module, _, attribute = name.partition(":")
    with _working_folder_importable():
        try:
            with users_code(f"MODEL={name}", f"importing {module}"):
                found: Any = import_module(module)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"MODEL={name}: importing {module} failed: {foreign.in_one_line(error)}") from error
        for part in attribute.split("."):
            if not hasattr(found, part):
                near = nearest(part, [known for known in vars(found) if not known.startswith("_")])
                raise UserError(f"MODEL={name}: {module} has no '{attribute}'{near}")
            found = getattr(found, part)
    return found


def _from_factory(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    found = factory_of(name)
    with _working_folder_importable():
        try:
            with users_code(f"MODEL={name}", "the factory"):
                net = found if isinstance(found, nn.Module) else found(**arguments)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"MODEL={name}: the factory failed: {foreign.in_one_line(error)}") from error
    if not isinstance(net, nn.Module):
        raise UserError(f"MODEL={name}: the factory gave a {type(net).__name__}, not a torch.nn.Module")
    net = _unwrapped(net)
    _check(net, name)
    _give_themselves_back(type(net))
    if net in _made:
        net = copy.deepcopy(net)
    _made.add(net)
    return net.float()  # of half or double precision: everything here is computed in single


def born(
    name: str, arguments: Mapping[str, Any], crop: Size, channels: int = COLOURS
) -> tuple[nn.Module, dict[str, Any]]:
    """The net with all its weights, and how its description says that it must see an image first, where some had no shape."""
    net = make(name, arguments)
    if not unborn(net):
        return net, {}
    first = [channels, *crop]
    show_first(net, name, first)
    return net, {"first": first}


def unborn(net: nn.Module) -> bool:
    """Whether some of the net's weights get their shapes from the first image that it sees (``nn.LazyLinear``)."""
    return any(is_lazy(value) for value in (*net.parameters(), *net.buffers()))


def show_first(net: nn.Module, name: str, shape: Sequence[int]) -> None:
    """Show the net one black image (channel, row, column), so that it makes the weights that it makes on first sight."""
    training = net.training
    try:
        with users_code(f"MODEL={name}", "its first image"), torch.no_grad():
            net.eval()(torch.zeros(1, *shape))
    except UserError:
        raise
    except Exception as error:
        raise cannot_read(net, name, shape, error) from None
    finally:
        net.train(training)


def cannot_read(net: nn.Module, name: str, shape: Sequence[int], error: BaseException) -> UserError:
    """What to say of a net whose forward pass raises an error on an image of that shape (channel, row, column)."""
    first = next((module for module in net.modules() if isinstance(module, nn.Conv2d)), None)
    if first is not None and shape[0] == 1 and first.in_channels == COLOURS:
        return UserError(f"MODEL={name}: its first convolution takes 3 channels: leave PREPROCESSING_ORDER=L out")
    if first is not None and first.in_channels == 1:
        return UserError(
            f"MODEL={name}: its first convolution takes 1 channel: PREPROCESSING_ORDER=L shows it the luminance"
        )
    if first is not None and first.in_channels not in (0, shape[0]):  # 0: a lazy one
        return UserError(
            f"MODEL={name}: its first convolution takes {first.in_channels} channel{'s' * (first.in_channels != 1)}, images have "
            f"{shape[0]}: if the files hold as many (.npy, TIFF), DATA_CHANNELS={first.in_channels} reads them; else give a factory "
            "that wraps the net and turns them into what it reads: WEIGHTS= may stay the file of the net itself"
        )
    size = Size(shape[1], shape[2])
    halves = "BFloat16" in str(error) or "Half" in str(error)
    if halves and all(value.dtype == torch.float32 for value in net.parameters()):
        return UserError(
            f"MODEL={name}: {foreign.in_one_line(error)}: it is examined in single precision: cast to the type of its weights "
            "(x.to(self.conv.weight.dtype)), or not at all"
        )
    return UserError(f"MODEL={name}: it cannot read {size} px images, DATA_CROP={size} ({foreign.in_one_line(error)})")


def _unwrapped(net: nn.Module) -> nn.Module:
    """The net itself, without the wrappers of torch.compile and of training on several GPUs: they cannot be followed."""
    inner = net.module if isinstance(net, WRAPPERS) else getattr(net, "_orig_mod", net)
    return net if inner is net else _unwrapped(inner)


def _give_themselves_back(kind: type[nn.Module]) -> None:
    """Let ``train()`` and ``eval()`` of a class return the net where its own forget to: a plain ``net.eval()`` never missed it."""
    for owner in kind.__mro__[: kind.__mro__.index(nn.Module)]:
        for name in ("train", "eval"):
            own = vars(owner).get(name)
            if inspect.isfunction(own) and not hasattr(own, "__wrapped__"):
                setattr(owner, name, _giving_itself_back(own))


def _giving_itself_back(change: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(change)
    def changed(net: nn.Module, *args: Any, **kwargs: Any) -> Any:
        found = change(net, *args, **kwargs)
        return net if found is None else found

    return changed


def _check(net: nn.Module, name: str) -> None:
    """Raise UserError for a net that reportgen cannot look into."""
    if isinstance(net, torch.jit.ScriptModule):
        raise UserError(
            f"MODEL={name}: reportgen cannot look into a TorchScript module: give the module that it was made from"
        )
    if any(type(module).__module__.startswith(QUANTISED) for module in net.modules()):
        raise UserError(
            f"MODEL={name}: reportgen cannot look into a quantised net: give the net before it was quantised"
        )


@contextmanager
def _working_folder_importable() -> Iterator[None]:
    """A console script does not look for modules in the current folder; ``python -m`` does."""
    here = str(Path.cwd())
    added = here not in sys.path and "" not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if added:
            sys.path.remove(here)
