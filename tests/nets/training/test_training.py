"""Training: each rule against its formula."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import safetensors.torch
import torch
from small_nets import TINY
from small_trainings import (
    CPU,
    NET,
    PREPROCESSING,
    QUICK,
    SETTINGS,
    TRAINING,
    VALIDATION,
    Images,
    contents,
    planned,
    run,
)
from torch import distributed, nn

from reportgen.base.errors import UserError
from reportgen.data.reading import one_ahead
from reportgen.nets.snapshots import load_net, save_net, snapshot_path, snapshots
from reportgen.nets.training import loop as training
from reportgen.nets.training import targets
from reportgen.nets.training.batches import Batches
from reportgen.nets.training.gradients import FELT_OUT, Gradients
from reportgen.nets.training.loop import History, clip_filters, evaluate, generator_for, input_preprocessing, train
from reportgen.nets.world import World
from reportgen.nets.zfnet import ZFNet, initialise
from reportgen.settings.recipes import PAPER_RECIPE


def mean_loss(logits: np.ndarray) -> float:
    """Of the validation images."""
    true = torch.from_numpy(np.array(VALIDATION.labels, dtype=np.int64))
    return targets.loss(torch.from_numpy(logits).double(), true).item() / len(true)


def test_snapshots_are_kept_and_explain_themselves(trained):
    kept = snapshots(trained["default"])
    assert list(kept) == [0, 0.5, 1, 2, 3]
    assert [path.name for path in kept.values()][:3] == [
        "epoch-000.safetensors",
        "epoch-000.5.safetensors",
        "epoch-001.safetensors",
    ]
    net, preprocessing = load_net(kept[3])
    assert preprocessing == PREPROCESSING
    assert net.architecture == replace(NET, dropout=0.5)
    logits = evaluate(net, VALIDATION, preprocessing, CPU)
    history = json.loads((trained["default"] / "history.json").read_text())
    assert (logits.argmax(1) == VALIDATION.labels).mean() == history["epochs"][-1]["validation_accuracy"]
    checkpoint = torch.load(trained["default"] / training.CHECKPOINT, weights_only=True)
    assert all(torch.equal(weights, checkpoint["net"][name]) for name, weights in net.state_dict().items())


def test_the_untrained_snapshot_is_the_net_before_its_first_step(trained):
    net, _ = load_net(snapshots(trained["paper"])[0])
    fresh = ZFNet(NET)
    generator = generator_for(0, "initial weights")
    torch.randperm(40, generator=generator)
    initialise(fresh, "paper", generator)
    assert all(torch.equal(weights, fresh.state_dict()[name]) for name, weights in net.state_dict().items())


def test_a_snapshot_in_the_middle_of_an_epoch_is_the_net_of_that_step(tmp_path, monkeypatch):
    seen = []
    original = training.clip_filters

    def clip(net, radius):
        seen.append(net.layer8.linear.weight.detach().clone())
        return original(net, radius)

    monkeypatch.setattr(training, "clip_filters", clip)
    run(tmp_path, replace(QUICK, epochs=1, early_snapshots=(0.7,)))
    assert len(seen) == 3
    assert torch.equal(safetensors.torch.load_file(snapshot_path(tmp_path, 0.7))["layer8.linear.weight"], seen[1])


def test_a_file_that_is_no_net_of_ours_is_refused(tmp_path):
    safetensors.torch.save_file({"weight": torch.zeros(1)}, tmp_path / "net.safetensors")
    with pytest.raises(UserError, match=r"net\.safetensors does not say which net it holds"):
        load_net(tmp_path / "net.safetensors")


def test_the_same_net_is_the_same_bytes(tmp_path):
    net = ZFNet(TINY)
    save_net(net, PREPROCESSING, tmp_path / "one")
    save_net(net.to(memory_format=torch.channels_last), PREPROCESSING, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("crops", [True, False])
def test_it_learns(tmp_path, crops):
    history = run(tmp_path, replace(QUICK, epochs=6, batch_size=8, dropout=0.0, crops=crops))
    assert history.epochs[-1].validation_accuracy >= 0.9
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss / 2
    assert math.isclose(history.epochs[0].train_loss, math.log(3), rel_tol=0.3)


def test_it_learns_the_same_in_coarser_numbers(tmp_path):
    settings = replace(QUICK, epochs=6, batch_size=8, dropout=0.0)
    exact, coarse = (
        run(tmp_path / name, replace(settings, precision=name)).epochs[-1] for name in ("float32", "bfloat16")
    )
    assert coarse.validation_loss != exact.validation_loss
    assert math.isclose(coarse.validation_loss, exact.validation_loss, abs_tol=0.1)
    weights = safetensors.torch.load_file(snapshots(tmp_path / "bfloat16")[6])
    assert {values.dtype for values in weights.values()} == {torch.float32}


def test_what_only_a_gpu_has_is_refused_elsewhere(tmp_path):
    with pytest.raises(UserError, match="TRAINING_PRECISION=tf32: only a CUDA GPU has it"):
        run(tmp_path, replace(QUICK, precision="tf32"))


def test_history_comes_back(trained):
    document = json.loads((trained["paper"] / "history.json").read_text())
    history = History.from_json(document)
    assert history.as_json() == document
    assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3]


def test_every_epoch_sees_every_image_once_in_an_order_and_with_crops_of_its_own(tmp_path, monkeypatch):
    numbered = np.zeros((40, 36, 36, 3), dtype=np.uint8)
    numbered[..., 0] = np.arange(40)[:, None, None]
    numbered[..., 1] = np.arange(36)[None, :, None]  # the row, so that a crop shows where it was cut
    epochs = []

    def step(_run, images, labels, size):
        assert size == len(labels) == len(images)
        epochs[-1].append(PREPROCESSING.pixels(images)[:, 0, 0, :2])
        return torch.zeros(()), torch.zeros(())

    original = training._Run.epoch
    monkeypatch.setattr(training._Run, "step", step)
    monkeypatch.setattr(training._Run, "epoch", lambda *args: (epochs.append([]), original(*args))[1])
    train(replace(planned(tmp_path), training=Images(numbered, TRAINING.labels)))
    orders = [np.concatenate(batches)[:, 0].tolist() for batches in epochs]
    rows = [dict(np.concatenate(batches).tolist()) for batches in epochs]
    assert [len(batch) for batch in epochs[0]] == [16, 16, 8]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert rows[0] != rows[1] != rows[2] != rows[0]
    assert set(rows[0].values()) == {0, 1, 2, 3, 4}


def test_one_step_is_the_formula(tmp_path):
    settings = replace(QUICK, epochs=1, batch_size=40, momentum=0.0, weight_decay=0.1, dropout=0.0, crops=False)
    settings = replace(settings, schedule="plateau", learning_rate=0.05, early_snapshots=())
    run(tmp_path, settings)
    net, _ = load_net(snapshots(tmp_path)[0])
    net.train()
    logits = net(PREPROCESSING.centre(TRAINING.images))
    loss = -logits.log_softmax(1)[torch.arange(40), torch.from_numpy(TRAINING.labels)].mean()
    loss.backward()
    after = safetensors.torch.load_file(snapshots(tmp_path)[1])
    for name, weights in net.named_parameters():
        wanted = weights.detach() - 0.05 * (weights.grad + 0.1 * weights.detach())
        torch.testing.assert_close(after[name], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("images", [40, 2])
def test_the_gradients_of_three_processes_add_up_to_those_of_one(tmp_path, images):
    """Batches that three do not divide, and one with less than an image for each."""
    split = Images(TRAINING.images[:images], TRAINING.labels[:images])
    settings = replace(QUICK, batch_size=16)

    def gradients(world: World) -> list[list[torch.Tensor]]:
        net = ZFNet(replace(NET, dropout=0.0))
        initialise(net, "default", generator_for(0), PREPROCESSING.centre(TRAINING.images))
        own, found = Gradients(net, False, 16, CPU, World()), []
        for pixels, labels, size in Batches(split, PREPROCESSING, settings, CPU, world).epoch(generator_for(1)):
            own.differentiate(pixels, labels, size, 16)
            found.append([weights.grad.clone() for weights in net.parameters()])
        return found

    alone = gradients(World())
    shared = [gradients(World(rank, 3)) for rank in range(3)]
    for step, expected in enumerate(alone):
        for place, gradient in enumerate(expected):
            total = sum(own[step][place] for own in shared)
            torch.testing.assert_close(total, gradient, rtol=1e-3, atol=1e-6)


def test_what_memory_does_not_hold_is_differentiated_by_halves():
    def found(most: int) -> tuple[int, torch.Tensor, list[torch.Tensor]]:
        """With memory for so many images: how many were taken at once in the end, the loss and the gradients."""

        def refuse(layer, outputs):  # on the way back, in the middle of the net
            if len(outputs[0]) > most:
                raise torch.OutOfMemoryError("planted")

        net = ZFNet(replace(NET, dropout=0.0))
        initialise(net, "default", generator_for(0), PREPROCESSING.centre(TRAINING.images))
        net.layer3.register_full_backward_pre_hook(refuse)
        gradients = Gradients(net, False, 16, CPU, World())
        settings = replace(QUICK, batch_size=16)
        batch = next(iter(Batches(TRAINING, PREPROCESSING, settings, CPU, World()).epoch(generator_for(1))))
        loss, _ = gradients.of(*batch)
        return gradients.most, loss, [weights.grad for weights in net.parameters()]

    (at_once, loss, whole), (fewer, same, halves) = found(16), found(3)
    assert (at_once, fewer) == (16, 2)
    torch.testing.assert_close(same, loss)
    torch.testing.assert_close(halves, whole, rtol=1e-3, atol=1e-6)


@pytest.fixture
def process_group() -> Iterator[None]:
    """torch's group of processes, with this one alone in it."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_of_several_processes_each_halves_in_the_first_steps_and_later_the_run_ends():
    """This one has half of the batch; of the other nothing comes, so that the gradients are of this half alone."""
    images, labels = PREPROCESSING.centre(TRAINING.images[:8]), torch.from_numpy(TRAINING.labels[:8])
    memory = 8

    def refuse(layer, outputs):
        if len(outputs[0]) > memory:
            raise torch.OutOfMemoryError("planted")

    def made(world: World) -> Gradients:
        net = ZFNet(replace(NET, dropout=0.0))
        initialise(net, "default", generator_for(0), images)
        net.layer3.register_full_backward_pre_hook(refuse)
        return Gradients(net, False, 8, CPU, world)

    alone, one_of_two = made(World()), made(World(0, 2))
    expected, _ = alone.of(images, labels, 16)
    memory = 3
    for _ in range(FELT_OUT):
        loss, _ = one_of_two.of(images, labels, 16)
        torch.testing.assert_close(loss, expected)
        for weights, others in zip(one_of_two.net.parameters(), alone.net.parameters(), strict=True):
            torch.testing.assert_close(weights.grad, others.grad, rtol=1e-3, atol=1e-6)
    assert one_of_two.most == 2
    one_of_two.of(images, labels, 16)
    memory = 1
    with pytest.raises(
        UserError, match="GPUS=2: a GPU no longer has memory for 2 images at once: run the same command"
    ):
        one_of_two.of(images, labels, 16)


def test_a_diverging_loss_stops_with_the_way_out(tmp_path):
    wild = replace(QUICK, learning_rate=1e12, warm_up=0.0)
    with pytest.raises(UserError, match="no longer finite") as stopped:
        run(tmp_path, wild)
    text = str(stopped.value)
    assert "at epoch 1, step 2 of 3, learning rate" in text or "at epoch 1, step 3 of 3, learning rate" in text
    assert "lower TRAINING_LEARNING_RATE (for instance to 3e+11)" in text
    assert not (tmp_path / training.CHECKPOINT).exists()


def test_a_diverged_training_leaves_the_net_of_the_last_finished_epoch(tmp_path, monkeypatch):
    calm = replace(QUICK, schedule="plateau", learning_rate=0.02)
    rates = iter([0.02] * 3 + [1e12] * 9)  # wild from the second epoch on
    monkeypatch.setattr(training, "learning_rate", lambda *_: next(rates))
    with pytest.raises(training.Diverged) as stopped:
        run(tmp_path, calm)
    assert stopped.value.epoch == 2
    net, history = training.finished(planned(tmp_path, calm))
    assert [epoch.epoch for epoch in history.epochs] == [1]
    loss = mean_loss(evaluate(net, VALIDATION, PREPROCESSING, CPU))
    assert loss == pytest.approx(history.epochs[0].validation_loss, rel=1e-4)


def test_before_the_first_epoch_that_is_the_untrained_net(tmp_path):
    wild = replace(QUICK, learning_rate=1e12, warm_up=0.0)
    with pytest.raises(training.Diverged):
        run(tmp_path, wild)
    net, history = training.finished(planned(tmp_path, wild))
    untrained, _ = load_net(snapshots(tmp_path)[0])
    assert history == History()
    for name, value in untrained.state_dict().items():
        assert net.state_dict()[name].equal(value), name


def test_a_net_that_breaks_in_its_last_step_is_not_kept(tmp_path):
    with pytest.raises(UserError, match="at epoch 1, its end, on the validation images"):
        run(tmp_path, replace(QUICK, epochs=1, batch_size=40, learning_rate=1e38, schedule="plateau"))
    assert not (tmp_path / training.CHECKPOINT).exists()


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (Images(TRAINING.images[:0], TRAINING.labels[:0]), "there are no validation images"),
        (
            Images(VALIDATION.images, VALIDATION.labels + 1),
            "the validation labels run from 1 to 3, but the net 'tiny' has 3",
        ),
    ],
)
def test_splits_that_cannot_be_trained_on_are_refused(tmp_path, split, message):
    with pytest.raises(UserError, match=message):
        train(replace(planned(tmp_path), validation=split))


# The clipping of filters


def rms(weights: torch.Tensor) -> list[float]:
    return [math.sqrt(sum(value**2 for value in filters.flatten().tolist()) / filters.numel()) for filters in weights]


def test_clipping_a_literal_case():
    net = nn.Sequential(nn.Conv2d(1, 3, 2), nn.Linear(2, 2))
    with torch.no_grad():
        net[0].weight[:, 0] = torch.tensor(
            [[[0.3, -0.3], [0.3, 0.3]], [[0.2, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]]
        )
        net[1].weight.fill_(9.0)
    shares = clip_filters(net, 0.1)
    torch.testing.assert_close(net[0].weight[0, 0], torch.tensor([[0.1, -0.1], [0.1, 0.1]]), rtol=1e-6, atol=0)
    assert net[0].weight[1, 0].tolist() == [[np.float32(0.2), 0], [0, 0]]  # its RMS is 0.1
    assert net[0].weight[2].abs().max() == 0
    assert net[1].weight.min() == 9
    assert {name: share.item() for name, share in shares.items()} == {"0": pytest.approx(1 / 3)}


def test_clipping_bounds_every_filter_and_turns_none():
    net = ZFNet(TINY)
    initialise(net, "paper", torch.Generator().manual_seed(0))
    with torch.no_grad():
        for block in list(net.children())[:5]:
            block.conv.weight *= torch.linspace(0.1, 30, len(block.conv.weight))[:, None, None, None]
    before = {name: weights.detach().clone() for name, weights in net.named_parameters()}
    clip_filters(net, 0.1)
    for name, weights in net.named_parameters():
        if not name.endswith("conv.weight"):
            assert torch.equal(weights, before[name])
            continue
        sizes = rms(before[name])
        assert min(sizes) < 0.1 < max(sizes)
        for size, old, new in zip(sizes, before[name], weights.detach(), strict=True):
            if size <= 0.1:
                assert torch.equal(old, new)
            else:
                torch.testing.assert_close(new, old * (0.1 / size), rtol=1e-5, atol=0)
    assert max(max(rms(block.conv.weight.detach())) for block in list(net.children())[:5]) <= 0.1 * (1 + 1e-6)


def test_training_clips_after_every_update(tmp_path, monkeypatch, trained):
    largest = []
    original = training.clip_filters

    def clip(net, radius):
        shares = original(net, radius)
        largest.append(max(max(rms(block.conv.weight.detach())) for block in list(net.children())[:5]))
        return shares

    monkeypatch.setattr(training, "clip_filters", clip)
    history = run(tmp_path, SETTINGS["paper"])
    assert len(largest) == 9
    assert max(largest) <= 0.01 * (1 + 1e-5)
    assert 0 < history.epochs[0].clipped["layer1.conv"] <= 1
    assert contents(tmp_path) == contents(trained["paper"])


def test_no_clipping_is_no_clipping(trained):
    net = ZFNet(TINY)
    before = net.layer1.conv.weight.detach().clone()
    assert clip_filters(net, 0.0) == {}
    assert torch.equal(net.layer1.conv.weight, before)
    assert json.loads((trained["default"] / "history.json").read_text())["epochs"][0]["clipped"] == {}


# Schedules and recipes


def test_inputs_of_the_recipes():
    paper = input_preprocessing(PAPER_RECIPE, TRAINING.images, 32)
    assert (paper.range, paper.deviation) == (255, (1, 1, 1))
    pixels = paper.centre(TRAINING.images)
    assert -140 < pixels.min() < -30 < 30 < pixels.max() < 140
    assert input_preprocessing(QUICK, TRAINING.images, 32).centre(TRAINING.images).std().item() == pytest.approx(
        1, 0.05
    )


# Evaluation and devices


def test_evaluation_is_the_net_on_centre_crops():
    net = ZFNet(NET)
    initialise(net, "default", torch.Generator().manual_seed(0), PREPROCESSING.centre(TRAINING.images))
    net.train()
    logits = evaluate(net, VALIDATION, PREPROCESSING, CPU, batch=7)
    assert net.training
    net.eval()
    with torch.no_grad():
        wanted = net(PREPROCESSING.centre(VALIDATION.images)).numpy()
    np.testing.assert_allclose(logits, wanted, rtol=0, atol=1e-5)
    loss = mean_loss(logits)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert loss == pytest.approx(-np.log(shares[np.arange(20), VALIDATION.labels]).mean(), rel=1e-5)


def test_evaluation_of_some_images():
    net = ZFNet(NET).eval()
    initialise(net, "default", generator_for(0), PREPROCESSING.centre(TRAINING.images))
    chosen = np.array([19, 0, 7, 7])
    found = evaluate(net, VALIDATION, PREPROCESSING, CPU, batch=3, chosen=chosen)
    every = evaluate(net, VALIDATION, PREPROCESSING, CPU)
    np.testing.assert_allclose(found, every[chosen], rtol=1e-5, atol=1e-6)


def test_evaluation_on_ten_crops_is_the_mean_probability():
    net = ZFNet(NET)
    initialise(net, "default", torch.Generator().manual_seed(0), PREPROCESSING.centre(TRAINING.images))
    net.eval()
    logits = evaluate(net, VALIDATION, PREPROCESSING, CPU, batch=7, ten_crops=True)
    with torch.no_grad():
        crops = [net(crop).softmax(1) for crop in PREPROCESSING.ten(VALIDATION.images)]
    wanted = torch.stack([crop.mean(0) for crop in crops]).numpy()
    np.testing.assert_allclose(np.exp(logits), wanted, rtol=0, atol=1e-5)


def test_reading_one_batch_ahead_keeps_the_order():
    batches = [torch.full((1,), number) for number in range(5)]
    assert [int(batch) for batch in one_ahead(iter(batches))] == [0, 1, 2, 3, 4]


def test_a_training_that_nobody_watches_is_the_same_training(tmp_path):
    watched = run(tmp_path / "watched")
    unwatched = train(replace(planned(tmp_path / "unwatched"), validated=False))
    assert [epoch.validation_loss for epoch in unwatched.epochs] == [None, None, None]
    assert [epoch.train_loss for epoch in unwatched.epochs] == [epoch.train_loss for epoch in watched.epochs]
    last = "snapshots/epoch-003.safetensors"
    assert (tmp_path / "watched" / last).read_bytes() == (tmp_path / "unwatched" / last).read_bytes()


@pytest.mark.parametrize("watched", ["validation", "train"])
def test_a_plateau_is_watched_by_the_images_that_it_depends_on(tmp_path, watched):
    recipe = replace(SETTINGS["paper"], watched=watched)
    found = train(replace(planned(tmp_path, recipe), validated=False))
    assert {epoch.validation_accuracy is not None for epoch in found.epochs} == {watched == "validation"}


@pytest.mark.parametrize("factor", [torch.nan, 1e30])  # weights that are no numbers; finite ones whose outputs are not
def test_a_training_that_nobody_validates_and_whose_last_update_breaks_the_net_has_diverged(
    factor, tmp_path, monkeypatch
):
    class Breaking(torch.optim.SGD):
        def step(self):
            super().step()
            for weights in self.param_groups[0]["params"]:
                weights.data *= factor

    monkeypatch.setattr(training, "optimiser", lambda net, recipe: Breaking(net.parameters(), lr=0.0))
    plan = replace(planned(tmp_path), validated=False)
    plan = replace(plan, recipe=replace(plan.recipe, batch_size=len(plan.training.images)))
    with pytest.raises(training.Diverged, match="epoch 1, its end"):
        train(plan)


def test_nets_that_are_compared_get_the_same_images_crops_and_flips(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        training._Run, "step", lambda _run, images, labels, size: (seen[-1].append(images), torch.zeros(2))[1]
    )
    for place, net in enumerate((NET, replace(NET, first_filter=11, second_stride=1), replace(NET, removed=(3, 4)))):
        seen.append([])
        run(tmp_path / str(place), replace(QUICK, epochs=1), net=net)
    assert len(seen[0]) == 3
    for others in seen[1:]:
        assert all(torch.equal(one, other) for one, other in zip(seen[0], others, strict=True))
