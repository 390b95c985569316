"""What the browser's tests share."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

Open = Callable[..., Page]  # the fixture `opened`
# For a test of what is not the same where the page is one file: its pictures, and what is cut from them.
IN_ONE_FILE_TOO = pytest.mark.parametrize("page", ["folder", "one file"], indirect=True)
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


def leave_viewer(page: Page) -> None:
    """Close the viewer, and wait until the focus is back where it was: the browser does both a moment after the key."""
    page.keyboard.press("Escape")
    expect(page.locator(".viewer")).to_be_hidden()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
