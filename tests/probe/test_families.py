"""Every family of nets against slow roads to the same numbers: projections, occlusion, the strongest activations.

Random weights, images of odd sizes, squares at borders and corners, batches that do not divide the images.
"""

import pytest
import torch
from agreement import (
    assert_close,
    assert_equals_backward,
    assert_equals_sorting,
    computing,
    errors_against_captum,
    in_batches,
    random_image,
    units,
)
from families import FAMILIES, LATER, NAMES, Family
from frozen_oracle import frozen_projections
from oracles import covered_one_by_one, forward_with_hooks
from probe_nets import relus
from torch import nn

from reportgen.probe import Activation, activations, occlude, project, strongest, trace
from reportgen.probe.ways import Way, way_down

GATED = ("mobilenet_v3_small", "regnet")  # as efficientnet is, which is quicker
SQUARE, STRIDE = 9, 31  # pixels; the last square along each axis is flush with the edge


# --- Projections ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_projections_equal_a_full_backward_pass(name: str) -> None:
    family = FAMILIES[name]
    net = family.make().double()
    image = random_image(3, family.rows, family.columns, dtype=torch.float64)
    layers = [*family.modules, relus(trace(net, image[None]))[-1]]
    assert assert_equals_backward(net, image, layers, 1e-9, every=3) > len(family.modules)


@pytest.mark.parametrize("name", NAMES)
def test_projections_equal_captums_where_its_rules_are_the_papers(name: str) -> None:
    family = FAMILIES[name]
    net = family.make().double()
    for module in net.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    image = random_image(3, family.rows, family.columns, dtype=torch.float64)
    worst = max(errors_against_captum(net, image, list(family.modules), every=4))
    assert worst < 1e-9 if family.captum else worst > 1e-2


# --- Occlusion ------------------------------------------------------------------------------------------------------------


def assert_covers_as_one_by_one(family: Family, shares: tuple[float, ...]) -> str:
    """Compare the net's output and the modules'; returns what was said of whole maps."""
    net, image = family.make(), random_image(3, family.rows, family.columns)
    fill = torch.tensor([0.3, -0.2, 0.1])
    graph = trace(net, image[None])
    outputs = [graph.output, *family.modules]
    runs = [occlude(graph, image, SQUARE, STRIDE, fill, outputs)]
    for share in shares:
        with computing(share, batch=5):
            runs.append(occlude(graph, image, SQUARE, STRIDE, fill, outputs))
    assert runs[0].tops[-1] - runs[0].tops[-2] != STRIDE
    places = torch.cartesian_prod(runs[0].tops, runs[0].lefts).tolist()
    expected = covered_one_by_one(forward_with_hooks(net, ["", *family.modules]), image, SQUARE, places, fill)
    for found in runs:
        for layer, module in zip(outputs, ["", *family.modules], strict=True):
            assert expected[module].std(0).max() > 0, "the square changes nothing"
            assert_close(found.covered[layer].flatten(0, 1), expected[module], 1e-4)
    return runs[0].whole


@pytest.mark.parametrize("name", NAMES)
def test_occlusion_equals_covering_one_by_one(name: str) -> None:
    assert assert_covers_as_one_by_one(FAMILIES[name], shares=(1.0, 0.5)) == ""


# --- The strongest activations --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_strongest_nine_equal_sorting_everything(name: str) -> None:
    family = FAMILIES[name]
    net, images = family.make(), random_image(11, 3, family.rows, family.columns)
    forward = forward_with_hooks(net, family.modules)
    outputs = [forward(batch) for batch in in_batches(images, 4)]
    found = strongest(net, family.modules, in_batches(images, 4))
    for module in family.modules:
        assert_equals_sorting(found[module], torch.cat([output[module] for output in outputs]), 9)


# --- Operations of later years -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LATER)
def test_projections_equal_freezing_the_factors(name: str) -> None:
    family = LATER[name]
    net, image = family.make().double(), random_image(3, family.rows, family.columns, dtype=torch.float64)
    graph = trace(net, image[None])
    for module in family.modules:
        chosen = units(activations(graph, image[None], [module])[module][0])[::3]
        found = project(graph, image, [Activation(module, *unit) for unit in chosen])
        expected = frozen_projections(net, module, image, chosen)
        assert chosen
        for one, other in zip(found, expected, strict=True):
            assert one is not None
            assert_close(one.full(), other, 1e-9)
    assert way_down(graph, family.modules[-1]) == Way("record", family.through)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in GATED else name for name in LATER]
)
def test_what_is_projected_through_the_record_is_covered_and_ranked_all_the_same(name: str) -> None:
    family = LATER[name]
    said = assert_covers_as_one_by_one(family, shares=(1.0,))
    assert said.startswith(f"there is no rule for windows of {family.whole} (")
    net, images = family.make(), random_image(5, 3, family.rows, family.columns)
    expected = forward_with_hooks(net, family.modules)(images)
    found = activations(net, images, family.modules)
    ranked = strongest(net, family.modules, [images], 2)
    for module in family.modules:
        assert_close(found[module], expected[module], 1e-6)
        assert_equals_sorting(ranked[module], expected[module], 2)
