"""Nets as people write them: what they do to their image, what they return, of which parts they are made."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from reportgen.base.errors import UserError
from reportgen.nets.build import make
from reportgen.nets.loading import Loaded, load
from reportgen.nets.snapshots import load_net, save_net
from reportgen.probe import trace
from reportgen.settings.sections import ModelSettings, PreprocessingSettings
from reportgen.stages.model import Known, examine

SIDE = 24


class Around(nn.Module):
    """A small net with something before or behind it."""

    def __init__(self, before: Callable[[Tensor], Tensor], behind: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.before, self.behind = before, behind
        self.net = nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.behind(self.net(self.before(x)))


def plain() -> nn.Module:
    return Around(lambda x: x)


def branching() -> nn.Module:
    return Around(lambda x: x if x.sum() > 0 else -x)


def in_place() -> nn.Module:
    return Around(lambda x: x.sub_(0.5))


class Shifting(nn.Module):
    """A net that shifts some maps in place, and reads the maps as they were before, too."""

    def __init__(self, own: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.own, self.first, self.head = own, nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        before = self.first(x).permute(0, 2, 3, 1)
        moved = self.own(before)
        moved[:, 1:, :, :2] = 3 * moved[:, :-1, :, :2].clone()
        return self.head((before + moved).mean((1, 2)))


def shifting() -> nn.Module:
    return Shifting(lambda x: x.contiguous())


def shifting_a_copy() -> nn.Module:
    return Shifting(lambda x: x.clone())


def numbers_of_classes() -> nn.Module:
    return Around(lambda x: x, lambda x: x.argmax(1, keepdim=True))


def half_inside() -> nn.Module:
    return Around(lambda x: x.half())


def compiled_in_part() -> nn.Module:
    net = plain()
    net.net[2] = torch.compile(net.net[2], backend="eager")  # wrapped as by any other, which would call a compiler
    return net


def solid() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.Unflatten(1, (4, 1)),
        nn.Conv3d(4, 3, 1),
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
    )


def solid_constant() -> nn.Module:
    net = plain()
    net.register_buffer("grid", torch.zeros(1, 1, 2, 2, 2), persistent=False)
    return net


def loaded(name: str, weights: str = "factory") -> Loaded:
    return load(ModelSettings(name=f"{__name__}:{name}", weights=weights), PreprocessingSettings(), SIDE)


def known(name: str) -> Known:
    return examine(name, loaded(name).net, (3, SIDE, SIDE))


def test_a_net_that_branches_may_end_in_a_global_pool() -> None:
    found = known("branching")
    assert found.graph.unfollowed
    assert (found.outputs, found.graph.shape("net.6"), found.graph.shape("net.5")) == (3, (3,), (6,))
    assert found.graph.shape("net.2") == (6, SIDE - 4, SIDE - 4)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "in_place",
            r"^MODEL=in_place: it changes the image that it is given: write x = x - mean, not x -= mean, or clone",
        ),
        (
            "numbers_of_classes",
            r"^MODEL=numbers_of_classes: it gives whole numbers \(int64\): return what argmax is taken of",
        ),
        (
            "shifting",
            r"^MODEL=shifting: what it gives depends on how memory holds the images .*: clone\(\) that first",
        ),
        ("half_inside", r"^MODEL=half_inside: .*: it is examined in single precision: cast to the type of its weights"),
    ],
)
def test_what_would_be_misread_is_refused_with_a_way_out(name: str, why: str) -> None:
    with pytest.raises(UserError, match=why):
        known(name)


def test_a_net_that_shifts_a_copy_of_its_maps_is_the_same_in_any_memory() -> None:
    assert known("shifting_a_copy").outputs == 3


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # of torch 2.11 itself, as it compiles
def test_a_net_that_is_compiled_in_part_takes_the_weights_of_the_plain_net(tmp_path: Path) -> None:
    net = plain()
    torch.save(net.state_dict(), tmp_path / "a.pt")
    found = loaded("compiled_in_part", str(tmp_path / "a.pt")).net.state_dict()
    assert torch.equal(found["net.2._orig_mod.weight"], net.state_dict()["net.2.weight"])


@pytest.mark.parametrize("factory", ["solid", "solid_constant"])
def test_a_net_with_tensors_of_five_axes_is_stored(factory: str, tmp_path: Path) -> None:
    found = loaded(factory)
    save_net(found.net, found.preprocessing, tmp_path / "a.safetensors", found.description)
    again, _ = load_net(tmp_path / "a.safetensors")
    image = torch.rand(1, 3, SIDE, SIDE)
    torch.testing.assert_close(again(image), found.net(image))


def test_a_mean_in_units_of_another_range_is_refused() -> None:
    model = ModelSettings(name=f"{__name__}:plain", weights="factory")
    with pytest.raises(
        UserError, match=r"^PREPROCESSING_MEAN=123\.675,116\.28,103\.53: brighter than white, which is .*=1: give"
    ):
        load(model, PreprocessingSettings(mean=(123.675, 116.28, 103.53)), SIDE)
    found = load(model, PreprocessingSettings(mean=(123.675, 116.28, 103.53), range=255.0), SIDE).preprocessing
    assert (found.range, found.mean) == (255.0, (123.675, 116.28, 103.53))


class SilentModes(Around):
    """Gives nothing back when its mode is changed; a statement ``net.eval()``, as people write it, does not need it."""

    def train(self, mode: bool = True) -> None:  # type: ignore[override]
        super().train(mode)


class SilentEval(Around):
    def eval(self) -> None:  # type: ignore[override]
        super().eval()


def silent_modes() -> nn.Module:
    return SilentModes(lambda x: x)


def silent_eval() -> nn.Module:
    return SilentEval(lambda x: x)


@pytest.mark.parametrize("factory", ["silent_modes", "silent_eval"])
def test_a_change_of_mode_need_not_give_the_net_back(factory: str) -> None:
    made = make(f"{__name__}:{factory}", {})
    assert made.train() is made
    assert made.training
    for net in (made, copy.deepcopy(made)):
        assert net.eval() is net
        assert not any(module.training for module in net.modules())


@pytest.mark.parametrize("kind", [SilentModes, SilentEval])
def test_the_probe_takes_a_net_that_does_not_give_itself_back(kind: type[Around]) -> None:
    class Fresh(kind):  # of which no factory has been asked
        pass

    assert trace(Fresh(lambda x: x), torch.zeros(1, 3, SIDE, SIDE)).shape("net.0") == (4, SIDE - 2, SIDE - 2)
