"""Figure 8 and table 1: planted nets, the paper's own numbers, every verdict within reach."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy import ndarray
from runs import examples
from torch import nn

from reportgen.analyses.correspondence import Settings
from reportgen.analyses.correspondence import analysis as correspondence
from reportgen.analyses.correspondence.part_masks import Masks
from reportgen.analyses.correspondence.result import SORTS, Layer, Result, Scores, rows
from reportgen.analyses.correspondence.shown import _line
from reportgen.analyses.correspondence.sign_patterns import all_pairs
from reportgen.base.size import Size
from reportgen.claims.paper import CORRESPONDENCE
from reportgen.data.annotations import Annotations, Parts
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs

SIZE, CROP = 40, 36
PART_NAMES = ("right_eye", "left_eye", "nose")
COLOURS = {"right_eye": (255, 0, 0), "left_eye": (0, 255, 0), "nose": (0, 0, 255)}


def animals(count: int, groups: tuple[str, ...] | None = None, alike: bool = False, seed: int = 0) -> Parts:
    """Noise with a red, a green and a blue square on it, for the parts, at other places in every image."""
    rng = np.random.default_rng(seed)
    images = rng.integers(60, 200, (count, SIZE, SIZE, 3), dtype=np.uint8)
    places = np.array([[12.0, 12.0], [28.0, 12.0], [20.0, 26.0]]) + rng.integers(-2, 3, (count, 3, 2))
    if alike:
        images[:], places[:] = images[0], places[0]
    for image, own in zip(images, places.astype(int), strict=True):
        for colour, (x, y) in zip(COLOURS.values(), own, strict=True):
            image[y - 2 : y + 2, x - 2 : x + 2] = colour
    return Parts(
        images=images,
        names=tuple(f"{index}.png" for index in range(count)),
        groups=groups or ("dog",) * count,
        part_names=PART_NAMES,
        places=places,
        diameters=np.full((count, 3), 4.0),
        objects=np.ones((count, SIZE, SIZE), bool),
    )


class Planted(nn.Module):
    """Five rectified convolutions and a linear layer; the first sees what it is told to, the others hand it on."""

    def __init__(self, first: nn.Conv2d, pool: bool = True) -> None:
        super().__init__()
        maps = first.out_channels
        self.first = first
        self.rest = nn.ModuleList(nn.Conv2d(maps, maps, 1, bias=False) for _ in range(4))
        self.pool = nn.AdaptiveAvgPool2d(1) if pool else nn.Identity()
        self.top = nn.Linear(maps if pool else maps * CROP * CROP, 2)
        with torch.no_grad():
            for layer in self.rest:
                layer.weight.copy_(torch.eye(maps)[:, :, None, None])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        signal = torch.relu(self.first(images))
        for layer in self.rest:
            signal = torch.relu(layer(signal))
        return self.top(torch.flatten(self.pool(signal), 1))


def sees(weights: list[list[float]], bias: list[float]) -> nn.Conv2d:
    """A 1x1 convolution of the colours."""
    layer = nn.Conv2d(3, len(weights), 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights)[:, :, None, None])
        layer.bias.copy_(torch.tensor(bias))
    return layer


def inputs_of(net: nn.Module, parts: Parts | None) -> Inputs:
    nothing = Split(np.zeros((0, SIZE, SIZE, 3), np.uint8), np.zeros(0, np.int64), ())
    data = Dataset("planted", ("dog", "cat"), "", nothing, nothing, nothing)
    return Inputs.of(net, Preprocessing(Size.of(CROP)), data, annotations=Annotations(None, parts), batch=4)


def result_of(net: nn.Module, parts: Parts | None, **settings: float) -> Result:
    return correspondence.compute(inputs_of(net, parts), Settings(**settings), np.random.default_rng(0))


def scores(result: Result, layer: str = "layer5") -> dict[str, float]:
    found = correspondence.numbers(result)["layers"]
    return {
        key: score["mean"] for key, score in next(x for x in found if f"layer{x['number']}" == layer)["scores"].items()
    }


RED_ONLY = ([[1.0, -1.0, -1.0]], [-0.9])  # rectified: pure red alone gets through, grey and noise do not


def test_a_detector_of_one_part_is_changed_by_its_mask_alone() -> None:
    """Covering the right eye lowers its detector in every image: changed alike. Nothing else touches it."""
    found = result_of(Planted(sees(*RED_ONLY), pool=False), animals(8))
    layer = found.layers["layer5"]
    assert layer.entries == CROP * CROP
    red = 4 * 4
    assert (layer.part.changed[0] == red).all()
    assert not layer.part.changed[1:].any()
    assert not layer.on_object.changed.any()
    assert not layer.anywhere.changed.any()
    # Nothing ever rises, so no two changes are opposite; pairs differ where only one of the two has its eye.
    assert not layer.part.opposite.any()
    assert len(found.pairing.pairs) == 28
    places = np.array([set() for _ in range(8)])
    for image, (top, left, side) in enumerate(found.masks.part[0, 0]):
        places[image] = {
            (row, column) for row in range(top, top + side) for column in range(left, left + side)
            if (animals(8).images[image, row + 2, column + 2] == (255, 0, 0)).all()
        }  # fmt: skip
    expected = [len(places[first] ^ places[second]) for first, second in found.pairing.pairs]
    assert layer.part.different[0, 0].tolist() == expected


def test_pooled_a_detector_of_one_part_scores_zero_for_it() -> None:
    """The mean over the map falls in every image, whatever the place; random masks leave it as it is."""
    found = result_of(Planted(sees(*RED_ONLY)), animals(8))
    layer = found.layers["layer7"]
    assert layer.entries == 1
    assert (layer.part.changed[0] == 1).all()
    assert not layer.on_object.changed.any()
    assert scores(found, "layer7") == dict.fromkeys([*PART_NAMES, "random", "anywhere"], 0.0)


def test_masks_of_noise_change_random_features_at_random() -> None:
    """Features that compare a pixel with mid-grey: over noise the sign of a change is a coin's, over a part it is not."""
    weights = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    found = result_of(Planted(sees(weights, [1.0, 1.0, 1.0])), animals(30), mask_scale=1.0, draws=8)
    layer = correspondence.numbers(found)["layers"][1]
    result = layer["scores"]
    for part in PART_NAMES:
        assert result[part]["mean"] == 0.0  # red is always above grey, green and blue below
        assert result[part]["changed"] == 1.0
    assert result["random"]["mean"] == pytest.approx(0.5, abs=0.05)
    assert result["random"]["opposite"] == pytest.approx(0.5, abs=0.05)
    assert layer["opposite_gap"] == result["random"]["opposite"]  # under masks of the parts none parts
    [verdict] = correspondence.judge(found, np.random.default_rng(0))
    assert [part.outcome for part in verdict.parts[:3]] == ["holds"] * 3


def test_a_net_that_ignores_its_input_scores_zero_and_is_not_tested() -> None:
    found = result_of(Planted(sees([[0.0, 0.0, 0.0]] * 3, [1.0, 0.0, 2.0])), animals(6))
    assert scores(found) == dict.fromkeys([*PART_NAMES, "random", "anywhere"], 0.0)
    assert scores(found, "layer7") == scores(found)
    score = correspondence.numbers(found)["layers"][0]["scores"]["random"]
    assert (score["changed"], score["opposite"]) == (0.0, None)
    assert correspondence.numbers(found)["layers"][0]["opposite_gap"] is None
    [verdict] = correspondence.judge(found, np.random.default_rng(0))
    assert verdict.verdict == "not tested"
    assert {part.why for part in verdict.parts} == {"no mask changes any feature of layer 5"}
    assert [part.estimate for part in verdict.parts] == [0.0] * 4
    assert correspondence.figures(found)["behind"].rows[0][-1] == "–"


def test_the_same_part_in_identical_images_scores_zero() -> None:
    torch.manual_seed(0)
    found = result_of(Planted(nn.Conv2d(3, 6, 3, padding=1)), animals(4, alike=True))
    for part in PART_NAMES:
        assert scores(found)[part] == 0
        assert scores(found, "layer7")[part] == 0
    assert found.layers["layer5"].part.changed.all()
    assert scores(found)["random"] > 0  # the images are the same, the random places are not


def test_the_order_of_the_images_does_not_matter() -> None:
    torch.manual_seed(0)
    net = Planted(nn.Conv2d(3, 6, 3, padding=1))
    parts, order = animals(7, ("dog", "cat", "dog", "cat", "dog", "cat", "cat")), np.array([6, 2, 0, 5, 1, 3, 4])
    mixed = Parts(
        images=parts.images[order],
        names=tuple(parts.names[index] for index in order),
        groups=tuple(parts.groups[index] for index in order),
        part_names=parts.part_names,
        places=parts.places[order],
        diameters=parts.diameters[order],
        objects=parts.objects[order],
    )
    first, second = scores(result_of(net, parts)), scores(result_of(net, mixed))
    assert {part: first[part] for part in PART_NAMES} == pytest.approx({part: second[part] for part in PART_NAMES})


def test_the_score_is_the_papers_formula_written_out() -> None:
    """eps_i = x_i - x~_i with the mask painted into the pixels; Delta = mean over i != j of H(sign eps_i, sign eps_j)."""
    torch.manual_seed(1)
    net, parts = Planted(nn.Conv2d(3, 4, 3, padding=1)).eval(), animals(5)
    found = result_of(net, parts)
    signs = []
    for index in range(5):
        clean = Preprocessing(Size.of(CROP)).centre(parts.images[index : index + 1])
        top, left, side = found.masks.part[1, 0, index]
        masked = clean.clone()
        masked[:, :, top : top + side, left : left + side] = 0.5
        x, changed = (torch.relu(net.first(view)).detach().numpy().ravel().astype(float) for view in (clean, masked))
        eps = x - changed
        eps[np.abs(eps) <= 1e-5 * np.abs(x).max()] = 0
        signs.append(np.sign(eps))
    delta = np.mean([np.mean(signs[i] != signs[j]) for i in range(5) for j in range(5) if i != j])
    assert scores(found)["left_eye"] == pytest.approx(delta, abs=1e-4)


def test_a_classifier_of_1x1_convolutions_is_pooled() -> None:
    class Convolutional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(*(m for _ in range(5) for m in (nn.Conv2d(3, 3, 1), nn.ReLU())))
            self.classifier = nn.Conv2d(3, 2, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.classifier(self.layers(images)).mean((2, 3))

    found = result_of(Convolutional(), animals(3))
    assert found.layers["layer5"].entries == 3 * CROP * CROP
    assert found.layers["layer7"].entries == 3


def planted(
    rng: np.random.Generator,
    deep: tuple[float, ...],
    top: tuple[float, ...],
    spread: float = 0.03,
    sizes: tuple[int, ...] = (40,) * 6,
    own: float = 0.0,
) -> Result:
    """Results of classes of these sizes, and scores (each part's, then random's) at layers 5 and 7.

    Every image has a mood of its own that all its pairs share. Within a class the parts score by `own` less.
    """
    entries = 512
    groups = np.repeat(np.arange(len(sizes)), sizes)
    pairs = all_pairs(len(groups))
    first, second = pairs.T

    def scored(means: tuple[float, ...], less: float = 0.0) -> Scores:
        shape = (len(means), 1, len(pairs))
        mood = rng.normal(0, spread, (len(means), len(groups)))
        shares = np.array(means)[:, None] + mood[:, first] + mood[:, second] + rng.normal(0, spread, shape[::2])
        shares -= less * (groups[first] == groups[second])
        different = np.clip(np.round(entries * shares), 0, entries).astype(np.int32)[:, None]
        few = np.ones(shape[:2])
        return Scores(different, few, few, np.ones((len(means), 1, len(groups)), np.int32))

    def layer(number: int, means: tuple[float, ...]) -> Layer:
        random = (means[-1],) * (len(means) - 1)
        return Layer(number, entries, scored(means[:-1], own), scored(random), scored(random))

    no_masks = np.zeros((3, 1, len(groups), 3), np.int64)
    return Result(
        part_names=PART_NAMES,
        names=tuple(map(str, groups)),
        group_names=tuple("abcdef"[: len(sizes)]),
        groups=groups,
        masks=Masks(no_masks, no_masks, no_masks),
        layers={"layer5": layer(5, deep), "layer7": layer(7, top)},
        shown=np.flatnonzero(np.diff(groups, prepend=-1)),
        pictures=np.zeros((6, len(sizes), 4, 4, 3), np.uint8),
        left_out=(),
    )


@pytest.mark.parametrize(
    ("deep", "top", "verdict"),
    [
        ((0.30, 0.30, 0.30, 0.36), (0.30, 0.30, 0.30, 0.31), "holds"),
        ((0.36, 0.36, 0.36, 0.30), (0.30, 0.30, 0.30, 0.31), "contradicted"),
        ((0.30, 0.36, 0.30, 0.33), (0.30, 0.30, 0.30, 0.31), "contradicted"),  # one part is enough
        ((0.30, 0.30, 0.30, 0.36), (0.30, 0.30, 0.30, 0.42), "contradicted"),  # the gap grows with depth
        ((0.30, 0.30, 0.30, 0.303), (0.30, 0.30, 0.30, 0.30), "undecided"),
    ],
)
def test_the_claim_can_fall_either_way(deep: tuple[float, ...], top: tuple[float, ...], verdict: str) -> None:
    [found] = correspondence.judge(planted(np.random.default_rng(0), deep, top), np.random.default_rng(1))
    assert (found.id, found.verdict) == ("correspondence", verdict)
    assert [part.name for part in found.parts] == [
        "random minus right eye, layer 5",
        "random minus left eye, layer 5",
        "random minus nose, layer 5",
        "mean gap, layer 5 minus 7",
    ]
    assert {part.n for part in found.parts} == {240}
    assert {part.unit.words for part in found.parts} == {"in the paper’s score"}
    assert [part.name for part in found.beside] == [f"within classes: {part.name}" for part in found.parts]


def test_what_a_class_shares_stands_beside_and_does_not_count() -> None:
    means = (0.36, 0.36, 0.36, 0.33)
    [found] = correspondence.judge(planted(np.random.default_rng(0), means, means, own=0.1), np.random.default_rng(1))
    assert found.verdict == "contradicted"
    assert found.parts[0].estimate == pytest.approx(-0.03, abs=0.01)
    assert found.beside[0].estimate == pytest.approx(0.07, abs=0.01)
    assert found.beside[0].outcome == "holds"


@pytest.mark.parametrize(("sizes", "across"), [((12,), False), ((12, 1), False), ((6, 6), True), ((9, 2, 1), True)])
def test_where_one_class_alone_has_parts_the_pairs_lie_within_it_and_it_is_said(
    sizes: tuple[int, ...], across: bool
) -> None:
    groups = tuple(name for name, size in zip("abc", sizes, strict=False) for _ in range(size))
    found = result_of(Planted(sees(*RED_ONLY)), animals(sum(sizes), groups), shown=4)
    said = correspondence.numbers(found)
    assert said["across"] == found.across == across
    between = sum(groups[one] != groups[other] for one, other in all_pairs(len(groups)))
    assert said["pairs"] == (between if across else 66)
    caption = correspondence.figures(found)["table1"].caption
    assert ("in pairs of different classes" in caption) == across
    assert ("in pairs within the one class that is annotated, a;" in caption) == (not across)
    assert len({groups[place] for place in found.shown}) == (min(len(sizes), 4) if across else 1)
    [verdict] = correspondence.judge(found, np.random.default_rng(0))
    assert len(verdict.beside) == (4 if across else 0)  # some class has three images
    assert len(found.left_out) == (1 if sizes == (12, 1) else 0)


def test_pairs_that_are_shown_are_the_claims() -> None:
    """Two classes, two images of each: of the six pairs four count."""
    result = planted(np.random.default_rng(0), (0.3, 0.3, 0.3, 0.36), (0.3,) * 4, sizes=(2, 2))
    result = replace(result, shown=np.arange(4), pictures=np.zeros((6, 4, 4, 4, 3), np.uint8))
    [line, *_] = rows(PART_NAMES)
    found = _line(line, result.layers["layer5"], result)
    own = result.layers["layer5"].hamming("part")[0, 0][[1, 2, 3, 4]]  # 02 03 12 13
    assert (found["mean"], found["shown_mean"]) == (pytest.approx(own.mean()), pytest.approx(own.mean()))
    assert found["within_mean"] is None


def test_a_gap_that_random_masks_leave_no_room_for_is_not_tested() -> None:
    """Random masks score 0.004: with moods of 0.03 no gap of that size could have been shown."""
    means = (0.002, 0.002, 0.002, 0.004)
    [found] = correspondence.judge(
        planted(np.random.default_rng(0), means, means, sizes=(2, 2)), np.random.default_rng(1)
    )
    assert found.parts[0].outcome == "not tested"
    assert "more images are needed" in found.parts[0].why


def test_the_papers_table_falls_on_the_papers_side() -> None:
    """Table 1's means, as the score of every pair, go through the rule; its point estimates are the paper's gaps."""
    deep, top = (tuple(CORRESPONDENCE[key][place].mean for key in (*PART_NAMES, "random")) for place in (0, 1))
    result = planted(np.random.default_rng(0), deep, top, spread=0.0)
    [found] = correspondence.judge(result, np.random.default_rng(1))
    gaps = [0.107 - 0.067, 0.107 - 0.069, 0.107 - 0.079]
    at_top = [0.073 - 0.069, 0.073 - 0.068, 0.073 - 0.069]
    expected = [*gaps, np.mean(gaps) - np.mean(at_top)]
    assert [part.estimate for part in found.parts] == pytest.approx(expected, abs=2 / 512)  # entries are whole
    assert all(part.estimate > 0 for part in found.parts)


@pytest.mark.parametrize(
    ("sizes", "gap"),
    [((6,) * 6, 0.0), ((6,) * 6, 0.05), ((40, 3, 3), 0.0), ((12, 12), 0.0), ((1,) * 5, 0.05), ((20, 4), 0.0)],
)
def test_the_interval_holds_the_truth_for_pairs_that_share_images(sizes: tuple[int, ...], gap: float) -> None:
    """It misses the true gap about as rarely as its level says, which pairs alone would not; classes may differ in size."""
    runs, missed, alone = examples(100), np.zeros(4), 0
    for seed in range(runs):
        means = (0.5, 0.5, 0.5, 0.5 + gap)
        result = planted(np.random.default_rng(seed), means, means, sizes=sizes)
        [found] = correspondence.judge(result, np.random.default_rng(1))
        missed += [
            not part.low < truth < part.high for part, truth in zip(found.parts, (gap,) * 3 + (0.0,), strict=True)
        ]
        values = result.layers["layer5"].gaps[0][result.pairing.compared]
        alone += abs(values.mean() - gap) > 2.96 * values.std(ddof=1) / len(values) ** 0.5
    assert missed.max() <= 0.04 * runs  # of each a three-hundredth is expected
    if min(sizes) > 5:
        assert alone > 0.06 * runs


def test_each_part_is_held_against_random_masks_of_its_own_size() -> None:
    parts = replace(animals(6), diameters=np.tile([3.0, 4.0, 6.0], (6, 1)))
    found = result_of(Planted(sees(*RED_ONLY)), parts, mask_scale=1.0)
    for sort in SORTS:
        assert getattr(found.masks, sort)[..., 2].max(axis=(1, 2)).tolist() == [3, 4, 6]
        assert getattr(found.masks, sort)[..., 2].min(axis=(1, 2)).tolist() == [3, 4, 6]


def test_without_parts_nothing_is_tested_and_the_reason_said() -> None:
    found = result_of(Planted(sees(*RED_ONLY)), None)
    [verdict] = correspondence.judge(found, np.random.default_rng(0))
    assert (verdict.verdict, verdict.why) == ("not tested", "no parts annotated (PARTS=)")
    assert correspondence.figures(found) == {}
    assert correspondence.numbers(found)["why"] == "no parts annotated (PARTS=)"


def test_with_two_images_of_a_class_nothing_is_tested() -> None:
    found = result_of(Planted(sees(*RED_ONLY)), animals(3, ("dog", "dog", "cat")))
    [verdict] = correspondence.judge(found, np.random.default_rng(0))
    assert verdict.verdict == "not tested"
    assert verdict.why == (
        "no category has 3 annotated images that can be used, nor are there enough of different ones (2.png: fewer than 3 "
        "images of its category, cat, can be used, and too few of others)"
    )
    assert len(correspondence.numbers(found)["left_out"]) == 3
    assert correspondence.numbers(found)["pairs"] == 0


def test_masks_too_large_for_the_image_leave_nothing_to_test() -> None:
    found = result_of(Planted(sees(*RED_ONLY)), animals(4), mask_scale=4.0)
    [verdict] = correspondence.judge(found, np.random.default_rng(0))
    assert verdict.verdict == "not tested"
    assert "its object has no room for a mask clear of the parts" in verdict.why or "would leave" in verdict.why


def test_a_net_without_layer_7_is_not_judged_but_shown() -> None:
    result = planted(np.random.default_rng(0), (0.3, 0.3, 0.3, 0.4), (0.3, 0.3, 0.3, 0.3))
    result = replace(result, layers={"layer5": result.layers["layer5"]})
    [verdict] = correspondence.judge(result, np.random.default_rng(0))
    assert (verdict.verdict, verdict.why) == ("not tested", "the net has no layer 7")
    assert [len(row) for row in correspondence.figures(result)["table1"].rows] == [5] * 5


def test_parts_that_the_paper_has_not_stand_without_its_numbers() -> None:
    wheel = replace(animals(4), part_names=("hub", "outer_rim", "valve"))
    table = correspondence.figures(result_of(Planted(sees(*RED_ONLY)), wheel))["table1"]
    assert table.columns == ("masked", "layer 5", "layer 7", "the 4 shown: layer 5", "the 4 shown: layer 7")
    assert [row[0] for row in table.rows] == ["hub", "outer rim", "valve", "random, on the object", "random, anywhere"]
    own = correspondence.figures(result_of(Planted(sees(*RED_ONLY)), animals(4)))["table1"]
    assert own.columns[-2:] == ("paper: layer 5", "paper: layer 7")
    assert own.rows[2][-2:] == ("0.079\u00a0±\u00a00.017", "0.069\u00a0±\u00a00.011")
    assert own.rows[3][-2:] == ("0.107\u00a0±\u00a00.017", "0.073\u00a0±\u00a00.014")
    assert own.rows[4][-2:] == ("–", "–")


def test_the_figure_shows_different_classes_and_their_masks() -> None:
    parts = animals(12, ("cat",) * 7 + ("dog",) * 3 + ("fox",) * 2)
    found = result_of(Planted(sees(*RED_ONLY)), parts, shown=3)
    assert {found.group_names[found.groups[place]] for place in found.shown} == {"cat", "dog", "fox"}
    assert found.pictures.shape == (6, 3, CROP, CROP, 3)
    for column, place in enumerate(found.shown):
        original = parts.images[int(found.names[place].split(".")[0]), 2:38, 2:38]
        np.testing.assert_array_equal(found.pictures[0, column], original)
        for row, squares in enumerate(
            [*found.masks.part[:, 0], found.masks.on_object[0, 0], found.masks.anywhere[0, 0]]
        ):
            top, left, side = squares[place]
            window: tuple[slice, slice] = slice(top, top + side), slice(left, left + side)
            changed: ndarray = (found.pictures[row + 1, column] != original).any(axis=2)
            assert (found.pictures[row + 1, column][window] == 128).all()
            changed[window] = False
            assert not changed.any()
    grid = correspondence.figures(found)["masks"]
    assert grid.row_titles == ("original", "right eye", "left eye", "nose", "random, on object", "random, anywhere")
