"""The report for printing: the same sections and pictures, set by WeasyPrint."""

import datetime
import gc
import importlib.util
import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reportgen.analyses.registry import ANALYSES, Analysis
from reportgen.base.artifacts import digest
from reportgen.base.progress import say
from reportgen.page.content import gather
from reportgen.page.drawings import simpler
from reportgen.page.filling import Galley
from reportgen.page.folder import publish
from reportgen.page.provenance import made
from reportgen.page.template import render
from reportgen.page.template_files import templates

NAME = "report.pdf"
UNFILLED = ("title", "abstract", "found")  # sections that begin pages and have no figures
TAGGED = {"pdf_variant": "pdf/ua-1"}  # a screen reader finds headings, tables and descriptions of pictures
TOP, ROOM = (
    millimetres / 25.4 * 96 for millimetres in (19, 297 - 19 - 17)
)  # CSS pixels: print.css's margin, and between both
MEASURED = """
@page { @top-left { content: none } @top-right { content: none } @bottom-right { content: none } }
a.page::after { content: " Page 00." }
.contents li > a::after { content: leader(". ") "00" }
"""  # of print.css, a layout that only measures needs no margins, and no numbers of pages, for which WeasyPrint sets pages again
PICTURES = "drawn://pictures"  # base address of the pictures
FACES = {  # shipped with matplotlib, so the PDF has the same bytes on every machine
    "Report Serif": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    "Report Sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    "Report Mono": ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique"),
}
MOST_LETTERS = 12  # named in the message about letters that no font has
STYLES = (("normal", "normal"), ("bold", "normal"), ("normal", "italic"), ("bold", "italic"))  # weight, slope


class NoPdf(Exception):
    """WeasyPrint does not work on this machine, so there is no PDF."""

    def __init__(self, reason: str, way_out: str) -> None:
        super().__init__(f"only the PDF is missing ({reason}): {way_out}, then make the report again")


PANGO = (
    "WeasyPrint needs Pango; install it with "
    "'apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0' (Debian, Ubuntu), "
    "'dnf install pango' (Fedora) or 'brew install pango' (macOS)"
)


def available() -> bool:
    """Whether this machine can make a PDF."""
    try:
        _weasyprint()
    except NoPdf:
        return False
    return True


def _weasyprint() -> Any:
    """Import WeasyPrint, which takes half a second and loads Pango; raises NoPdf."""
    try:
        import weasyprint
    except ImportError as error:
        raise NoPdf(str(error), f"install it with '{sys.executable} -m pip install weasyprint'") from error
    except OSError as error:
        raise NoPdf(str(error).splitlines()[0], PANGO) from error
    return weasyprint


def write(
    build: Path, report: Path, run: Mapping[str, Any], analyses: Sequence[Analysis] = ANALYSES, atlas: bool = False
) -> None:
    """Write ``report.pdf``; the same bytes for the same run. `atlas`: whether there are pages of all maps beside it.

    Raises NoPdf if WeasyPrint or Pango is missing, and UserError as `reportgen.page.html.write` does.
    """
    weasyprint = _weasyprint()
    content = gather(build, run, analyses, atlas)
    created = _moment(run.get("date"))
    page = render(content, "print.html.j2", PICTURES, print=True, created=created, made=made(content))
    fetcher = _fetcher(weasyprint, build / "drawn")
    fonts = weasyprint.text.fonts.FontConfiguration()
    styles = [
        weasyprint.CSS(string=font_faces(), font_config=fonts, url_fetcher=fetcher),
        weasyprint.CSS(filename=templates() / "print.css", font_config=fonts, url_fetcher=fetcher),
    ]
    # A base, so that no address counts as relative; nothing is read from it.
    document = weasyprint.HTML(string=page, base_url="file:///", url_fetcher=fetcher)
    identifier = digest([content.run, [section.artefact["fingerprint"] for section in content.sections]])
    with missing_letters(), seldom_collecting():
        pages = _filled(document, styles, fonts)
        content_bytes = pages.write_pdf(pdf_identifier=identifier.encode(), uncompressed_pdf=False, **TAGGED)
    publish(report, "pdf", {NAME: content_bytes})


def _filled(document: Any, styles: Sequence[Any], fonts: Any) -> Any:
    """The pages, laid out so that figures leave none of them half empty (`reportgen.page.filling`)."""
    galley = Galley(document.etree_element, UNFILLED)
    options = {"font_config": fonts, "cache": {}, **TAGGED}  # pictures are read once
    measured = document.render(stylesheets=[*styles, _weasyprint().CSS(string=MEASURED)], **options)
    galley.arrange([page.anchors for page in measured.pages], TOP, ROOM)
    return document.render(stylesheets=styles, **options)


@contextmanager
def seldom_collecting() -> Iterator[None]:
    """Look for garbage less often: a page is made of small objects that live to the end, and Python would go through all of
    them again and again, which is a fifth of the PDF's time."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextmanager
def missing_letters() -> Iterator[None]:
    """Name, once, the letters that WeasyPrint found no font for; it prints a box for each."""
    found: set[str] = set()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if missing := re.search(r'unsupported by fonts: "(.)"', record.getMessage()):
                found.add(missing[1])

    logger, handler = logging.getLogger("weasyprint"), Handler()
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    if found:
        more = f" and {len(found) - MOST_LETTERS} more" if len(found) > MOST_LETTERS else ""
        some = " ".join(sorted(found)[:MOST_LETTERS]) + more
        say(f"  report.pdf: no font on this machine has {some}: install one (Debian, Ubuntu: fonts-noto)")


def _fetcher(weasyprint: Any, drawn: Path) -> Any:
    """Reads only local files. Pictures have an address without the build folder, so the PDF's bytes do not depend on it."""

    class Fetcher(weasyprint.urls.URLFetcher):
        def fetch(self, url: str, headers: Any = None) -> Any:
            found = super().fetch(url.replace(PICTURES, drawn.resolve().as_uri(), 1), headers)
            if not url.endswith(".svg"):
                return found
            return weasyprint.urls.URLFetcherResponse(url, simpler(found.read()), {"Content-Type": "image/svg+xml"})

    return Fetcher(allowed_protocols=["file", "data"])


def _moment(seconds: int | None) -> str:
    """The date for the PDF's metadata; empty if it is unknown."""
    if not seconds:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def font_faces() -> str:
    """The style rules that name the font files."""
    spec = importlib.util.find_spec("matplotlib")  # found, not imported: it takes a second
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the PDF uses its fonts", name="matplotlib")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return "\n".join(
        f"@font-face {{ font-family: '{family}'; font-weight: {weight}; font-style: {slope}; "
        f"src: url('{(folder / f'{file}.ttf').as_uri()}'); }}"
        for family, files in FACES.items()
        for file, (weight, slope) in zip(files, STYLES, strict=True)
    )
