"""Checks of the sections' templates, before anything is computed."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import jinja2
from jinja2 import nodes

from reportgen.analyses.base import Analysis
from reportgen.base.errors import UserError
from reportgen.claims import BY_ID
from reportgen.page.template_files import folders


def check(analyses: Sequence[Analysis]) -> None:
    """Raise UserError for an analysis without a section, and for a section that is not a valid template, does not show
    one of its analysis' figures, shows a figure that is not declared, or names a claim that the paper does not make.
    """
    environment, loader = jinja2.Environment(), jinja2.FileSystemLoader(folders())
    for analysis in analyses:
        place = f"{analysis.name}/section.html.j2"
        try:
            calls = environment.parse(loader.get_source(environment, place)[0])
        except jinja2.TemplateNotFound:
            raise UserError(
                f"{analysis.folder / 'section.html.j2'}: no such file: write the analysis' section of the page"
            ) from None
        except jinja2.TemplateSyntaxError as error:
            raise UserError(f"{place}, line {error.lineno}: {error.message}") from None
        shown = list(_named(calls, "figure"))
        for declared in analysis.figures:
            if not any(_alike(declared, name) for name in shown):
                raise UserError(
                    f"{place}: figure '{declared}' is not shown: write {{{{ figure(\"{declared}\") }}}} where it belongs"
                )
        for name in shown:
            if not any(_alike(declared, name) for declared in analysis.figures):
                raise UserError(
                    f"{place}: it shows a figure '{name}', which analyses/{analysis.name}/__init__.py does not declare"
                )
        for name in _named(calls, "claim"):
            if name not in BY_ID:
                raise UserError(f"{place}: the paper has no claim '{name}'")


def _named(template: nodes.Template, function: str) -> Iterator[str]:
    """The first argument of each call of a function in a template, with * for parts that only rendering computes."""
    for call in template.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == function and call.args:
            yield _text(call.args[0])


def _text(value: nodes.Expr) -> str:
    if isinstance(value, nodes.Const):
        return str(value.value)
    if isinstance(value, nodes.Concat):
        return "".join(_text(part) for part in value.nodes)
    return "*"


def _alike(declared: str, shown: str) -> bool:
    return fnmatchcase(declared, shown) or fnmatchcase(shown, declared)
