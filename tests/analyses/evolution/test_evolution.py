"""Figure 4 and its claim: trainings planted in snapshots of hand-built nets, and every verdict within reach."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reportgen import probe
from reportgen.analyses.evolution import analysis as evolution
from reportgen.analyses.evolution import settling
from reportgen.analyses.evolution.analysis import Result, Settings, Top
from reportgen.analyses.evolution.settling import Likeness
from reportgen.analyses.settings import load
from reportgen.base.artifacts import write_arrays
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs, TrainedNet
from reportgen.nets.snapshots import save_net, snapshot_path
from reportgen.nets.zfnet import ZFNet
from reportgen.settings.recipes import Architecture, TrainingSettings, learning_rate

SIDE = 32  # pixels
RED, GREEN, BLUE = range(3)
NET = Architecture(
    widths=(4, 4, 4, 4, 4),
    fully_connected=(4, 4),
    second_padding=2,
    normalisation=False,
    input_size=SIDE,
    classes=3,
)


def colours(levels: np.ndarray) -> Split:
    """One image of one colour for each row of (red, green, blue)."""
    images = np.broadcast_to(levels[:, None, None, :], (len(levels), SIDE, SIDE, 3)).astype(np.uint8)
    labels = levels.argmax(axis=1)
    return Split(images, labels, tuple(f"colour/{index}.png" for index in range(len(levels))))


def build(folder: Path, nets: Mapping[float, ZFNet], train: Split, val: Split) -> Inputs:
    """A build folder as training leaves it, with these nets as its snapshots."""
    preprocessing = Preprocessing(Size.of(SIDE))
    for epoch, net in nets.items():
        save_net(net, preprocessing, snapshot_path(folder / "net", epoch))
    save_net(nets[max(nets)], preprocessing, folder / "net" / "net.safetensors")
    write_arrays(folder / "net" / "predictions.npz", {"logits": np.zeros((len(val), 3))})
    data = Dataset("colours", ("red", "green", "blue"), "", train, val, val)
    return Inputs(data, TrainedNet.in_folder(folder / "net", {}))


@torch.no_grad()
def planted(first: Mapping[int, tuple[int, float]], above: Mapping[int, Mapping[int, int]] | None = None) -> ZFNet:
    """A net that passes colours on.

    `first`: for maps of layer 1 the colour that they read and how strongly; other maps are silent. `above`: for a layer,
    which of the maps below each of its maps reads; a layer that is not named passes every map on.
    """
    net = ZFNet(NET)
    for parameter in net.parameters():
        parameter.zero_()
    for map_, (colour, strength) in first.items():
        weight = net.get_parameter("layer1.conv.weight")
        weight[map_] = -strength / 100
        weight[map_, colour] = strength / 10
    for layer in range(2, 6):
        weight = net.get_parameter(f"layer{layer}.conv.weight")
        middle = weight.shape[2] // 2
        for map_, below in (above or {}).get(layer, dict(zip(range(4), range(4), strict=True))).items():
            weight[map_, below, middle, middle] = 1
    net.get_parameter("layer7.linear.weight").copy_(torch.eye(4))
    linear = net.get_parameter("layer6.linear.weight")
    for unit in range(4):
        linear[unit, unit * (linear.shape[1] // 4)] = 1
    return net


PURE = np.array([[90, 0, 0], [200, 0, 0], [0, 90, 0], [0, 200, 0], [0, 0, 90], [0, 0, 200]])


@pytest.fixture(scope="module")
def jumping(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Map 0 sees red after epochs 1 and 2 and green after 4; map 1 always blue, map 2 nothing before epoch 2."""
    nets = {
        0: planted({}),
        0.5: planted({0: (BLUE, 1.0)}),
        1: planted({0: (RED, 1.0), 1: (BLUE, 1.0)}),
        2: planted({0: (RED, 2.0), 1: (BLUE, 3.0), 2: (RED, 1.0)}),
        4: planted({0: (GREEN, 1.0), 1: (BLUE, 1.0), 2: (RED, 1.0)}),
    }
    inputs = build(tmp_path_factory.mktemp("jump"), nets, colours(PURE), colours(PURE))
    return evolution.compute(inputs, Settings(maps=4), np.random.default_rng(0))


def test_the_columns_are_whole_epochs_and_the_image_behind_each_is_known(jumping: Result) -> None:
    assert jumping.epochs is not None
    assert jumping.snapshots is not None
    assert jumping.epochs.tolist() == [1, 2, 4]
    assert jumping.snapshots.tolist() == [0, 0.5, 1, 2, 4]
    for layer in jumping.layers.values():
        assert layer.top.images[:2].tolist() == [[1, 1, 3], [5, 5, 5]]
        assert layer.top.active.tolist() == [[True] * 3, [True] * 3, [False, True, True], [False] * 3]
        assert layer.top.images[2, 1:].tolist() == [1, 1]


def test_a_jump_is_marked_where_the_image_changed_and_nowhere_else(jumping: Result) -> None:
    for layer in jumping.layers.values():
        assert layer.top.jumped.tolist() == [[False, False, True], [False] * 3, [False] * 3, [False] * 3]
        # of the three maps that are active in the end
        np.testing.assert_allclose(layer.already_final, [1 / 3, 2 / 3, 1])


def test_projections_show_the_colour_that_the_map_saw_then(jumping: Result) -> None:
    expected = {0: (RED, RED, GREEN), 1: (BLUE, BLUE, BLUE)}
    for layer in jumping.layers.values():
        side = min(layer.sight.field.rows, SIDE)
        assert layer.pictures.projections.shape == (4, 3, side, side, 3)
        for map_, seen in expected.items():
            for column, colour in enumerate(seen):
                tile = layer.pictures.projections[map_, column].astype(int) - 128
                others = [other for other in range(3) if other != colour]
                assert tile[..., colour].max() > 100  # contrast is enhanced
                assert tile[..., others].max() <= 0
                inside = layer.pictures.patches[map_, column][..., 3] == 255
                assert inside.any()
                assert (layer.pictures.patches[map_, column][inside][:, colour] == 200).all()
        assert (layer.pictures.projections[3] == 128).all()  # silent


def test_what_is_said_of_each_cell(jumping: Result) -> None:
    pictures = jumping.layers["layer1"].pictures
    assert pictures.kinds == (("red", "red", "green"), ("blue",) * 3, ("", "red", "red"), ("",) * 3)
    assert pictures.details[0][2].startswith("epoch 4: activation ")
    assert pictures.details[0][2].endswith(", colour/3.png")
    assert pictures.details[2][0] == "epoch 1: no activation above zero"
    said = evolution.numbers(jumping)
    assert said["layers"][0]["jumps"] == 0.25
    figure = evolution.figures(jumping)["layer1"]
    assert "Map 0: the image changes 1 times, at the end green." in figure.alt
    assert "epochs 1, 2, 4" in figure.caption
    assert "all 6 training images (colours)" in figure.caption


def test_projections_are_the_deconvnets(tmp_path: Path) -> None:
    """Cell by cell against one call of the probe on the net of that epoch."""
    generator = torch.Generator().manual_seed(0)
    nets = {epoch: ZFNet(replace(NET, normalisation=True)) for epoch in (0, 1, 2)}
    for net in nets.values():
        for parameter in net.parameters():
            parameter.data.normal_(0, 0.2, generator=generator)
    noise = np.random.default_rng(0).integers(0, 256, (12, SIDE, SIDE, 3), dtype=np.uint8)
    split = Split(noise, np.zeros(12, np.int64), tuple(map(str, range(12))))
    inputs = build(tmp_path, nets, split, split)
    found = evolution.compute(inputs, Settings(maps=2), np.random.default_rng(0))
    layer, checked = found.layers["layer5"], 0
    for column, epoch in enumerate((1, 2)):
        outputs = probe.activations(nets[epoch], Preprocessing(Size.of(SIDE)).centre(noise), ["layer5.relu"])[
            "layer5.relu"
        ]
        for place, map_ in enumerate(layer.pictures.maps.tolist()):
            best = int(outputs[:, map_].amax((1, 2)).argmax())
            if outputs[best, map_].max() == 0:
                continue
            row, column_ = divmod(int(outputs[best, map_].argmax()), outputs.shape[3])
            assert (layer.top.images[map_, column], layer.top.rows[map_, column]) == (best, row)
            unit = probe.Activation("layer5.relu", map_, row, column_)
            [projection] = probe.project(
                nets[epoch], Preprocessing(Size.of(SIDE)).centre(noise[best : best + 1])[0], [unit]
            )
            assert projection is not None
            expected = projection.full().permute(1, 2, 0).numpy()
            drawn = (layer.pictures.projections[place, column].astype(float) - 127.5) / 127.5
            largest = np.percentile(np.abs(expected[expected != 0]), 99)
            np.testing.assert_allclose(drawn, np.clip(expected / largest, -1, 1), atol=0.005)
            checked += 1
    assert checked > 1


def test_with_fewer_images_those_are_searched_and_it_is_said(tmp_path: Path) -> None:
    nets = {epoch: planted({0: (RED, 1.0)}) for epoch in (0, 1)}
    levels = np.zeros((50, 3))
    levels[:, RED] = np.arange(50) * 5
    inputs = build(tmp_path, nets, colours(levels), colours(levels))
    found = evolution.compute(inputs, Settings(maps=1, images=10), np.random.default_rng(0))
    assert (found.images, found.training_images) == (10, 50)
    drawn = np.sort(np.random.default_rng(0).choice(50, 10, replace=False))
    assert found.layers["layer1"].top.images[0, 0] == drawn[-1] != 49
    assert "10 randomly drawn training images (colours)" in evolution.figures(found)["layer1"].caption


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ((0, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 12), [1, 2, 3, 4, 5, 6, 8, 12]),
        ((0, 0.5, 1), [1]),
        ((0, 0.3, 0.6), [0.6]),
        ((0, *range(1, 31)), [1, 4, 7, 11, 14, 17, 20, 24, 27, 30]),
    ],
)
def test_the_columns_of_figure_4(epochs: tuple[float, ...], expected: list[float]) -> None:
    assert evolution.columns(epochs).tolist() == expected


# --- the claim ---------------------------------------------------------------------------------------------------------

LATE, EARLY = 4, 1  # epochs after which something is as it will be


def training(folder: Path, lower: int, upper: int, images: int = 500) -> Inputs:
    """Layers 1 and 2 are final after epoch `lower`, layers 3-5 after epoch `upper`, at every layer by a leap.

    Layers 1 and 2 pass red and blue on, in the end a strong green, too. Layers 3-5 pass on blue at first and red in the
    end; green never reaches them.
    """
    rng = np.random.default_rng(0)
    nets = {}
    for epoch in (0, 1, 2, 3, 4):
        first = {0: (RED, 1.0), 1: (BLUE, 1.0)} | ({2: (GREEN, 9.0)} if epoch >= lower else {})
        nets[epoch] = planted(first, {3: {0: RED} if epoch >= upper else {0: 1}})
    val = colours(rng.integers(100, 200, (images, 3)))
    return build(folder, nets, colours(PURE), val)


@pytest.mark.parametrize(
    ("lower", "upper", "verdict"),
    [(EARLY, LATE, "holds"), (LATE, EARLY, "contradicted"), (EARLY, EARLY, "undecided")],
)
def test_a_training_that_is_known_is_judged_as_it_was(
    lower: int, upper: int, verdict: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evolution, "RESAMPLES", 600)  # 20,000 take half a minute
    monkeypatch.setattr(settling, "BAND", 100)
    found = evolution.compute(training(tmp_path, lower, upper), Settings(), np.random.default_rng(0))
    for number in (1, 2, 4, 5):  # a leap between two snapshots: nothing before it, half of the epoch in which it lies
        leap = lower if number < 3 else upper
        assert found.likeness[f"features{number}"].area == pytest.approx(leap - 0.5, abs=0.05)
        assert found.likeness[f"features{number}"].measures[2] == pytest.approx(leap - 0.1, abs=0.01)
    [judged] = evolution.judge(found, np.random.default_rng(1))
    assert judged.verdict == verdict
    assert [part.name for part in judged.parts] == ["T, layer 5 minus layer 1", "T, layer 4 minus layer 2"]
    assert {(part.n, part.unit, part.most) for part in judged.parts} == {(500, evolution.EPOCHS, 4.0)}
    assert judged.parts[0].estimate == pytest.approx(upper - lower, abs=0.05)
    assert [part.name for part in judged.beside[:4]] == [
        "epochs until progress stays at 0.8 or above, layer 5 minus layer 1",
        "epochs until progress stays at 0.9 or above, layer 5 minus layer 1",
        "epochs until progress stays at 0.95 or above, layer 5 minus layer 1",
        "epochs until CKA stays at 0.9 or above, layer 5 minus layer 1",
    ]
    assert len(judged.beside) == 8
    for part in judged.beside[:3]:
        assert part.estimate == pytest.approx(upper - lower, abs=0.05)
        assert part.low <= part.estimate <= part.high


def result(times: Mapping[int, float], spread: float = 0.2, seed: int = 0) -> Result:
    """A result at the default's sample sizes, with layers of these T."""
    rng = np.random.default_rng(seed)
    snapshots = np.array([0, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 12])
    curve, measures = 1 - np.exp(-snapshots), 2 + len(settling.MARKS)
    likeness = {
        f"features{number}": Likeness(
            number, curve, curve, curve, np.full(measures, time), time + spread * np.array([[-1.0], [1]]).repeat(5, 1)
        )
        for number, time in times.items()
    }
    resampled = {f"resampled{number}": rng.normal(time, spread, (measures, 20_000)) for number, time in times.items()}
    return Result({}, likeness, snapshots[3:], snapshots, resampled, "cosine", "planted", 3600, 3600, 500)


@pytest.mark.parametrize(
    ("times", "verdict"),
    [
        ({1: 2.0, 2: 3.0, 4: 6.0, 5: 7.0}, "holds"),
        ({1: 7.0, 2: 6.0, 4: 3.0, 5: 2.0}, "contradicted"),
        ({1: 2.0, 2: 6.0, 4: 3.0, 5: 7.0}, "contradicted"),  # one part is enough
        ({1: 2.0, 2: 3.0, 4: 3.1, 5: 7.0}, "undecided"),
        ({1: 3.0, 2: 3.0, 4: 3.0, 5: 3.0}, "undecided"),
    ],
)
def test_the_claim_can_fall_either_way(times: dict[int, float], verdict: str) -> None:
    [found] = evolution.judge(result(times), np.random.default_rng(1))
    assert (found.id, found.verdict) == ("lower-layers-converge-first", verdict)
    assert found.parts[0].estimate == pytest.approx(times[5] - times[1])


def test_a_layer_that_hardly_changes_leaves_its_part_untested() -> None:
    planted_ = result({1: 2.0, 2: 3.0, 4: 6.0, 5: 7.0})
    unknown = np.full(5, np.nan)
    first = replace(planted_.likeness["features1"], cka=np.full(11, 0.9995), measures=unknown)
    planted_ = replace(planted_, likeness=planted_.likeness | {"features1": first})
    [found] = evolution.judge(planted_, np.random.default_rng(1))
    assert (found.verdict, [part.outcome for part in found.parts]) == ("undecided", ["not tested", "holds"])
    said = "training hardly changed layer 1: before it, its features have CKA 1.000 with the final"
    assert found.because == f"T, layer 5 minus layer 1: {said}"
    assert len(found.beside) == 4  # of the other pair alone
    silent = replace(first, cka=np.full(11, np.nan))
    planted_ = replace(planted_, likeness=planted_.likeness | {"features1": silent})
    [found] = evolution.judge(planted_, np.random.default_rng(1))
    assert found.parts[0].why == "layer 1 gives every image the same features"
    assert found.document()["parts"][0]["name"] == "T, layer 5 minus layer 1"


def test_a_part_that_contradicts_is_enough_though_the_other_is_unknown() -> None:
    [found] = evolution.judge(result({1: 2.0, 2: 6.0, 4: 3.0}), np.random.default_rng(1))
    assert (found.verdict, [part.outcome for part in found.parts]) == ("contradicted", ["not tested", "contradicted"])
    assert found.parts[0].why == "the net has no layer 5"


def test_a_shallow_net_is_not_tested_by_name() -> None:
    [found] = evolution.judge(result({1: 2.0, 2: 3.0}), np.random.default_rng(1))
    assert found.verdict == "not tested"
    assert [part.why for part in found.parts] == ["the net has no layer 5", "the net has no layer 4"]


def test_a_run_that_could_have_shown_nothing_is_not_tested() -> None:
    """The interval is wider than the training is long."""
    [found] = evolution.judge(result({1: 2.0, 2: 2.0, 4: 6.0, 5: 7.0}, spread=5), np.random.default_rng(1))
    assert found.verdict == "not tested"
    assert "but cannot exceed 12: more images are needed" in found.because


@pytest.mark.parametrize(
    ("rates", "name"),
    [
        ([0.01, 0.02, 0.015, 0.01, 0.001, 0.0], "cosine"),
        ([0.02, 0.02, 0.02, 0.002, 0.002], "plateau"),
        ([0.02, 0.02], "plateau"),
        ([0.02], ""),
        ([], ""),
    ],
)
def test_the_schedule_is_read_off_the_rates(rates: list[float], name: str) -> None:
    assert evolution.schedule(rates) == name


def test_the_schedule_of_a_training_is_recognised() -> None:
    recipe = TrainingSettings(epochs=6)
    for kind in ("cosine", "plateau"):
        chosen = replace(recipe, schedule=kind)
        rates = [
            learning_rate(chosen, 10 * epoch - 1, 10, [0.9 - 0.1 * turn for turn in range(epoch)])
            for epoch in range(1, 7)
        ]
        assert evolution.schedule(rates) == kind


def test_with_fewer_than_500_images_it_is_not_tested(tmp_path: Path) -> None:
    found = evolution.compute(training(tmp_path, EARLY, LATE, images=96), Settings(), np.random.default_rng(0))
    assert found.resampled == {}
    [judged] = evolution.judge(found, np.random.default_rng(1))
    assert (judged.verdict, judged.why) == ("not tested", "only 96 validation images: CKA wants 500")
    assert evolution.figures(found)["cka"]  # the curves are drawn all the same


def test_without_the_untrained_net_it_is_not_tested(tmp_path: Path) -> None:
    nets = {epoch: planted({0: (RED, 1.0)}) for epoch in (1, 2)}
    rng = np.random.default_rng(0)
    inputs = build(tmp_path, nets, colours(PURE), colours(rng.integers(100, 200, (500, 3))))
    found = evolution.compute(inputs, Settings(maps=1), np.random.default_rng(0))
    [judged] = evolution.judge(found, np.random.default_rng(1))
    assert (judged.verdict, judged.why) == ("not tested", "there is no snapshot of the untrained net")


def test_a_loaded_net_has_no_evolution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    split = colours(PURE)
    inputs = Inputs.of(
        planted({0: (RED, 1.0)}), Preprocessing(Size.of(SIDE)), Dataset("c", ("a", "b", "c"), "", *[split] * 3)
    )
    found = evolution.compute(inputs, Settings(), np.random.default_rng(0))
    [judged] = evolution.judge(found, np.random.default_rng(1))
    assert (judged.verdict, judged.why) == (
        "not tested",
        "the net was loaded: there are no snapshots of its training",
    )
    assert evolution.figures(found) == {}
    assert evolution.numbers(found)["epochs"] == []


def test_a_net_that_ignores_its_input_is_silent_and_unknown(tmp_path: Path) -> None:
    inputs = build(tmp_path, {0: planted({}), 1: planted({}), 2: planted({})}, colours(PURE), colours(PURE))
    found = evolution.compute(inputs, Settings(maps=2), np.random.default_rng(0))
    for layer in found.layers.values():
        assert not layer.top.active.any()
        assert not layer.top.jumped.any()
        assert np.isnan(layer.already_final).all()
        assert (layer.pictures.projections == 128).all()
    said = evolution.numbers(found)
    assert said["likeness"][0]["cka"] == [None, None, None]
    assert said["layers"][0]["already_final"] == [None, None]
    assert "nothing excites it" in evolution.figures(found)["layer1"].alt


@pytest.mark.parametrize(
    ("switch", "value", "message"),
    [
        ("EVOLUTION_MAPS", "0", "EVOLUTION_MAPS=0: input should be greater than or equal to 1"),
        ("EVOLUTION_IMAGES", "-1", "EVOLUTION_IMAGES=-1: input should be greater than or equal to 0"),
        ("EVOLUTION_COMPARED", "3", "EVOLUTION_COMPARED=3: input should be greater than or equal to 4"),
    ],
)
def test_bad_settings_are_named(switch: str, value: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load({"PROFILE": "tiny", switch: value})


def test_equal_values_do_not_make_a_jump() -> None:
    ones: dict[str, Any] = {name: np.zeros((1, 3), np.int64) for name in ("rows", "columns")}
    top = Top(np.array([[1.0, 2.0, 3.0]]), np.array([[4, 4, 5]]), **ones)
    assert top.jumped.tolist() == [[False, False, True]]
    silent = Top(np.array([[1.0, 0.0, 3.0]]), np.array([[4, 0, 5]]), **ones)
    assert silent.jumped.tolist() == [[False, False, False]]  # nothing was there to jump from
