"""The claims stage: which training noise it knows."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reportgen.analyses import registry, settings
from reportgen.base.artifacts import write_arrays, write_json
from reportgen.claims import Noise, noise
from reportgen.data.labels import SEEN
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
    judging = {analysis.name for analysis in registry.ANALYSES if analysis.claims}
    assert set(found) == {"net"} | judging
    assert source == f"measured by reportgen on its profile {path.stem}"
    assert set(known(PROFILE=path.stem, TRAINING_SEED="7", DEVICE="cpu")[0]) == set(found)


def test_other_settings_leave_it_unknown_where_they_count() -> None:
    assert known(PROFILE="smoke", EPOCHS="3") == ({}, "")
    assert known(PROFILE="smoke", DATA_TRAIN="50") == ({}, "")
    everything, some = (set(known(PROFILE="smoke", **more)[0]) for more in ({}, {"OCCLUSION_STRIDE": "4"}))
    assert everything - some == {"occlusion"}
    assert everything - set(known(PROFILE="smoke", COMPARE_IMAGES="5")[0]) == {"ablation", "architecture"}


def test_images_right_of_each_class(tmp_path: Path) -> None:
    guesses, labels = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, -1])
    write_arrays(tmp_path / "predictions.npz", {"logits": np.eye(4)[guesses], "labels": labels})
    assert claims._by_class(claims._answers(tmp_path, list("abcd"))) == {"a": (1, 1), "b": (1, 2), "c": (1, 1)}
    found = claims._influences(claims._answers(tmp_path, list("abcd")))
    assert {key: values.tolist() for key, values in found.items()} == {
        "claims.accuracy.validation images right": [0.0625, -0.1875, 0.0625, 0.0625],
        "claims.accuracy.validation images right: a": [0.0],
        "claims.accuracy.validation images right: b": [-0.25, 0.25],
        "claims.accuracy.validation images right: c": [0.0],
    }
    write_json(tmp_path / SEEN, {"classes": list("wxyz")})  # a loaded net's classes are its own
    assert claims._by_class(claims._answers(tmp_path, [])) == {"w": (1, 1), "x": (1, 2), "y": (1, 1)}


def test_the_noise_of_one_class_leans_on_that_of_all() -> None:
    lonely, steady = Noise(0.3, 19), Noise(0.1, 19)
    together = noise.among([lonely, steady])
    assert together is not None
    assert together.tau == pytest.approx(0.05**0.5)
    leaned = noise.pooled(steady, together)
    assert leaned is not None
    assert 0.1 < leaned.tau < 0.15
    assert noise.among([]) is None
