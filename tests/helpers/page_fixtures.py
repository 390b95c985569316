"""One fake build, and the report made of it, for all tests of the page."""

import logging
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import pytest
from fake_build import FAKED, RUN, Printed, compute, draw, judge, make_build
from runs import once

from reportgen.base.artifacts import read_json, write_json
from reportgen.page import html, pdf


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Templates are compiled once for all tests: that takes most of the time in which a page is made."""
    cache = jinja2.FileSystemBytecodeCache(str(once("compiled", tmp_path_factory, lambda folder: None)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2, "Environment", partial(jinja2.Environment, bytecode_cache=cache))
        yield


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake build; not to be changed."""
    return once("page", tmp_path_factory, lambda home: make_build(home / "build")) / "build"


@pytest.fixture(scope="session")
def report(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page made of it; not to be changed."""
    home = once("page-html", tmp_path_factory, lambda home: html.write(build, home / "report", RUN, FAKED, atlas=True))
    return home / "report"


@pytest.fixture(scope="session")
def printed(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Printed:
    """The PDF made of it."""
    if not pdf.available():
        pytest.skip("WeasyPrint finds no Pango here")

    def write(home: Path) -> None:
        complaints: list[str] = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
        logger = logging.getLogger("weasyprint")
        logger.addHandler(handler)
        try:
            pdf.write(build, home, RUN, FAKED, atlas=True)
        finally:
            logger.removeHandler(handler)
        write_json(home / "complaints.json", complaints)

    home = once("page-pdf", tmp_path_factory, write)
    return Printed(home / "report.pdf", read_json(home / "complaints.json"))


def copied_build(build: Path, folder: Path) -> Path:
    """A copy of a build in this folder, made once; its photographs are the build's own."""
    copy = folder / "build"
    if not copy.exists():
        shutil.copytree(build, copy, ignore=shutil.ignore_patterns("*.jpg"), dirs_exist_ok=True)
        for picture in build.rglob("*.jpg"):
            place = copy / picture.relative_to(build)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(picture)
    return copy


@pytest.fixture
def replanted(build: Path, tmp_path: Path) -> Callable[[str, Any], Path]:
    """A build in which an analysis came to another result: ``replanted("features", features.result(untrained=0.7))``."""

    def replant(name: str, result: Any) -> Path:
        copy = copied_build(build, tmp_path)
        shutil.rmtree(copy / "drawn" / name)  # what is drawn anew must not be written through a link
        compute(copy, name, result)
        draw(copy, name)
        judge(copy, [one.name for one in FAKED])
        return copy

    return replant


@pytest.fixture
def altered(build: Path, tmp_path: Path) -> Callable[[str, Callable[[Any], None]], Path]:
    """A build with one document changed: ``altered("features/artefact.json", change)``; pictures are shared."""

    def alter(name: str, change: Callable[[Any], None]) -> Path:
        copy = copied_build(build, tmp_path)
        document = read_json(copy / name)
        change(document)
        write_json(copy / name, document)
        return copy

    return alter
