"""A real browser on the page of a finished report: Debian's Chromium, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pages import Open
from playwright.sync_api import Browser, Page, expect, sync_playwright
from runs import Run, once

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


@pytest.fixture(scope="session")
def shown(request: pytest.FixtureRequest) -> Run:
    """The report to look at: the one in the folder that REPORTGEN_REPORT names, or that of the profile `tiny`."""
    if made := os.environ.get("REPORTGEN_REPORT"):
        report = Path(made).absolute()
        return Run(report.parent, report.parent / "build", report)
    tiny: Run = request.getfixturevalue("tiny")
    return tiny


@pytest.fixture(scope="session")
def full_sized(shown: Run) -> Run:
    """A report with as many maps, and with verdicts about as many words, as users see."""
    if shown.home.name == "once-tiny":
        pytest.skip("tiny's report is another: REPORTGEN_REPORT=report looks at yours")
    return shown


@pytest.fixture(scope="session")
def packed(shown: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page that is shown in one file, alone in a folder."""

    def pack(home: Path) -> None:
        shutil.copytree(shown.report, home / "report", symlinks=True)
        single.write(home / "report").rename(home / "single.html")

    return once("packed", tmp_path_factory, pack) / "single.html"


@pytest.fixture(params=["folder", pytest.param("one file", marks=pytest.mark.slow)])
def page(opened: Open, shown: Run, packed: Path, request: pytest.FixtureRequest) -> Page:
    """The report that is shown on a wide screen, with its files beside it and packed in one.

    Tests of what differs between the two are marked `pages.IN_ONE_FILE_TOO`; of the others the second is slow.
    """
    return opened(shown.report if request.param == "folder" else packed)
