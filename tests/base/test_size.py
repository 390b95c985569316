"""The sides of a picture, as people write them."""

import pytest

from reportgen.base.size import Size


@pytest.mark.parametrize(
    ("said", "size", "again"),
    [
        (88, (88, 88), 88),
        ("88", (88, 88), 88),
        ("64x128", (64, 128), "64x128"),
        (" 64 × 128 ", (64, 128), "64x128"),
        ("64x64", (64, 64), 64),
        ([64, 128], (64, 128), "64x128"),
        (Size(3, 5), (3, 5), "3x5"),
    ],
)
def test_what_is_written_is_read_and_written_again(said: object, size: tuple[int, int], again: int | str) -> None:
    found = Size.of(said)  # type: ignore[arg-type]
    assert found == size
    assert found.said == again
    assert Size.of(found.said) == found


@pytest.mark.parametrize(
    "said", ["", "wide", "64x", "64x128x3", "-5", "6.5", 6.5, True, None, [64], [1, 2, 3], ["6", "7"]]
)
def test_anything_else_is_refused_with_an_example(said: object) -> None:
    with pytest.raises(ValueError, match="as in 88, or rows"):
        Size.of(said)  # type: ignore[arg-type]


def test_one_size_fits_in_another_by_both_sides() -> None:
    assert Size(3, 5).fits_in(Size(3, 5))
    assert not Size(3, 5).fits_in(Size(5, 4))
    assert Size(64, 128).scaled(8 / 7) == (73, 146)
