"""The analyses in report order: one line each. Adding one is a module, a section template and a line here."""

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType


@dataclass(frozen=True)
class Analysis:
    """A figure or table of the paper: module ``reportgen.analyses.<name>``, template ``sections/<name>.html.j2``."""

    name: str
    title: str
    reads: tuple[str, ...] = ("data", "net")  # the stages whose artefacts it opens; compare: all comparison nets
    shared: bool = False  # its module has ``share(inputs)``: what other processes do of it, where there are several

    @property
    def module(self) -> ModuleType:
        """Its module; importing it does not import torch."""
        return import_module(f"reportgen.analyses.{self.name}")


ANALYSES = (
    Analysis("trained", "The net and its data"),
    Analysis("schematics", "How the pictures are made"),
    Analysis("features", "What each feature map responds to", shared=True),
    Analysis("evolution", "How the features evolve during training"),
    Analysis("invariance", "What moving, scaling and turning the image changes"),
    Analysis(
        "architecture",
        "Choosing an architecture by looking",
        (
            *("data", "net", "compare/zfnet", "compare/krizhevsky"),
            *("compare/paper-clipped", "compare/paper-unclipped"),
        ),
    ),
    Analysis("occlusion", "What happens when part of the image is covered", ("data", "net", "annotations")),
    Analysis(
        "correspondence",
        "Does the net know that a left eye is a left eye?",
        reads=("data", "net", "annotations"),
    ),
    Analysis("ablation", "What the net can do without", ("data", "net", "compare")),
    Analysis("generalisation", "Do the features serve other images?", ("data", "net", "transfer")),
    Analysis("sanity", "Is the deconvnet to be believed?"),
)
BY_NAME = {analysis.name: analysis for analysis in ANALYSES}
