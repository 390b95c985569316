"""Figure 7 and its two claims: nets whose answer is known by construction, and every verdict within reach."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from runs import examples
from torch import Tensor, nn

from reportgen.analyses.occlusion import analysis as occlusion
from reportgen.analyses.occlusion import sweep as sweeps
from reportgen.analyses.occlusion.analysis import Result, Settings
from reportgen.analyses.occlusion.figure import Occlusion
from reportgen.analyses.occlusion.sweep import Genuineness, Localisation
from reportgen.base.size import Size
from reportgen.claims import intervals
from reportgen.data.annotations import Annotations
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.figures.kinds import Figure, ImageGrid, Scatter
from reportgen.look.inputs import Inputs

SIDE, SIZE = 16, 4  # pixels: of the planted images and of the square
BRIGHT = 5  # pixels: side of the planted object
IMAGES = 50  # enough for a verdict
FEW = 6  # enough where none is asked for: covering takes a hundredth of a second an image
STEP_1 = Settings(size=SIZE * 14, stride=14, sample=IMAGES)  # 224 / 16 = 14: a square of 4 px, moved by one


def inputs(net: nn.Module, images: np.ndarray, masks: np.ndarray | None, labels: np.ndarray | None = None) -> Inputs:
    """A planted net over planted images; they are all of class 1 unless said otherwise."""
    labels = np.ones(len(images), np.int64) if labels is None else labels
    names = tuple(f"bright/{index}.png" for index in range(len(images)))
    split = Split(images, labels, names)
    data = Dataset("planted", ("dark", "bright", "other"), "", split, split, split)
    return Inputs.of(net, Preprocessing(Size.of(SIDE)), data, Annotations(masks, None))


def bright_squares(count: int = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    """Dark images with a bright square at a random place, and where it lies."""
    rng = np.random.default_rng(0)
    images, masks = np.full((count, SIDE, SIDE, 3), 40, np.uint8), np.zeros((count, SIDE, SIDE), bool)
    for mask in masks:
        top, left = rng.integers(1, SIDE - BRIGHT, 2)
        mask[top : top + BRIGHT, left : left + BRIGHT] = True
    images[masks] = 255
    return images, masks


class Reads(nn.Module):
    """relu(slope * brightness + offset) at every pixel; class 1 where their weighted sum is above a threshold."""

    def __init__(self, slope: float, offset: float, weights: Tensor, threshold: float, gain: float = 1.0) -> None:
        super().__init__()
        self.conv, self.relu, self.linear = nn.Conv2d(3, 1, 1), nn.ReLU(), nn.Linear(SIDE * SIDE, 3)
        with torch.no_grad():
            self.conv.weight.fill_(slope / 3)
            self.conv.bias.fill_(offset)
            self.linear.weight.zero_()
            self.linear.bias.copy_(torch.tensor([0.0, -gain * threshold, -20.0]))
            self.linear.weight[1] = gain * weights.flatten()

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.relu(self.conv(x)).flatten(1))


def object_detector() -> nn.Module:
    """Sees what is brighter than the grey square; half of the object must be left."""
    return Reads(1, -0.6, torch.ones(SIDE, SIDE), threshold=0.4 * BRIGHT**2 / 2)


def background_reader() -> nn.Module:
    """Sees what is darker than the grey square."""
    dark = SIDE**2 - BRIGHT**2
    return Reads(-1, 0.4, torch.ones(SIDE, SIDE), threshold=(0.4 - 40 / 255) * (dark - SIZE**2 / 2), gain=3)


def reader_of(row: int, column: int) -> nn.Module:
    """Looks at one pixel."""
    weights = torch.zeros(SIDE, SIDE)
    weights[row, column] = 1
    return Reads(1, -0.6, weights, threshold=0.2, gain=20)


def run(planted: Inputs, settings: Settings = STEP_1) -> Result:
    return occlusion.compute(planted, settings, np.random.default_rng(0))


def verdicts(result: Result) -> dict[str, str]:
    return {found.id: found.verdict for found in occlusion.judge(result, np.random.default_rng(1))}


def test_only_squares_over_the_place_that_a_net_reads_change_anything() -> None:
    images, masks = bright_squares(FEW)
    images[:, 9, 3] = 255
    result = run(inputs(reader_of(9, 3), images, masks))
    example = result.examples["example1"]
    over = np.outer((example.tops <= 9) & (example.tops > 9 - SIZE), (example.lefts <= 3) & (example.lefts > 3 - SIZE))
    assert over.sum() == SIZE * SIZE
    np.testing.assert_allclose(example.probability[~over], example.clean_probability, atol=1e-6)
    np.testing.assert_allclose(example.probability[over], 1 / (1 + np.exp(20 * 0.2)), atol=1e-6)
    np.testing.assert_array_equal(example.guesses, np.where(over, 0, 1))


def test_the_map_that_sees_one_colour_falls_by_the_area_of_it_that_is_covered() -> None:
    """A red and a blue patch on grey; map 0 sees red alone, map 1 (weaker) blue."""
    images = np.full((FEW, SIDE, SIDE, 3), 128, np.uint8)
    red, blue = np.zeros((SIDE, SIDE), bool), np.zeros((SIDE, SIDE), bool)
    red[2:7, 3:9], blue[10:14, 8:13] = True, True
    images[:, red], images[:, blue] = (255, 0, 0), (0, 0, 255)
    net = nn.Sequential(nn.Conv2d(3, 2, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(2 * SIDE * SIDE, 3))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -1, -1], [-0.5, -0.5, 0.5]])[..., None, None])
        net[3].weight.zero_()
        net[3].bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    example = run(inputs(net, images, None)).examples["example1"]
    assert example.map == 0
    assert example.clean_activation == red.sum()
    for row, top in enumerate(example.tops):
        for column, left in enumerate(example.lefts):
            left_over = red.sum() - red[top : top + SIZE, left : left + SIZE].sum()
            assert example.activation[row, column] == pytest.approx(left_over, abs=1e-4)
    # Its projection is one red pixel on grey: the strongest activation's own.
    picture = example.projections[0].astype(int)
    bright = np.argwhere(np.abs(picture - 128).max(2) > 10)
    assert len(bright) == 1
    assert red[tuple(bright[0])]
    assert picture[tuple(bright[0])].tolist() == [255, 0, 0]


@pytest.fixture(scope="module")
def detected() -> Result:
    return run(inputs(object_detector(), *bright_squares()))


def test_a_detector_of_the_object_localises(detected: Result) -> None:
    result = detected
    assert verdicts(result)["localises"] == "holds"
    assert result.localisation is not None
    np.testing.assert_allclose(result.localisation.on_background, 0, atol=1e-6)
    assert (result.localisation.on_object > 0.1).all()
    assert (result.localisation.hit == 1).all()
    assert result.localisation.overlap.mean() > 2 * result.localisation.middle.mean()


def test_a_reader_of_the_background_does_not() -> None:
    result = run(inputs(background_reader(), *bright_squares()))
    assert verdicts(result)["localises"] == "contradicted"
    assert result.localisation is not None
    assert (result.localisation.on_background > result.localisation.on_object).all()
    assert (result.localisation.hit == 0).all()


def test_a_net_that_ignores_its_input_leaves_the_claim_undecided() -> None:
    net = object_detector()
    with torch.no_grad():
        net.linear.weight.zero_()
        net.linear.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    result = run(inputs(net, *bright_squares()))
    found = occlusion.judge(result, np.random.default_rng(1))[0]
    assert (found.id, found.verdict) == ("localises", "undecided")
    for part in found.parts:
        assert part.estimate == pytest.approx(0, abs=1e-6)
        assert part.low < 0 < part.high  # nothing varies, which is not to be certain
    assert (result.examples["example1"].guesses == 1).all()


def pooling_net() -> nn.Module:
    """A map that pools red over eighths of the image: its projection is the one pixel that the pool chose."""
    net = nn.Sequential(
        nn.Conv2d(3, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(8), nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(),
        nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, -1, -1])[None, :, None, None])
        net[3].weight.fill_(2.0)
        net[6].weight.zero_()
        net[6].bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    return net


def red_dots(count: int = IMAGES) -> tuple[np.ndarray, np.ndarray]:
    """Grey images with one red pixel."""
    rng = np.random.default_rng(0)
    places = rng.integers(0, SIDE, (count, 2))
    images = np.full((count, SIDE, SIDE, 3), 128, np.uint8)
    images[np.arange(count), places[:, 0], places[:, 1]] = (255, 0, 0)
    return images, places


def test_covering_what_a_genuine_projection_shows_silences_its_map() -> None:
    images, places = red_dots()
    result = run(inputs(pooling_net(), images, None), replace(STEP_1, size=3 * 14, stride=28))
    found = result.genuineness
    assert found is not None
    np.testing.assert_allclose(found.peak_drop, 1)
    np.testing.assert_allclose(found.empty_drop, 0)
    for image, peak, empty in zip(found.images, found.peak, found.empty, strict=True):
        assert ((peak <= places[image]) & (places[image] < peak + 3)).all()
        assert not ((empty <= places[image]) & (places[image] < empty + 3)).all()
        assert (peak // 8 == (peak + 3 - 1) // 8).all()  # inside the unit's receptive field
        assert (empty // 8 == peak // 8).all()
    assert (found.correlation > 0.99).all()
    assert set(found.other_maps) == {-1}  # the layer has one map alone: nothing to hold it against
    assert verdicts(result) == {"localises": "not tested", "visualisation-is-genuine": "undecided"}
    parts = occlusion.judge(result, np.random.default_rng(1))[1].parts
    assert [part.outcome for part in parts] == ["holds", "not tested"]


class Colours(nn.Module):
    """A layer of three maps that pool red, green and blue over the image's halves; red is the strongest."""

    def __init__(self, leak: float = 0.0) -> None:
        super().__init__()
        self.see, self.pool, self.map = (
            nn.Conv2d(3, 3, 1, bias=False),
            nn.MaxPool2d((SIDE, SIDE // 2)),
            nn.Conv2d(3, 3, 1, bias=False),
        )
        self.linear = nn.Linear(6, 3)
        with torch.no_grad():
            self.see.weight.copy_(
                (2 * torch.eye(3) - 1)[:, :, None, None]
            )  # a pure colour, and neither grey nor another
            gains = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
            gains[0, 1] = leak  # red's map hears green, too
            self.map.weight.copy_(gains[:, :, None, None])
            self.linear.weight.zero_()
            self.linear.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))

    def forward(self, images: Tensor) -> Tensor:
        return self.linear(torch.relu(self.map(self.pool(torch.relu(self.see(images))))).flatten(1))


def coloured_dots(colours: dict[str, tuple[int, int]], count: int = FEW) -> np.ndarray:
    """Grey images with dots of one pixel."""
    images = np.full((count, SIDE, SIDE, 3), 128, np.uint8)
    for name, place in colours.items():
        images[:, place[0], place[1]] = [255 * (name == colour) for colour in ("red", "green", "blue")]
    return images


def test_covering_what_another_map_shows_leaves_a_map_of_its_own_colour_as_it_was() -> None:
    result = run(
        inputs(Colours(), coloured_dots({"red": (2, 2), "green": (12, 5)}, IMAGES), None), replace(STEP_1, stride=56)
    )
    found = result.genuineness
    assert found is not None
    assert set(found.maps) == {0}
    assert set(found.other_maps) == {1}  # the third is not active
    assert ((found.other <= (12, 5)) & (found.other > np.array([12, 5]) - SIZE)).all()
    np.testing.assert_allclose(found.peak_drop, 1)
    np.testing.assert_allclose(found.other_drop, 0)
    np.testing.assert_array_equal(found.any_drop, found.other_drop)
    assert (found.drawn == 1).all()
    assert not found.same_place.any()
    assert verdicts(result)["visualisation-is-genuine"] == "holds"
    [shown, other] = occlusion.judge(result, np.random.default_rng(1))[1].parts
    assert other.estimate == shown.estimate == 1


def test_a_map_that_hears_another_loses_by_what_the_other_shows_as_well() -> None:
    """Red's map is 3 + 1.5 of green: covering green's peak costs it a third."""
    dots = coloured_dots({"red": (2, 2), "green": (12, 5)})
    found = run(inputs(Colours(leak=1.5), dots, None), replace(STEP_1, stride=56)).genuineness
    assert found is not None
    np.testing.assert_allclose(found.other_drop, 1 / 3, atol=1e-6)


def test_a_map_whose_peak_lies_on_the_own_one_is_passed_over_and_counted() -> None:
    dots = coloured_dots({"red": (6, 3), "green": (7, 5), "blue": (14, 1)}, 30)
    found = run(inputs(Colours(), dots, None), replace(STEP_1, stride=56)).genuineness
    assert found is not None
    assert set(found.other_maps) == {2}
    assert (found.drawn == 2).all()
    assert (found.same_place == 1).all()
    first_is_green = found.any_drop > 0.5  # its square covers red as well
    assert 0.2 < first_is_green.mean() < 0.8  # drawn at random
    only = run(
        inputs(Colours(), coloured_dots({"red": (6, 3), "green": (7, 5)}), None), replace(STEP_1, stride=56)
    ).genuineness
    assert only is not None
    assert set(only.other_maps) == {-1}
    assert np.isnan(only.other_drop).all()
    assert (only.any_drop > 0.5).all()


def test_another_map_lies_in_the_receptive_field_of_the_first() -> None:
    """Red and green pooled over halves of the image: green on the other side cannot reach red's unit."""
    net = Colours()
    near, far = ({"red": (2, 2), "green": (12, column)} for column in (5, 13))
    for dots, other in ((near, 1), (far, -1)):
        found = run(inputs(net, coloured_dots(dots), None), replace(STEP_1, stride=56)).genuineness
        assert found is not None
        assert set(found.other_maps) == {other}


def before_its_relu() -> nn.Module:
    """`pooling_net` without ReLUs: an eighth with a red pixel gives 2, one of grey -1."""
    net = pooling_net()
    net[1], net[4] = nn.Identity(), nn.Identity()
    return net


def test_a_map_of_both_signs_counts_by_its_values_above_zero() -> None:
    """Each sums to 2 - 1 - 1 - 1: a share of that says nothing, of the 2 that a red pixel gives everything is lost."""
    result = run(inputs(before_its_relu(), red_dots()[0], None), replace(STEP_1, size=3 * 14, stride=28))
    found = result.genuineness
    assert found is not None
    assert sorted(found.images) == list(range(IMAGES))
    np.testing.assert_allclose(found.peak_drop, 1, atol=1e-6)
    assert result.examples["example1"].clean_activation == pytest.approx(1.99, abs=0.02)
    assert verdicts(result)["visualisation-is-genuine"] != "not tested"


def test_pictures_that_are_the_same_for_every_image_are_not_judged() -> None:
    result = run(inputs(object_detector(), *bright_squares(FEW)), replace(STEP_1, stride=56))
    [_, claim] = occlusion.judge(result, np.random.default_rng(1))
    assert claim.verdict == "not tested"
    assert claim.why == (
        "a unit of layer 1 has one picture for all images: nothing below it depends on the image, as max pools do"
    )
    assert result.genuineness is None
    assert "where the boxed projection shows structure" not in occlusion.figures(result)["example1"].caption
    assert not run(inputs(pooling_net(), red_dots(FEW)[0], None), replace(STEP_1, size=3 * 14, stride=28)).alike


def test_of_a_map_that_is_silent_no_shares_are_shown() -> None:
    grey = np.full_like(red_dots(FEW)[0], 128)
    result = run(inputs(before_its_relu(), grey, None), replace(STEP_1, size=3 * 14, stride=28))
    assert result.genuineness is None
    assert result.examples["example1"].clean_activation == 0
    shown = occlusion.figures(result)["example1"]
    assert "as it is: no value of the clean image's map is above zero" in shown.caption
    assert "as a share" not in shown.caption


def test_without_masks_the_first_claim_is_not_tested_and_says_why() -> None:
    result = run(inputs(object_detector(), bright_squares(FEW)[0], None), replace(STEP_1, stride=56))
    found = occlusion.judge(result, np.random.default_rng(1))[0]
    assert (found.verdict, found.why) == ("not tested", "it is not known where the objects lie in the test images")
    assert set(occlusion.figures(result)) == {"example1", "gallery"}


def test_with_too_few_images_or_none_right_neither_claim_is_tested() -> None:
    few = run(inputs(object_detector(), *bright_squares()), replace(STEP_1, stride=56, sample=20))
    found = occlusion.judge(few, np.random.default_rng(1))[0]
    assert found.verdict == "not tested"
    assert found.why.startswith("50 images are needed, and there are 20: test images that the net gets right")
    none = run(inputs(object_detector(), *bright_squares(), labels=np.zeros(IMAGES, np.int64)))
    assert none.sweep is None
    assert set(verdicts(none).values()) == {"not tested"}
    assert list(occlusion.figures(none)) == ["example1"]
    assert occlusion.numbers(none)["examples"][0]["guess"] == "bright"


def test_images_that_the_user_names_stand_beside_the_others() -> None:
    names = ("val/bright/7.png", "bright/3.png")
    result = run(inputs(object_detector(), *bright_squares(12)), replace(STEP_1, images=names, stride=56, sample=1))
    assert [(e.split, e.name) for e in list(result.examples.values())[1:]] == [
        ("validation", "bright/7.png"),
        ("test", "bright/3.png"),
    ]
    assert not result.examples["example2"].outline.any()  # objects are known of test images alone
    assert [entry["chosen"] for entry in occlusion.numbers(result)["examples"]] == [True, False, False]


def test_the_figures_show_what_was_computed(detected: Result) -> None:
    result = detected
    figures: dict[str, Figure] = occlusion.figures(result)
    assert list(figures) == ["example1", "gallery", "claims"]
    shown, example = figures["example1"], result.examples["example1"]
    assert isinstance(shown, Occlusion)
    assert shown.classes[0] == "bright"
    np.testing.assert_array_equal(np.array(shown.classes)[shown.guesses], np.array(result.classes)[example.guesses])
    gallery, claims = figures["gallery"], figures["claims"]
    assert isinstance(gallery, ImageGrid)
    assert isinstance(claims, Scatter)
    lit = gallery.images[1::2].max(3) > 60  # an image of 40 and 255 under the light: only the object is left
    assert result.sweep is not None
    _, masks = bright_squares()
    shown_images = result.sweep.images[np.unique(np.linspace(0, IMAGES - 1, 12).round().astype(int))]
    assert (lit & ~masks[shown_images]).sum() == 0
    assert lit.any((1, 2)).all()
    assert len(claims.panels[0].x) == IMAGES


def planted(
    rng: np.random.Generator,
    gap: float = 0.1,
    hits: float = 0.8,
    quieter: float = 0.15,
    specific: float = 0.15,
    images: int = 100,
    others: int = 100,
) -> Result:
    """A result with planted means: object minus background, hits (chance is 0.4), what is shown minus empty, and minus
    what another map's projection shows, which so many of the images have."""
    base, some = rng.normal(0.05, 0.05, images), np.arange(images)
    hit = (rng.random(images) < hits).astype(float)
    spread, share = rng.normal(gap, 0.1, images), rng.normal(0.4, 0.05, images)
    odds = {"odds_on_object": 10 * (base + spread), "odds_on_background": 10 * base}
    located = Localisation(some, base + spread, base, hit, share, share, share, **odds)
    places, empty = np.zeros((images, 2), np.int64), rng.normal(0.1, 0.1, images)
    shown = empty + rng.normal(quieter, 0.2, images)
    other = shown - rng.normal(specific, 0.2, images)
    genuine = Genuineness(
        images=some,
        maps=some,
        peak=places,
        empty=places,
        peak_drop=shown,
        empty_drop=empty,
        correlation=share,
        other_maps=some,
        other=places,
        other_drop=np.where(some < others, other, np.nan),
        any_drop=other,
        drawn=some + 1,
        same_place=some // 2,
        middle_drop=empty,
        corner_drop=empty,
        middle_correlation=share,
    )
    return Result(("a", "b"), Size.of(88), 19, 3, 5, "", {}, 0, True, None, located, genuine, None)


@pytest.mark.parametrize(
    ("gap", "hits", "verdict"),
    [
        (0.1, 0.8, "holds"),
        (-0.1, 0.8, "contradicted"),
        (0.1, 0.05, "contradicted"),
        (0.005, 0.8, "undecided"),
        (0.1, 0.4, "undecided"),
    ],
)
def test_localises_can_fall_either_way(gap: float, hits: float, verdict: str) -> None:
    found = occlusion.judge(planted(np.random.default_rng(0), gap, hits), np.random.default_rng(1))[0]
    assert (found.id, found.verdict) == ("localises", verdict)
    assert [part.n for part in found.parts] == [100, 100]


@pytest.mark.parametrize(
    ("quieter", "specific", "verdict"),
    [
        (0.15, 0.15, "holds"),
        (-0.15, 0.15, "contradicted"),
        (0.15, -0.15, "contradicted"),  # what another map's projection shows matters more
        (0.15, 0.0, "undecided"),  # another map's does as well
        (0.01, 0.15, "undecided"),
    ],
)
def test_genuineness_can_fall_either_way(quieter: float, specific: float, verdict: str) -> None:
    result = planted(np.random.default_rng(0), quieter=quieter, specific=specific)
    found = occlusion.judge(result, np.random.default_rng(1))[1]
    assert (found.id, found.verdict) == ("visualisation-is-genuine", verdict)
    assert [part.name for part in found.parts] == [
        "drop, shown minus left empty",
        "drop, shown minus shown by another map",
    ]
    assert found.parts[1].estimate == pytest.approx(specific, abs=0.06)
    assert {part.unit.words for part in (*found.parts, *found.beside)} == {"points of the map’s activity"}


def test_with_too_few_other_maps_the_second_part_is_not_tested_and_the_claim_cannot_hold() -> None:
    result = planted(np.random.default_rng(0), others=49)
    found = occlusion.judge(result, np.random.default_rng(1))[1]
    assert [part.outcome for part in found.parts] == ["holds", "not tested"]
    assert found.verdict == "undecided"
    assert found.because.endswith(
        "50 images are needed, and there are 49: test images whose receptive field also holds the peak of another map's "
        "projection, clear of the map's own peak"
    )
    said = occlusion.numbers(result)["genuineness"]["other"]
    assert (said["images"], said["drawn"]) == (49, 5050)
    assert said["same_place"] == pytest.approx(2450 / 5050)
    none = planted(np.random.default_rng(0), others=0)
    assert occlusion.numbers(none)["genuineness"]["other"]["drop"] is None
    assert len(occlusion.figures(none)["claims"].panels) == 2  # type: ignore[attr-defined]
    assert len(occlusion.figures(result)["claims"].panels) == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("truth", [0.0, 0.1])
def test_the_intervals_hold_the_truth_as_often_as_they_say(truth: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of both claims' parts, and of log-odds beside: images differ far more than their mean lies from zero."""
    monkeypatch.setattr(intervals, "RESAMPLES", 2000)
    runs, missed = examples(60), np.zeros(5)
    truths = (truth, 0.4, truth, truth, 10 * truth)
    for seed in range(runs):
        result = planted(np.random.default_rng(seed), truth, 0.8, truth, truth)
        local, genuine = occlusion.judge(result, np.random.default_rng(1))
        parts = (*local.parts, *genuine.parts, local.beside[0])
        missed += [not part.low <= value <= part.high for part, value in zip(parts, truths, strict=True)]
    assert missed.max() <= runs / 20  # of each a three-hundredth is expected


def test_what_the_middle_explains_is_a_share_of_what_the_claim_is_judged_by() -> None:
    result = planted(np.random.default_rng(0))
    genuine = replace(result.genuineness, corner_drop=result.genuineness.middle_drop - 0.06)
    said = occlusion.numbers(replace(result, genuineness=genuine))["genuineness"]
    assert said["middle_share"] == pytest.approx(0.06 / (said["peak_drop"] - said["empty_drop"]))
    assert 0.3 < said["middle_share"] < 0.5
    backwards = planted(np.random.default_rng(0), quieter=-0.15)
    assert occlusion.numbers(backwards)["genuineness"]["middle_share"] is None


def test_the_settings_pixels_are_of_224_and_scale_with_the_image() -> None:
    assert [occlusion.scaled(48, side) for side in (224, 88, 44)] == [48, 19, 9]
    assert occlusion.scaled(1, 44) == 1


def test_one_scale_lights_all_images_of_the_gallery() -> None:
    """An image in which covering costs a hundredth of what it costs in another stays nearly dark."""
    opened = inputs(object_detector(), *bright_squares(12))
    result = run(opened, replace(STEP_1, stride=56))
    assert result.sweep is not None
    share = np.ones(12)
    share[sweeps.in_gallery(result.sweep)[0]] = 0.01
    found = replace(
        result.sweep,
        clean=result.sweep.clean * share,
        probability=result.sweep.probability * share[:, None, None],
    )
    tiles = sweeps.gallery(opened, found, result.size)
    assert tiles[1].max() < 0.3 * tiles[3].max()
