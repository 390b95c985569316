"""The paper's net and its variants (Zeiler & Fergus 2013, section 3, figure 3, tables 2-3)."""

from collections import OrderedDict
from typing import Literal, no_type_check

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reportgen.base.size import Size
from reportgen.settings.recipes import CLASSIFIER, CONVOLUTIONS, NORMALISED, POOLED, Architecture, LayerShape

Initialisation = Literal["paper", "default"]
RESCALED_ON = 200  # images that the default initialisation sees
FIRST_LAYER_SCALE = 0.02  # of the default initialisation, for inputs of unit variance
PAPER_SCALE = 0.01


class LocalResponseNorm(nn.LocalResponseNorm):
    """Contrast normalisation across maps, as `torch.nn.LocalResponseNorm` computes it, three times faster on a CPU.

    Each response is divided by ``(k + alpha / size * sum of squares over `size` neighbouring maps) ** beta``
    (Krizhevsky et al. 2012, section 3.3; their alpha is not divided by `size`). The sums of all maps at one place are
    the product of its squares with a band matrix, which channels_last memory holds ready. The power of -3/4, which
    everybody uses, is made of roots: pow takes five times as long.
    """

    band: Tensor

    def __init__(self, maps: int, size: int = 5, alpha: float = 5e-4, beta: float = 0.75, k: float = 2.0) -> None:
        super().__init__(size, alpha, beta, k)
        ahead = torch.arange(maps)[:, None] - torch.arange(maps)[None, :]  # of the map that is normalised
        band = (ahead >= -(size // 2)) & (ahead <= (size - 1) // 2)
        self.register_buffer("band", band.float(), persistent=False)

    def forward(self, input: Float[Tensor, "image map row column"]) -> Float[Tensor, "image map row column"]:
        squares = input.square().permute(0, 2, 3, 1)
        sums = (squares @ self.band).mul(self.alpha / self.size).add(self.k)
        if self.beta == 0.75:
            root = sums.rsqrt()
            scale = root * root.sqrt()
        else:
            scale = sums.pow(-self.beta)
        return input * scale.permute(0, 3, 1, 2)


class MeanImage(nn.Module):
    """Subtracts the mean of every pixel over the training images, as in the paper (section 3.1); zero until it is set."""

    mean: Tensor

    def __init__(self, size: Size, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, *size))

    @no_type_check  # torch.fx calls it with stand-ins for tensors
    def forward(self, images: Float[Tensor, "image channel row column"]) -> Float[Tensor, "image channel row column"]:
        return images - self.mean


class ZFNet(nn.Module):
    """The net of figure 3, or the variant that `architecture` describes; it returns logits.

    Its blocks are ``layer1`` .. ``layer8`` with the paper's numbers, each an `nn.Sequential` of named children:
    ``conv`` or ``linear``, then, where the layer has them, ``relu``, ``pool``, ``norm``, ``dropout``. A map of layer l
    is the output of ``layer<l>.relu``, the feature vector of layer l the output of ``layer<l>``. The first fully
    connected block begins with ``flatten``. Weights are meaningless until `initialise` or a checkpoint sets them.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        inputs, flat = architecture.channels, False
        if architecture.mean_image:
            self.mean_image = MeanImage(architecture.input_size, architecture.channels)
        with torch.random.fork_rng(devices=[]):  # modules draw weights from the global generator: leave it as it was
            for shape in architecture.shapes():
                if shape.layer in CONVOLUTIONS:
                    block = _convolution(shape, inputs, architecture)
                    inputs = shape.maps
                    size = shape.output
                else:
                    block = _fully_connected(shape, inputs if flat else inputs * size.area, not flat, architecture)
                    inputs, flat = shape.maps, True
                self.add_module(f"layer{shape.layer}", nn.Sequential(block))

    @no_type_check  # torch.fx calls it with stand-ins for tensors
    def forward(self, images: Float[Tensor, "image channel row column"]) -> Float[Tensor, "image class"]:
        signal = images
        for block in self.children():
            signal = block(signal)
        return signal


def _convolution(shape: LayerShape, inputs: int, architecture: Architecture) -> OrderedDict[str, nn.Module]:
    block: OrderedDict[str, nn.Module] = OrderedDict()
    block["conv"] = nn.Conv2d(inputs, shape.maps, shape.filter, shape.stride, shape.padding)
    block["relu"] = nn.ReLU()
    if shape.layer in POOLED:
        block["pool"] = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    if shape.layer in NORMALISED and architecture.normalisation:
        block["norm"] = LocalResponseNorm(shape.maps)
    return block


def _fully_connected(
    shape: LayerShape, inputs: int, first: bool, architecture: Architecture
) -> OrderedDict[str, nn.Module]:
    block: OrderedDict[str, nn.Module] = OrderedDict()
    if first:
        block["flatten"] = nn.Flatten()
    block["linear"] = nn.Linear(inputs, shape.maps)
    if shape.layer != CLASSIFIER:
        block["relu"] = nn.ReLU()
        block["dropout"] = nn.Dropout(architecture.dropout)
    return block


@torch.no_grad()
def initialise(
    net: ZFNet,
    scheme: Initialisation,
    generator: torch.Generator,
    images: Float[Tensor, "image channel row column"] | None = None,
) -> None:
    """Draw the weights anew, in place; biases are 0.

    ``paper``: every weight from a normal distribution of deviation 0.01 (Zeiler & Fergus 2013, section 3.1).
    ``default``: layer 1 at 0.02, the softmax layer at 0.01, the layers between at He's scale and then rescaled so that
    their outputs before the ReLU have unit deviation on `images` (about 200 of the training images, preprocessed;
    after Mishkin & Matas 2016).
    The paper's scale is too low for a net this small: no signal reaches its top, and it stays at chance for epochs.

    Raises ValueError for ``default`` without images.
    """
    if scheme == "default" and images is None:
        raise ValueError("the default initialisation rescales layers on images: give some")
    signal = images
    blocks = dict(net.named_children())
    for name, block in blocks.items():
        if isinstance(block, MeanImage):
            signal = None if signal is None else block(signal)
            continue
        layer = next(child for child in block.children() if isinstance(child, nn.Conv2d | nn.Linear))
        if scheme == "paper" or name == "layer8":
            scale = PAPER_SCALE
        elif name == "layer1":
            scale = FIRST_LAYER_SCALE
        else:
            scale = (2 / layer.weight[0].numel()) ** 0.5
        drawn = torch.empty(layer.weight.shape).normal_(0, scale, generator=generator)  # on the CPU: same on any device
        layer.weight.copy_(drawn)
        assert layer.bias is not None
        layer.bias.zero_()
        if scheme == "default":
            signal = _rescaled_output(block, layer, signal, name not in ("layer1", "layer8"))


def _rescaled_output(block: nn.Module, layer: nn.Module, signal: Tensor | None, rescale: bool) -> Tensor:
    """Output of a block; first rescales its filters to give unit deviation, where the caller wants that."""
    for child in block.children():
        if isinstance(child, nn.Dropout):
            continue
        signal = child(signal)
        if child is layer and rescale:
            assert isinstance(layer, nn.Conv2d | nn.Linear)
            deviation = signal.std()
            layer.weight.div_(deviation)
            signal = signal / deviation  # the bias is 0
    assert signal is not None
    return signal
