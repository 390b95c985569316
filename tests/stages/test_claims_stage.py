"""The claims stage: which training noise it knows."""

from pathlib import Path
from typing import Any

import pytest

from reportgen.analyses import registry, settings
from reportgen.claims import noise
from reportgen.stages import claims
from reportgen.stages.plan import stages


def known(**switches: str) -> tuple[dict[str, Any], str]:
    """What is known of the noise of a run with these switches, by analysis, and its source."""
    chosen = settings.load(switches)
    under = claims.conditions(chosen, {"fingerprint": ""}, stages(chosen)["claims"].given["architecture"])
    return claims._known(chosen, under)


@pytest.mark.parametrize("path", noise.shipped(), ids=lambda path: path.stem)
def test_the_noise_that_the_package_brings_is_that_of_its_profile(path: Path) -> None:
    """A profile whose numbers change needs its noise measured again: make noise SEEDS=20."""
    found, source = known(PROFILE=path.stem)
    assert set(found) == {"net", *(analysis.name for analysis in registry.ANALYSES if analysis.claims)}
    assert source == f"measured by reportgen on its profile {path.stem}"
    assert set(known(PROFILE=path.stem, TRAINING_SEED="7", DEVICE="cpu")[0]) == set(found)


def test_other_settings_leave_it_unknown_where_they_count() -> None:
    assert known(PROFILE="smoke", EPOCHS="3") == ({}, "")
    assert known(PROFILE="smoke", DATA_TRAIN="50") == ({}, "")
    everything, some = (set(known(PROFILE="smoke", **more)[0]) for more in ({}, {"OCCLUSION_STRIDE": "4"}))
    assert everything - some == {"occlusion"}
    assert everything - set(known(PROFILE="smoke", COMPARE_IMAGES="5")[0]) == {"ablation", "architecture"}
