"""The families of nets that people bring: torchvision's own, and narrow ones of those that it lacks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision.models
from probe_nets import initialised
from torch import Tensor, nn
from torchvision.models import DenseNet, EfficientNet, MobileNetV2, RegNet, ResNet, ShuffleNetV2
from torchvision.models.efficientnet import MBConvConfig
from torchvision.models.regnet import BlockParams
from torchvision.models.resnet import BasicBlock, Bottleneck


@dataclass(frozen=True)
class Family:
    """A net with random weights under which signals neither vanish nor explode, and what to look at in it."""

    make: Callable[[], nn.Module]
    rows: int  # of the image, pixels
    columns: int
    modules: tuple[str, ...]  # each called once, or a container: what is projected, ranked and covered
    # Whether captum's deconvolution is the paper's. It passes over functional ReLUs and ReLU6, and replaces the gradient
    # of the tensor that a ReLU reads, a shortcut's share of it included.
    captum: bool = True


def _torchvisions(name: str, **options: Any) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with torch.device("meta"):  # its own weights take seconds to draw
            net = getattr(torchvision.models, name)(weights=None, **options)
            if name in ("alexnet", "vgg11", "vgg11_bn"):
                _narrow(net.classifier)
        return initialised(net.to_empty(device="cpu"))

    return make


def _short(kind: type[nn.Module], *options: Any, **named: Any) -> Callable[[], nn.Module]:
    """A net of torchvision's with fewer blocks: every one repeats the first ones' operations."""
    return lambda: initialised(kind(*options, **named))


def _narrow(classifier: nn.Sequential) -> None:
    """Fewer units between its linear layers: they are most of an AlexNet's or VGG's weights."""
    linears = [index for index, module in enumerate(classifier) if isinstance(module, nn.Linear)]
    widths = [classifier[linears[0]].in_features, 48, 48, 10]
    for index, below, above in zip(linears, widths, widths[1:], strict=False):
        classifier[index] = nn.Linear(below, above)


class _PreActivationBlock(nn.Module):
    """Norm, ReLU, convolution, twice; the shortcut leaves before the norm, or before the ReLU where there is none."""

    def __init__(self, maps: int, wider: int, stride: int, normed: bool) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(maps) if normed else nn.Identity()
        self.norm2 = nn.BatchNorm2d(wider) if normed else nn.Identity()
        self.relu1, self.relu2 = nn.ReLU(inplace=normed), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(maps, wider, 3, stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(wider, wider, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(maps, wider, 1, stride, bias=False) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.norm1(x))
        shortcut = x if self.shortcut is None else self.shortcut(y)
        return self.conv2(self.relu2(self.norm2(self.conv1(y)))) + shortcut


def pre_activation(normed: bool) -> nn.Module:
    """A narrow ResNet of the second kind (He et al. 2016, "Identity Mappings in Deep Residual Networks")."""
    blocks = [(8, 8, 1), (8, 12, 2), (12, 12, 1), (12, 16, 2), (16, 16, 1)]
    net = nn.Sequential(
        nn.Conv2d(3, 8, 7, 2, padding=3), nn.MaxPool2d(3, 2, padding=1),
        *(_PreActivationBlock(*block, normed) for block in blocks),
        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip
    return initialised(net)


def mobilenet_v1() -> nn.Module:
    """A narrow MobileNet of the first kind: depthwise separable convolutions under ReLU6 (Howard et al. 2017)."""

    def rectified(maps: int, wider: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
        conv = nn.Conv2d(maps, wider, kernel, stride, kernel // 2, groups=groups, bias=False)
        return [conv, nn.BatchNorm2d(wider), nn.ReLU6(inplace=True)]

    layers = rectified(3, 8, 3, 2)
    for maps, wider, stride in ((8, 16, 1), (16, 24, 2), (24, 24, 1), (24, 32, 2)):
        layers += rectified(maps, maps, 3, stride, groups=maps) + rectified(maps, wider, 1, 1)
    return initialised(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)))


class EveryRelu(nn.Module):
    """A ReLU by every road, and convolutions and poolings of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=True)  # called again
        self.strided = nn.Conv2d(3, 8, 5, stride=(2, 1), padding=2)
        self.dilated = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)
        self.sparse = nn.Conv2d(8, 12, 2, stride=3)  # passes over rows and columns
        self.flat = nn.Conv2d(12, 12, (1, 3), padding="same")
        self.last = nn.Conv2d(12, 8, 3, padding=1)
        self.head = nn.Linear(8 * 2 * 3, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.strided(x))
        x = F.relu(self.dilated(x), inplace=True)
        x = F.avg_pool2d(x, 3, 2, padding=1, ceil_mode=True, count_include_pad=False)
        x = self.sparse(x).relu_()
        x = F.max_pool2d(self.relu(self.flat(x)) + x, 2, 1)
        x = F.adaptive_avg_pool2d(F.relu(self.last(x)), (2, 3))
        return self.head(torch.relu(x.flatten(1)))


class Viewing(nn.Module):
    """A small net as tutorials write it: functional, and flattened by ``view``, which asks for contiguous memory."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 8 * 6, 20)
        self.fc2 = nn.Linear(20, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = F.relu(self.fc1(x.view(-1, 16 * 8 * 6)))
        return self.fc2(x.view(x.size(0), -1))


class Gain(nn.Conv2d):
    """A convolution with a forward pass of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 3


class OfItsOwn(nn.Module):
    """Makes on the way what hangs on no image: mean and deviation, a blurring kernel, weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3)
        self.conv2 = nn.utils.parametrizations.weight_norm(Gain(6, 8, 3))
        self.conv3 = nn.Conv2d(8, 6, 3)
        self.fc = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        mean, deviation = torch.tensor([[0.5, 0.4, 0.3], [0.2, 0.3, 0.4]], device=x.device, dtype=x.dtype)[
            :, None, :, None, None
        ]
        x = (x - mean) / deviation
        x = F.relu(self.conv1(x))
        kernel = torch.ones(1, 1, 3, 3, device=x.device, dtype=x.dtype).repeat(x.shape[1], 1, 1, 1) / 9
        x = F.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])
        return self.fc(F.relu(self.conv3(F.relu(self.conv2(x)))).mean((2, 3)))


FAMILIES = {
    "alexnet": Family(_torchvisions("alexnet"), 79, 71, ("features.4", "features.11", "classifier.5")),
    "vgg11": Family(_torchvisions("vgg11", init_weights=False), 47, 39, ("features.7", "features.19")),
    "vgg11_bn": Family(_torchvisions("vgg11_bn", init_weights=False), 39, 47, ("features.10", "features.27")),
    "squeezenet1_0": Family(
        _torchvisions("squeezenet1_0"), 59, 67, ("features.1", "features.5", "features.9.expand3x3_activation")
    ),
    "squeezenet1_1": Family(
        _torchvisions("squeezenet1_1"), 67, 59, ("features.4", "features.12.expand3x3", "classifier.2")
    ),
    "googlenet": Family(
        _torchvisions("googlenet", aux_logits=False, init_weights=False),
        75, 65, ("maxpool1", "inception3a", "inception4a.branch3.1.conv"), captum=False,
    ),
    "inception_v3": Family(
        _torchvisions("inception_v3", aux_logits=False, init_weights=False),
        77, 75, ("Conv2d_2b_3x3", "Mixed_5b", "Mixed_6a.branch3x3dbl_3.conv"), captum=False,
    ),
    "resnet": Family(
        _short(ResNet, BasicBlock, [1, 1, 1, 2]), 73, 61, ("layer1.0", "layer3.0.downsample.1", "layer4.1.bn2")
    ),
    "resnet of bottlenecks": Family(
        _short(ResNet, Bottleneck, [1, 2, 1, 1]), 61, 73, ("layer1.0", "layer2.1.conv2", "layer3.0")
    ),
    "pre-activation": Family(lambda: pre_activation(normed=True), 61, 53, ("2.relu2", "4", "6.conv2", "7")),
    "pre-activation without norms": Family(
        lambda: pre_activation(normed=False), 61, 53, ("2.relu2", "4", "6.conv2", "7"), captum=False
    ),
    "densenet": Family(
        _short(DenseNet, 12, (2, 3, 2, 2), 24), 67, 49, ("features.denseblock1", "features.denseblock2.denselayer3.conv2")
    ),
    "mobilenet_v1": Family(mobilenet_v1, 45, 53, ("2", "8", "14", "20", "26"), captum=False),
    "mobilenet_v2": Family(
        _short(MobileNetV2, inverted_residual_setting=[[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 1, 2], [6, 64, 1, 2]]),
        65, 53, ("features.3.conv.1", "features.6"), captum=False,
    ),
    "flattened by view": Family(
        lambda: initialised(Viewing()), 45, 37, ("conv1", "conv2", "fc1", "fc2"), captum=False
    ),
    "of its own": Family(lambda: initialised(OfItsOwn()), 45, 37, ("conv1", "conv3", "fc"), captum=False),
    "every ReLU": Family(
        lambda: initialised(EveryRelu()), 45, 37, ("strided", "dilated", "sparse", "flat", "last", "head"), captum=False
    ),
}  # fmt: skip
LONG = (  # their operations stand in quicker families, too
    *("inception_v3", "googlenet", "squeezenet1_0", "squeezenet1_1", "vgg11", "vgg11_bn", "resnet of bottlenecks"),
    "mobilenet_v2",
)
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in FAMILIES]


# --- Nets with operations that came after the deconvnet ------------------------------------------------------------------------


def _own_weights(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """With the weights that the net draws for itself: not everything in it is a convolution or linear."""

    def made() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return make().eval()

    return made


def _convnext() -> nn.Module:
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(8, 12, 1), CNBlockConfig(12, None, 1)], layer_scale=1.0, num_classes=10)


def _vision_transformer() -> nn.Module:
    net = torchvision.models.VisionTransformer(45, 9, 1, 2, 16, 32, num_classes=10)
    nn.init.normal_(net.heads.head.weight)  # zeros, as torchvision draws them
    return net


def _swin() -> nn.Module:
    return torchvision.models.SwinTransformer([4, 4], 8, [1, 1], [2, 2], [3, 3], num_classes=10)


@dataclass(frozen=True)
class Later(Family):
    """A net with activation functions, norms, gates, shuffles or attention of later years."""

    through: tuple[str, ...] = ()  # what its pictures go through
    whole: str = ""  # the operation from which on occlusion computes whole maps; empty: none


LATER = {
    "convnext": Later(
        _own_weights(_convnext), 45, 53, ("features.0.0", "features.3.0.block.0", "features.3"),
        through=("LayerNorm", "GELU"), whole="permute",
    ),
    "efficientnet": Later(
        _short(EfficientNet, [MBConvConfig(1, 3, 1, 32, 16, 1), MBConvConfig(6, 5, 2, 16, 24, 2)], dropout=0.2),
        45, 51, ("features.1", "features.2.1", "features.3"),
        through=("SiLU", "gates"), whole="mul of unequal shapes",
    ),
    "mobilenet_v3_small": Later(
        _torchvisions("mobilenet_v3_small"), 65, 49, ("features.3", "features.12"),
        through=("Hardswish", "gates"), whole="mul of unequal shapes",
    ),
    "regnet": Later(
        _short(RegNet, BlockParams.from_init_params(6, 16, 16.0, 2.2, 8, se_ratio=0.25)), 65, 49,
        ("trunk_output.block1", "trunk_output.block2"),
        through=("gates",), whole="mul of unequal shapes",
    ),
    "shufflenet": Later(
        _short(ShuffleNetV2, [2, 2, 1], [16, 24, 32, 48, 64]), 63, 49, ("stage2.1.branch2.7", "conv5"), whole="view"
    ),
    "vision transformer": Later(
        _own_weights(_vision_transformer), 45, 45, ("conv_proj", "heads.head"),
        through=("LayerNorm", "attention", "GELU"), whole="reshape",
    ),
    "swin": Later(
        _own_weights(_swin), 45, 53, ("features.0.0", "head"), through=("LayerNorm", "attention", "GELU"), whole="permute"
    ),
}  # fmt: skip
