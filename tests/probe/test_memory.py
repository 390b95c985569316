"""A GPU whose memory holds less than a batch: faked by operations that refuse more images than a few."""

import gc
import logging
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from probe_nets import paper_net, relus
from small_nets import TINY
from torch import Tensor, nn

from reportgen.analyses.invariance import distances
from reportgen.analyses.sanity import analysis as sanity
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look import strongest as observed
from reportgen.look.inputs import Inputs
from reportgen.nets.training import loop as training
from reportgen.probe import Activation, deconvnet, memory, occlude, project, strongest, trace
from reportgen.probe import graph as graphs
from reportgen.probe.memory import by_batches, halved
from reportgen.settings.recipes import TrainingSettings

CPU = torch.device("cpu")
PREPROCESSING = Preprocessing(crop=Size.of(64), mean=(0.5, 0.5, 0.5), deviation=(0.25, 0.25, 0.25))


@pytest.fixture(autouse=True)
def not_said() -> None:
    memory._say.cache_clear()


def refuse(images: int, most: int) -> None:
    if images > most:
        raise torch.OutOfMemoryError(f"planted: no memory for {images} images")


def refusing(most: int, tried: list[int]):
    def function(images: int) -> int:
        tried.append(images)
        refuse(images, most)
        return images

    return function


def test_a_batch_is_halved_until_it_fits() -> None:
    tried: list[int] = []
    assert halved(refusing(10, tried), 64) == (8, 8)
    assert tried == [64, 32, 16, 8]


def test_a_batch_that_fits_is_left_alone() -> None:
    tried: list[int] = []
    assert halved(refusing(64, tried), 64) == (64, 64)
    assert tried == [64]


def test_one_image_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError, match="no memory for 1 images"):
        halved(refusing(0, []), 5)


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="something else"):
        halved(lambda most: (_ for _ in ()).throw(RuntimeError("something else")), 5)


def test_batches_stay_halved_and_in_order(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[int] = []

    def function(batch: Tensor) -> list[float]:
        tried.append(len(batch))
        refuse(len(batch), 3)
        return batch.tolist()

    with caplog.at_level(logging.WARNING):
        found = list(by_batches(function, torch.arange(23.0).split(8)))
    assert [value for part in found for value in part] == list(range(23))
    assert tried == [8, 4, 2, 2, 2, 2, *[2] * 4, *[2] * 3, 1]
    assert [record.message for record in caplog.records] == [
        "the GPU is out of memory: going on with smaller batches, which changes results only by rounding"
    ]


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return paper_net((8, 8, 8, 8, 8), 16, 3, side=64)


def small_memory(monkeypatch: pytest.MonkeyPatch, most: int, at: str = "") -> None:
    """Let the nodes of a graph refuse more images than `most`: from the start, or only those whose name begins so."""
    execute = graphs.Graph.execute

    def refusing(self, node, values, inputs=()):  # type: ignore[no-untyped-def]
        found = execute(self, node, values, inputs)
        if isinstance(found, Tensor) and found.dim() and node.name.startswith(at):
            refuse(len(found), most)
        return found

    monkeypatch.setattr(graphs.Graph, "execute", refusing)


@pytest.mark.parametrize("batch", [8, 7])
def test_the_search_finds_the_same(net: nn.Module, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory ends behind layer 1, whose maxima were merged already."""
    pixels = torch.randn(23, 3, 64, 64).mul(4).round()
    graph = trace(net, pixels)
    expected = strongest(graph, relus(graph), pixels.split(batch), 4)
    small_memory(monkeypatch, 3, at=graph.find(relus(graph)[2]).fx.name)
    found = strongest(graph, relus(graph), pixels.split(batch), 4)
    for layer in relus(graph):
        assert found[layer].images.tolist() == expected[layer].images.tolist()
        torch.testing.assert_close(found[layer].values, expected[layer].values)


def test_occlusion_finds_the_same(net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.randn(3, 64, 64)
    graph = trace(net, image[None])
    expected = occlude(graph, image, 16, 8, 0.0, [graph.output, relus(graph)[4]])
    small_memory(monkeypatch, 5)
    found = occlude(graph, image, 16, 8, 0.0, [graph.output, relus(graph)[4]])
    for name, values in expected.covered.items():
        torch.testing.assert_close(found.covered[name], values, rtol=1e-4, atol=1e-5)


def photographs(count: int, seed: int, where: Path | None = None) -> Split:
    """Noise with a tint that gives the class away; mapped from disk if a place is given."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    pixels = rng.integers(60, 140, (count, 68, 68, 3))
    pixels[np.arange(count), :, :, labels] += 60
    images = pixels.astype(np.uint8)
    if where is not None:
        np.save(where, images)
        images = np.load(where, mmap_mode="r")
    return Split(images, labels, tuple(f"{index}.png" for index in range(count)))


def inputs(images: Split, batch: int) -> Inputs:
    torch.manual_seed(0)
    net = paper_net((8, 8, 8, 8, 8), 16, 3, side=64)
    data = Dataset("noise", ("r", "g", "b"), "", images, images, images)
    return Inputs.of(net, PREPROCESSING, data, batch=batch)


def test_what_analyses_read_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = inputs(photographs(40, 0), batch=16)
    expected = observed.respond(opened)
    small_memory(monkeypatch, 6)
    found = observed.respond(opened)
    for number, values in expected.items():
        np.testing.assert_allclose(found[number], values, rtol=1e-5, atol=1e-6)


def test_moved_pictures_are_seen_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = inputs(photographs(10, 0), batch=16)
    pixels, labels = opened.data.test.images[:, :64, :64], opened.data.test.labels
    expected = distances.responses(opened, pixels, labels)
    small_memory(monkeypatch, 3)
    found = distances.responses(opened, pixels, labels)
    torch.testing.assert_close(found.first, expected.first)
    torch.testing.assert_close(found.top, expected.top)
    np.testing.assert_allclose(found.probability, expected.probability, rtol=1e-5)
    assert found.guess.tolist() == expected.guess.tolist()


def test_gradients_and_projections_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = inputs(photographs(10, 0), batch=16)
    layer = relus(opened.graph)[1]
    [images] = opened.batches(opened.data.val)
    units = np.array([[number % 8, 3, 4] for number in range(10)])
    of_one_image = [Activation(layer, *unit) for unit in units.tolist()]

    def pictures() -> tuple[np.ndarray, list[Tensor]]:
        projections = project(opened.graph, images[0], of_one_image, seeds=[1.0] * 10)
        assert None not in projections
        return (
            sanity.project_both(opened, opened.graph, layer, images, units)["gradient"],
            [projection.full() for projection in projections if projection is not None],
        )

    expected, down = pictures(), deconvnet._descend
    small_memory(monkeypatch, 3)
    monkeypatch.setattr(deconvnet, "_descend", lambda *given: (refuse(len(given[2]), 3), down(*given))[1])
    found = pictures()
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-6)
    for one, other in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(one, other)


class Hooks:
    """Refuses more images than `most` in a net's third layer, on the way up or down."""

    def __init__(self, most: int, way: str) -> None:
        self.most, self.way, self.seen = most, way, list[int]()

    def __call__(self, net: nn.Module) -> None:
        layer = net.get_submodule("layer3")
        if self.way == "forward":
            layer.register_forward_hook(lambda module, given, output: self.refuse(output))
        else:
            layer.register_full_backward_hook(lambda module, given, output: self.refuse(output[0]))

    def refuse(self, output: Tensor) -> None:
        if torch.is_grad_enabled() or self.way == "backward":
            self.seen.append(len(output))
        refuse(len(output), self.most)


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_training_goes_on_with_the_same_gradients(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    architecture = replace(TINY, input_size=64, classes=3)
    recipe = TrainingSettings(epochs=2, batch_size=16, dropout=0.0, early_snapshots=())
    splits = photographs(40, 0), photographs(20, 1)
    whole = training.train(training.Plan(architecture, *splits, PREPROCESSING, recipe, 0, CPU, tmp_path / "whole"))
    hooks = Hooks(5, way)
    resume = training._Run.resume

    def hooked(self):  # type: ignore[no-untyped-def]
        history = resume(self)
        hooks(self.net)
        return history

    monkeypatch.setattr(training._Run, "resume", hooked)
    halves = training.train(training.Plan(architecture, *splits, PREPROCESSING, recipe, 0, CPU, tmp_path / "halves"))
    assert hooks.seen[:6] == [16, 8, 4, 4, 4, 4]
    assert max(hooks.seen[6:]) == 4
    for one, other in zip(whole.epochs, halves.epochs, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-4)
        assert one.validation_loss == pytest.approx(other.validation_loss, rel=1e-4)


def test_evaluation_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, images = inputs(photographs(3, 0), 3), photographs(40, 1)
    expected = training.evaluate(opened.net, images, PREPROCESSING, CPU, batch=16)
    opened.net[0].register_forward_hook(lambda module, given, output: refuse(len(output), 5))
    found = training.evaluate(opened.net, images, PREPROCESSING, CPU, batch=16)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def tensors() -> int:
    """Bytes of all tensors that are alive."""
    alive = {item.untyped_storage().data_ptr(): item for item in gc.get_objects() if type(item) is Tensor}
    return sum(item.untyped_storage().nbytes() for item in alive.values())


def test_the_search_needs_no_more_memory_for_more_images(tmp_path: Path) -> None:
    """At its peak, images mapped from disk: tensors, counted at every batch, and what Python and numpy allocate."""

    def peaks(batches: int) -> tuple[int, int]:
        opened = inputs(photographs(16 * batches, 0, tmp_path / f"{batches}.npy"), batch=16)
        list(opened.layers)  # what is made once
        most = 0

        def counted() -> Iterator[Tensor]:
            nonlocal most
            for batch in opened.batches(opened.data.val):
                most = max(most, tensors())
                yield batch

        strongest(opened.graph, relus(opened.graph), counted())
        tracemalloc.start()  # in a search of its own: counting lists all objects of the process, megabytes beside other tests
        strongest(opened.graph, relus(opened.graph), opened.batches(opened.data.val))
        traced = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most, traced

    (few, traced_few), (many, traced_many) = peaks(3), peaks(12)
    batch = 16 * 64 * 64 * 3 * 4
    assert many <= few + batch  # the reader may be one batch ahead, or not yet
    assert traced_many < traced_few + batch
