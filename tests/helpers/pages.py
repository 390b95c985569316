"""What the browser's tests share."""

from collections.abc import Callable

from playwright.sync_api import Page

Open = Callable[..., Page]  # the fixture `opened`
WIDTHS = (360, 768, 1440)  # CSS pixels: a telephone, a tablet, a desk


def read_through(page: Page) -> None:
    """Scroll to the end, a screen at a time, as a reader does."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for place in range(0, height, 700):
        page.evaluate(f"scrollTo({{top: {place}, behavior: 'instant'}})")
        page.wait_for_timeout(15)
    page.evaluate(
        """Promise.all([...document.images].filter((picture) => picture.checkVisibility() && !picture.complete)
        .map((picture) => new Promise((done) => { picture.onload = picture.onerror = done; })))"""
    )
