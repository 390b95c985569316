"""Which windows change with a square, and how they are grouped."""

import pytest
import torch
from probe_nets import paper_net
from torch import Tensor, nn

from reportgen.probe import activations, occlude, occlude_at, trace, windows
from reportgen.probe.graph import Graph
from reportgen.probe.occlusion import positions
from reportgen.probe.spans import Span
from reportgen.probe.windows import Plan


def grid(rows: int, columns: int, size: int, stride: int) -> Tensor:
    tops, lefts = (torch.tensor(positions(length, size, stride)) for length in (rows, columns))
    return torch.cartesian_prod(tops, lefts)


def planned(graph: Graph, corners: Tensor, size: int) -> Plan:
    return windows.plan(graph, list(graph.nodes.values()), corners, size)


def positive_net() -> nn.Sequential:
    """A net in which to raise a pixel raises all that depends on it."""
    net = nn.Sequential(
        nn.Conv2d(1, 2, (5, 3), stride=(2, 1), padding=(1, 2)), nn.ReLU(),
        nn.MaxPool2d(3, 2, padding=1, ceil_mode=True),
        nn.Conv2d(2, 2, 3, padding="same", dilation=2), nn.AvgPool2d(2, 1, padding=1), nn.Conv2d(2, 1, 2),
    )  # fmt: skip
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    return net.double()


@pytest.mark.parametrize("size", [1, 4, 9])
def test_spans_are_what_changes_and_no_more(size: int) -> None:
    net, image = positive_net(), torch.ones(1, 41, 29, dtype=torch.float64)
    graph, corners = trace(net, image[None]), grid(41, 29, size, 5)
    spans = windows.changed(graph, list(graph.nodes.values()), Span(corners, corners + size - 1))
    for index, (top, left) in enumerate(corners.tolist()):
        raised = image.clone()
        raised[:, top : top + size, left : left + size] = 1e3
        for name, span in spans.items():
            clean, changed = (activations(graph, one[None], [name])[name][0, 0] for one in (image, raised))
            at = (clean != changed).nonzero()
            assert at.amin(0).tolist() == span.first[index].tolist()
            assert at.amax(0).tolist() == span.last[index].tolist()


def test_a_stride_that_passes_over_the_square() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1, stride=3))
    graph = trace(net, torch.ones(1, 1, 8, 8))
    corners = torch.tensor([[1, 2], [7, 3]])
    found = windows.changed(graph, list(graph.nodes.values()), Span(corners, corners))["0"]
    assert (found.first == found.last).all()
    assert ((found.first >= 0) & (found.first <= 2)).all()


def test_windows_of_a_group_have_one_size_and_hold_what_changes() -> None:
    graph = trace(paper_net((6, 8, 8, 8, 6), 10, 5, side=101), torch.ones(1, 3, 101, 101))
    corners = grid(101, 101, 16, 5)
    plan = planned(graph, corners, 16)
    spans = windows.changed(graph, plan.windowed, Span(corners, corners + 15))
    groups = plan.groups()
    assert 1 < len(groups.unique()) <= 36
    for group in groups.unique():
        squares = (groups == group).nonzero().flatten()
        for node in plan.windowed:
            frame, span = plan.frames(squares)[node.name], spans[node.name]
            assert len((frame.last - frame.first).unique(dim=0)) == 1
            assert (frame.first <= span.first[squares]).all()
            assert (frame.last >= span.last[squares]).all()
            assert (frame.first >= 0).all()
            assert (frame.last < torch.tensor(node.shape[1:])).all()


def multiply_adds(plan: Plan, sizes: dict[str, Tensor]) -> float:
    """Of the convolutions, for a square on average."""
    return sum(
        node.operation.settings["weight"]().numel()
        * float(sizes[node.name].gather(0, plan.units).prod(1).double().mean())
        for node in plan.windowed
        if node.kind == "conv2d"
    )


def test_groups_save_what_windows_at_the_border_save(full_net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    graph, corners = trace(full_net, torch.ones(1, 3, 224, 224)), grid(224, 224, 32, 8)
    plan = planned(graph, corners, 32)
    exact = {name: span.last - span.first + 1 for name, span in plan.spans.items()}
    grouped = multiply_adds(plan, plan.sizes)
    monkeypatch.setattr(windows, "_MOST_CLASSES", 1)
    at_once = planned(graph, corners, 32)
    assert grouped < 1.07 * multiply_adds(plan, exact)
    assert multiply_adds(at_once, at_once.sizes) > 1.3 * multiply_adds(plan, exact)


@pytest.mark.parametrize(
    ("size", "last"),
    [(32, "14"), (224, "input_1")],  # the last pooling; nothing but the image
)
def test_windows_are_computed_as_long_as_they_pay(full_net: nn.Module, size: int, last: str) -> None:
    graph = trace(full_net, torch.ones(1, 3, 224, 224))
    plan = planned(graph, grid(224, 224, size, 8), size)
    assert plan.windowed[-1].name == last
    assert {node.name for node in (*plan.windowed, *plan.entire)} == set(graph.nodes)


def test_locations() -> None:
    frame = Span(torch.tensor([[-1, 0], [1, 1]]), torch.tensor([[0, 2], [2, 3]]))  # windows of 2 x 3 in a map of 2 x 3
    assert windows.locations(frame, (9, 2, 3)).tolist() == [[[0, 0, 0], [1, 2, 3]], [[5, 6, 0], [0, 0, 0]]]
    patch = Span(torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0, 2], [1, 1]]))  # behind the seventh: 1 x 2 each
    found = windows.locations(frame, (9, 2, 3), patch).tolist()
    assert found == [[[0, 0, 0], [1, 7, 8]], [[10, 6, 0], [0, 0, 0]]]


def test_one_grid_of_squares_is_planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Occlusion slides the same squares over a hundred images, and planning takes as long as a forward pass."""
    sizes: list[int] = []
    plan = windows.plan
    monkeypatch.setattr(windows, "plan", lambda *given: sizes.append(given[3]) or plan(*given))
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 2, 3))
    graph, output = trace(net, torch.zeros(1, 3, 64, 64)), "3"
    for image in torch.rand(3, 3, 64, 64):
        occlude(graph, image, 16, 16, 0.5, [output])
    assert sizes == [16]
    places = [(0, 0), (5, 9)]
    found = occlude_at(graph, image, places, 16, 0.5, [output])  # other squares of this size
    assert len(sizes) == 2
    covered = image.clone()
    covered[:, 5:21, 9:25] = 0.5
    expected = activations(graph, covered[None], [output])[output][0].clamp(min=0).sum((1, 2))
    torch.testing.assert_close(found.covered[output][1], expected)
    occlude_at(graph, image, places, 8, 0.5, [output])
    occlude_at(graph, image, places, 16, 0.5, ["1"])
    assert len(sizes) == 4
