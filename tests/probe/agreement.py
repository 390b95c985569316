"""How the probe's tests compare: units to look at, and what two roads must agree in."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from captum.attr import NeuronDeconvolution
from frozen_oracle import frozen_projections
from oracles import covered_one_by_one, deconvnet_by_autograd, forward_with_hooks, strongest_by_sorting
from torch import Tensor, nn

from reportgen.probe import Activation, Strongest, activations, incremental, occlude, project, trace, windows


def random_image(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def in_batches(images: Tensor, size: int) -> Iterator[Tensor]:
    yield from images.split(size)


# --- Projections ----------------------------------------------------------------------------------------------------------


def error(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a share of the largest expected value."""
    assert found.shape == expected.shape
    return float((found - expected).abs().max()) / max(float(expected.abs().max()), 1e-300)


def assert_close(found: Tensor, expected: Tensor, relative: float) -> None:
    """Equal within a share of the largest expected value."""
    assert (found - expected).abs().max() <= relative * expected.abs().max(), f"off by {error(found, expected):.3g}"


def units(outputs: Tensor, count: int = 1) -> list[tuple[int, ...]]:
    """Positive units of one image's maps: the strongest map at corners, at the middles of edges and at the centre."""
    if outputs.dim() == 1:
        return [(int(index),) for index in outputs.topk(count).indices if outputs[index] > 0]
    rows, columns = outputs.shape[1:]
    places = {(r, c) for r in (0, rows // 2, rows - 1) for c in (0, columns // 2, columns - 1)}
    found = [(int(index), *place) for place in sorted(places) for index in outputs[:, *place].topk(count).indices]
    return [unit for unit in found if outputs[unit] > 0]


def captum(net: nn.Module, layer: nn.Module, image: Tensor, unit: tuple[int, ...], value: float) -> Tensor:
    """captum's deconvolution of a neuron, times the neuron."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations")
        found = NeuronDeconvolution(net, layer).attribute(image[None].clone().requires_grad_(), unit)
    return found[0].detach() * value


def errors_against_captum(net: nn.Module, image: Tensor, layers: list[str], every: int = 1) -> list[float]:
    """How far projections of the modules' units are from captum's; it cannot follow ReLUs in place: none may be."""
    graph = trace(net, image[None])
    found = []
    for layer in layers:
        outputs = activations(graph, image[None], [layer])[layer][0]
        for unit in units(outputs)[::every]:
            (projection,) = project(graph, image, [Activation(layer, *unit)])
            assert projection is not None
            expected = captum(net, net.get_submodule(layer), image, unit, float(outputs[unit]))
            found.append(error(projection.full(), expected))
    return found


def assert_equals_backward(net: nn.Module, image: Tensor, layers: list[str], relative: float, every: int = 1) -> int:
    """Compare units of the layers with a full backward pass; how many were compared."""
    graph = trace(net, image[None])
    compared = 0
    for layer in layers:
        node = graph.find(layer)
        outputs = activations(graph, image[None], [layer])[layer][0]
        chosen = units(outputs)[::every]
        found = project(graph, image, [Activation(layer, *unit) for unit in chosen])
        slow = deconvnet_by_autograd(net, node.fx.name, image, chosen)
        for projection, (value, expected) in zip(found, slow, strict=True):
            assert projection is not None
            assert projection.value == pytest.approx(value, rel=1e-5)
            assert_close(projection.full(), expected, relative)
            compared += 1
    return compared


# --- Occlusion ------------------------------------------------------------------------------------------------------------


@contextmanager
def computing(share: float, batch: int, few: int = 1) -> Iterator[None]:
    """Windows as long as they cover this share of their map, however small the gain, and so many squares at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_SHARES", (share,))
        patch.setattr(windows, "_FEW", few)
        patch.setitem(incremental._ROOM, "cpu", incremental._Room(2**25, 1, batch))
        yield


# --- The strongest activations --------------------------------------------------------------------------------------------


def assert_equals_sorting(found: Strongest, outputs: Tensor, k: int) -> None:
    expected = strongest_by_sorting((outputs if outputs.dim() == 4 else outputs[..., None, None]).numpy(), k)
    parts = [part.tolist() for part in (found.values, found.images, found.rows, found.columns)]
    for number, best in enumerate(expected):
        rows = list(zip(*(part[number] for part in parts), strict=True))
        assert rows[: len(best)] == best
        assert all(rest == (-torch.inf, -1, -1, -1) for rest in rows[len(best) :])
    assert found.values.shape == (len(expected), k)


def assert_projected_as_frozen(net: nn.Module, image: Tensor) -> None:
    """Every third unit of the net's module ``relu`` is projected as the oracle that holds all factors fast says."""
    graph = trace(net, image[None])
    chosen = units(activations(graph, image[None], ["relu"])["relu"][0])[::3]
    assert chosen
    found = project(graph, image, [Activation("relu", *unit) for unit in chosen])
    for one, expected in zip(found, frozen_projections(net, "relu", image, chosen), strict=True):
        assert one is not None
        assert_close(one.full(), expected, 1e-9)


def assert_covered_as_one_by_one(net: nn.Module, image: Tensor) -> None:
    """Squares change the net's output and its module ``relu`` as covering the image one place after another does."""
    graph, fill = trace(net, image[None]), torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
    found = occlude(graph, image, 7, 9, fill, [graph.output, "relu"])
    places = torch.cartesian_prod(found.tops, found.lefts).tolist()
    expected = covered_one_by_one(forward_with_hooks(net, ["", "relu"]), image, 7, places, fill)
    for layer, module in ((graph.output, ""), ("relu", "relu")):
        assert_close(found.covered[layer].flatten(0, 1), expected[module], 1e-9)
