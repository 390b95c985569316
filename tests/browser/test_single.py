"""The page in one file: it has everything with it."""

from pathlib import Path

from pages import Open, read_through


def test_every_picture_of_the_one_file_is_in_it(opened: Open, packed: Path) -> None:
    assert [path.name for path in packed.parent.iterdir()] == ["report", packed.name]
    (packed.parent / "report").rename(packed.parent / "elsewhere")
    try:
        page = opened(packed)
        read_through(page)
        pictures = page.evaluate(
            """[...document.images].filter((picture) => picture.checkVisibility())
            .map((picture) => [picture.src.slice(0, 11), picture.naturalWidth])"""
        )
    finally:
        (packed.parent / "elsewhere").rename(packed.parent / "report")
    assert len(pictures) > 50
    assert all(source == "data:image/" and width > 0 for source, width in pictures)
