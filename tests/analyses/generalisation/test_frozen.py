"""Features of crops and flips: those that the net gives of the same crops one by one."""

import numpy as np
import torch
from torch import nn

from reportgen.analyses.generalisation import frozen
from reportgen.analyses.generalisation.folds import Folds
from reportgen.analyses.generalisation.reading import Wanted
from reportgen.base.size import Size
from reportgen.data.dataset import Dataset, Split
from reportgen.data.transforms import Preprocessing
from reportgen.look.inputs import Inputs

SIDE, CROP = 20, 16


def opened(images: int = 12) -> tuple[Inputs, Split]:
    """A small net whose features depend on place and side, and noise."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 3))
    pixels = np.random.default_rng(0).integers(0, 256, (images, SIDE, SIDE, 3), dtype=np.uint8)
    split = Split(pixels, np.arange(images) % 3, ("",) * images)
    return Inputs.of(
        net, Preprocessing(Size.of(CROP)), Dataset("noise", tuple("abc"), "", split, split, split), batch=25
    ), split


def test_the_views_are_crops_and_flips_of_their_image_in_order() -> None:
    inputs, split = opened()
    top = Wanted.of(inputs).top
    chosen = np.array([7, 2, 2, 11, 0])
    generator = torch.Generator().manual_seed(3)
    found = np.concatenate(list(frozen._of_views(inputs, top, split, chosen, generator, "")))
    views = inputs.preprocessing.random_views((SIDE, SIDE), 5 * frozen.VIEWS, torch.Generator().manual_seed(3))
    for row, (place, down, right, mirrored) in enumerate(
        zip(np.repeat(chosen, frozen.VIEWS), views.tops, views.lefts, views.mirrored, strict=True)
    ):
        crop = split.images[place, down : down + CROP, right : right + CROP]
        seen = inputs.preprocessing.normalise(torch.from_numpy((crop[:, ::-1] if mirrored else crop).copy()))
        with torch.no_grad():
            expected = inputs.net[:3](seen[None])
        np.testing.assert_allclose(found[row], expected[0].numpy(), rtol=1e-5, atol=1e-6)
    assert len(np.unique(found.round(4), axis=0)) > 40


def test_every_fold_draws_its_own_views_and_smaller_counts_read_a_part_of_them(monkeypatch) -> None:
    inputs, split = opened(18)
    drawn = np.array([[[0, 3, 6], [1, 4, 7], [2, 5, 8]]] * 2)
    folds = Folds(test=np.arange(9, 18), drawn=drawn, pool=6)
    learned = []
    original = frozen.condensed

    def noted(train, test):
        learned.append(train)
        return original(train, test)

    monkeypatch.setattr(frozen, "condensed", noted)
    test = np.zeros((9, 144), np.float32)
    found = frozen.learn(inputs, Wanted.of(inputs).top, split, folds, (1, 3), test, np.array([4, 5]))
    assert found.correct.shape == (2, 2, 9)
    assert found.strengths.shape == (2, 2)
    few, many, other, _ = learned
    assert (few.shape, many.shape) == ((30, 144), (90, 144))
    np.testing.assert_array_equal(few, many.reshape(3, 3, 10, 144)[:, 0].reshape(30, 144))
    assert not np.array_equal(few, other)  # the same images, other views
