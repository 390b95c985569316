"""What the operations of a net do to the places of its values.

`Places` runs beside the net: operations that move values move the numbers of their places, convolutions and poolings make a grid
of their own, a linear layer keeps the places of its rows or, over patches, makes a coarser grid. What is known of no rule has
no places, and is never taken for maps.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from reportgen.probe.places import Placed, grid

aten = torch.ops.aten


class Places(TorchDispatchMode):
    """Inside this mode every tensor that comes from ``image`` is followed; `of` gives its places."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self._known: dict[int, Placed] = {id(image): grid(image.shape, image.device)}
        # By storage and size of an element: of tensors that were made empty and filled part by part.
        self._filled: dict[tuple[int, int], Placed] = {}
        self._of_image = {_memory(image)[0]}  # the storages of what depends on the image, known or not
        self._alive: list[Any] = [image]  # another tensor would get a freed tensor's number

    def of(self, value: Tensor) -> Placed | None:
        """The places of a tensor; None where they are not known."""
        filled = self._filled.get(_memory(value)) if value.layout is torch.strided else None
        if filled is not None:  # as it is now: more may have been laid in since a view of it was taken, or will be
            return Placed(_seen(filled.numbers, value).clone(), filled.grid)
        found = self._known.get(id(value))
        return found if found is not None and found.numbers.shape == value.shape else None

    def knows(self, value: Tensor) -> bool:
        """Whether the operation that made a tensor gave it places, and not what was laid into it."""
        return id(value) in self._known and _memory(value) not in self._filled

    def of_image(self, value: Tensor) -> bool:
        """Whether a tensor depends on the image."""
        return value.layout is torch.strided and _memory(value)[0] in self._of_image

    def lost(self, value: Tensor) -> bool:
        """Whether a tensor depends on the image, and nobody knows where its values stand."""
        return self.of_image(value) and self.of(value) is None

    def fill(self, part: Tensor, placed: Placed) -> None:
        """Note what was laid into a part of a tensor of which nothing was known."""
        places = part.untyped_storage().nbytes() // part.element_size()
        blank = torch.zeros(places, dtype=torch.int32, device=part.device)
        filled = self._filled.get(_memory(part))
        if filled is not None and filled.grid != placed.grid:
            filled = None
        numbers = blank if filled is None else filled.numbers
        _seen(numbers, part).copy_(placed.numbers)
        self._known.pop(id(part), None)
        self._filled[_memory(part)] = Placed(numbers, placed.grid)

    def forget(self, value: Tensor) -> None:
        """Nothing is known any longer of a tensor, nor of others that share its memory."""
        self._filled.pop(_memory(value), None)
        for one in self._alive:
            if isinstance(one, Tensor) and one.layout is torch.strided and _memory(one) == _memory(value):
                self._known.pop(id(one), None)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if torch.Tag.inplace_view in func.tags:
            return self._turned(func, args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        outputs = result if isinstance(result, tuple | list) else [result]
        read = [] if func.overloadpacket in _MADE else _tensors([*args, *(kwargs or {}).values()])
        if any(map(self.of_image, read)):
            self._of_image |= {_memory(one)[0] for one in _tensors(outputs) if one.layout is torch.strided}
            self._alive += outputs
        rule = _RULES.get(func.overloadpacket, _kept if torch.Tag.pointwise in func.tags else None)
        if rule is None and torch.Tag.inplace in func.tags:
            rule = _written
        if rule is not None:
            found = rule(self, func, args, kwargs or {}, outputs)
            self._alive += outputs
            for output, placed in zip(outputs, found, strict=False):
                if placed is not None and isinstance(output, Tensor) and placed.numbers.shape == output.shape:
                    self._known[id(output)] = placed
        return result

    def _turned(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """An operation that gives a tensor itself other axes, as ``transpose_`` does."""
        value = args[0]
        before = self.of(value) if value.layout is torch.strided else None
        result = func(value, *args[1:], **kwargs)
        self._known.pop(id(value), None)
        if before is not None and func.overloadpacket in _TURNS:
            self._known[id(value)] = Placed(func(aten.alias(before.numbers), *args[1:], **kwargs), before.grid)
        return result


def _memory(value: Tensor) -> tuple[int, int]:
    """The memory that a tensor's values lie in, as values of their size."""
    return value.untyped_storage()._cdata, value.element_size()


def _tensors(values: Any) -> Iterator[Tensor]:
    """The tensors among an operation's arguments or results, in lists, too."""
    for one in values:
        if isinstance(one, Tensor):
            yield one
        elif isinstance(one, tuple | list):
            yield from _tensors(one)


_Found = Sequence[Placed | None]


def _moved(places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]) -> _Found:
    """The operation itself, done to the numbers."""
    placed = places.of(args[0])
    if placed is None or func in _BY_TYPE or any(places.of_image(one) for one in _tensors(args[1:])):
        return []  # an order of the image's own: of another image it is another
    if func.overloadpacket in (aten.view, aten._unsafe_view, aten._reshape_alias):
        moved: Any = placed.numbers.reshape(args[1])
    elif func.overloadpacket is aten.constant_pad_nd:
        if placed.plane is not None:  # maps: the padding is theirs; elsewhere it has no place, as it is cut off again
            return [grid(outputs[0].shape, outputs[0].device)]
        moved = func(placed.numbers, args[1], 0)
    else:
        moved = func(placed.numbers, *args[1:], **kwargs)
    moved = moved if isinstance(moved, tuple | list) else [moved]
    return [Placed(one, placed.grid) for one in moved]


def _kept(places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]) -> _Found:
    """Each value stays at its place: functions of one value, norms, sums with what stands at the same places or is not known."""
    signals = [one for one in args if isinstance(one, Tensor)]
    known = [found for one in signals if one.shape == outputs[0].shape and (found := places.of(one)) is not None]
    agree = all(
        one is known[0] or (one.grid == known[0].grid and torch.equal(one.numbers, known[0].numbers)) for one in known
    )
    kept = known[:1] if agree else _anew(known, outputs[0]) or _finest(known)
    if not kept and outputs[0] is args[0]:
        places.forget(outputs[0])
    return kept


def _written(
    places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]
) -> _Found:
    """In place, and of no rule, as ``index_copy_``: what came in of the image may have stood elsewhere."""
    constant = func.overloadpacket in _CONSTANT and not any(map(places.of_image, _tensors(args[1:])))
    if not (constant or func.overloadpacket is aten.masked_fill_):
        places.forget(args[0])
    return []


def _alike(one: Placed, other: Placed) -> bool:
    """Whether two tensors have their maps on the same axes: places may be shifted against each other."""
    return one.grid == other.grid and _along(one) == _along(other)


def _along(placed: Placed) -> list[list[bool]]:
    """Along which axes values stand in one row, and along which in one column."""
    axes = range(placed.numbers.dim())
    return [[bool((one == one.narrow(axis, 0, 1)).all()) for axis in axes] for one in placed.coarse]


def _seen(numbers: Tensor, value: Tensor) -> Tensor:
    """The numbers of a tensor's storage as the tensor sees its values."""
    return numbers.as_strided(value.shape, value.stride(), value.storage_offset())


def _laid(places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]) -> _Found:
    """``copy_``: into a tensor of which nothing is known, as ``F.pad`` fills one that goes round, part by part."""
    value, placed = args[0], places.of(args[1])
    if placed is None:
        if places.lost(args[1]):
            places.forget(value)
            return []
        return _kept(places, func, args, kwargs, outputs)
    whole = Placed(placed.numbers.expand(value.shape), placed.grid)
    if not places.knows(value):
        places.fill(value, whole)
    elif value.numel() * value.element_size() == value.untyped_storage().nbytes():
        return [whole]  # nothing is left of what was there
    elif not _alike(places.of(value) or whole, whole):
        places.forget(value)
    return []


def _finest(known: Sequence[Placed]) -> _Found:
    """Of signals on several grids the one with the most places: a coarser one, such as global queries, is repeated over them."""
    finer = sorted(known, key=lambda one: one.grid[0] * one.grid[1], reverse=True)
    alone = len({one.grid for one in known}) == len(known)
    return finer[:1] if alone and finer[0].layout is not None else []


def _anew(known: Sequence[Placed], output: Tensor) -> _Found:
    """Maps that were shifted or thinned out against each other, brought together: on a grid of their own."""
    aligned = output.dim() == 4 and known and all(one.plane is not None for one in known)
    return [grid(output.shape, output.device)] if aligned else []


def _joined(
    places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]
) -> _Found:
    """Tensors laid side by side; what is joined from elsewhere, such as a class token, has no place."""
    if any(map(places.lost, args[0])):
        return []
    found = [placed if (placed := places.of(one)) and placed.numbers.any() else None for one in args[0]]
    grids = {one.grid for one in found if one is not None}
    if len(grids) != 1:
        return []
    numbers = [
        torch.zeros((), dtype=torch.int32, device=whole.device).expand(whole.shape) if one is None else one.numbers
        for one, whole in zip(found, args[0], strict=True)
    ]
    joined = Placed(func(numbers, *args[1:], **kwargs), grids.pop())
    by_map = func.overloadpacket is aten.cat and outputs[0].dim() == 4 and args[1:] in ((1,), (-3,), [1], [-3])
    return _anew([one for one in found if one is not None], outputs[0]) if by_map and joined.plane is None else [joined]


def _gated(places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]) -> _Found:
    """``glu``: one half of the maps gates the other, place by place."""
    placed = places.of(args[0])
    if placed is None:
        return []
    first, second = placed.numbers.chunk(2, args[1] if len(args) > 1 else -1)
    return [Placed(first, placed.grid)] if torch.equal(first, second) else []


def _renewed(
    places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]
) -> _Found:
    """Convolutions and poolings: from maps to maps with a grid of their own."""
    placed = places.of(args[0])
    if placed is None or outputs[0].dim() != 4 or placed.plane is None:
        return []
    return [grid(outputs[0].shape, outputs[0].device)]


def _reduced(
    places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]
) -> _Found:
    """Sums and largest values along axes on which all values stand at one place: maps, or branches that were stacked."""
    placed = places.of(args[0])
    axes = args[1] if len(args) > 1 else kwargs.get("dim")
    if isinstance(axes, Tensor):  # the larger of two
        return _kept(places, func, args, kwargs, outputs)
    if placed is None or axes is None or axes == []:
        return []
    axes = [axes] if isinstance(axes, int) else list(axes)
    least, most = (one(placed.numbers, axes, keepdim=True) for one in (torch.amin, torch.amax))
    if not torch.equal(least, most):
        return _renewed(places, func, args, kwargs, outputs) if func.overloadpacket is aten.mean else []
    kept = least if outputs[0].dim() == least.dim() else least.squeeze(tuple(axes))
    return [Placed(kept, placed.grid)] * len(outputs)


def _cut(places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]) -> _Found:
    """``F.unfold``, from maps to patches "image value patch": side by side they move the places, else each is a place."""
    placed, windows = places.of(args[0]), args[1:]
    if placed is None or outputs[0].dim() != 3 or placed.plane is None:
        return []
    if _side_by_side(*windows):
        return [Placed(func(placed.numbers.double(), *windows).to(torch.int32), placed.grid)]
    patches = grid((1, 1, *_patches(args[0].shape[2:], *windows)), outputs[0].device)
    return [Placed(patches.numbers.flatten(2).expand(outputs[0].shape), patches.grid)]


def _laid_back(
    places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]
) -> _Found:
    """``F.fold``, from patches "image value patch" to maps: as `_cut`, the other way round."""
    placed, size, windows = places.of(args[0]), args[1], args[2:]
    if placed is None or outputs[0].dim() != 4:
        return []
    patches = placed.numbers.unflatten(2, _patches(size, *windows))
    if Placed(patches, placed.grid).plane is not None:
        return [grid(outputs[0].shape, outputs[0].device)]
    if not _side_by_side(*windows):
        return []
    return [Placed(func(placed.numbers.double(), size, *windows).to(torch.int32), placed.grid)]


def _side_by_side(
    kernel: Sequence[int], dilation: Sequence[int], padding: Sequence[int], stride: Sequence[int]
) -> bool:
    """Whether windows tile the maps from their first row and column on."""
    return [*kernel] == [*stride] and not any(padding) and all(step == 1 for step in dilation)


def _patches(
    size: Sequence[int], kernel: Sequence[int], dilation: Sequence[int], padding: Sequence[int], stride: Sequence[int]
) -> tuple[int, int]:
    """How many windows there are, down and along."""
    rows, columns = (
        (size[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1) // stride[axis] + 1
        for axis in (0, 1)
    )
    return rows, columns


def _by_rows(first: int, second: int | None = None) -> Callable[..., _Found]:
    """A product of matrices: every row of the first one keeps its place, or that of its patch.

    Where nothing is known of the first one, as of weights, every column of the second does.
    """

    def rule(
        places: Places, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], outputs: Sequence[Any]
    ) -> _Found:
        placed, turned = places.of(args[first]), False
        if placed is None and second is not None and (placed := places.of(args[second])) is not None:
            placed, turned = Placed(placed.numbers.transpose(-2, -1), placed.grid), True
        row = None if placed is None or placed.numbers.dim() < 2 else placed.of_patches
        if row is None:
            return []
        numbers = row.numbers.transpose(-2, -1) if turned else row.numbers
        return [Placed(numbers.expand(outputs[0].shape), row.grid)]

    return rule


_MOVES = (
    *(
        aten.view,
        aten._unsafe_view,
        aten._reshape_alias,
        aten.permute,
        aten.transpose,
        aten.t,
        aten.expand,
        aten.slice,
        aten.select,
        aten.squeeze,
    ),
    *(
        aten.unsqueeze,
        aten.split,
        aten.split_with_sizes,
        aten.unbind,
        aten.roll,
        aten.flip,
        aten.constant_pad_nd,
        aten.index_select,
        aten.index,
    ),
    *(
        aten.repeat,
        aten.pixel_shuffle,
        aten.pixel_unshuffle,
        aten.channel_shuffle,
        aten.native_channel_shuffle,
        aten.unfold,
    ),
    *(aten.unsafe_split, aten.movedim, aten.gather),
)
_BY_TYPE = (aten.view.dtype,)  # the same bits as other values
# Of a tensor they read the shape alone.
_MADE = (
    *(aten.zeros_like, aten.ones_like, aten.empty_like, aten.full_like, aten.rand_like, aten.randn_like),
    *(aten.new_zeros, aten.new_ones, aten.new_empty, aten.new_full, aten.new_empty_strided),
)
# In place: constants at some places.
_CONSTANT = (aten.fill_, aten.zero_, aten.index_fill_, aten.index_put_, aten._index_put_impl_, aten.scatter_)
# What does the same to a tensor itself.
_TURNS = (aten.transpose_, aten.t_, aten.squeeze_, aten.unsqueeze_, aten.swapaxes_, aten.swapdims_)
# Of the rest torch says itself that each value depends on its own place alone: ``torch.Tag.pointwise``.
_IN_PLACE = (
    *(
        aten.clone,
        aten._to_copy,
        aten.alias,
        aten.detach,
        aten.lift_fresh,
        aten.native_batch_norm,
        aten._native_batch_norm_legit,
    ),
    *(aten._native_batch_norm_legit_no_training, aten.cudnn_batch_norm, aten.miopen_batch_norm, aten.native_layer_norm),
    *(
        aten.native_group_norm,
        aten._fused_rms_norm,
        aten.native_dropout,
        aten._prelu_kernel,
        aten.rrelu_with_noise,
        aten.hardswish,
    ),
    *(aten.hardswish_, aten.log_sigmoid_forward, aten._softmax),
)
_GRIDS = (
    *(
        aten.convolution,
        aten._convolution,
        aten.mkldnn_convolution,
        aten.cudnn_convolution,
        aten.max_pool2d_with_indices,
        aten.avg_pool2d,
    ),
    *(
        aten._adaptive_avg_pool2d,
        aten.adaptive_max_pool2d,
        aten.upsample_nearest2d,
        aten.upsample_bilinear2d,
        aten.upsample_bicubic2d,
    ),
    *(aten._upsample_bilinear2d_aa, aten._upsample_bicubic2d_aa, aten._upsample_nearest_exact2d),
    *(aten.grid_sampler_2d, aten.cudnn_grid_sampler, aten.fractional_max_pool2d),
    *(aten.reflection_pad2d, aten.replication_pad2d, aten.mkldnn_max_pool2d, aten.mkldnn_adaptive_avg_pool2d),
)
_RULES: dict[Any, Callable[..., _Found]] = {
    **dict.fromkeys(_MOVES, _moved),
    **dict.fromkeys(_IN_PLACE, _kept),
    **dict.fromkeys(_GRIDS, _renewed),
    aten.cat: _joined,
    aten.stack: _joined,
    **dict.fromkeys(
        (aten.mean, aten.sum, aten.amax, aten.amin, aten.max, aten.min, aten.logsumexp, aten.prod), _reduced
    ),
    aten.copy_: _laid,
    aten.glu: _gated,
    aten.im2col: _cut,
    aten.col2im: _laid_back,
    aten.mm: _by_rows(0, 1),
    aten.addmm: _by_rows(1, 2),
    # Attention: a query's row of weights stands at the query's place, and so does what it gathers.
    aten.bmm: _by_rows(0, 1),
    aten.baddbmm: _by_rows(1, 2),
    aten._scaled_dot_product_flash_attention_for_cpu: _by_rows(0),
    aten._scaled_dot_product_flash_attention: _by_rows(0),
    aten._scaled_dot_product_efficient_attention: _by_rows(0),
    aten._scaled_dot_product_cudnn_attention: _by_rows(0),
}
