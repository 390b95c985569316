"""Small nets of later kinds that learn the scenes in minutes, for ``MODEL=benchmarks.later_nets:NAME`` without ``WEIGHTS=``.

They are torchvision's own classes with fewer and narrower blocks, for images of 64 px: what such nets are made of (smooth
activation functions, gates, norms of one image, attention), at a size that a CPU trains. What projections show of them:
docs/decisions/projections-through-later-operations.md.
"""

from functools import partial

from torch import nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.efficientnet import EfficientNet, MBConvConfig
from torchvision.models.vision_transformer import ConvStemConfig, VisionTransformer


def convnext(num_classes: int) -> nn.Module:
    """Depthwise 7x7 convolutions, LayerNorm and GELU (Liu et al. 2022, arXiv 2201.03545)."""
    blocks = [(32, 64, 2), (64, 96, 2), (96, 128, 4), (128, None, 2)]
    return ConvNeXt([CNBlockConfig(*sizes) for sizes in blocks], layer_scale=1.0, num_classes=num_classes)


def efficientnet(num_classes: int) -> nn.Module:
    """Inverted residuals with squeeze-and-excitation and SiLU (Tan & Le 2019, arXiv 1905.11946)."""
    block = partial(MBConvConfig, width_mult=1.0, depth_mult=1.0)
    blocks = [
        block(1, 3, 1, 16, 16, 1),
        block(4, 3, 2, 16, 24, 2),
        block(4, 5, 2, 24, 40, 2),
        block(4, 3, 2, 40, 80, 2),
    ]
    return EfficientNet(blocks, dropout=0.2, num_classes=num_classes, last_channel=192)


def vit(num_classes: int, image_size: int = 64) -> nn.Module:
    """A transformer whose tokens come from three convolutions (Dosovitskiy et al. 2021; Xiao et al. 2021, arXiv 2106.14881)."""
    stem = [ConvStemConfig(maps, kernel_size=3, stride=2) for maps in (24, 48, 96)]
    return VisionTransformer(image_size, 8, 4, 4, 96, 192, num_classes=num_classes, conv_stem_configs=stem)
