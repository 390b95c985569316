"""Randomising a net below its units: what must not change, what must, and what is said of it."""

import numpy as np
import pytest
import scipy.stats
import torch
from torch import nn

from reportgen import probe
from reportgen.analyses.sanity import analysis as sanity
from reportgen.analyses.sanity import randomised
from reportgen.analyses.sanity.analysis import Settings, Start
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs

SIDE = 24
EXAMPLE = torch.zeros(1, 3, SIDE, SIDE)


def inputs_of(net: nn.Module, count: int = 8, order: str = "RGB") -> Inputs:
    images = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)
    split = Split(images, np.arange(count) % 2, tuple(f"{index}.png" for index in range(count)))
    data = Dataset("noise", ("even", "odd"), "", split, split, split)
    return Inputs.of(net, Preprocessing(Size.of(SIDE), order=order), data, batch=5)  # type: ignore[arg-type]


def chain(*widths: int, seed: int = 0, kernel: int = 3) -> nn.Sequential:
    """Rectified convolutions, a pool after the first, and a classifier; positive biases keep units alive."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for place, (below, above) in enumerate(zip((3, *widths), widths, strict=False)):
        layers += [nn.Conv2d(below, above, kernel), nn.ReLU()]
        nn.init.constant_(layers[-2].bias, 0.1)  # type: ignore[arg-type]
        if place == 0:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], 2))


def found_in(net: nn.Module, **settings: int) -> sanity.Result:
    return sanity.compute(inputs_of(net), Settings(**settings), np.random.default_rng(0))


@pytest.fixture(scope="module")
def of_five() -> sanity.Result:
    """What is found in a net of five layers."""
    return found_in(chain(4, 5, 6, 5, 4), units=4, examples=3)


def test_with_nothing_randomised_every_picture_is_exactly_itself(of_five: sanity.Result) -> None:
    found = of_five
    assert list(found.starts) == ["layer2", "layer3", "layer4", "layer5"]
    for start in found.starts.values():
        for method in sanity.METHODS:
            curves = getattr(start, method)
            for measure in (curves.rank, curves.magnitude_rank, curves.structure):
                assert measure.shape == (start.number + 1, len(start.units))
                assert (measure[0] == 1.0).all()
                assert (measure[1:] < 1.0).any()


def test_units_are_taken_at_their_strongest(of_five: sanity.Result) -> None:
    inputs = inputs_of(chain(4, 5, 6, 5, 4))
    for layer in inputs.layers[1:5]:
        units = of_five.starts[f"layer{layer.number}"].units
        outputs = torch.cat(
            [probe.activations(inputs.net, batch, [layer.map])[layer.map] for batch in inputs.batches(inputs.data.val)]
        )
        for image, (map_, row, column) in zip(units.images, units.places, strict=True):
            assert outputs[image, map_, row, column] == outputs[:, map_].max() > 0


def test_the_net_is_copied_and_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not again for each layer from which it is randomised: following a net takes as long as dozens of its forward passes."""
    copies: list[nn.Module] = []
    copy_of = sanity.copy_of
    monkeypatch.setattr(sanity, "copy_of", lambda net, *rest: copies.append(net) or copy_of(net, *rest))
    assert len(found_in(chain(4, 5, 6), units=2).starts) == 2
    assert len(copies) == 1


def test_what_does_not_depend_on_a_layers_weights_keeps_its_picture() -> None:
    """Layer 2 reads one map with positive weights: whichever it has, its units paint layer 1's filters just the same."""
    net = chain(1, 4, kernel=1)
    with torch.no_grad():
        net[3].weight.copy_(torch.tensor([0.5, 1.0, 2.0, 3.0])[:, None, None, None])
    start = found_in(net, units=4).starts["layer2"]
    for curves in (start.deconvnet, start.gradient):
        assert (curves.rank[:2] > 1 - 1e-9).all()
        assert (curves.structure[:2] > 0.999).all()  # drawn at equal contrast, to a rounding
        assert (curves.rank[2] < 0.99).all()  # layer 1's filters themselves are another matter
    for other in (start.deconvnet_other, start.gradient_other):
        assert (other.rank > 1 - 1e-9).all()  # and so of any other unit


def test_a_net_of_one_layer_shows_its_shuffled_filter() -> None:
    """Its projection is the filter itself: after shuffling, entries of the same layer in another order."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    inputs = inputs_of(net)
    found = sanity.compute(inputs, Settings(units=5), np.random.default_rng(0))
    assert list(found.starts) == ["layer1"]
    start = found.starts["layer1"]
    layers = [layer for layer in inputs.layers if layer.kind == "convolution"]
    copied = randomised.copy_of(net, EXAMPLE)
    pictures = sanity.cascade(inputs, copied, layers, start.units, np.random.default_rng(3))
    filters = net[0].weight.detach().numpy()
    for unit, (map_, row, column) in enumerate(start.units.places):
        for method in sanity.METHODS:
            before, after = pictures[method][:, unit, row : row + 5, column : column + 5]
            np.testing.assert_allclose(before, filters[map_].transpose(1, 2, 0), atol=1e-6)
            assert np.isin(after.round(5), filters.round(5)).all()
            assert not np.allclose(before, after)
            assert np.count_nonzero(pictures[method][1, unit]) == 75
    compared = sanity._compared(inputs, layers[0], start.units, pictures)
    expected = scipy.stats.spearmanr(
        *(pictures["deconvnet"][step, 0, row0 : row0 + 5, col0 : col0 + 5].ravel() for step in (0, 1)
          for row0, col0 in [start.units.places[0, 1:]])
    ).statistic  # fmt: skip
    assert compared.deconvnet.rank[1, 0] == pytest.approx(expected)
    assert compared.gradient.rank[1, 0] == pytest.approx(expected)


def test_each_step_randomises_one_layer_more_and_keeps_those_before() -> None:
    """The cascade's pictures are those of nets whose layers were shuffled by hand, with the same draws."""
    net = chain(4, 5, 6)
    inputs = inputs_of(net)
    found = sanity.compute(inputs, Settings(units=2), np.random.default_rng(0))
    units = found.starts["layer3"].units
    layers = [layer for layer in inputs.layers if layer.kind == "convolution"]
    copied = randomised.copy_of(net, EXAMPLE)
    pictures = sanity.cascade(inputs, copied, layers, units, np.random.default_rng(7))
    for own, trained in zip(copied.module.parameters(), net.parameters(), strict=True):
        assert torch.equal(own, trained)  # the next layer begins with the trained net
    rng = np.random.default_rng(7)
    rng.integers(1, 6, len(units))  # which other units are shown
    by_hand = chain(4, 5, 6).eval()
    image = next(inputs.batches(inputs.data.val, units.images[:1]))[0]
    for step, conv in enumerate((None, by_hand[5], by_hand[3], by_hand[0])):
        if conv is not None:
            randomised.shuffle([conv.weight, conv.bias], rng)
        unit = probe.Activation(layers[-1].map, *(int(part) for part in units.places[0]))
        [projection] = probe.project(by_hand, image, [unit], seeds=[1.0])
        assert projection is not None
        np.testing.assert_allclose(
            pictures["deconvnet"][step, 0], projection.full().permute(1, 2, 0).numpy(), atol=1e-6
        )


def test_the_comparison_is_with_another_unit_at_the_same_place(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    project_both = sanity.project_both

    def noted(inputs: Inputs, graph: probe.Graph, layer: str, images: torch.Tensor, places: np.ndarray):
        seen.append(places)
        return project_both(inputs, graph, layer, images, places)

    monkeypatch.setattr(sanity, "project_both", noted)
    found = found_in(chain(4, 5), units=4)
    others, own = seen[0], seen[1]
    np.testing.assert_array_equal(own, found.starts["layer2"].units.places)
    np.testing.assert_array_equal(others[:, 1:], own[:, 1:])
    assert (others[:, 0] != own[:, 0]).all()
    assert others[:, 0].max() < 5
    assert all(np.array_equal(places, own) for places in seen[1:])


def test_a_net_that_reads_bgr_is_shown_in_rgb() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[:, 2] = 1.0  # the last channel of BGR is red
    inputs = inputs_of(net, order="BGR")
    found = sanity.compute(inputs, Settings(units=2), np.random.default_rng(0))
    units = found.starts["layer1"].units
    pictures = sanity.project_both(
        inputs, inputs.graph, "1", next(inputs.batches(inputs.data.val, units.images)), units.places
    )  # fmt: skip
    for method in sanity.METHODS:
        assert pictures[method][..., 0].any()
        assert not pictures[method][..., 1:].any()


def test_a_net_that_never_responds_has_nothing_to_show() -> None:
    net = chain(4, 5)
    with torch.no_grad():
        net[3].weight.zero_()
        net[3].bias.fill_(-1)
    found = found_in(net)
    assert found.starts == {}
    assert sanity.figures(found) == {}
    assert sanity.numbers(found)["layers"] == []
    assert sanity.numbers(found)["belief"] is None
    assert sanity.judge(found, np.random.default_rng(0)) == []


@pytest.mark.parametrize(
    ("own", "everything", "believed"),
    [(0.86, 0.3, (False, False)), (0.8, 0.1, (False, True)), (0.4, 0.15, (True, False)), (0.4, 0.1, (True, True))],
)
def test_pictures_are_believed_by_what_randomising_does_to_them(
    own: float, everything: float, believed: tuple[bool, bool]
) -> None:
    layer = {"number": 5, "deconvnet": {"rank": [1.0, own, 0.7, everything]}, "deconvnet_other": {"rank": [0.86, 0.2]}}
    found = sanity._belief(layer)
    assert (found["of_the_unit"], found["of_the_net"]) == believed
    assert (found["layer"], found["own"], found["all"], found["other"]) == (5, own, everything, 0.86)


def test_a_unit_that_falls_silent_is_shown_all_the_same() -> None:
    """Its layer's weights are all negative but its own: shuffled, it never responds, and its picture is still there."""
    net = chain(3, 4, kernel=1)
    with torch.no_grad():
        net[3].weight.fill_(-1.0)
        net[3].weight[0] = 1.0
        net[3].bias.zero_()
    start = found_in(net, units=2).starts["layer2"]
    assert start.units.maps.tolist() == [0]
    assert np.isfinite(start.deconvnet.rank).all()
    assert np.isfinite(start.gradient.structure).all()


def test_the_figures_name_every_layer_and_method(of_five: sanity.Result) -> None:
    found = of_five
    figures = sanity.figures(found)
    grid = figures["deconvnet"]
    assert grid.columns == 1 + 6
    assert len(grid.images) == 3 * 7
    assert len(grid.row_titles) == 3
    below = ("random 5", "random 5–4", "random 5–3", "random 5–2", "random 5–1")
    assert grid.titles == 3 * ("image", "trained", *below)
    chart = figures["rank"]
    assert [panel.title for panel in chart.panels] == [f"from layer {number} down" for number in (2, 3, 4, 5)]
    for panel, start in zip(chart.panels, found.starts.values(), strict=True):
        named = {series.name: series for series in panel.series}
        assert list(named) == ["deconvnet", "deconvnet, another unit", "gradient", "gradient, another unit"]
        np.testing.assert_allclose(named["deconvnet"].y, start.deconvnet.rank.mean(axis=1))
        np.testing.assert_allclose(named["gradient"].low, np.percentile(start.gradient.rank, 25, axis=1))
        np.testing.assert_allclose(named["gradient, another unit"].y, start.gradient_other.rank.mean())
    assert [row[:2] for row in figures["table"].rows[-2:]] == [("5", "deconvnet"), ("5", "gradient")]
    assert len(figures["table"].rows) == 4 * 2
    last: Start = found.starts["layer5"]
    own, every, other = (
        sanity._hundredths(value)
        for value in (last.deconvnet.rank[1].mean(), last.deconvnet.rank[-1].mean(), last.deconvnet_other.rank.mean())
    )
    assert figures["table"].rows[-2][2] == f"{own}, {every} ({other})"


@pytest.mark.parametrize(("value", "text"), [(0.126, "0.13"), (-0.126, "−0.13"), (-0.001, "0.00"), (1.0, "1.00")])
def test_hundredths_have_a_true_minus_and_none_before_zero(value: float, text: str) -> None:
    assert sanity._hundredths(value) == text
