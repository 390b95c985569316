"""What is linear, or linear once this image has set its switches: torch's own gradient is the transposed operation."""

import torch

from reportgen.probe.record.base import Family, Recorded, Rule, only

# Only the shape or the order of values changes, or some are left out or repeated.
SHAPES = (
    *("View", "UnsafeView", "ReshapeAlias", "Permute", "Transpose", "T", "Squeeze", "Unsqueeze", "Movedim", "Alias"),
    *("Expand", "Repeat", "Slice", "Select", "Split", "SplitWithSizes", "UnsafeSplit", "Unbind", "Narrow", "Index"),
    *(
        "IndexSelect",
        "Gather",
        "Roll",
        "Flip",
        "Rot90",
        "Clone",
        "Copy",
        "ToCopy",
        "Contiguous",
        "LiftFresh",
        "Diagonal",
    ),
    *("PixelShuffle", "PixelUnshuffle", "ChannelShuffle", "AsStrided", "Unfold", "Im2Col", "Col2Im", "Take", "ViewAs"),
)
# Each value depends on its own place below, or is laid over a larger place.
_PADS = (
    *("ConstantPadNd", "ReflectionPad2D", "ReplicationPad2D", "ReflectionPad1D", "ReplicationPad1D"),
    *("UpsampleNearest2D", "UpsampleNearestExact2D", "UpsampleBilinear2D", "UpsampleBicubic2D"),
    *("UpsampleBilinear2DAa", "UpsampleBicubic2DAa", "UpsampleLinear1D", "UpsampleNearest1D"),
)
_SUMS = (
    *("Add", "Sub", "Rsub", "Neg", "Sum", "Mean", "Cat", "Stack", "Cumsum", "Trace", "AccumulateGrad"),
    *("AvgPool2D", "AdaptiveAvgPool2D", "MkldnnAdaptiveAvgPool2D", "AvgPool3D"),
)
# Linear once the image has set the switches: the larger of several, chosen values.
_SWITCHED = (
    *("MaxPool2DWithIndices", "AdaptiveMaxPool2D", "MaxPool3DWithIndices", "MaxUnpool2D", "Max", "Amax", "Maximum"),
    *("Min", "Amin", "Minimum", "Where", "MaskedFill", "Topk", "Sort", "MaskedSelect", "FractionalMaxPool2D"),
)
_FOURIER = ("FftR2C", "FftC2R", "FftC2C", "ViewAsComplex", "ViewAsReal", "Real")


def _grid_sample(recorded: Recorded) -> Rule:
    """The places are held fast, if the image has chosen them."""
    return Rule(held=frozenset({1})) if 1 in recorded.reads else Rule()


def _copy_slices(recorded: Recorded) -> Rule | None:
    """A part of a tensor changed in place: torch does not tell by what, so the gradient has to show it.

    Linear is what adds another signal to the part, or lays one over it. What changes the part by itself, such as a ReLU, has
    no rule: where all its values pass it would look like a sum with a constant.
    """
    if recorded.reads not in ((0, 1), (1,)):
        return None
    whole, part = (recorded.parent(index).shape if index in recorded.reads else () for index in (0, 1))
    signal = torch.rand(recorded.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    like = recorded.node._input_metadata[0]
    with torch.no_grad():
        beneath, other = recorded.node(signal.to(like.device, like.dtype))[:2]
    signal = signal.to(other)
    if beneath is None:  # the image is in the part alone, as where a tensor is made empty and filled
        return Rule() if tuple(other.shape) == part and bool(torch.isin(other, signal).all()) else None
    added = whole == recorded.shape and torch.equal(beneath, signal)
    laid_over = whole == recorded.shape and bool(((beneath == signal) | (beneath == 0)).all())
    changed = signal if added else signal[beneath == 0]
    same = other.numel() == changed.numel() if laid_over and not added else tuple(other.shape) == part
    passed = same and bool(torch.isin(other, signal).all())
    return Rule() if (added or laid_over) and passed else None


LINEAR: Family = {
    "CopySlices": _copy_slices,
    **only(*SHAPES, *_PADS, *_SUMS, *_SWITCHED, *_FOURIER),
    "GridSampler2D": _grid_sample,
    # Contrast normalisation, the identity on the way down: `contrast` puts the first in place of torch's own.
    "<PassedOn>": lambda recorded: Rule(),
}
