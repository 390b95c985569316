"""The 1,000 classes of ImageNet (ILSVRC 2012), in the order in which nets count them, as torchvision calls them."""

from functools import cache

COUNT = 1000
# Two names belong to two classes each; torchvision calls only one of each pair by the plain name.
TWICE = {"n02012849": "crane", "n03126707": "crane", "n03710637": "maillot", "n03710721": "maillot"}


@cache
def names() -> tuple[str, ...]:
    """The name of each class."""
    from torchvision.models import AlexNet_Weights  # takes seconds: not where only ids are needed

    return tuple(AlexNet_Weights.IMAGENET1K_V1.meta["categories"])
