"""How a net behaves on a few images of noise: whether its answers depend on the image alone, and in which range they lie."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reportgen.base.errors import UserError

AGAIN, AGAIN_AFTER_CHANCE = 3, 24  # how often an image is shown, and where the net draws random numbers
ROUNDING = 1e-2  # the same where only the order of sums differs, in half precision, too
SAME = 1e-5  # largest difference of two answers, as a share of the largest output
SCALES = (1.0, 10.0, 100.0)  # of noise: logits grow with it, what a sigmoid or softmax gives does not
EACH = 4  # images of a scale

Ask = Callable[[Float[Tensor, "1 channel row column"]], Float[Tensor, "1 output"]]


def check_steady(ask: Ask, net: nn.Module, image: Float[Tensor, "1 channel row column"], name: str) -> None:
    """Raise UserError for a net that answers differently when it sees an image again, or that changes the image.

    `ask`: runs the net. Another image is shown between, because a net may remember.
    """
    given = image.clone()
    with _drawing(net) as drawing:
        first, other = ask(image), image.flip(-1) * 0.5
    if not image.equal(given):
        raise UserError(
            f"MODEL={name}: it changes the image that it is given: write x = x - mean, not x -= mean, or clone the image first"
        )
    again = AGAIN_AFTER_CHANCE if drawing else AGAIN
    largest = first.abs().max().item()
    for _ in range(again):
        ask(other)
        apart = (ask(image) - first).abs().max().item()
        if apart > SAME * largest:
            who = f"{drawing[0]} draws random numbers" if drawing else "it draws random numbers, or remembers"
            raise UserError(
                f"MODEL={name}: it answers differently each time it sees the same image ({apart:.2g} apart, of "
                f"{largest:.2g}): {who} also in eval(): give dropout training=self.training, or take the noise out in "
                "the factory"
            )


def in_channels_last(net: nn.Module) -> nn.Module:
    """The net with its weights in channels_last, in which CPUs and GPUs convolve sooner.

    torch has none of tensors of five axes and others at once: with such weights the net stays as it is.
    """
    solid = any(value.dim() == 5 for value in (*net.parameters(), *net.buffers()))
    return net if solid else net.to(memory_format=torch.channels_last)


def check_memory(ask: Ask, net: nn.Module, image: Float[Tensor, "1 channel row column"], name: str) -> None:
    """Raise UserError for a net that gives other numbers in channels_last, in which it will be; it is so from here on.

    That happens if it changes in place what ``contiguous`` or ``view`` gave: in one memory format they copy, in another
    they do not, and then the net changes a tensor that it reads again.
    """
    usual = ask(image)
    in_channels_last(net)
    found = ask(image.contiguous(memory_format=torch.channels_last))
    apart, largest = (found - usual).abs().max().item(), usual.abs().max().item()
    if apart > ROUNDING * largest:
        raise depends_on_memory(name, "what it gives")


def depends_on_memory(name: str, what: str) -> UserError:
    """What to say of a net of which something depends on how memory holds the images."""
    return UserError(
        f"MODEL={name}: {what} depends on how memory holds the images (in channels_last it is another): it changes in place "
        "what contiguous(), view() or reshape() gave: clone() that first"
    )


@contextmanager
def _drawing(net: nn.Module) -> Iterator[list[str]]:
    """The modules that take numbers from torch's generator while the block runs; the innermost stands first."""
    found: list[str] = []
    before: dict[str, Tensor] = {}

    def enter(name: str, module: nn.Module, given: object) -> None:
        before[name] = torch.random.get_rng_state()

    def leave(name: str, module: nn.Module, given: object, answer: object) -> None:
        drew = name in before and not torch.random.get_rng_state().equal(before.pop(name))
        if drew:
            found.append(f"{name or 'its forward pass'} ({type(module).__name__})")

    with ExitStack() as hooks:
        for name, module in net.named_modules():
            hooks.callback(module.register_forward_pre_hook(partial(enter, name)).remove)
            hooks.callback(module.register_forward_hook(partial(leave, name)).remove)
        yield found


def bounded(ask: Ask, shape: tuple[int, ...]) -> bool:
    """Whether all outputs lie between 0 and 1 however strong the images are, as behind a sigmoid or a softmax.

    `shape`: channel, row, column of an image.
    """
    generator = torch.Generator().manual_seed(0)
    for scale in SCALES:
        for _ in range(EACH):
            try:
                outputs = ask(torch.randn(1, *shape, generator=generator) * scale)
            except Exception:  # a net that takes no noise
                return False
            if not ((outputs >= 0) & (outputs <= 1)).all():
                return False
    return True
