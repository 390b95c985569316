"""Checks before a net is trained, for errors that would otherwise end the run late."""

import shutil
from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from reportgen.analyses.registry import ANALYSES
from reportgen.base.artifacts import files_below
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.base.working import existing, unwritable
from reportgen.page import section_checks
from reportgen.page.folder import check_free
from reportgen.settings.recipes import Architecture
from reportgen.settings.sections import Settings
from reportgen.settings.variants import BY_NAME

WRITERS = {"page": ("index.html", "metrics.json"), "pdf": ("report.pdf",)}  # files that every report has
FEWEST_CLASSES = 2
OF_A_MAP = 3000  # bytes that a map's pictures take in the atlas, at least
BYTES, COPIES = 4, 4  # of a weight; of a net while it is trained: itself, its resumable state, snapshots
LOADS = "model"  # the stage that reads a net which was trained elsewhere
STAGES = ("data", "annotations", "transfer")  # that read the user's files


def check_crop(settings: Settings) -> None:
    """Raise UserError for crops larger than the images, and for the paper's nets where they cannot read such crops."""
    data, model = settings.data, settings.model
    if data.source == "scenes" and not data.size.square:
        raise UserError(f"DATA_SIZE={data.size}: the scenes are square: give one number, as in {max(data.size)}")
    if not data.crop.fits_in(data.size):
        raise UserError(
            f"DATA_CROP={data.crop}: larger than the stored images, DATA_SIZE={data.size}: use {data.size} or less"
        )
    if model.loaded or not model.of_the_paper:
        return
    variants = [BY_NAME[name] for name in settings.compare.variants]
    compared = [variant.applied(settings.architecture(1, variant.base)) for variant in variants]
    nets = [settings.architecture(1), *compared]
    larger = (Size(max(data.crop.rows, side), max(data.crop.columns, side)) for side in count(min(data.crop)))
    least = next(size for size in larger if all(_fits(replace(net, input_size=size)) for net in nets))
    if least != data.crop:
        raise UserError(
            f"DATA_CROP={data.crop}: too small for the nets that are trained (a layer would have no output): "
            f"use {least} or more, and DATA_SIZE= at least as large"
        )


def _fits(net: Architecture) -> bool:
    try:
        net.shapes()
    except UserError:
        return False
    return True


def check_sections() -> None:
    """Raise UserError for a section of the page that does not show one of its figures."""
    section_checks.check(ANALYSES)


def check(settings: Settings, build: Path, needed: Collection[str]) -> None:
    """Raise UserError for errors that an analysis can already see in the user's files.

    `needed`: the stages that the command asks for, in all; of them those that are among `STAGES` have been made.
    """
    for analysis in ANALYSES:
        if analysis.name in needed and (found := analysis.offered("preflight")):
            found.check(settings, build)


def check_places(build: Path, report: Path | None) -> None:
    """Raise UserError where the folders cannot be written, or hold files of others; no report: where none is written."""
    for name, place in (("BUILD", build), *((("REPORT", report),) if report else ())):
        there = existing(place)
        if not there.is_dir():
            raise UserError(f"{name}={place}: {there} is no folder: choose another folder")
        if why := unwritable(there):
            raise UserError(
                f"{name}={place}: {there} cannot be written ({why}): choose another folder, or give yourself access"
            )
    if report:
        for writer, names in WRITERS.items():
            check_free(report, writer, names)


def check_space(settings: Settings, build: Path, due: Collection[str]) -> None:
    """Raise UserError where the disk has less space left than what is about to be written takes at least."""
    needed = sum(size for stage, size in _sizes(settings) if stage in due)
    free = shutil.disk_usage(existing(build)).free
    if needed > free:
        raise UserError(
            f"BUILD={build}: {_in_words(free)} free, about {_in_words(needed)} are needed: free some space, or choose another "
            "folder with BUILD="
        )


def _in_words(size: int) -> str:
    """A number of bytes, in the unit that it is usually said in."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _sizes(settings: Settings) -> Iterator[tuple[str, int]]:
    """What the stages write at least, in bytes: images as they are stored, the weights of the paper's net and its maps."""
    from reportgen.data.image_files import endings  # Pillow, and the scenes: as below
    from reportgen.scenes import TRAINING_CLASSES

    data, source = settings.data, Path(settings.data.source)
    if data.pack and data.source == "scenes":
        yield "data", len(TRAINING_CLASSES) * (data.train + data.val + data.test) * data.size.area * 3
    elif data.pack and not data.named and source.is_dir():
        images = sum(path.suffix.casefold() in endings() for path in files_below(source))
        yield "data", images * data.size.area * data.channels
    if not settings.model.loaded and settings.model.of_the_paper:
        net = settings.architecture(FEWEST_CLASSES)
        yield "net", sum(layer.parameters for layer in net.shapes()) * BYTES * COPIES
        yield "atlas", sum(settings.model.widths) * OF_A_MAP


def check_device(settings: Settings) -> None:
    """Raise UserError where there is no such device here."""
    if settings.compute.device not in ("auto", "cpu"):
        from reportgen.nets.device import resolve_device  # torch: a command that computes nothing does without

        resolve_device(settings.compute.device)


def check_net(settings: Settings, build: Path, due: Collection[str]) -> None:
    """Raise UserError for a net that cannot be looked into or trained, and for what is no layer of it in ``LAYERS=``.

    `due`: the stages that are to be made; of a loaded net, those that load it have been made.
    """
    if settings.layers.nodes or settings.model.loaded or not settings.model.of_the_paper:
        from reportgen.stages import untrained  # torch: as above

        untrained.check(settings, build, due)
