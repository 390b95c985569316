"""Figure 2 and its two claims: literal cases, planted truths, every verdict within reach."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy
import torch
from runs import examples
from torch import nn

from reportgen.analyses.features import analysis as features
from reportgen.analyses.features.analysis import LIKENESS, Layer, Result
from reportgen.base.size import Size
from reportgen.claims import SHARE, Part
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs
from reportgen.look.left_out import GROUPS, LeftOut, deal, search_left_out
from reportgen.look.sight import Sight, field_of
from reportgen.look.strongest import Pictures, Top, search
from reportgen.nets.world import World

NINE = 9


def top_of(images: np.ndarray, values: np.ndarray | None = None) -> Top:
    places = np.zeros(images.shape, np.int64)
    return Top(np.ones(images.shape) if values is None else values, images.astype(np.int64), places, places)


def test_the_share_of_same_class_pairs() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    top = top_of(np.array([[0, 1, 2], [0, 1, 3], [0, 3, 5]]))
    np.testing.assert_allclose(features.same_class_share(top, labels), [1, 1 / 3, 0])


def test_what_is_not_active_does_not_count() -> None:
    labels = np.array([0, 0, 1])
    values = np.array([[2.0, 1.0, 0.0], [1.0, 0.0, 0.0], [2.0, 1.0, -np.inf]])
    top = top_of(np.array([[0, 1, 2], [0, 1, 2], [0, 2, -1]]), values)
    shares = features.same_class_share(top, labels)
    np.testing.assert_array_equal(shares, [1, np.nan, 0])


def test_equal_patches_are_as_alike_as_can_be_and_black_is_far_from_white() -> None:
    rng = np.random.default_rng(0)
    patch = rng.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    shape, colour = features.describe(patch)
    assert np.linalg.norm(shape) == pytest.approx(1)
    np.testing.assert_allclose(colour, patch.reshape(-1, 3).mean(0) / 255, atol=0.01)
    shapes = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    colours = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    chosen = np.array([[True, True, True], [True, False, True]])
    within, between = features.compare(shapes, colours, np.array([0, 0, 1]), np.array([0, 1, 2]), chosen, 3)
    np.testing.assert_array_equal(within, [[1, np.nan, np.nan], [np.nan] * 3])
    np.testing.assert_array_equal(between, [[0, 0, np.nan]] * 2)


def test_pairs_from_one_image_are_left_out() -> None:
    shapes, colours = np.ones((3, 1)), np.zeros((3, 3))
    colours[2] = 1
    every = np.ones((1, 3), bool)
    within, _ = features.compare(shapes, colours, np.array([0, 0, 0]), np.array([5, 5, 6]), every, 1)
    assert within[0, 0] == pytest.approx(0.5)  # only the pairs with image 6: equal gradients, opposite colours


# --- without each group of images ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """Two layers of random filters on noise of three classes: layer 1 sees a part, layer 2 more; some classes unknown."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 5, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 6, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 3),
    )
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (41, 8, 8, 3), dtype=np.uint8).repeat(2, axis=1).repeat(2, axis=2)
    split = Split(pixels, rng.integers(0, 3, 41), tuple(map(str, range(41))))
    return Inputs.of(
        net, Preprocessing(Size.of(16)), Dataset("noise", ("a", "b", "c"), "", split, split, split), batch=1
    )


def slowly(inputs: Inputs, number: int, top: Top) -> float:
    """The mean over the maps of likeness within minus to other maps, pair by pair."""
    receptive, units = field_of(inputs, number), np.argwhere(top.active).tolist()

    def look(map_: int, rank: int) -> tuple[np.ndarray, np.ndarray]:
        first, left, last, right = receptive.inside(int(top.rows[map_, rank]), int(top.columns[map_, rank]))
        picture = inputs.pixels(inputs.data.val, int(top.images[map_, rank]))[first:last, left:right]
        return features.describe(picture)

    looks = {(map_, rank): look(map_, rank) for map_, rank in units}

    def alike(one: list[int], other: list[int]) -> float:
        (shape, colour), (shape_, colour_) = looks[tuple(one)], looks[tuple(other)]
        return float(shape @ shape_ + 1 - np.linalg.norm(colour - colour_) / np.sqrt(3)) / 2

    gaps = []
    for map_ in range(len(top.values)):
        pairs: dict[bool, list[float]] = {True: [], False: []}
        for one in units:
            for other in units:
                if one[0] == map_ and top.images[tuple(one)] != top.images[tuple(other)]:
                    pairs[other[0] == map_].append(alike(one, other))
        if pairs[True] and pairs[False]:
            gaps.append(np.mean(pairs[True]) - np.mean(pairs[False]))
    return float(np.mean(gaps))


@pytest.mark.parametrize("number", [1, 2])
def test_numbers_without_a_group_are_those_of_a_search_without_its_images(inputs: Inputs, number: int) -> None:
    groups, labels = deal(41, np.random.default_rng(0)), inputs.data.val.labels
    known = np.arange(41) % 5 > 0
    nine = search_left_out(inputs, groups)[number]
    shares, shares_without = features.agreements(nine, labels, known)
    within, between, gap_without = features.similarities(inputs, number, nine)
    assert np.nanmean(within - between) == pytest.approx(slowly(inputs, number, nine.top))
    for group in range(0, GROUPS, 3):
        top = search(inputs, images=np.flatnonzero(groups != group))[number]
        assert shares_without[group] == pytest.approx(np.nanmean(features.same_class_share(top, labels, known)))
        assert gap_without[group] == pytest.approx(slowly(inputs, number, top))
    assert np.ptp(gap_without) > 0
    assert shares.shape == (len(nine.top.values),)


def test_a_patch_is_described_once(inputs: Inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    described, original = [], features.describe
    monkeypatch.setattr(features, "describe", lambda patch: described.append(patch.tobytes()) or original(patch))
    nine = search_left_out(inputs, deal(41, np.random.default_rng(0)))[2]
    features.similarities(inputs, 2, nine)
    tops = (nine.top, *nine.without)
    receptive = field_of(inputs, 2)
    places = {
        (int(top.images[unit]), *receptive.inside(int(top.rows[unit]), int(top.columns[unit])))
        for top in tops
        for unit in map(tuple, np.argwhere(top.active))
    }
    assert len(described) == len(places) < sum(int(top.active.sum()) for top in tops) / 5


def test_all_processes_leave_out_the_same_groups(inputs: Inputs) -> None:
    """The first process says which; an assistant has none of its own."""
    groups = deal(41, np.random.default_rng(3))

    class Told(World):
        def gather(self, part: Any) -> list[Any]:
            return [groups, part] if part is None else [part]

    kept = replace(inputs, trained=replace(inputs.trained, snapshots={0: inputs.trained.open_net}))
    found, untrained = features.share(replace(kept, world=Told()))
    assert untrained is not None
    for number, nine in search_left_out(inputs, groups).items():
        for one in (found[number], untrained[number]):
            for top, other in zip(nine.without, one.without, strict=True):
                np.testing.assert_array_equal(top.images, other.images)
    with pytest.raises(ValueError, match="has not said which group"):
        features.share(inputs)


# --- coverage: maps that share images, with a known truth ---------------------------------------------------------------

SIMULATED, CLASSES = 240, 6


def simulated(responses: np.ndarray, groups: np.ndarray) -> LeftOut:
    """The nine of each map ("map image"), and without each group."""

    def top(there: np.ndarray) -> Top:
        values = np.where(there, responses, -np.inf)
        images = np.argpartition(-values, NINE, axis=1)[:, :NINE]
        return top_of(images, np.take_along_axis(values, images, axis=1))

    every = np.ones(responses.shape[1], bool)
    return LeftOut(top(every), tuple(top(groups != group) for group in np.unique(groups)))


def covered(parts: list[Part], truth: float, level: float) -> float:
    """How many of the intervals at a level hold the truth; Student's t with ten groups."""
    reach = scipy.stats.t.ppf((1 + level) / 2, GROUPS - 1)
    return float(np.mean([abs(part.estimate - truth) <= reach * (part.se or 0) for part in parts]))


def check_coverage(parts: list[Part], truths: list[float]) -> None:
    """No interval is too narrow beyond Monte-Carlo error, nor so wide that nothing could be shown.

    The share of pairs is of the second degree, and the nine are few: the jackknife is known to be wide, at most twice.
    """
    truth = float(np.mean(truths))
    allowed = 2.6 * np.sqrt(0.9 * 0.1 / len(parts))
    assert covered(parts, truth, 0.9) > 0.9 - allowed
    assert sum(not part.low <= truth <= part.high for part in parts) <= 1
    spread = np.std([part.estimate for part in parts])
    assert spread * 0.8 < np.sqrt(np.mean([(part.se or 0) ** 2 for part in parts])) < spread * 2


@pytest.mark.parametrize(("deep", "shallow"), [(0.7, 0.7), (2.0, 0.2)])
def test_the_interval_of_agreement_covers_at_its_level(deep: float, shallow: float) -> None:
    """Maps that respond to classes by different strengths, and share what else excites them: null, and not null."""
    net, rng = np.random.default_rng(1), np.random.default_rng(2)
    kinds, shared = net.normal(size=(2, 16, CLASSES)), net.normal(size=(2, 16, 4))
    parts, truths = [], []
    for turn in range(3 * examples(100)):
        labels, factors = rng.integers(0, CLASSES, SIMULATED), rng.normal(size=(4, SIMULATED))
        responses = [
            np.exp(strength * of[:, labels] + loading @ factors + rng.normal(size=(16, SIMULATED)))
            for strength, of, loading in zip((deep, shallow), kinds, shared, strict=True)
        ]
        if turn % 3:
            one, other = (simulated(found, np.zeros(SIMULATED)).top for found in responses)
            truths.append(
                np.mean(features.same_class_share(one, labels)) - np.mean(features.same_class_share(other, labels))
            )
            continue
        groups, known = deal(SIMULATED, rng), np.ones(SIMULATED, bool)
        (one, without), (other, others) = (
            features.agreements(simulated(found, groups), labels, known) for found in responses
        )
        parts.append(features._part("x", one.mean() - other.mean(), without - others, SIMULATED, SHARE))
    check_coverage(parts, truths)


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_the_interval_of_likeness_covers_at_its_level(strength: float) -> None:
    """Patches look as their image does; a map responds to how it looks, or not at all (null): every map shares images."""
    net, rng = np.random.default_rng(1), np.random.default_rng(2)
    wanted, shared = net.normal(size=(8, 3)), net.normal(size=(8, 3))
    parts, truths = [], []
    for turn in range(3 * examples(100)):
        looks, factors = rng.normal(size=(SIMULATED, 3)), rng.normal(size=(3, SIMULATED))
        found = np.exp(strength * wanted @ looks.T + shared @ factors + rng.normal(size=(8, SIMULATED)))
        groups = np.zeros(SIMULATED) if turn % 3 else deal(SIMULATED, rng)
        nine = simulated(found, groups)
        tops = (nine.top, *nine.without)
        maps, images = np.nonzero(np.any([_listed(top, SIMULATED) for top in tops], axis=0))
        chosen = np.array([_listed(top, SIMULATED)[maps, images] for top in tops])
        shapes = looks[images] / np.linalg.norm(looks[images], axis=1, keepdims=True)
        within, between = features.compare(shapes, np.zeros((len(maps), 3)), maps, images, chosen, 8)
        gaps = (within - between).mean(axis=1)
        if turn % 3:
            truths.append(gaps[0])
        else:
            parts.append(features._part("x", float(gaps[0]), gaps[1:], SIMULATED, LIKENESS))
    check_coverage(parts, truths)


def _listed(top: Top, images: int) -> np.ndarray:
    found = np.zeros((len(top.images), images), bool)
    found[np.arange(len(found))[:, None], top.images] = True
    return found


# --- the verdicts ---------------------------------------------------------------------------------------------------------


def result(deep: float, shallow: float, blank: float, gap: float, spread: float = 0.005) -> Result:
    """A result with planted shares of agreement at layers 5 and 1 and a planted gap of likeness; NaN: nothing responds.

    `spread`: by how much a number differs without a tenth of the images.
    """
    maps = 16
    without = spread * np.linspace(-1, 1, GROUPS)

    def layer(number: int, agreement: float) -> Layer:
        empty = np.zeros((0, NINE, 1, 1, 3), np.uint8)
        pictures = Pictures(
            np.zeros(0, np.int64), empty, np.zeros((0, NINE, 1, 1, 4), np.uint8), np.zeros((0, NINE), bool), (), ()
        )
        return Layer(
            number=number,
            sight=Sight(Size.of(7), Size.of(88)),
            top=top_of(np.zeros((maps, NINE))),
            pictures=pictures,
            agreement=np.full(maps, agreement),
            untrained_agreement=np.full(maps, blank),
            agreement_without=agreement + without * (number == 5),
            untrained_agreement_without=np.full(GROUPS, blank),
            within=np.full(maps, 0.6 + gap),
            between=np.full(maps, 0.6),
            gap_without=gap + without,
            responses=np.zeros((maps, 1)),
        )

    layers = {f"layer{number}": layer(number, deep if number == 5 else shallow) for number in range(1, 6)}
    return Result(layers, None, images_of_smallest_class=100, images=1200, chance=1 / 12, data="planted", unlabelled=7)


@pytest.mark.parametrize(
    ("deep", "shallow", "blank", "verdict"),
    [
        (0.5, 0.2, 0.2, "holds"),
        (0.2, 0.5, 0.1, "contradicted"),
        (0.3, 0.2, 0.5, "contradicted"),
        (0.30, 0.29, 0.1, "undecided"),
        (float("nan"), 0.2, 0.1, "not tested"),
    ],
)
def test_hierarchy_can_fall_either_way(deep: float, shallow: float, blank: float, verdict: str) -> None:
    planted = result(deep, shallow, blank, gap=0.1)
    found = features.judge(planted, np.random.default_rng(1))[0]
    assert (found.id, found.verdict) == ("hierarchy", verdict)
    assert [part.name for part in found.parts] == [
        "pairs of one class, layer 5 minus layer 1",
        "pairs of one class, layer 5, trained minus untrained",
    ]
    assert {(part.n, part.unit, part.largest) for part in found.parts} == {(1193, SHARE, 1.0)}


@pytest.mark.parametrize(
    ("gap", "verdict"), [(0.1, "holds"), (-0.1, "contradicted"), (0.003, "undecided"), (np.nan, "not tested")]
)
def test_grouping_can_fall_either_way(gap: float, verdict: str) -> None:
    planted = result(0.5, 0.2, 0.2, gap)
    found = features.judge(planted, np.random.default_rng(1))[1]
    assert (found.id, found.verdict) == ("grouping", verdict)
    assert [part.name for part in found.parts] == ["layer 2", "layer 3", "layer 4", "layer 5"]
    assert {(part.n, part.unit, part.largest) for part in found.parts} == {(1200, LIKENESS, 1.0)}


def test_a_part_whose_maps_are_silent_says_so() -> None:
    found = features.judge(result(0.5, 0.2, float("nan"), 0.1), np.random.default_rng(1))[0]
    assert (found.verdict, [part.outcome for part in found.parts]) == ("undecided", ["holds", "not tested"])
    assert found.because.endswith("trained minus untrained: no map of a layer responds to two images")
    planted = result(0.5, 0.2, 0.2, 0.1)
    silent = replace(planted.layers["layer5"], gap_without=np.full(GROUPS, np.nan))
    found = features.judge(replace(planted, layers=planted.layers | {"layer5": silent}), np.random.default_rng(1))[1]
    assert found.parts[-1].why == "without a tenth of the images, no map responds to two images"


def test_a_run_that_could_have_shown_nothing_is_not_tested() -> None:
    """The smallest effect that the interval could have told from nothing is larger than a share can be."""
    found = features.judge(result(0.9, 0.1, 0.1, 0.1, spread=0.5), np.random.default_rng(1))[0]
    assert found.verdict == "not tested"
    assert "more images are needed" in found.because


def test_with_fewer_than_nine_images_a_class_hierarchy_is_not_tested() -> None:
    planted = replace(result(0.5, 0.2, 0.2, 0.1), images_of_smallest_class=8)
    found = features.judge(planted, np.random.default_rng(1))[0]
    assert found.verdict == "not tested"
    assert found.why.startswith("a class has only 8 validation images")
