"""Tables 4, 5 and 7: planted features give the known answer, the paper's numbers its verdicts, every verdict is in reach."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from reportgen import claims
from reportgen.analyses import settings
from reportgen.analyses.generalisation import analysis as generalisation
from reportgen.analyses.generalisation import from_scratch as scratch
from reportgen.analyses.generalisation import shown
from reportgen.analyses.generalisation.analysis import Result, Settings
from reportgen.analyses.generalisation.by_layer import INPUTS, SOFTMAX, ByLayer
from reportgen.analyses.generalisation.comparison import Comparison
from reportgen.analyses.generalisation.from_scratch import Scratch
from reportgen.analyses.generalisation.frozen import Frozen
from reportgen.analyses.generalisation.reading import COMPARED, Read, Wanted, read
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.claims import paper
from reportgen.data.dataset import Dataset, Split, Transfer
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs, Learned, TrainedNet
from reportgen.nets.others import OtherNet, other_net

CLASSES = ("red", "green", "blue")
SIDE = 36
QUICK = Settings(counts=(1, 2), folds=2, epochs=1, gallery=3)


def images(of_class: int, tint: int) -> Split:
    """Noise whose channel of the class is a little brighter: a pixel says next to nothing, the mean all of it."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(3), of_class))
    pixels = rng.integers(60, 140, (len(labels), SIDE, SIDE, 3))
    pixels[np.arange(len(labels)), :, :, labels] += tint
    return Split(pixels.astype(np.uint8), labels, tuple(f"{label}/{place}.png" for place, label in enumerate(labels)))


def looking_at_means(blind: bool = False) -> nn.Module:
    """Layers 1 and 2 are the pixels; layer 7 is the image's mean colour. Blind: its filters are zero."""
    first, second = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        for conv in (first, second):
            conv.weight.copy_(torch.eye(3)[:, :, None, None] * (not blind))
            conv.bias.fill_(0.25 * blind)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))


def inputs(net: nn.Module, split: Split | None) -> Inputs:
    some = images(4, 10)
    data = Dataset("base", ("a", "b", "c", "d"), "", some, some, some)
    transfer = None if split is None else Transfer("tinted noise", CLASSES, "", split)
    return Inputs.of(net, Preprocessing(Size.of(32)), data, transfer=transfer, batch=7)


def compute(net: nn.Module, split: Split | None, chosen: Settings = QUICK) -> Result:
    return generalisation.compute(inputs(net, split), chosen, np.random.default_rng(0))


@pytest.fixture(scope="module", autouse=True)
def short_epochs() -> Iterator[None]:
    """Training from scratch has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "VIEWS", 12)
        yield


@pytest.fixture(scope="module")
def seeing() -> Result:
    return compute(looking_at_means(), images(12, tint=5))


def found_in(result: Result) -> Comparison:
    assert result.comparison is not None
    return result.comparison


def test_features_that_are_the_class_are_enough_from_one_image_a_class(seeing: Result) -> None:
    found = found_in(seeing)
    assert found.frozen.correct.shape == (2, 2, 18)
    assert found.frozen.correct.all()
    assert [layer.number for layer in found.by_layer.layers] == [1, 2, 7]
    said = generalisation.numbers(seeing)["classifiers"]
    assert [(one["kind"], one["layer"]) for one in said] == [("SVM", 1), ("SVM", 2), ("SVM", 7), ("softmax", 7)]
    for one in said[2:]:
        assert all(one[through]["mean"] == 1 and one[through]["deviation"] == 0 for through in INPUTS)
    assert said[0]["all"]["mean"] < 0.8  # the same tint, hidden in three thousand noisy numbers


def test_every_layer_is_read_through_as_many_components_as_the_smallest_has(seeing: Result) -> None:
    by_layer = found_in(seeing).by_layer
    assert (by_layer.components, by_layer.fitted_on) == (3, 12)  # layer 7 has three numbers
    assert [layer.features for layer in by_layer.layers] == [3072, 3072, 3]
    for kind in ("SVM", "softmax"):
        np.testing.assert_array_equal(by_layer.of("equal", kind)[-1], by_layer.of("all", kind)[-1])


def test_no_fold_shares_an_image_where_there_are_enough(seeing: Result) -> None:
    assert found_in(seeing).overlaps == (0.0, 0.0)


def test_the_training_seed_moves_the_nets_from_scratch_alone(seeing: Result) -> None:
    given = inputs(looking_at_means(), images(12, tint=5))
    assert given.training_seed == 0
    first, again, other = (
        found_in(seeing),
        *(
            found_in(generalisation.compute(replace(given, training_seed=seed), QUICK, np.random.default_rng(0)))
            for seed in (0, 1)
        ),
    )
    np.testing.assert_array_equal(first.scratch.loss, again.scratch.loss)
    assert (first.scratch.loss != other.scratch.loss).all()
    for same in (again, other):
        np.testing.assert_array_equal(first.labels, same.labels)
        np.testing.assert_array_equal(first.by_layer.correct, same.by_layer.correct)
        np.testing.assert_array_equal(first.frozen.correct, same.frozen.correct)


def test_no_test_image_is_trained_on_and_every_class_has_as_many(seeing: Result) -> None:
    assert np.bincount(found_in(seeing).labels).tolist() == [6, 6, 6]
    assert generalisation.numbers(seeing)["pool"] == 6


def test_a_net_that_ignores_its_input_is_at_chance() -> None:
    result = compute(looking_at_means(blind=True), images(12, tint=5))
    found = found_in(result)
    assert (found.frozen.correct.mean(axis=2) == 1 / 3).all()
    assert (found.by_layer.correct.mean(axis=3) == 1 / 3).all()
    verdict = generalisation.judge(result, np.random.default_rng(1))[1]
    assert [part.estimate for part in verdict.parts] == [0, 0]
    assert verdict.verdict == "undecided"
    json.dumps([generalisation.numbers(result), verdict.document()], allow_nan=False)
    assert generalisation.figures(result)


def test_a_net_that_cannot_be_trained_anew_is_compared_with_the_small_one(seeing: Result) -> None:
    scratch = found_in(seeing).scratch
    assert (scratch.same, scratch.crop) == (False, Size.of(36))  # the least side of its images is 40 px
    assert scratch.correct.shape == (2, 2, 18)
    assert not scratch.settled.any()  # after one epoch
    captions = [generalisation.figures(seeing)[name].caption for name in ("by_count", "by_count_table")]
    assert all("a small net that reads 36 px" in caption for caption in captions)
    assert all("which sees the images smaller" in caption for caption in captions)
    [generalises, _] = generalisation.judge(seeing, np.random.default_rng(1))
    assert generalises.verdict == "not tested"
    assert "another, smaller net that reads 36 px" in generalises.because


def test_a_net_that_was_trained_here_is_compared_with_itself_untrained() -> None:
    asked = []

    def untrained(classes: int) -> OtherNet:
        asked.append(classes)
        return other_net("tests.analyses.generalisation.test_generalisation:small", classes, 32)

    net = small(4)
    numbers = {"recipe_settings": {"optimiser": "adamw"}}
    given = inputs(net, images(12, tint=5))
    learned = Learned(numbers, np.zeros((12, 4)), [])
    trained = replace(given, trained=TrainedNet.in_memory(net, given.preprocessing, learned), untrained=untrained)
    found = found_in(generalisation.compute(trained, QUICK, np.random.default_rng(0)))
    assert (found.scratch.same, found.scratch.crop, asked) == (True, Size.of(32), [3])


def small(num_classes: int) -> nn.Module:
    """A net that is not the paper's."""
    return nn.Sequential(nn.Conv2d(3, 4, 5, stride=4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 7 * 7, num_classes))


def test_wide_layers_are_averaged_to_ten_thousand_numbers_at_most() -> None:
    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.relu, self.classifier = nn.Conv2d(3, 40, 1), nn.ReLU(), nn.Linear(40 * 32 * 32, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.classifier(self.relu(self.conv(x)).flatten(1))

    split = images(2, tint=5)
    given = inputs(Wide(), split)
    used = np.array([1, 4])
    wanted = Wanted.of(given)
    features, layers = read(given, wanted, split, used, "")
    assert layers[0] == Read(1, 40, Size.of(32), Size.of(15))
    assert (layers[0].features, wanted.top.number, layers[-1]) == (9000, 7, Read(7, 40960, Size.of(1), Size.of(1)))
    batch = next(given.batches(split, used))
    with torch.no_grad():
        maps = torch.relu(given.net.conv(batch))
    np.testing.assert_allclose(features[7], maps.flatten(1).numpy(), atol=1e-6)
    grid = features[1].reshape(2, 40, 15, 15)
    np.testing.assert_allclose(grid[0, 3, 0, 0], maps[0, 3, :3, :3].mean(), atol=1e-6)  # 32/15 pixels, rounded outwards


def test_what_a_1x1_classifier_reads_is_averaged_over_its_places() -> None:
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    given = inputs(net, None)
    wanted = Wanted.of(given)
    features, layers = read(given, wanted, images(1, 5), np.arange(3), "")
    assert (wanted.top.number, layers[-1]) == (7, Read(7, 5, Size.of(30), Size.of(1)))
    assert features[7].shape == (3, 5)


# Verdicts


def right(shares: np.ndarray, test: int, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Answers to test images of different difficulty that come out right so often."""
    hardness = rng.normal(0, 0.7, test)
    tried = hardness[None] + rng.normal(0, 0.7, (*np.shape(shares), folds, test))
    place = np.sort(tried.reshape(*np.shape(shares), -1), axis=-1)
    limit = np.take_along_axis(place, np.array(np.array(shares) * (folds * test - 1), int)[..., None], -1)
    return tried <= limit[..., None]


def comparison(
    frozen: np.ndarray, scratch: np.ndarray, linear: np.ndarray, counts: tuple[int, ...], numbers: tuple[int, ...]
) -> Comparison:
    """A comparison with these answers: "count fold test" twice, and "layer fold test"."""
    none = np.zeros(scratch.shape[:2])
    classes, folds = tuple("abcdef"), linear.shape[1]
    soft = [number for number in numbers if number in SOFTMAX]
    correct = np.concatenate([linear, linear[[numbers.index(number) for number in soft]]])
    return Comparison(
        name="planted",
        classes=classes,
        counts=counts,
        pool=50,
        overlaps=(0.0,) * len(counts),
        labels=np.arange(linear.shape[2]) % 6,
        gallery=np.zeros((6, 4, 4, 3), np.uint8),
        gallery_classes=classes,
        top=numbers[-1],
        frozen=Frozen(10, frozen, none + 1.0, fits=5, unfinished=0),
        by_layer=ByLayer(
            layers=tuple(Read(number, 10, Size.of(3), Size.of(3)) for number in numbers),
            components=256,
            fitted_on=1200,
            rows=(*(("SVM", number) for number in numbers), *(("softmax", number) for number in soft)),
            correct=np.stack([correct] * len(INPUTS)),
            strengths=np.ones((len(INPUTS), len(correct), folds)),
            fits=5,
            unfinished=0,
        ),
        scratch=Scratch(True, Size.of(88), scratch, none.astype(int), none, none, none > -1, none.astype(int)),
    )


def planted(
    frozen: tuple[float, ...],
    scratch: tuple[float, ...],
    layers: tuple[float, ...],
    numbers: tuple[int, ...] = COMPARED,
) -> Result:
    """A result at the default profile's sizes, with these accuracies."""
    loaded = settings.load({})
    default = loaded.sections["generalisation"]
    assert (round(loaded.data.transfer * default.test_share) * 6, default.folds) == (300, 5)
    rng = np.random.default_rng(0)
    answers = (right(np.array(shares), 300, 5, rng) for shares in (frozen, scratch, layers))
    return Result(comparison(*answers, counts=default.counts[: len(frozen)], numbers=numbers))


RISING = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@pytest.mark.parametrize(
    ("frozen", "scratch", "verdict"),
    [
        ((0.7, 0.8, 0.9), (0.3, 0.5, 0.7), "holds"),
        ((0.7, 0.8, 0.8), (0.3, 0.5, 0.9), "contradicted"),  # caught up with, and overtaken
        ((0.5, 0.6, 0.9), (0.4, 0.4, 0.6), "contradicted"),  # helps, but not the more the fewer
        ((0.3, 0.5, 0.7), (0.5, 0.6, 0.7), "contradicted"),
        ((0.7, 0.8, 0.9), (0.3, 0.5, 0.89), "undecided"),
    ],
)
def test_generalises_can_fall_either_way(frozen: tuple, scratch: tuple, verdict: str) -> None:
    found = generalisation.judge(planted(frozen, scratch, RISING), np.random.default_rng(1))[0]
    assert (found.id, found.verdict) == ("generalises", verdict)
    estimates = [part.estimate for part in found.parts]
    first, last = frozen[0] - scratch[0], frozen[-1] - scratch[-1]
    assert estimates == pytest.approx([first, last, first - last], abs=0.003)
    assert {part.n for part in found.parts} == {300}
    assert found.parts[0].name == "2 a class: frozen features minus from scratch"
    assert {part.unit for part in found.parts} == {claims.POINTS}
    assert found.parts[0].most == pytest.approx(1 - scratch[0], abs=0.003)
    assert all(part.se and part.se > 0 for part in found.parts)


@pytest.mark.parametrize(
    ("layers", "verdict"),
    [
        (RISING, "holds"),
        (RISING[::-1], "contradicted"),
        (
            (0.45, 0.95, 0.85, 0.75, 0.65, 0.55),
            "contradicted",
        ),  # higher at the top than at the bottom, yet falling between
        ((0.70, 0.71, 0.70, 0.71, 0.70, 0.71), "undecided"),
    ],
)
def test_deeper_is_better_can_fall_either_way(layers: tuple, verdict: str) -> None:
    found = generalisation.judge(planted((0.7, 0.8, 0.9), (0.3, 0.5, 0.7), layers), np.random.default_rng(1))[1]
    assert (found.id, found.verdict) == ("deeper-is-better", verdict)
    assert found.parts[0].estimate == pytest.approx(layers[-1] - layers[0], abs=0.003)
    assert [part.name for part in found.beside] == [
        part.name.replace("equal inputs", "all of a layer’s numbers") for part in found.parts
    ]


def test_folds_of_the_same_images_say_nothing_of_other_images() -> None:
    given = planted((0.7, 0.8, 0.9), (0.3, 0.5, 0.7), RISING)
    same = replace(found_in(given), overlaps=(0.1, 0.5, 1.0))
    generalises, deeper = generalisation.judge(Result(same), np.random.default_rng(1))
    assert [part.outcome for part in generalises.parts] == ["holds", "not tested", "not tested"]
    assert deeper.verdict == "not tested"
    assert "give more images of each class" in deeper.because


def exactly(printed: list[paper.Spread]) -> np.ndarray:
    """Answers of two folds to a thousand images, so many per cent of them right."""
    return np.stack([np.tile(np.arange(1000) < round(10 * spread.mean), (2, 1)) for spread in printed])


TABLE_7 = paper.LAYER_BY_LAYER["Caltech-101, 30 a class"]


@pytest.mark.parametrize("name", list(paper.GENERALISATION))
def test_the_papers_tables_4_and_5_fall_on_its_side(name: str) -> None:
    scratch, frozen = zip(*paper.GENERALISATION[name].values(), strict=True)
    layers = exactly([TABLE_7["SVM", number] for number in COMPARED])
    counts = tuple(paper.GENERALISATION[name])
    given = comparison(exactly(frozen), exactly(scratch), layers, counts, COMPARED)
    found = generalisation.judge(Result(given), np.random.default_rng(1))[0]
    gaps = [(with_.mean - without.mean) / 100 for with_, without in zip(frozen, scratch, strict=True)]
    assert [part.estimate for part in found.parts] == pytest.approx([gaps[0], gaps[-1], gaps[0] - gaps[-1]])
    assert found.verdict == "holds"


@pytest.mark.parametrize("name", list(paper.LAYER_BY_LAYER))
def test_the_papers_table_7_falls_on_its_side(name: str) -> None:
    printed = [paper.LAYER_BY_LAYER[name]["SVM", number] for number in COMPARED]
    any_ = exactly(printed[:2])
    given = comparison(any_, any_, exactly(printed), (30, 60), COMPARED)
    found = generalisation.judge(Result(given), np.random.default_rng(1))[1]
    assert found.parts[0].estimate == pytest.approx((printed[-1].mean - printed[0].mean) / 100)
    assert found.parts[1].estimate == pytest.approx(1.0 if "256" in name else 1 - 6 * 2 / (6 * 35))  # 5 and 7 swapped
    assert found.verdict == "holds"


# Missing material and bad input


def test_without_other_images_nothing_is_tested() -> None:
    result = compute(looking_at_means(), None)
    verdicts = generalisation.judge(result, np.random.default_rng(1))
    assert [(verdict.id, verdict.verdict) for verdict in verdicts] == [
        ("generalises", "not tested"),
        ("deeper-is-better", "not tested"),
    ]
    assert "TRANSFER=" in verdicts[0].why
    assert generalisation.numbers(result) == {"tested": False}
    assert generalisation.figures(result) == {}


def test_with_one_count_or_without_layer_seven_a_claim_is_not_tested() -> None:
    one = generalisation.judge(planted((0.7,), (0.3,), RISING), np.random.default_rng(1))
    assert [verdict.verdict for verdict in one] == ["not tested", "holds"]
    assert "GENERALISATION_COUNTS=2): give two or more" in one[0].why
    headless = generalisation.judge(planted((0.7, 0.8), (0.3, 0.5), RISING[:5], COMPARED[:5]), np.random.default_rng(1))
    assert (headless[1].verdict, headless[1].why) == ("not tested", "the net has no layer 7")


def test_too_few_images_of_a_class_are_refused() -> None:
    split = images(2, 5)
    message = (
        "TRANSFER=tinted noise: class 'red' has 2 images, 1 of them kept for testing, but GENERALISATION_COUNTS=1,2"
    )
    with pytest.raises(UserError, match=re.escape(message)):
        compute(looking_at_means(), split)


@pytest.mark.parametrize(
    ("switch", "value", "message"),
    [
        ("GENERALISATION_COUNTS", ",", "should have at least 1 item"),
        ("GENERALISATION_COUNTS", "3,0", "greater than or equal to 1"),
        ("GENERALISATION_FOLDS", "1", "greater than or equal to 2"),
        ("GENERALISATION_TEST_SHARE", "1", "less than 1"),
        ("GENERALISATION_EPOCHS", "0", "greater than or equal to 1"),
    ],
)
def test_impossible_settings_are_named(switch: str, value: str, message: str) -> None:
    with pytest.raises(UserError, match=f"{switch}={value}: .*{message}"):
        settings.load({switch: value})


# Figures


def test_the_tables_print_mean_and_deviation_over_folds_beside_the_papers() -> None:
    result = planted((0.7, 0.8, 0.9), (0.3, 0.5, 0.7), RISING)
    found, drawn = found_in(result), generalisation.figures(result)
    rows = drawn["by_count_table"].rows
    share = 100 * found.frozen.correct[0].mean(axis=1)
    assert rows[0][:2] == ("this run", "2")
    assert rows[0][3] == f"{share.mean():.1f}\u00a0±\u00a0{share.std(ddof=1):.1f}"
    assert rows[3] == ("the paper, Caltech-101", "15", "22.8\u00a0±\u00a01.5", "83.8\u00a0±\u00a00.5", "+61.0")
    assert len(rows) == 3 + 6
    layers = drawn["by_layer_table"].rows
    assert layers[0][0] == "SVM, layer\u00a01"
    assert layers[0][1] == layers[0][2]  # planted alike, through equal inputs and through all numbers
    assert layers[0][4:] == ("44.8\u00a0±\u00a00.7", "24.6\u00a0±\u00a00.4")
    assert [row[0] for row in layers[6:]] == ["softmax, layer\u00a05", "softmax, layer\u00a07"]
    assert layers[-1][4:] == ("85.4\u00a0±\u00a00.4", "72.6\u00a0±\u00a00.1")


def test_a_loss_is_printed_with_a_true_minus() -> None:
    [*_, last] = generalisation.figures(planted((0.5, 0.6), (0.4, 0.9), RISING))["by_count_table"].rows[:2]
    assert last[4].startswith("−30")


def test_the_curves_have_bands_of_one_deviation_and_a_line_at_chance() -> None:
    result = planted((0.7, 0.8, 0.9), (0.3, 0.5, 0.7), RISING)
    [panel] = generalisation.figures(result)["by_count"].panels
    frozen, scratch, chance = panel.series
    assert (frozen.name, scratch.name) == ("frozen features", "from scratch")
    share = 100 * found_in(result).scratch.correct.mean(axis=2)
    np.testing.assert_allclose(scratch.y, share.mean(axis=1))
    np.testing.assert_allclose(scratch.high - scratch.y, share.std(axis=1, ddof=1))
    np.testing.assert_allclose(chance.y, 100 / 6)
    assert chance.dashed


def test_what_is_read_of_a_layer_is_said() -> None:
    assert shown._reads(Read(7, 256, Size.of(1), Size.of(1))) == "256 units"
    assert shown._reads(Read(3, 192, Size.of(5), Size.of(5))) == "192 maps of 5 × 5: 4,800 numbers"
    assert (
        shown._reads(Read(1, 48, Size.of(21), Size.of(14))) == "48 maps of 21 × 21, averaged to 14 × 14: 9,408 numbers"
    )


def test_the_papers_rows_on_the_same_set_come_first_and_are_said_to_be() -> None:
    given = planted((0.7, 0.8, 0.9), (0.3, 0.5, 0.7), RISING)
    known = Result(replace(found_in(given), name="Caltech256"))
    table = generalisation.figures(known)["by_count_table"]
    assert [row[0] for row in table.rows[3:]] == ["the paper, Caltech-256"] * 4 + ["the paper, Caltech-101"] * 2
    assert "rows on Caltech-256 are of the same photographs" in table.caption
    assert "of many more classes" in generalisation.figures(given)["by_count_table"].caption


def test_the_rules_stand_in_the_claims() -> None:
    for name in ("generalises", "deeper-is-better"):
        assert "Unit: test images and draws of the training images" in claims.BY_ID[name].rule
