"""The copy of a net that the probe runs: in ``eval()``, with the net's own weights, and without touching the net."""

import copy
from collections.abc import Iterator
from functools import partial
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy


def eval_copy(net: nn.Module) -> nn.Module:
    """A copy of the net's structure in ``eval()``; weights, hooks and what cannot be copied are shared, buffers copied.

    Where ``eval()`` changes a weight, as low-rank adapters merge theirs, the copy has one of its own.
    """
    shared: dict[int, Any] = {id(parameter): parameter for parameter in net.parameters()}
    held = [value for module in net.modules() for value in _attributes(module, shared)]
    for value in held:
        _share_tensors(value, shared)
    try:
        copied = copy.deepcopy(net, dict(shared))
    except Exception:  # whatever a thing raises that cannot be copied, such as a lock
        copied = copy.deepcopy(net, shared | {id(value): value for value in held if not _copies(value)})
    made = [one for one in net.parameters() if not is_lazy(one)] if any(one.training for one in net.modules()) else []
    before = [parameter.detach().clone() for parameter in made]
    copied.eval()  # which people's own may forget to give back
    for parameter, was in zip(made, before, strict=True):
        if not torch.equal(parameter, was):
            _own(copied, parameter)
            parameter.data.copy_(was)
    return copied


def _attributes(module: nn.Module, shared: dict[int, Any]) -> Iterator[Any]:
    """What a module holds beside weights, buffers and modules; its hooks are shared."""
    for name, value in vars(module).items():
        if "_hooks" in name and isinstance(value, dict):
            shared[id(value)] = value
        elif name not in ("_parameters", "_buffers", "_modules"):
            yield value


def _share_tensors(value: Any, shared: dict[int, Any]) -> None:
    """Note the tensors that modules keep as attributes, or in lists: deepcopy refuses those with a history."""
    if isinstance(value, Tensor):
        shared[id(value)] = value
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            if not isinstance(one, Tensor) or one.grad_fn is not None:
                _share_tensors(one, shared)


def _copies(value: Any) -> bool:
    try:
        copy.deepcopy(value)
    except Exception:  # as above
        return False
    return True


def _own(net: nn.Module, parameter: nn.Parameter) -> None:
    """Give a net a copy of one parameter, wherever it is used."""
    own = nn.Parameter(parameter.detach().clone(), requires_grad=parameter.requires_grad)
    for module in net.modules():
        for name, held in module._parameters.items():
            if held is parameter:
                module._parameters[name] = own


def put_in(net: nn.Module) -> str:
    """The path of a function that was put into a net in training (``net.forward = ...``): a copy would run the net itself."""
    named = net.named_modules() if any(module.training for module in net.modules()) else ()
    put = (path for path, module in named if isinstance(vars(module).get("forward"), FunctionType | partial))
    return next((f"{path}.forward".removeprefix(".") for path in put), "")


def share_buffers(net: nn.Module, module: nn.Module) -> None:
    """Replace the copies of buffers with the net's own, once the copy has run: what it changes as it runs stays a copy."""
    for path, buffer in net.named_buffers(remove_duplicate=False):
        home, _, name = path.rpartition(".")
        try:
            owner = module.get_submodule(home)
        except AttributeError:
            continue  # the graph does not use that module
        copied = owner._buffers.get(name)
        if copied is None or owner.training:  # left in train(), it changes them as it runs
            continue
        if torch.equal(copied, buffer):
            owner._buffers[name] = buffer
        else:
            copied.data = buffer.detach().clone()
