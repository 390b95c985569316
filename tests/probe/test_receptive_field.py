"""Receptive fields against touching every row and column of the image."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from oracles import box_by_perturbation
from probe_nets import Plan, RandomNet, paper_net, plans, relus
from runs import examples
from torch import Tensor, nn

from reportgen.probe import Unsupported, activations, receptive_field, trace


def positive(net: nn.Module) -> nn.Module:
    """Weights with which every pixel of a receptive field counts, and batch norms that do not rectify it away."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.weight.fill_(1 / module.weight[0].numel())
                if module.bias is not None:
                    module.bias.fill_(0.01)
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
                module.weight.fill_(1.0)
                module.bias.fill_(0.01)
    return net.eval()


def assert_boxes(net: nn.Module, image: Tensor, name: str, places: list[tuple[int, int]], holes: bool = False) -> None:
    graph = trace(net, image[None])
    field = receptive_field(graph, name)
    for row, column in places:
        touched = box_by_perturbation(lambda images: activations(graph, images, [name])[name], image, row, column)
        inside = field.inside(row, column)
        if holes:  # a filter may reach over the edge with a tap and not touch the pixels between
            if touched != (0, 0, 0, 0):
                assert all(edge <= at for edge, at in zip(inside[:2], touched[:2], strict=True))
                assert all(edge >= at for edge, at in zip(inside[2:], touched[2:], strict=True))
            continue
        assert inside == touched
        top, left, bottom, right = field.box(row, column)
        clipped = max(top, 0), max(left, 0), min(bottom, image.shape[1]), min(right, image.shape[2])
        # Where stride leaves pixels over at the far edge, the box counts them and no unit reads them.
        assert clipped[:2] == touched[:2]
        assert clipped[2] >= touched[2]
        assert clipped[3] >= touched[3]


@settings(max_examples=examples(25), deadline=None)
@given(plan=plans())
def test_equals_touching_pixels_on_random_nets(plan: Plan) -> None:
    # ReLU6 would stop at 6 what the touch raises; contrast normalisation lowers it with the others.
    blocks = tuple(("relu", None) if kind == "relu6" else (kind, drawn) for kind, drawn in plan.blocks if kind != "lrn")
    net = positive(RandomNet(blocks).double())
    image = plan.image().abs() + 0.5
    graph = trace(net, image[None])
    name = relus(graph)[-1]
    _, rows, columns = graph.shape(name)
    reaches_image = [(row, column) for row in {0, rows // 2, rows - 1} for column in {0, columns // 2, columns - 1}]
    field = receptive_field(graph, name)
    seen = [place for place in reaches_image if 0 not in field.inside(*place)[2:]]
    assert_boxes(net, image, name, seen, holes=any(map(leaves_holes, net.modules())))


def leaves_holes(module: nn.Module) -> bool:
    """Whether the module passes over rows between those that it reads."""
    sides = [getattr(module, name, 1) for name in ("kernel_size", "stride", "dilation")]
    kernel, stride, dilation = ((side, side) if isinstance(side, int) else side for side in sides)
    return max(dilation) > 1 or any(step > side for step, side in zip(stride, kernel, strict=True))


@pytest.mark.parametrize(
    ("layer", "size", "stride", "offset"),
    [("1", 7, 2, -1), ("5", 27, 8, -1), ("9", 75, 16, -17), ("11", 107, 16, -33), ("13", 139, 16, -49)],
)
def test_the_papers_net(layer: str, size: int, stride: int, offset: int) -> None:
    field = receptive_field(paper_net((2, 2, 2, 2, 2), 4, 3), layer, torch.zeros(1, 3, 224, 224))
    assert field.size == (size, size)
    assert field.stride == (stride, stride)
    assert field.offset == (offset, offset)
    assert field.box(3, 2) == (
        offset + 3 * stride,
        offset + 2 * stride,
        offset + 3 * stride + size,
        offset + 2 * stride + size,
    )


def test_the_papers_net_by_touching_pixels() -> None:
    net = positive(paper_net((2, 2, 2, 2, 2), 4, 3, side=64, normalise=False)).double()
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.5
    graph = trace(net, image[None])
    for layer in ("5", "13"):
        _, rows, columns = graph.shape(layer)
        assert_boxes(net, image, layer, [(0, 0), (rows // 2, columns // 3), (rows - 1, columns - 1)])


def test_a_fully_connected_layer_sees_the_whole_image() -> None:
    field = receptive_field(paper_net((2, 2, 2, 2, 2), 4, 3), "20", torch.zeros(1, 3, 224, 224))
    assert field.stride == (0, 0)
    assert field.inside(0, 0) == (0, 0, 224, 224)


def test_uneven_adaptive_pooling() -> None:
    net = nn.Sequential(nn.AdaptiveAvgPool2d((2, 3)))
    field = receptive_field(net, "0", torch.zeros(1, 1, 5, 7))
    boxes = [field.box(row, column) for row in range(2) for column in range(3)]
    assert boxes == [(0, 0, 3, 3), (0, 2, 3, 5), (0, 4, 3, 7), (2, 0, 5, 3), (2, 2, 5, 5), (2, 4, 5, 7)]


def test_refused_where_it_is_not_known() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GroupNorm(1, 2), nn.ReLU())
    with pytest.raises(Unsupported, match="layer '1' is a GroupNorm: its receptive field is not known"):
        receptive_field(net, "2", torch.zeros(1, 1, 8, 8))
    with pytest.raises(Unsupported, match=r"pass trace\(net, example\), or an example"):
        receptive_field(net, "0")


def test_through_other_pointwise_operations() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU(), nn.Conv2d(2, 2, 3))
    assert receptive_field(net, "2", torch.zeros(1, 1, 8, 8)).size == (5, 5)


@pytest.mark.real
def test_squeezenet(squeezenet: nn.Module, photographs: Callable[[int], Tensor]) -> None:
    image = photographs(1)[0].abs()[:, :64, :64] + 0.5
    net = positive(squeezenet.double())
    for layer in ("features.1", "features.4.expand3x3_activation"):
        assert_boxes(net, image.double(), layer, [(0, 0), (2, 3)])
