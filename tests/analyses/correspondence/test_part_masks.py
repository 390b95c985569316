"""Which images are masked, and where their squares lie."""

from dataclasses import replace

import numpy as np
import pytest

from reportgen.analyses.correspondence.part_masks import choose, mask_parts
from reportgen.base.size import Size
from reportgen.data.annotations import Parts
from reportgen.look import squares

SIZE, CROP = 48, 44  # two pixels are cut at every side


def parts_of(count: int, groups: tuple[str, ...] | None = None, diameter: float = 4.0) -> Parts:
    """Animals with two eyes and a nose at the same places, on an object that leaves the image's rim free."""
    objects = np.zeros((count, SIZE, SIZE), bool)
    objects[:, 8:40, 8:40] = True
    return Parts(
        images=np.zeros((count, SIZE, SIZE, 3), np.uint8),
        names=tuple(f"dog/{index}.png" for index in range(count)),
        groups=groups or ("dog",) * count,
        part_names=("right_eye", "left_eye", "nose"),
        places=np.tile([[16.0, 20.0], [32.0, 20.0], [24.0, 30.0]], (count, 1, 1)),
        diameters=np.full((count, 3), diameter),
        objects=objects,
    )


def chosen(parts: Parts, scale: float = 1.0, draws: int = 4, seed: int = 0):
    return choose(parts, Size.of(CROP), scale, draws, np.random.default_rng(seed))


def test_a_mask_lies_over_its_part_in_what_the_net_reads() -> None:
    masks = mask_parts(parts_of(3), Size.of(CROP), 1.5)
    assert masks[:, 0].tolist() == [[15, 11, 6], [15, 27, 6], [25, 19, 6]]  # 20 - 2 - 3, 16 - 2 - 3, ...


def test_random_masks_are_as_large_on_the_object_and_clear_of_every_part() -> None:
    parts = replace(parts_of(6), diameters=np.tile([3.0, 5.0, 7.0], (6, 1)))
    masks = chosen(parts, draws=20).masks
    inner = parts.objects[0, 2:46, 2:46]
    for image in range(6):
        taken = squares.union(masks.part[:, 0, image], Size.of(CROP))
        for part, side in enumerate((3, 5, 7)):
            for square in masks.on_object[part, :, image]:
                covered = squares.union(square[None], Size.of(CROP))
                assert covered.sum() == side * side
                assert not (covered & taken).any()
                assert inner[covered].all()
            for square in masks.anywhere[part, :, image]:
                covered = squares.union(square[None], Size.of(CROP))
                assert covered.sum() == side * side
                assert not (covered & taken).any()
    on_object = np.array([inner[tuple(square[:2])] for square in masks.anywhere.reshape(-1, 3)])
    assert not on_object.all()  # some lie beside it
    assert len(np.unique(masks.on_object[0, :, :, :2].reshape(-1, 2), axis=0)) > 60  # and not always in one place


def test_an_image_whose_mask_would_leave_the_crop_is_left_out() -> None:
    parts = parts_of(5)
    parts.places[1, 1] = (45.0, 20.0)  # in the stored image, and in the crop, but its mask is not
    found = chosen(parts)
    assert found.images.tolist() == [0, 2, 3, 4]
    assert found.left_out == (("dog/1.png", "the mask of its left eye would leave the 44 px that the net reads"),)


def test_an_image_without_room_on_its_object_is_left_out() -> None:
    parts = parts_of(4)
    parts.objects[2] = False
    parts.objects[2, 18:22, 14:18] = True  # nothing but the right eye
    found = chosen(parts)
    assert found.images.tolist() == [0, 1, 3]
    assert found.left_out == (("dog/2.png", "its object has no room for a mask clear of the parts"),)
    assert found.masks.part.shape == (3, 1, 3, 3)


def test_of_a_second_class_with_a_single_image_none_is_used() -> None:
    found = chosen(parts_of(5, groups=("dog", "dog", "dog", "cat", "dog")))
    assert found.images.tolist() == [0, 1, 2, 4]
    assert [name for name, _ in found.left_out] == ["dog/3.png"]
    assert found.left_out[0][1] == "fewer than 3 images of its category, cat, can be used, and too few of others"


def test_every_image_is_used_where_classes_make_pairs_with_each_other() -> None:
    found = chosen(parts_of(3, groups=("poodle", "collie", "boxer")))  # as in the paper: of each breed one
    assert found.images.tolist() == [0, 1, 2]
    assert found.left_out == ()


@pytest.mark.parametrize("scale", [4.0, 30.0])
def test_masks_as_large_as_the_image_fit_nowhere(scale: float) -> None:
    found = chosen(parts_of(3, diameter=12.0), scale)
    assert len(found.images) == 0
    assert len(found.left_out) == 3
    assert found.masks.part.shape == (3, 1, 0, 3)
