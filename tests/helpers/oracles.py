"""Slow, readable versions of what the instrument computes, to be checked against the paper and held against the fast ones.

Nothing here imports reportgen.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

# --- The deconvnet, written out (Zeiler & Fergus 2013, section 2.1): for chains of modules, loops over everything ------


def max_pool_with_switches(maps: np.ndarray, size: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Max pooling (no padding) and "the locations of the maxima within each pooling region"; windows may hang over."""
    channels, rows, columns = maps.shape
    out_rows, out_columns = (math.ceil((side - size) / stride) + 1 for side in (rows, columns))
    pooled = np.zeros((channels, out_rows, out_columns))
    switches = np.zeros((channels, out_rows, out_columns, 2), int)
    for c in range(channels):
        for i in range(out_rows):
            for j in range(out_columns):
                region = maps[c, i * stride : i * stride + size, j * stride : j * stride + size]
                row, column = np.unravel_index(region.argmax(), region.shape)
                switches[c, i, j] = i * stride + row, j * stride + column
                pooled[c, i, j] = region.max()
    return pooled, switches


def unpool(pooled: np.ndarray, switches: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each value back to where its switch points; zeros elsewhere; values that meet add up."""
    maps = np.zeros(shape)
    for c, i, j in np.ndindex(pooled.shape):
        row, column = switches[c, i, j]
        maps[c, row, column] += pooled[c, i, j]
    return maps


def rectify(maps: np.ndarray) -> np.ndarray:
    """The paper's ReLU on the reconstructed signal."""
    return np.where(maps > 0, maps, 0)


def filter_transposed(maps: np.ndarray, filters: np.ndarray, stride: int, padding: int, shape: tuple) -> np.ndarray:
    """Convolution with the flipped filters, maps swapped: every output unit paints its filter where it had looked."""
    canvas = np.zeros((filters.shape[1], shape[1] + 2 * padding, shape[2] + 2 * padding))
    side = filters.shape[2]
    for k, i, j in np.ndindex(maps.shape):
        if maps[k, i, j]:
            canvas[:, i * stride : i * stride + side, j * stride : j * stride + side] += maps[k, i, j] * filters[k]
    return canvas[:, padding : padding + shape[1], padding : padding + shape[2]]


def deconvnet_by_hand(layers: Sequence[nn.Module], image: Tensor, unit: tuple[int, int, int]) -> np.ndarray:
    """Project one unit of the last of ``layers`` (Conv2d, ReLU, MaxPool2d; anything else is the identity downwards).

    Double precision, square kernels, no dilation, no groups.
    """
    maps = image.numpy()
    way: list[tuple[nn.Module, tuple[int, ...], Any]] = []
    for layer in layers:
        beneath, switches = maps.shape, None
        if isinstance(layer, nn.MaxPool2d):
            maps, switches = max_pool_with_switches(maps, int(layer.kernel_size), int(layer.stride))
        else:
            with torch.no_grad():
                maps = layer(torch.from_numpy(maps)[None])[0].numpy()
        way.append((layer, beneath, switches))
    signal = np.zeros(maps.shape)
    signal[unit] = maps[unit]
    for layer, beneath, switches in reversed(way):
        if isinstance(layer, nn.MaxPool2d):
            signal = unpool(signal, switches, beneath)
        elif isinstance(layer, nn.ReLU):
            signal = rectify(signal)
        elif isinstance(layer, nn.Conv2d):
            filters = layer.weight.detach().double().numpy()
            signal = filter_transposed(signal, filters, layer.stride[0], int(layer.padding[0]), beneath)
    return signal


# --- The deconvnet as back-propagation with the ReLU's rule changed (paper.md, section 2): for any net ------------------


class _RectifySignal(torch.autograd.Function):
    """A ReLU (up to ``top``) whose backward pass rectifies the incoming signal and ignores its own input."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, top: float) -> Tensor:
        return maps.clamp(0, top)

    @staticmethod
    def backward(ctx: Any, *signal: Tensor) -> tuple[Tensor, None]:
        return signal[0].clamp(min=0), None


class _StraightThrough(torch.autograd.Function):
    """Contrast normalisation: the identity on the way down."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, normalise: Callable[[Tensor], Tensor]) -> Tensor:
        return normalise(maps)

    @staticmethod
    def backward(ctx: Any, *signal: Tensor) -> tuple[Tensor, None]:
        return signal[0], None


class _ChangedRules(fx.Interpreter):
    """Runs a net with both rules changed and keeps the output of one torch.fx node."""

    def __init__(self, net: nn.Module, wanted: str) -> None:
        super().__init__(fx.symbolic_trace(net))
        self.wanted = wanted
        self.found: Tensor | None = None

    def run_node(self, n: fx.Node) -> Any:
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        module = self.fetch_attr(n.target) if n.op == "call_module" else None
        if isinstance(module, nn.ReLU) or n.target in (F.relu, F.relu_, torch.relu, torch.relu_, "relu", "relu_"):
            output = _RectifySignal.apply(args[0], math.inf)
        elif isinstance(module, nn.ReLU6) or n.target is F.relu6:
            output = _RectifySignal.apply(args[0], 6.0)
        elif isinstance(module, nn.LocalResponseNorm):
            output = _StraightThrough.apply(args[0], module)
        elif n.target is F.local_response_norm:
            output = _StraightThrough.apply(args[0], lambda maps: F.local_response_norm(maps, *args[1:], **kwargs))
        else:
            output = super().run_node(n)
        if n.name == self.wanted:
            self.found = output
        return output


def deconvnet_by_autograd(
    net: nn.Module, node: str, image: Tensor, units: Sequence[tuple[int, ...]]
) -> list[tuple[float, Tensor]]:
    """For each unit its value and its projection to all pixels, by a full backward pass; ``node`` is torch.fx's name."""
    pixels = image[None].clone().requires_grad_()
    run = _ChangedRules(net, node)
    run.run(pixels)
    assert run.found is not None
    found = []
    for unit in units:
        value = run.found[(0, *unit)]
        (projection,) = torch.autograd.grad(value, pixels, value.detach(), retain_graph=True, allow_unused=True)
        found.append((float(value.detach()), torch.zeros_like(image) if projection is None else projection[0]))
    return found


# --- The strongest activations, by sorting everything --------------------------------------------------------------------


def strongest_by_sorting(outputs: np.ndarray, k: int) -> list[list[tuple[float, int, int, int]]]:
    """For each map the k best (value, image, row, column) of outputs (image map row column); one entry an image."""
    found = []
    for maps in outputs.swapaxes(0, 1):
        entries = []
        for image, plane in enumerate(maps):
            row, column = np.argwhere(plane == plane.max())[0].tolist()  # the first, row by row
            entries.append((float(plane[row, column]), image, row, column))
        found.append(sorted(entries, key=lambda entry: (-entry[0], entry[1]))[:k])
    return found


# --- Receptive fields, by touching pixels --------------------------------------------------------------------------------


def box_by_perturbation(layer: Callable[[Tensor], Tensor], image: Tensor, row: int, column: int) -> tuple[int, ...]:
    """(top, left, bottom, right) of the pixels that change any map of a unit, zeros if none does.

    Weights and image must be positive. One row, then one column, of the image is raised at a time, so much that it wins every maximum.
    """
    _, rows, columns = image.shape
    raised = image.repeat(rows + columns, 1, 1, 1)
    for index in range(rows):
        raised[index, :, index, :] += 1e3
    for index in range(columns):
        raised[rows + index, :, :, index] += 1e3
    with torch.no_grad():
        clean, touched = layer(image[None]), layer(raised)
    if clean.dim() == 2:
        clean, touched = clean[..., None, None], touched[..., None, None]
    before = clean[:, :, row, column]
    changed = ((touched[:, :, row, column] - before).abs() > 1e-9 * before.abs()).any(
        1
    )  # more than a batch rounds otherwise
    seen_rows = changed[:rows].nonzero().flatten().tolist()
    seen_columns = changed[rows:].nonzero().flatten().tolist()
    if not seen_rows or not seen_columns:
        return 0, 0, 0, 0
    return seen_rows[0], seen_columns[0], seen_rows[-1] + 1, seen_columns[-1] + 1


# --- Occlusion, by covering the image --------------------------------------------------------------------------------------


def occlusion_by_covering(
    layer: Callable[[Tensor], Tensor],
    image: Tensor,
    size: int,
    tops: Sequence[int],
    lefts: Sequence[int],
    fill: float | Tensor,
) -> Tensor:
    """A layer's output for every position of the square, its values above zero summed: (row, column, map)."""
    places = [(top, left) for top in tops for left in lefts]
    found = covered_one_by_one(lambda images: {"": layer(images)}, image, size, places, fill)[""]
    return found.unflatten(0, (len(tops), len(lefts)))


def covered_one_by_one(
    forward: Callable[[Tensor], dict[str, Tensor]],
    image: Tensor,
    size: int,
    places: Sequence[tuple[int, int]],
    fill: float | Tensor,
) -> dict[str, Tensor]:
    """What a forward pass gives with a square at each (row, column), its values above zero summed: (place, map)."""
    found: dict[str, list[Tensor]] = {}
    for top, left in places:
        covered = image.clone()
        covered[:, top : top + size, left : left + size] = torch.as_tensor(fill, dtype=image.dtype).view(-1, 1, 1)
        for name, output in forward(covered[None]).items():
            found.setdefault(name, []).append(output[0].relu().sum((1, 2)) if output.dim() == 4 else output[0])
    return {name: torch.stack(outputs) for name, outputs in found.items()}


def forward_with_hooks(net: nn.Module, modules: Sequence[str]) -> Callable[[Tensor], dict[str, Tensor]]:
    """A forward pass that also gives what the named modules return ("": the net), copied before it is overwritten."""

    def forward(images: Tensor) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}

        def keeps(name: str) -> Callable[..., None]:
            def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
                found[name] = output.clone()

            return keep

        handles = [net.get_submodule(name).register_forward_hook(keeps(name)) for name in modules]
        try:
            with torch.no_grad():
                net(images)
        finally:
            for handle in handles:
                handle.remove()
        return found

    return forward


# --- CKA, by its definitions ---------------------------------------------------------------------------------------------


def hsic_by_tuples(one: np.ndarray, other: np.ndarray) -> float:
    """The unbiased HSIC as the mean over all ways to take four different images (Song et al. 2012, section 4)."""
    terms = [
        one[i, j] * other[i, j] + one[i, j] * other[q, r] - 2 * one[i, j] * other[i, q]
        for i, j, q, r in itertools.permutations(range(len(one)), 4)
    ]
    return float(np.mean(terms))


def hsic_by_formula(one: np.ndarray, other: np.ndarray) -> float:
    """The unbiased HSIC as the textbook prints it (Song et al. 2012, theorem 2)."""
    n = len(one)
    k, l = one * (1 - np.eye(n)), other * (1 - np.eye(n))  # noqa: E741
    ones = np.ones(n)
    corrected = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2)) - 2 / (n - 2) * ones @ k @ l @ ones
    return float((np.trace(k @ l) + corrected) / (n * (n - 3)))


def debiased_cka(one: np.ndarray, other: np.ndarray) -> float:
    """Linear CKA (Kornblith et al. 2019, equation 5) of two sets of features (image feature), with the unbiased HSIC."""
    k, l = one @ one.T, other @ other.T  # noqa: E741
    return hsic_by_formula(k, l) / math.sqrt(hsic_by_formula(k, k) * hsic_by_formula(l, l))


def weighted_cka(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> float:
    """The cosine of what is left of the two sets' scalar products when f_i + f_j is fitted and taken away, pair by pair.

    Every pair of different images counts w_i w_j; the fit is by least squares over the list of pairs.
    """
    pairs = [(i, j) for i in range(len(one)) for j in range(len(one)) if i != j]
    root = np.sqrt([weights[i] * weights[j] for i, j in pairs])
    design = np.zeros((len(pairs), len(one)))
    for row, (i, j) in enumerate(pairs):
        design[row, i] += 1
        design[row, j] += 1
    left = []
    for features in (one, other):
        products = np.array([features[i] @ features[j] for i, j in pairs])
        fitted = np.linalg.lstsq(design * root[:, None], products * root, rcond=None)[0]
        left.append((products - design @ fitted) * root)
    return float(left[0] @ left[1] / math.sqrt((left[0] @ left[0]) * (left[1] @ left[1])))
