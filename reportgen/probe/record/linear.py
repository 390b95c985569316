"""What is linear, or linear once this image has set its switches: torch's own gradient is the transposed operation."""

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
    *("Min", "Amin", "Minimum", "Where", "MaskedFill", "Topk", "Sort", "MaskedSelect"),
)
_FOURIER = ("FftR2C", "FftC2R", "FftC2C", "ViewAsComplex", "ViewAsReal", "Real")


def _grid_sample(recorded: Recorded) -> Rule:
    """The places are held fast, if the image has chosen them."""
    return Rule(held=frozenset({1})) if 1 in recorded.reads else Rule()


LINEAR: Family = {
    **only(*SHAPES, *_PADS, *_SUMS, *_SWITCHED, *_FOURIER),
    "GridSampler2D": _grid_sample,
    # Contrast normalisation, the identity on the way down: `contrast` puts the first in place of torch's own.
    "<PassedOn>": lambda recorded: Rule(),
}
