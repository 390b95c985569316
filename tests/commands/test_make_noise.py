"""``make noise``, TRAINING_SEED= and REPEATS=: which stages a further training has, and what they depend on."""

import re
from dataclasses import asdict
from pathlib import Path

import noise_files
import numpy as np
import pytest

from reportgen.analyses import settings
from reportgen.base.artifacts import DOCUMENT, read_json, write_json
from reportgen.base.errors import UserError
from reportgen.claims import noise
from reportgen.commands.noise import FILE, measure, trainings
from reportgen.pipeline.run import Pipeline
from reportgen.stages.plan import SPACING
from reportgen.stages.plan import pipeline as planned


def plan(folder: Path, **switches: str) -> Pipeline:
    return planned(settings.load({"PROFILE": "tiny", **switches}), folder / "build", folder / "report")


def differing(one: Pipeline, other: Pipeline) -> set[str]:
    return {name for name in one.stages if one.stamps[name]["fingerprint"] != other.stamps[name]["fingerprint"]}


def test_a_training_seed_leaves_the_images_alone(tmp_path: Path) -> None:
    changed = differing(plan(tmp_path), plan(tmp_path, TRAINING_SEED="5"))
    assert {"net", "compare/zfnet", "features"} <= changed
    assert not {"data", "annotations", "transfer"} & changed
    assert "data" in differing(plan(tmp_path), plan(tmp_path, SEED="5"))


def test_a_further_training_is_that_of_its_seed(tmp_path: Path) -> None:
    repeated, other = plan(tmp_path, REPEATS="2"), plan(tmp_path, TRAINING_SEED=str(SPACING))
    for name in ("net", "compare/krizhevsky", "features", "generalisation"):
        once, twice = other.stamps[name], repeated.stamps[f"repeats/1/{name}"]
        assert once["settings"] == twice["settings"], name
        assert repeated.stamps[name]["fingerprint"] == plan(tmp_path).stamps[name]["fingerprint"], name
    read = repeated.stages["repeats/1/architecture"].inputs
    assert set(read) >= {"data", "repeats/1/net", "repeats/1/compare/zfnet"}
    assert "net" not in read
    assert not [name for name in repeated.stages if name.startswith("repeats/1/drawn")]


def test_what_make_noise_asks_for() -> None:
    assert trainings({"PROFILE": "tiny"}) == {"PROFILE": "tiny", "REPEATS": "20"}
    assert trainings({"SEEDS": "5"}) == {"REPEATS": "5"}
    assert trainings({"WEIGHTS": "a.pt,b.pt,c.pt"}) == {"WEIGHTS": "a.pt", "NOISE_WEIGHTS": "b.pt,c.pt"}


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"SEEDS": "2"}, "SEEDS=2: use a number of trainings, 3 or more"),
        ({"SEEDS": "many"}, "SEEDS=many: use a number"),
        ({"WEIGHTS": "a.pt,b.pt"}, "name 3 or more checkpoints"),
        ({"WEIGHTS": "a.pt,b.pt,c.pt", "SEEDS": "4"}, "SEEDS=4: the net is loaded"),
    ],
)
def test_too_few_trainings_are_refused(switches: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        trainings(switches)


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"REPEATS": "0"}, "REPEATS=0"),
        ({"REPEATS": "x"}, "REPEATS=x"),
        ({"TRAINING_SEED": "-1"}, "TRAINING_SEED=-1"),
        ({"NOISE_WEIGHTS": "a.pt"}, "NOISE_WEIGHTS=a.pt: this is for a net that is loaded"),
        (
            {"MODEL": "resnet18", "WEIGHTS": "DEFAULT", "REPEATS": "3"},
            "REPEATS=3: this is for a net that is trained here",
        ),
        ({"MODEL": "resnet18", "WEIGHTS": "DEFAULT", "TRAINING_SEED": "3"}, "TRAINING_SEED=3: this is for a net that"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(switches: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        settings.load({"PROFILE": "tiny", **switches})


def test_a_missing_file_of_noise_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"NOISE=none.json: no such file .*make noise wrote"):
        plan(tmp_path, NOISE="none.json")


HELD = {"trainings": 3, "training_seeds": [0, SPACING, 2 * SPACING]}


@pytest.mark.parametrize(
    ("about", "switches", "said"),
    [
        (HELD, {"SEEDS": "3"}, f"it holds training seed 0 already: use TRAINING_SEED={3 * SPACING}"),
        (
            HELD,
            {"SEEDS": "3", "TRAINING_SEED": str(2 * SPACING)},
            f"seed {2 * SPACING} already: use TRAINING_SEED={3 * SPACING}",
        ),
        ({"trainings": 3}, {"SEEDS": "3"}, "it does not say which training seeds it holds: leave it out"),
        (HELD | {"training_seeds": [5, 5, 6]}, {"SEEDS": "3"}, "it does not say which training seeds it holds"),
    ],
)
def test_no_training_is_counted_twice(tmp_path: Path, about: dict, switches: dict[str, str], said: str) -> None:
    path = tmp_path / "older.json"
    spread = noise_files.FILE["analyses"]["features"]["claims"]["grouping"]["layer 2"] | {"trainings": 3}
    features = noise_files.FILE["analyses"]["features"] | {"claims": {"grouping": {"layer 2": spread}}}
    write_json(path, noise_files.FILE | {"about": about, "analyses": {"features": features}})
    asked = plan(tmp_path, **trainings(switches), NOISE=str(path))
    with pytest.raises(UserError, match=re.escape(f"NOISE={path}: {said}" if about is not HELD else said)):
        measure(asked, 1, print)
    assert not (tmp_path / "build" / "data").exists()


@pytest.mark.slow
def test_noise_that_was_measured_judges_the_next_report(tmp_path: Path) -> None:
    short = {"GENERALISATION_EPOCHS": "1", "GENERALISATION_FOLDS": "2", "GENERALISATION_COUNTS": "1,2"}
    lines: list[str] = []
    measure(plan(tmp_path, **trainings({"SEEDS": "3"}), **short), 1, lines.append)
    own = read_json(tmp_path / "build" / "claims" / DOCUMENT)["numbers"]
    assert (own["trainings"], own["source"], own["known"]) == (3, "", True)  # known by this run's own trainings alone
    path = tmp_path / "build" / FILE
    found = noise.read(path, "it")
    assert (found.about.trainings, found.about.training_seeds) == (3, (0, SPACING, 2 * SPACING))
    assert found.analyses["net"].claims["accuracy"]["validation images right"].trainings == 3
    assert found.analyses["features"].claims["grouping"]
    assert lines[-1].endswith(f"make report NOISE={path}")
    then = plan(tmp_path, NOISE=str(path), **short)
    then.make_due(["claims"])
    claims = {claim["id"]: claim for claim in read_json(tmp_path / "build" / "claims" / DOCUMENT)["claims"]}
    assert claims["grouping"]["of"] == "training"
    assert claims["grouping"]["parts"][0]["tau"] > 0
    other = plan(tmp_path, NOISE=str(path), EPOCHS="3", **short)  # another recipe: unknown
    other.make_due(["claims"])
    claims = {claim["id"]: claim for claim in read_json(tmp_path / "build" / "claims" / DOCUMENT)["claims"]}
    assert claims["grouping"]["of"] == "net"


def test_further_trainings_are_added_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: what the stage `claims` writes of each set of trainings."""
    values = np.random.default_rng(0).normal(size=6)
    conditions = {"net": {"data": {"size": 32}}}

    def measured(of: slice, **switches: str) -> noise.Measured:
        found = noise.spread([{"accuracy": {"all": value}} for value in values[of]])
        spread = {"net": {"accuracy": {"all": asdict(found["accuracy"]["all"])}}}
        document = {"numbers": {"trainings": len(values[of])}, "conditions": conditions, "spread": spread}
        monkeypatch.setattr("reportgen.commands.noise.read_json", lambda _: document)
        measure(plan(tmp_path, **trainings({"SEEDS": str(len(values[of]))} | switches)), 1, lines.append)
        return noise.read(tmp_path / "build" / FILE, "it")

    lines: list[str] = []
    monkeypatch.setattr(Pipeline, "make_due", lambda *_: None)
    monkeypatch.setattr(Pipeline, "run", lambda *_: {"versions": {}})
    measured(slice(3))
    (tmp_path / "build" / FILE).rename(tmp_path / "older.json")
    added = measured(slice(3, 6), NOISE=str(tmp_path / "older.json"), TRAINING_SEED=str(3 * SPACING))
    assert added.about.training_seeds == tuple(SPACING * turn for turn in range(6))
    assert lines[-2].endswith("6 trainings")
    at_once = measured(slice(6))
    assert added.about.training_seeds == at_once.about.training_seeds
    one, other = (found.analyses["net"].claims["accuracy"]["all"] for found in (added, at_once))
    assert (one.trainings, one.mean, one.tau) == (6, pytest.approx(other.mean), pytest.approx(other.tau))
