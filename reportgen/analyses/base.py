"""What an analysis is: a folder of ``reportgen/analyses`` with a fixed set of files. docs/architecture.md says how to add one.

``__init__.py``     `Analysis` and its ``Settings``: light, for the command line reads it at every call
``analysis.py``     ``compute(inputs, settings, rng) -> Result``, ``judge(result, rng)``, ``numbers(result)``, ``figures(result)``
``section.html.j2`` its section of the page
``*.js``            scripts of its own figures, if it has any
``draw.py``         ``DRAWERS``, where it has kinds of figures of its own
``preflight.py``    ``check(settings, build)``, where it can say before a net is trained what would end the run late
``headline.py``     what it offers to the head of the page: ``strip``, ``story``, ``caveat``
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from reportgen.settings.switches import Switch

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Analysis:
    """A figure or table of the paper, as it is declared: nothing of it is computed or imported yet."""

    name: str  # of its folder
    title: str  # of its section
    settings: type  # a frozen dataclass: the section of the settings that bears its name
    reads: tuple[str, ...] = ("data", "net")  # the stages whose artefacts it opens; compare: all comparison nets
    switches: tuple[Switch, ...] = ()  # short names for its settings
    shared: bool = (
        False  # ``analysis.py`` has ``share(inputs)``: what other processes do of it, where there are several
    )

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return FOLDER / self.name

    @property
    def module(self) -> ModuleType:
        """What computes it; importing it may import torch."""
        return import_module(self.within("analysis"))

    def within(self, module: str) -> str:
        """The full name of a module of its folder."""
        return f"reportgen.analyses.{self.name}.{module}"

    def offered(self, module: str) -> ModuleType | None:
        """A module that an analysis may have or not; None where this one has none."""
        name = self.within(module)
        return import_module(name) if find_spec(name) else None
