"""Checks before a net is trained, for errors that would otherwise end the run late."""

from dataclasses import replace
from itertools import count
from pathlib import Path

from reportgen.analyses.registry import ANALYSES
from reportgen.base.errors import UserError
from reportgen.page import section_checks
from reportgen.settings.recipes import Architecture
from reportgen.settings.sections import Settings
from reportgen.settings.variants import BY_NAME

STAGES = ("data", "annotations", "transfer")  # that read the user's files


def check_crop(settings: Settings) -> None:
    """Raise UserError for crops larger than the images, and for nets to train that cannot read such crops."""
    data, model = settings.data, settings.model
    if data.crop > data.size:
        raise UserError(
            f"DATA_CROP={data.crop}: larger than the stored images, DATA_SIZE={data.size}: use {data.size} or less"
        )
    if model.loaded:
        return
    if not model.of_the_paper:
        from reportgen.nets.others import check_other  # torch: a command that computes nothing does without
        from reportgen.nets.users_code import patience

        with patience(model.patience):
            check_other(model.name, data.crop)
        return
    variants = [BY_NAME[name] for name in settings.compare.variants]
    compared = [variant.applied(model.architecture(data.crop, 1, variant.base)) for variant in variants]
    nets = [model.architecture(data.crop, 1), *compared]
    least = next(side for side in count(data.crop) if all(_fits(replace(net, input_size=side)) for net in nets))
    if least > data.crop:
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


def check(settings: Settings, build: Path) -> None:
    """Raise UserError for errors that an analysis can already see in the user's files; the stages `STAGES` are made."""
    for analysis in ANALYSES:
        if found := analysis.offered("preflight"):
            found.check(settings, build)
