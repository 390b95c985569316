"""A real browser on the page of a finished report: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import Open
from playwright.sync_api import Browser, Page, expect, sync_playwright
from runs import Run, once, slow_ones, whole

from reportgen.page import single

expect.set_options(timeout=20_000)  # ms: other tests may have the processor


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, started once."""
    place = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if place is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=place, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Open]:
    """Opens a report's page: ``opened(folder or address, width=1440, home=folder of a page below it, **context)``.

    In the end no page may have complained on the console, thrown, or asked for anything outside of its report.
    """
    wrong: list[str] = []
    contexts = []

    def see(report: Path | str, width: int = 1440, home: Path | None = None, **context: Any) -> Page:
        address = report if isinstance(report, str) else (report if report.suffix else report / "index.html").as_uri()
        inside = (address.rpartition("/")[0] if home is None else home.as_uri()) + "/"
        contexts.append(chromium.new_context(viewport={"width": width, "height": 900}, **context))
        page = contexts[-1].new_page()
        page.on("console", lambda message: wrong.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        # Aborted: a page that is left or loaded again no longer wants what is still on its way.
        page.on(
            "requestfailed",
            lambda request: request.failure == "net::ERR_ABORTED" or wrong.append(f"failed: {request.url}"),
        )
        page.on("request", lambda request: request.url.startswith((inside, "data:")) or wrong.append(request.url))
        page.goto(address)
        return page

    yield see
    for context in contexts:
        context.close()
    assert not wrong


BRIEFLY = (
    *("TRAINING_EPOCHS=10", "COMPARE_EPOCHS=1", "COMPARE_PAPER_EPOCHS=1", "OCCLUSION_SAMPLE=12"),
    *("DATA_TRAIN=40", "DATA_VAL=30", "DATA_TEST=6", "DATA_JUDGE=4", "DATA_MULTI_TRAIN=8", "DATA_MULTI_TEST=8"),
    *("DATA_TRANSFER=10", "GENERALISATION_COUNTS=1,2", "GENERALISATION_EPOCHS=2", "GENERALISATION_FOLDS=2"),
    "COMPUTE_THREADS=1",  # and so one stage after another: the other core has tests of its own
)


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the profile `smoke`, made once; unless slow tests are asked for, with nets hardly trained on few images, and no PDF."""
    switches = () if slow_ones() else BRIEFLY
    return Run.at(once("smoke", tmp_path_factory, lambda home: whole("smoke", home, *switches, pdf=slow_ones())))


@pytest.fixture(scope="session")
def packed(smoke: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the profile `smoke` in one file, alone in a folder."""

    def pack(home: Path) -> None:
        shutil.copytree(smoke.report, home / "report", symlinks=True)
        single.write(home / "report").rename(home / "single.html")

    return once("packed", tmp_path_factory, pack) / "single.html"


@pytest.fixture(params=["folder", "one file"])
def page(opened: Open, smoke: Run, packed: Path, request: pytest.FixtureRequest) -> Page:
    """The report of the profile `smoke` on a wide screen, with its files beside it and packed in one."""
    return opened(smoke.report if request.param == "folder" else packed)
