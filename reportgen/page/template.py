"""Rendering a page from templates: figures and tables are numbered in the order in which the sections show them."""

import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import jinja2.bccache
from markupsafe import Markup

from reportgen.analyses.settings import said
from reportgen.base.errors import UserError
from reportgen.base.typesetting import NO_BREAK, typeset
from reportgen.figures.cutouts import own_maps
from reportgen.figures.kinds import KINDS
from reportgen.page.atlas import address
from reportgen.page.conclusion import conclusion, reason_among, shared_reasons
from reportgen.page.content import VERDICTS, Content, Section
from reportgen.page.filters import FILTERS
from reportgen.page.headline import layers, story, strip
from reportgen.page.template_files import folders

SHARED = {kind.__name__ for kind in KINDS}
SIGNS = {"holds": "✓", "contradicted": "✗", "undecided": "?", "not tested": "–"}


class _Compiled(jinja2.BytecodeCache):
    """Compiled templates, in memory: the page and the PDF are made of the same ones, and compiling takes longest."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])  # unless the file has changed

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def render(content: Content, page: str, pictures: str, folder: Path | None = None, **more: Any) -> str:
    """Render template `page`; `pictures` is the base address of every analysis' pictures.

    Raises UserError that names the template for an undefined name, a figure that the analysis did not make, and a figure
    that no template shows.
    """
    content = _typeset(content)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*([folder] if folder else []), *folders()]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        lstrip_blocks=True,
        bytecode_cache=_COMPILED,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "separators": (",", ":")}
    environment.filters |= {name: _of_defined(function) for name, function in FILTERS.items()}
    environment.filters["reason_among"] = reason_among
    counts = {verdict: sum(claim["verdict"] == verdict for claim in content.claims) for verdict in VERDICTS}
    environment.globals |= {
        "run": content.run,
        "net": content.net,
        "data": content.data,
        "claims": content.claims,
        "noise": content.noise,
        "conclusion": conclusion(content.claims, bool(content.net.get("loaded"))),
        "verdicts": counts,
        "shared": shared_reasons(content.claims),
        "fold": partial(_fold, folded=not more["print"]),
        "signs": SIGNS,
        "layers": layers(content),
        "pictures": pictures,
        "switches": switches(content.run),
        "history": None,
        "atlas": partial(address, content.atlas) if content.atlas else None,
        **more,
    }
    try:
        environment.globals["caveats"] = list(_caveats(environment, content))
        first = _Sections(environment, content, {})
        first.render()
        second = _Sections(environment, content, first.labels)
        sections = second.render()
        return environment.get_template(page).render(
            sections=sections,
            strip=strip(content),
            story=story(content),
            evidence=second.evidence,
            places=_places(sections),
        )
    except jinja2.UndefinedError as error:
        raise UserError(f"{_where(error)}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise UserError(f"{_where(error)}: {error}") from error


def _typeset(content: Content) -> Content:
    """The content with its texts as they are printed: programs and comparisons keep them as they were written."""

    def texts(entry: Mapping[str, Any], *names: str) -> dict[str, Any]:
        return {**entry, **{name: typeset(entry[name]) for name in names if entry.get(name)}}

    def shown(figure: Mapping[str, Any]) -> dict[str, Any]:
        found = texts(figure, "title", "caption", "alt")
        if figure["kind"] == "Table":
            found["columns"] = [typeset(cell) for cell in figure["columns"]]
            found["rows"] = [[typeset(cell) for cell in row] for row in figure["rows"]]
        if "tiles" in figure:
            found["tiles"] = [texts(tile, "title", "row") for tile in figure["tiles"]]
        if figure["kind"] == "LineChart":  # for the page that follows the pointer
            found["panels"] = [
                texts(panel, "title", "x_label", "y_label")
                | {"series": [texts(one, "name") for one in panel["series"]]}
                for panel in figure["panels"]
            ]
        return found

    claims = tuple(
        texts(claim, "statement", "paper", "rule", "why", "decides")
        | {name: [texts(part, "name") for part in claim[name]] for name in ("parts", "beside")}
        for claim in content.claims
    )
    sections = tuple(
        replace(section, figures={name: shown(figure) for name, figure in section.figures.items()})
        for section in content.sections
    )
    return replace(content, claims=claims, sections=sections)


def _fold(title: str, of: str = "", open: bool = False, *, folded: bool, caller: Callable[[], str]) -> Markup:
    """A part of the page behind its title; on paper, where nothing is `folded`, only what holds a figure is printed.

    `of`: what the title speaks of, for readers who hear it without the text around it.
    """
    inside = caller()
    if not folded:
        return Markup(inside if "<figure" in inside else "")
    if not inside.strip():
        return Markup("")
    return Markup('<details class="fold"{}>\n<summary>{}{}</summary>\n<div>\n{}</div>\n</details>').format(
        Markup(" open") if open else "",
        title,
        Markup('<span class="hidden"> {}</span>').format(of) if of else "",
        Markup(inside),
    )


def _caveats(environment: jinja2.Environment, content: Content) -> Iterator[dict[str, Any]]:
    """The analyses' caveats about all pictures, from their ``caveat.html.j2``."""
    for section in content.sections:
        name = f"{section.name}/caveat.html.j2"
        if _is_there(environment, name):
            words = environment.get_template(name).render(numbers=section.artefact["numbers"]).strip()
            if words:
                yield {"section": section.name, "words": Markup(words)}


def _is_there(environment: jinja2.Environment, name: str) -> bool:
    assert environment.loader is not None
    try:
        environment.loader.get_source(environment, name)
    except jinja2.TemplateNotFound:
        return False
    return True


def _of_defined(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, with an error that names an undefined value, and one that names the template where it refuses a value."""

    def checked(value: Any, *rest: Any) -> Any:
        try:
            return (
                str(value) if isinstance(value, jinja2.Undefined) else function(value, *rest)
            )  # str() raises the error
        except ValueError as error:
            raise jinja2.TemplateRuntimeError(f"{function.__name__}: {error}") from error

    return checked


def _where(error: BaseException) -> str:
    """The innermost template in an error's traceback, with its line."""
    found, trace = "template", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.endswith(".j2"):
            found = f"{Path(name).parent.name}/{Path(name).name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return getattr(error, "name", None) or found


class _Sections:
    """Renders every section; figures and tables are numbered in the order in which they are shown."""

    def __init__(self, environment: jinja2.Environment, content: Content, known: Mapping[str, str]) -> None:
        self.environment = environment
        self.content = content
        self.known = known  # labels from an earlier pass, for references to later figures
        self.labels: dict[str, str] = {}  # figure id -> "Figure 7", "Table 2"
        self.counts: Counter[str] = Counter()
        self.evidence: dict[str, dict[str, Any]] = {}  # claim id -> the figures it rests on, and a note beside it

    def render(self) -> list[dict[str, Any]]:
        """Every section as {"name", "title", "body", "bytes", "figures": [{"id", "label", "title", "after"}]}."""
        return [self._section(section) for section in self.content.sections]

    def _section(self, section: Section) -> dict[str, Any]:
        shown: list[dict[str, Any]] = []

        def figure(name: str, after: str = "", **more: Any) -> Markup:
            """Show a figure of this section; `after` names the paper's figure that it follows.

            `first`: of a grid, the rows, maps or pictures that are shown before the rest is folded.
            """
            drawn = self._drawn(section, name)
            identity = f"{section.name}-{name}"
            if identity in self.labels:
                raise UserError(f"{section.name}/section.html.j2: figure '{name}' is shown twice")
            what = "Table" if drawn["kind"] == "Table" else "Figure"
            self.counts[what] += 1
            label = self.labels[identity] = f"{what} {self.counts[what]}"
            shown.append({"id": identity, "label": label, "title": drawn["title"], "after": after})
            return self._piece(
                self._figure_template,
                own=self._own(section.name, drawn["kind"]),
                figure=drawn,
                name=name,
                id=identity,
                label=label,
                after=after,
                analysis=section.name,
                source=section.artefact,
                larger=f"make figures LAYER={drawn['layer']} MAPS=all" if own_maps(drawn) else "",
                **more,
            )

        def ref(name: str, analysis: str = section.name, first: bool = False) -> Markup:
            """A link to a figure or table: "figure 7", or "Figure 7" if it begins a sentence (`first`)."""
            identity = f"{analysis}-{name}"
            place = next((part for part in self.content.sections if part.name == analysis), section)
            self._drawn(place, name)
            label = self.known.get(identity, "").replace(" ", NO_BREAK)
            return Markup('<a class="ref" href="#{}">{}</a>').format(identity, label if first else label.lower())

        def claim(name: str, *figures: str, beside: str = "") -> Markup:
            """The verdict on a claim, with its numbers. The claim rests on `figures`, or else on the last figure shown.

            `beside`: a note under the verdict in the table of claims, for a verdict that would mislead without it.
            """
            found = next((entry for entry in self.content.claims if entry["id"] == name), None)
            if found is None:
                raise UserError(f"{section.name}/section.html.j2: the paper has no claim '{name}'")
            rests = [entry for entry in shown if entry["id"].removeprefix(f"{section.name}-") in figures]
            if figures and not rests and found["verdict"] != "not tested":
                raise UserError(
                    f"{section.name}/section.html.j2: the claim '{name}' rests on {' and '.join(map(repr, figures))}, "
                    "which is not shown before it"
                )
            rests = rests if figures else shown[-1:]
            self.evidence[name] = {"figures": rests, "beside": Markup(" ").join(beside.split())}
            return self._piece("claim.html.j2", claim=found)

        body = self._piece(
            f"{section.name}/section.html.j2",
            numbers=section.artefact["numbers"],
            has=section.figures.__contains__,
            drawn=lambda name: self._drawn(section, name),
            figure=figure,
            ref=ref,
            claim=claim,
        )
        shown_names = {entry["id"].removeprefix(f"{section.name}-") for entry in shown}
        forgotten = [name for name in section.figures if name not in shown_names]
        if forgotten:
            raise UserError(f"{section.name}/section.html.j2: figure '{forgotten[0]}' was made but is not shown")
        return {
            **{"name": section.name, "title": section.title, "body": body},
            **{"bytes": section.bytes, "figures": shown},
        }

    def _piece(self, template: str, **context: Any) -> Markup:
        return Markup(self.environment.get_template(template).render(**context))

    @property
    def _figure_template(self) -> str:
        return "print_figure.html.j2" if self.environment.globals.get("print") else "figure.html.j2"

    def _own(self, analysis: str, kind: str) -> str:
        """The template for an analysis' own kind of figure; empty for the shared kinds."""
        name = f"{analysis}/{self._figure_template}"
        return name if kind not in SHARED and _is_there(self.environment, name) else ""

    def _drawn(self, section: Section, name: str) -> Mapping[str, Any]:
        if name not in section.figures:
            there = ", ".join(section.figures) or "none"
            raise UserError(
                f"{section.name}/section.html.j2: analysis '{section.name}' made no figure '{name}' (it made: {there})"
            )
        return section.figures[name]


def _places(sections: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The figures and tables of the paper, each with those of this report that follow it; figures first, by number."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for section in sections:
        for figure in section["figures"]:
            for what, *numbers in re.findall(r"(figure|table)s? (\d+)(?: and (\d+))?", figure["after"]):
                for number in filter(None, numbers):
                    found.setdefault(f"{what} {number}", []).append(figure)
    return dict(sorted(found.items(), key=lambda item: (item[0].split()[0], int(item[0].split()[1]))))


def switches(run: Mapping[str, Any]) -> str:
    """The switches of this run that differ from the defaults, as written after ``make report``."""
    return " ".join(f"{name}={shlex.quote(text)}" for name, text in said(run["profile"], run["settings"]).items())
