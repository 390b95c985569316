"""The comparison nets, as values: the paper's variants of two nets (Zeiler & Fergus 2013, figure 6, tables 2 and 3).

They share one recipe and are compared only with each other. Nothing here imports torch.
"""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from reportgen.settings.recipes import PAPER_RECIPE, UNTIL_LEARNED, Architecture, Removable, TrainingSettings

Base = Literal["zfnet", "krizhevsky"]
FAMILY = "compare"  # their stages are named compare/<variant>
WIDER = (512 / 384, 1024 / 384, 512 / 256)  # table 3: maps of layers 3, 4, 5 relative to figure 3's
SEEDED = ("zfnet", "krizhevsky")  # trained with every seed of SEEDS=, for statements about the architecture


@dataclass(frozen=True)
class Variant:
    """A comparison net; its sizes are factors, so they also apply to nets smaller than the paper's."""

    name: str
    base: Base
    row: str = ""  # of the paper's table 3, as named in `reportgen.claims.paper`; empty: in no table
    removed: tuple[Removable, ...] = ()
    units: float = 1.0  # factor on the base's units of layers 6 and 7
    wider: bool = False  # layers 3, 4, 5 have 512, 1024, 512 maps instead of 384, 384, 256
    recipe: Literal["default", "paper"] = "default"
    clipped: bool = True  # recipe "paper": whether filters' RMS is clipped

    def applied(self, base: Architecture) -> Architecture:
        """This variant of a net."""
        widths = base.widths
        if self.wider:
            third, fourth, fifth = (round(old * factor) for old, factor in zip(widths[2:], WIDER, strict=True))
            widths = (widths[0], widths[1], third, fourth, fifth)
        sixth, seventh = (max(1, round(old * self.units)) for old in base.fully_connected)
        return replace(base, name=self.name, widths=widths, fully_connected=(sixth, seventh), removed=self.removed)

    def training(self, given: TrainingSettings, epochs: int, paper_epochs: int) -> TrainingSettings:
        """How it is trained: until its training images teach it nothing more, or by the paper's recipe.

        It ends after `epochs` (by the paper's recipe `paper_epochs`) at the latest. Only the last net is kept.
        """
        if self.recipe == "paper":
            radius = PAPER_RECIPE.clip_rms if self.clipped else 0.0
            recipe = replace(PAPER_RECIPE, clip_rms=radius, precision=given.precision)
            epochs = paper_epochs
        else:
            recipe = replace(UNTIL_LEARNED, precision=given.precision)
        return replace(recipe, epochs=epochs, snapshots=(float(epochs),), early_snapshots=())


VARIANTS = (
    Variant("zfnet", "zfnet", "as is"),
    Variant("krizhevsky", "krizhevsky", "as is"),
    Variant("krizhevsky-without-3-4", "krizhevsky", "without layers 3, 4", (3, 4)),
    Variant("krizhevsky-without-7", "krizhevsky", "without layer 7", (7,)),
    Variant("krizhevsky-without-6-7", "krizhevsky", "without layers 6, 7", (6, 7)),
    Variant("krizhevsky-without-3-4-6-7", "krizhevsky", "without layers 3, 4, 6, 7", (3, 4, 6, 7)),
    Variant("krizhevsky-half-6-7", "krizhevsky", "layers 6, 7: 2048 units", units=0.5),
    Variant("krizhevsky-double-6-7", "krizhevsky", "layers 6, 7: 8192 units", units=2.0),
    Variant("zfnet-half-6-7", "zfnet", "layers 6, 7: 2048 units", units=0.5),
    Variant("zfnet-double-6-7", "zfnet", "layers 6, 7: 8192 units", units=2.0),
    Variant("zfnet-wider-3-4-5", "zfnet", "layers 3, 4, 5: 512, 1024, 512 maps", wider=True),
    Variant(
        "zfnet-wider-double",
        "zfnet",
        "layers 6, 7: 8192 units; layers 3, 4, 5: 512, 1024, 512 maps",
        units=2.0,
        wider=True,
    ),
    Variant("paper-clipped", "zfnet", recipe="paper"),
    Variant("paper-unclipped", "zfnet", recipe="paper", clipped=False),
)
BY_NAME = {variant.name: variant for variant in VARIANTS}


class Compared(NamedTuple):
    """One net to train: a variant, with the run's own seed (turn 0) or the `turn`-th seed after it."""

    variant: Variant
    turn: int = 0

    @property
    def stage(self) -> str:
        """The name of the stage that trains it."""
        return stage_name(self.variant.name, self.turn)


def stage_name(variant: str, turn: int = 0) -> str:
    """The name of the stage that trains a variant with the `turn`-th seed."""
    return f"{FAMILY}/{variant}" + (f"-seed{turn}" if turn else "")


def compared(names: tuple[str, ...], seeds: int) -> list[Compared]:
    """The nets to train: each named variant once, those in `SEEDED` once with each seed."""
    return [
        Compared(BY_NAME[name], turn) for name in dict.fromkeys(names) for turn in range(seeds if name in SEEDED else 1)
    ]
