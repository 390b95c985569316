"""An operation is one value: one that the probe does not know is added in one place, and the engines know no kinds."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from agreement import assert_close, assert_equals_backward, computing, random_image
from oracles import box_by_perturbation, covered_one_by_one, forward_with_hooks
from probe_nets import initialised
from torch import Tensor, nn

from reportgen.probe import Activation, Unsupported, activations, occlude, operations, project, receptive_field, trace
from reportgen.probe.operations import Call, Operation, Sent, Signature, Step
from reportgen.probe.operations.base import ByPlace, Everywhere, Windowed
from reportgen.probe.spans import Shape, Span, Window, place, whole
from reportgen.probe.ways import Way, way_down

# --- Three operations that the probe does not know: of a module, of a function with memory, of one without windows --------


def relief(x: Tensor) -> Tensor:
    """The slope between places three apart, at every second place."""
    return x[:, :, 3::2, 3::2] - x[:, :, :-3:2, :-3:2]


class Relief(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return relief(x)


@dataclass(frozen=True)
class Reliefs(Windowed):
    kind = "relief"

    def run(self, values: Tensor, frame: Span, below: Shape) -> Tensor:
        return relief(values)

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent]:
        weight = torch.tensor([[-1.0, 0.0], [0.0, 1.0]]).to(signal).expand(signal.shape[1], 1, 2, 2)
        sent = F.conv_transpose2d(signal, weight, stride=2, dilation=3, groups=signal.shape[1])
        return [Sent(sent, self.under(step))]


@dataclass(frozen=True)
class Larger(ByPlace):
    """The signal goes to the larger of two, which is recorded on the way up."""

    kind = "larger"

    def record(self, shape: Shape, *read: Tensor) -> tuple[Tensor, Tensor]:
        first, second = read
        return torch.maximum(first, second), (first > second)[0]

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent]:
        assert step.frame is not None
        first = step.recorded.to(signal.dtype).expand(len(signal), *step.shape)
        first = place(first, whole(step.shape, len(signal)), step.frame)
        return [Sent(signal * first, step.frame), Sent(signal * (1 - first), step.frame)]


@dataclass(frozen=True)
class Mirror(Everywhere):
    """Has a rule and no windows; what it reads is the whole map, as far as anyone is told."""

    kind = "mirror"
    ends_maps = False

    def down(self, signal: Tensor, step: Step) -> Sequence[Sent]:
        assert step.frame is not None
        return [
            Sent(place(signal, step.frame, whole(step.shape, len(signal))).flip(3), whole(step.below[0], len(signal)))
        ]


def of_relief(call: Call) -> Operation:
    return Reliefs(call.what, window=Window((2, 2), (2, 2), dilation=(3, 3)))


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = [
        Signature(of_relief, modules=(Relief,), leaf=True),
        Signature(lambda call: Larger(call.what), functions=[torch.maximum], names=["input", "other"]),
        Signature(lambda call: Mirror(call.what), functions=[torch.flip], names=["input", "dims"]),
    ]
    monkeypatch.setattr(operations, "KNOWN", [*operations.KNOWN, *mine])


class Net(nn.Module):
    """All three between convolutions."""

    def __init__(self, mirrored: bool = False, rectified: bool = True) -> None:
        super().__init__()
        self.entry, self.one, self.other = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 4, 3), nn.Conv2d(6, 4, 3)
        self.relief, self.last = Relief(), nn.Conv2d(4, 5, 3)
        self.relu = nn.ReLU() if rectified else nn.Identity()
        self.mirrored = mirrored

    def forward(self, x: Tensor) -> Tensor:
        x = self.relief(self.relu(self.entry(x)))
        x = torch.maximum(self.one(x), self.other(x))
        return F.relu(self.last(torch.flip(x, [3]) if self.mirrored else x))


IMAGE = random_image(3, 41, 35, dtype=torch.float64)


@pytest.fixture
def net() -> nn.Module:
    return initialised(Net().double())


@pytest.mark.usefixtures("known")
def test_a_new_operation_is_a_node_of_its_own(net: nn.Module) -> None:
    graph = trace(net, IMAGE[None])
    found = [(node.kind, node.operation.what) for node in graph.nodes.values()]
    assert found[3:7] == [("relief", "Relief"), ("conv2d", "Conv2d"), ("conv2d", "Conv2d"), ("larger", "maximum")]
    assert graph.shape("relief") == (6, 18, 15)
    assert graph.parents("maximum") == ("one", "other")


@pytest.mark.usefixtures("known")
def test_its_receptive_field_is_what_touches_it() -> None:
    net = initialised(Net(rectified=False).double())
    graph = trace(net, IMAGE[None])
    for layer, size in (("relief", 6), ("last", 14)):
        field = receptive_field(graph, layer)
        assert (field.size, field.stride, field.offset) == ((size, size), (2, 2), (0, 0))
        for row, column in ((0, 0), (5, 3), (11, 9)):
            touched = box_by_perturbation(
                lambda images, layer=layer: activations(graph, images, [layer])[layer], IMAGE, row, column
            )
            if layer == "relief":
                assert field.inside(row, column) == touched
            else:  # of the two that are compared the smaller has no say
                assert touched[0] >= field.inside(row, column)[0]
                assert touched[3] <= field.inside(row, column)[3]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("mirrored", [False, True])
def test_its_projection_equals_the_full_backward_pass(mirrored: bool) -> None:
    net = initialised(Net(mirrored).double())
    assert assert_equals_backward(net, IMAGE, ["maximum", "last", "relu_1"], 1e-12) > 20
    (projection,) = project(net, IMAGE, [Activation("one", 0, 5, 4)])
    assert projection is not None
    assert projection.pixels.shape == (3, 10, 10)  # a window of the image, nothing else


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_covering_it_incrementally_equals_covering_whole_images(mirrored: bool, share: float) -> None:
    net = initialised(Net(mirrored).double())
    modules = ["relief", "one", "last"]
    with computing(share, batch=7):
        found = occlude(net, IMAGE, 7, 5, 0.25, ["relu_1", *modules])
    # What has a rule and no windows is said to have none, and whole maps are computed behind it.
    assert found.whole == ("there is no rule for windows of flip ('flip'): after it, whole maps" if mirrored else "")
    places = torch.cartesian_prod(found.tops, found.lefts).tolist()
    expected = covered_one_by_one(forward_with_hooks(net, ["", *modules]), IMAGE, 7, places, 0.25)
    for values, module in zip(found.covered.values(), ["", *modules], strict=True):
        assert expected[module].std(0).max() > 0
        assert_close(values.flatten(0, 1), expected[module], 1e-10)


def test_what_has_no_windows_is_projected_through_the_record(net: nn.Module) -> None:
    graph = trace(net, IMAGE[None])
    torch.testing.assert_close(activations(graph, IMAGE[None], [graph.output])[graph.output], net(IMAGE[None]))
    assert way_down(graph, graph.output).by == "record"
    (projection,) = project(graph, IMAGE, [Activation(graph.output, 0, 2, 2)])
    assert projection is not None
    assert projection.window == (0, 0, 41, 35)  # how far the unit sees is not known
    with pytest.raises(Unsupported, match="layer 'maximum' is a maximum: its receptive field is not known"):
        receptive_field(graph, graph.output)


@pytest.mark.usefixtures("known")
def test_both_roads_give_the_same_picture(net: nn.Module) -> None:
    graph = trace(net, IMAGE[None])
    assert way_down(graph, "relu_1").by == "windows"
    asked = [Activation("relu_1", map_, 3, 2) for map_ in range(5)]
    by_windows = project(graph, IMAGE, asked)
    graph.ways["relu_1", "factor"] = Way("record")
    for one, other in zip(by_windows, project(graph, IMAGE, asked), strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert (one.window, one.box) == (other.window, other.box)
            assert_close(other.full(), one.full(), 1e-12)


# --- What every operation promises ------------------------------------------------------------------------------------------


def classes(of: type[Operation] = Operation) -> Iterator[type[Operation]]:
    yield of
    for one in of.__subclasses__():
        yield from classes(one)


OURS = sorted({one for one in classes() if one.__module__.startswith("reportgen")}, key=lambda one: one.__name__)
NAMED = [one for one in OURS if "kind" in vars(one)]  # the others are shapes of geometry


@pytest.mark.parametrize("by", ["windows", "record"])
@pytest.mark.parametrize("pooled", [False, True], ids=["strides", "max pool"])
def test_without_a_max_pool_a_unit_has_one_picture(pooled: bool, by: str) -> None:
    shrinks = nn.MaxPool2d(2) if pooled else nn.Conv2d(4, 4, 2, stride=2)
    moved = nn.Identity() if by == "windows" else nn.ChannelShuffle(2)
    net = initialised(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), shrinks, moved, nn.Conv2d(4, 4, 3), nn.ReLU()), 0)
    images = [random_image(3, 20, 20, seed=seed) for seed in (0, 1)]
    graph = trace(net, images[0][None])
    found = [project(graph, image, [Activation("5", 1, 2, 2)], seeds=[1.0])[0] for image in images]
    assert way_down(graph, "5") == Way(by, alike=not pooled)
    assert torch.equal(found[0].full(), found[1].full()) is not pooled


def test_a_function_of_the_signal_alone_leaves_a_unit_one_picture() -> None:
    for function, alike in ((nn.LeakyReLU(0.1), True), (nn.SiLU(), False)):
        net = initialised(nn.Sequential(nn.Conv2d(3, 4, 3), function, nn.Conv2d(4, 4, 3)), 0)
        assert way_down(trace(net, random_image(1, 3, 9, 9)), "2").alike is alike


@pytest.mark.parametrize("operation", NAMED, ids=lambda operation: operation.__name__)
def test_an_operation_has_all_that_a_road_asks_of_it(operation: type[Operation]) -> None:
    def has(method: str) -> bool:
        return getattr(operation, method) is not getattr(Operation, method)

    assert has("reads") or not has("down"), "a projection needs the receptive field"
    assert has("down") or not has("record"), "what is recorded is for the rule"
    assert has("changed") == has("windowed")
    assert has("changed") or not has("run"), "windows are computed where it is known which"
    assert operation.__doc__


def test_no_two_operations_are_called_the_same() -> None:
    assert len({operation.kind for operation in NAMED}) == len(NAMED)


def test_the_engines_compare_no_kinds() -> None:
    """Outside of ``operations`` no operation is asked what it is called, and no call in the words for it."""
    folder = Path(operations.__file__).parent.parent
    kinds, asked = {operation.kind for operation in NAMED}, []
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "kind":
                asked.append(f"{path.name}: {ast.unparse(node)}")
            assert not (isinstance(node, ast.Constant) and node.value in kinds), f"{path.name}: {ast.unparse(node)}"
    assert asked == ["nodes.py: self.operation.kind"]
