"""What an analysis is: a folder of ``reportgen/analyses`` with a fixed set of files.

What it must have:

``__init__.py``      `Analysis` and its ``Settings``: light, for the command line reads it at every call
``analysis.py``      ``Result``, ``compute(inputs, settings, rng)``, ``judge(result, rng)``, ``numbers(result)`` and
                     ``figures(result)``; where it judges the comparison nets, also ``weakest(result)``: the numbers of
                     the least able of them, by which its claims are tested at all. Of a large analysis this file
                     computes, ``result.py`` says what was found, ``verdict.py`` judges it and ``shown.py`` shows it
``section.html.j2``  its section of the page

What it may have:

``figure.py``        kinds of figures of its own, as data
``draw.py``          ``DRAWERS``, which draw them, and ``PIECES`` that they are made of
``figure.html.j2``   how the page shows such a figure; ``*.js``: scripts for it
``preflight.py``     ``check(settings, build)``: says before a net is trained what would end the run late
``headline.py``      ``strip``, ``story``, ``layers``: what it offers to the head of the page
``headline.html.j2`` what the picture that ``story`` offers shows
``caveat.html.j2``   what the head of the page says of every picture, because of what the analysis found
``maps.py``          the feature maps of the report, for the comparison of two reports and for drawing more of them

docs/add-an-analysis.md adds one step by step.
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
    """The declaration of a figure or table of the paper, before anything is computed or imported."""

    name: str  # of its folder
    title: str  # of its section
    settings: type  # a frozen dataclass: the section of the settings that bears its name
    figures: tuple[str, ...]  # the names of the figures it may make: "layer*" stands for layer1, layer2, ...
    reads: tuple[str, ...] = ("data", "net")  # the stages whose artefacts it opens; compare: all comparison nets
    claims: tuple[str, ...] = ()  # that it judges, by their names in `reportgen.claims`
    switches: tuple[Switch, ...] = ()  # short names for its settings
    pictures: bool = True  # whether pictures of images or of projections are in what it computes
    shared: bool = False  # several processes can compute it: all but the first call ``share(inputs)``
    long: bool = False  # it takes longest: it begins as soon as it can, and the others are made beside it

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
