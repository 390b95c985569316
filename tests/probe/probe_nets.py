"""Nets to try the probe on: the paper's, full-size and narrow, and random ones of many kinds."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

from reportgen.probe import Graph
from reportgen.probe.operations import Operation
from reportgen.probe.operations.activation import Rectifier
from reportgen.probe.operations.convolution import Convolution
from reportgen.probe.operations.linear import Linear


def paper_net(
    maps: tuple[int, ...] = (96, 256, 384, 384, 256),
    units: int = 4096,
    classes: int = 1000,
    side: int = 224,
    inplace: bool = False,
    normalise: bool = True,
    ceil_mode: bool = True,
) -> nn.Sequential:
    """The paper's net (figure 3), or a narrow one of the same plan; ReLUs at 1, 5, 9, 11, 13, 17, 20."""

    def between() -> list[nn.Module]:
        norm = nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2) if normalise else nn.Identity()
        return [nn.ReLU(inplace), nn.MaxPool2d(3, 2, ceil_mode=ceil_mode), norm]

    one, two, three, four, five = maps
    features = nn.Sequential(
        nn.Conv2d(3, one, 7, 2, padding=1), *between(), nn.Conv2d(one, two, 5, 2), *between(),
        nn.Conv2d(two, three, 3, padding=1), nn.ReLU(inplace), nn.Conv2d(three, four, 3, padding=1), nn.ReLU(inplace),
        nn.Conv2d(four, five, 3, padding=1), nn.ReLU(inplace), nn.MaxPool2d(3, 2),
        nn.Flatten(),
    )  # fmt: skip
    with torch.no_grad():
        flat = features(torch.zeros(1, 3, side, side)).shape[1]
    head = (nn.Linear(flat, units), nn.ReLU(inplace), nn.Dropout(), nn.Linear(units, units), nn.ReLU(inplace))
    net = nn.Sequential(*features, *head, nn.Dropout(), nn.Linear(units, classes))
    return initialised(net)


def named(graph: Graph, operation: type[Operation]) -> list[str]:
    """The names of a net's nodes of one operation, in the order of execution."""
    return [node.name for node in graph.nodes.values() if isinstance(node.operation, operation)]


def relus(graph: Graph) -> list[str]:
    """The ReLUs: modules, functions and methods."""
    return named(graph, Rectifier)


def convs(graph: Graph) -> list[str]:
    """The two-dimensional convolutions."""
    return named(graph, Convolution)


def linears(graph: Graph) -> list[str]:
    """The linear layers."""
    return named(graph, Linear)


def initialised(net: nn.Module, seed: int = 0) -> nn.Module:
    """Give a net weights under which about half of all units are active, and batch norms statistics of their own."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.normal_(0, 0.1, generator=generator)
            if isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
                module.weight.normal_(0, 1, generator=generator)
                module.bias.normal_(0, 0.2, generator=generator)
                module.running_mean.normal_(0, 0.2, generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
    return net.eval()


# --- Random nets: a list of blocks, each a dictionary of what was drawn ---------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """A random net: its blocks, the seed of its weights, and the size of its image."""

    blocks: tuple[tuple[str, Any], ...]
    seed: int
    rows: int
    columns: int

    def image(self, images: int | None = None) -> Tensor:
        """A random image (or several) in double precision, so that every comparison can be sharp."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        pixels = torch.randn(images or 1, 3, self.rows, self.columns, generator=generator, dtype=torch.float64)
        return pixels if images else pixels[0]

    def net(self) -> "RandomNet":
        """The net, in eval mode and double precision."""
        return initialised(RandomNet(self.blocks).double(), self.seed)


class RandomNet(nn.Module):
    """Runs the blocks in order; what would leave no pixels is passed over."""

    def __init__(self, blocks: tuple[tuple[str, Any], ...]) -> None:
        super().__init__()
        self.blocks = blocks
        self.parts = nn.ModuleList()
        self.relu = nn.ReLU()  # called again and again
        self.maps = 3
        for kind, drawn in blocks:
            self.parts.append(self._part(kind, drawn))

    def _part(self, kind: str, drawn: Any) -> nn.Module:
        maps = self.maps
        if kind == "conv":
            self.maps = drawn["maps"]
            groups = maps if drawn["grouped"] and self.maps % maps == 0 else 1
            geometry = {name: drawn[name] for name in ("stride", "padding", "dilation")}
            return nn.Conv2d(maps, self.maps, drawn["kernel"], groups=groups, bias=drawn["bias"], **geometry)
        if kind == "residual":
            inner = (nn.Conv2d(maps, maps, 3, padding=1), nn.ReLU(), nn.Conv2d(maps, maps, 3, padding=1))
            return nn.Sequential(*inner)
        if kind == "concat":
            self.maps = 2 * maps
            return nn.Sequential(nn.Conv2d(maps, maps, 1), nn.ReLU())
        if kind == "norm":
            return nn.BatchNorm2d(maps)
        if kind == "lrn":
            return nn.LocalResponseNorm(3, alpha=0.5)
        if kind == "max_pool":
            return nn.MaxPool2d(**drawn)
        if kind == "avg_pool":
            return nn.AvgPool2d(**drawn)
        if kind == "adaptive":
            return nn.AdaptiveAvgPool2d(drawn)
        modules = {
            "relu": nn.ReLU(),
            "relu_inplace": nn.ReLU(inplace=True),
            "relu6": nn.ReLU6(),
            "dropout": nn.Dropout(),
        }
        return modules.get(kind, nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        for (kind, drawn), part in zip(self.blocks, self.parts, strict=True):
            if kind == "reused_relu":
                x = self.relu(x)
            elif kind == "functional_relu":
                x = F.relu(x) if drawn else x.relu()
            elif kind == "residual":
                x = F.relu_(part(x) + x) if drawn else part(F.relu(x)) + x  # after the sum, or pre-activation
            elif kind == "concat":
                x = torch.cat([part(x), x] if drawn else [F.max_pool2d(x, 3, 1, 1), x], dim=1)
            elif kind == "pad":
                x = F.pad(x, drawn)
            else:
                x = part(x)
        return x


_GEOMETRY = {"stride": st.integers(1, 3), "padding": st.integers(0, 2)}
_CONV = st.fixed_dictionaries(
    {
        "maps": st.sampled_from([2, 3, 4, 6]),
        "kernel": st.one_of(st.integers(1, 4), st.tuples(st.integers(1, 3), st.integers(1, 4))),
        "dilation": st.integers(1, 2),
        "grouped": st.booleans(),
        "bias": st.booleans(),
        **_GEOMETRY,
    }
)


@st.composite
def _pools(draw: st.DrawFn) -> dict[str, Any]:
    kernel = draw(st.integers(2, 3))
    return {
        "kernel_size": kernel,
        "stride": draw(st.integers(1, 3)),
        "padding": draw(st.integers(0, kernel // 2)),
        "ceil_mode": draw(st.booleans()),
    }


@st.composite
def _avg_pools(draw: st.DrawFn) -> dict[str, Any]:
    return {
        **draw(_pools()),
        "count_include_pad": draw(st.booleans()),
        "divisor_override": draw(st.sampled_from([None, 3])),
    }


_BLOCKS = st.one_of(
    st.tuples(st.just("conv"), _CONV),
    st.tuples(st.sampled_from(["relu", "relu_inplace", "relu6", "reused_relu", "norm", "lrn", "dropout"]), st.none()),
    st.tuples(st.sampled_from(["functional_relu", "residual", "concat"]), st.booleans()),
    st.tuples(st.just("max_pool"), _pools()),
    st.tuples(st.just("avg_pool"), _avg_pools()),
    st.tuples(st.just("adaptive"), st.integers(1, 4)),
    st.tuples(st.just("pad"), st.tuples(*[st.integers(0, 2)] * 4)),
)


@st.composite
def plans(draw: st.DrawFn, blocks: st.SearchStrategy = _BLOCKS) -> Plan:
    """Random nets that leave some pixels of their image, begin with a convolution and end in a rectified map."""
    rows, columns = draw(st.integers(9, 24)), draw(st.integers(9, 24))
    chosen = [("conv", draw(_CONV)), *draw(st.lists(blocks, min_size=1, max_size=6)), ("relu", None)]
    plan = Plan((), draw(st.integers(0, 2**16)), rows, columns)
    kept: list[tuple[str, Any]] = []
    for block in chosen:
        try:
            with torch.no_grad():
                Plan((*kept, block), 0, rows, columns).net()(plan.image()[None])
        except RuntimeError:  # too little is left of the image for this block
            continue
        kept.append(block)
    return Plan(tuple(kept), plan.seed, rows, columns)
