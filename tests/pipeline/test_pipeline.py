"""Causes and effects: what a change makes again, and what it leaves alone."""

import json
import os
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from other_processes import HOLDING, another
from runs import REPOSITORY

from reportgen.analyses import registry, settings
from reportgen.base.artifacts import DOCUMENT, FileDigests, write_json, write_text
from reportgen.base.errors import UserError
from reportgen.commands import clean
from reportgen.page import html
from reportgen.page.folder import publish
from reportgen.pipeline import holdings, run, work
from reportgen.pipeline.commit import Commit, checked_out
from reportgen.pipeline.run import Pipeline
from reportgen.stages.plan import pipeline as planned

ANALYSES = set(registry.BY_NAME)
DRAWINGS = {f"drawn/{name}" for name in ANALYSES}
ENDS = {"page", "pdf"}
DRAWN = {"judging", "multilabel"}  # of these there are only embedded ones
IMAGES = {"data", "annotations", "transfer"} | DRAWN
CLAIMED = ("zfnet", "krizhevsky", "krizhevsky-without-3-4", "krizhevsky-without-6-7", "krizhevsky-without-3-4-6-7")
COMPARED = {f"compare/{name}" for name in (*CLAIMED, "paper-clipped", "paper-unclipped")}
BY_THE_PAPER = {"compare/paper-clipped", "compare/paper-unclipped"}
LOOKING = {"architecture", "ablation", "claims", "drawn/architecture", "drawn/ablation"} | ENDS  # at comparison nets
ALL = IMAGES | {"net", "claims", "atlas"} | COMPARED | ANALYSES | DRAWINGS | ENDS


def open_pipeline(folder: Path, **switches: str) -> Pipeline:
    return planned(settings.load({"PROFILE": "tiny", **switches}), folder / "build", folder / "report")


def pretend(made: Pipeline) -> None:
    """Leave behind what making every stage would leave, as far as `due` looks at it."""
    for name, stage in made.stages.items():
        write_json(made.build / name / "stamp.json", made.stamps[name])
        write_json(made.build / name / DOCUMENT, {"report": work.beside(made.build, made.report)})
        for output in stage.outputs:
            made.report.mkdir(exist_ok=True)
            (made.report / output).touch()
            write_text(made.report / "manifest" / f"{name}.stamp", made.stamps[name]["fingerprint"] + "\n")


def due(made: Pipeline) -> set[str]:
    return {name for name in made.stages if made.due(name)}


def test_everything_is_due_at_first_and_nothing_afterwards(tmp_path: Path) -> None:
    first = open_pipeline(tmp_path)
    assert due(first) == ALL
    assert {reason for _, reason in first.why()} == {"it was not made yet"}
    pretend(first)
    again = open_pipeline(tmp_path)
    assert due(again) == set()
    assert list(again.why()) == []


def test_a_loaded_net_is_looked_up_first_and_the_images_do_not_hang_on_it(tmp_path: Path) -> None:
    (tmp_path / "net.pt").write_bytes(b"1")
    switches = {"MODEL": "alexnet", "WEIGHTS": str(tmp_path / "net.pt")}
    first = open_pipeline(tmp_path, **switches)
    assert list(first.stages)[:2] == ["model", "data"]
    assert "reportgen.nets.training.loop" in first.stamps["net"]["sources"]
    pretend(first)
    (tmp_path / "net.pt").write_bytes(b"2")
    stay = {name for name in ALL if name.startswith("compare/")} | IMAGES  # nothing is trained to be compared with it
    assert due(open_pipeline(tmp_path, **switches)) == ALL - stay | {"model"}
    (tmp_path / "net.pt").write_bytes(b"1")
    assert due(open_pipeline(tmp_path, **switches)) == set()
    assert due(open_pipeline(tmp_path, **switches, LAYERS="features.0")) == ALL - stay - {"net"}
    assert due(open_pipeline(tmp_path, **switches, PREPROCESSING_ORDER="BGR")) == ALL - stay | {"model"}


@pytest.mark.parametrize(
    ("switches", "effects"),
    [
        ({"FEATURES_MAPS": "3"}, {"features", "claims", "drawn/features", "atlas"} | ENDS),
        ({"ATLAS": "projections"}, {"atlas"} | ENDS),
        ({"TRAINED_GALLERY": "3"}, {"trained", "drawn/trained"} | ENDS),
        ({"EPOCHS": "3"}, ALL - IMAGES - COMPARED),
        ({"MODEL": "krizhevsky"}, ALL - IMAGES - COMPARED),
        ({"COMPARE_EPOCHS": "3"}, (COMPARED - BY_THE_PAPER) | LOOKING),
        ({"COMPARE_EPOCHS": "3", "COMPARE_PAPER_EPOCHS": "2"}, COMPARED | LOOKING),
        ({"COMPARE_IMAGES": "3"}, COMPARED | LOOKING),
        ({"TRAINING_MOMENTUM": "0.8"}, ALL - IMAGES - COMPARED),
        ({"DEVICE": "cpu"}, ALL - IMAGES),
        ({"DATA_TRAIN": "5"}, ALL),
        ({"SEED": "1"}, ALL),
    ],
)
def test_a_setting_makes_again_what_hangs_on_it(tmp_path: Path, switches: dict[str, str], effects: set[str]) -> None:
    pretend(open_pipeline(tmp_path))
    changed = open_pipeline(tmp_path, **switches)
    assert due(changed) == effects
    first = next(iter(changed.why()))
    assert first[1].startswith("its settings changed: ")


def test_without_an_atlas_no_stage_makes_one(tmp_path: Path) -> None:
    pretend(open_pipeline(tmp_path))
    without = open_pipeline(tmp_path, ATLAS="none")
    assert "atlas" not in without.stages
    assert due(without) == ENDS


def test_the_papers_epochs_are_its_own_nets_alone(tmp_path: Path) -> None:
    pretend(open_pipeline(tmp_path, COMPARE_EPOCHS="3"))
    assert due(open_pipeline(tmp_path, COMPARE_EPOCHS="3", COMPARE_PAPER_EPOCHS="2")) == BY_THE_PAPER | LOOKING


def change(monkeypatch: pytest.MonkeyPatch, changed: Path) -> None:
    """Let a file have another content, for whoever reads its digest."""
    original = FileDigests.of
    monkeypatch.setattr(FileDigests, "of", lambda self, path: "other" if path == changed else original(self, path))


@pytest.mark.parametrize(
    ("changed", "effects"),
    [
        ("templates/macros.html.j2", ENDS),
        ("reportgen/analyses/occlusion/section.html.j2", ENDS),
        ("templates/report.html.j2", {"page"}),
        ("templates/screen.css", {"page"}),
        ("templates/scripts/tools.js", {"page"}),
        ("reportgen/analyses/features/maps.js", {"page"}),
        ("templates/print.html.j2", {"pdf"}),
        ("templates/print.css", {"pdf"}),
        ("templates/compare.html.j2", set()),
    ],
)
def test_a_template_makes_again_what_reads_it(
    changed: str, effects: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(open_pipeline(tmp_path))
    assert due(open_pipeline(tmp_path)) == set()
    assert (REPOSITORY / changed).is_file()
    change(monkeypatch, REPOSITORY / changed)
    assert due(open_pipeline(tmp_path)) == effects


def test_a_commit_makes_the_page_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(open_pipeline(tmp_path))
    monkeypatch.setattr(run, "checked_out", lambda: Commit("0123abc", 7, ()))
    assert due(open_pipeline(tmp_path)) == ENDS


@pytest.mark.parametrize(
    ("changed", "effects"),
    [
        ("README.md", ENDS),
        ("templates/macros.html.j2", ENDS),
        ("templates/screen.css", {"page"}),
        ("reportgen/analyses/features/maps.js", {"page"}),
        ("templates/print.css", {"pdf"}),
        ("templates/compare.html.j2", set()),
    ],
)
def test_what_differs_from_the_commit_counts_where_it_is_read(
    changed: str, effects: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first change of a template in a clean checkout would make the PDF again, which takes longest."""
    monkeypatch.setattr(run, "checked_out", lambda: Commit("0123abc", 7, ()))
    pretend(open_pipeline(tmp_path))
    monkeypatch.setattr(run, "checked_out", lambda: Commit("0123abc", 7, (REPOSITORY / changed,)))
    opened = open_pipeline(tmp_path)
    assert due(opened) == effects
    dirty = {name for name in ENDS if opened.run(name)["commit"] == "0123abc-dirty"}
    assert dirty == effects


def test_git_says_what_differs_from_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.chdir(tmp_path)
    assert checked_out() == Commit(None, 0, ())
    (tmp_path / "below").mkdir()
    for name in ("kept", "changed é", "below/gone"):
        (tmp_path / name).write_text("one")
    identity = ["-c", "user.name=they", "-c", "user.email=they@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True)
    clean = checked_out()
    assert clean.changed == ()
    assert clean.without([]) == clean.name
    assert clean.date > 1_700_000_000
    (tmp_path / "changed é").write_text("two")
    (tmp_path / "below" / "gone").unlink()
    (tmp_path / "untracked").touch()
    monkeypatch.chdir(tmp_path / "below")
    found = checked_out()
    assert set(found.changed) == {tmp_path / "changed é", tmp_path / "below" / "gone"}
    assert found.without([tmp_path / "below"]) == f"{found.name}-dirty"
    assert found.without([tmp_path]) == found.name


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 30, "100000000000", "²", "٣", " 1"])
def test_a_date_that_is_none_is_named(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
    with pytest.raises(UserError, match=r"^SOURCE_DATE_EPOCH=.*: use whole seconds since 1970"):
        checked_out()
    for date, seconds in (("0", 0), ("1764000000", 1764000000)):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", date)
        assert checked_out().date == seconds


def test_a_source_makes_again_what_imports_it(tmp_path: Path) -> None:
    stamps = open_pipeline(tmp_path).stamps

    def readers(module: str) -> set[str]:
        return {name for name, stamp in stamps.items() if module in stamp["sources"]}

    assert readers("reportgen.data.folders") == IMAGES
    assert readers("reportgen.probe.deconvnet") >= {"features", "schematics"}
    assert readers("reportgen.analyses.features.analysis") == {"features"}
    assert readers("reportgen.page.html") >= {"page"}
    assert readers("reportgen.nets.training.loop") >= {"net"}
    assert "data" not in readers("reportgen.nets.training.loop")
    assert "torch" in stamps["net"]["libraries"]
    for name in {*DRAWINGS, *ENDS, *IMAGES}:
        assert "torch" not in stamps[name]["libraries"], name


def test_a_changed_or_new_image_makes_everything_again(tmp_path: Path) -> None:
    folder = tmp_path / "images" / "cat"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"1")
    pretend(open_pipeline(tmp_path, DATA=str(tmp_path / "images")))
    os.utime(folder / "a.png", (1, 1))
    assert due(open_pipeline(tmp_path, DATA=str(tmp_path / "images"))) == set()
    (folder / "b.png").write_bytes(b"2")
    assert due(open_pipeline(tmp_path, DATA=str(tmp_path / "images"))) == ALL - DRAWN


def test_who_waited_reads_the_files_as_they_are_then(tmp_path: Path) -> None:
    picture = tmp_path / "images" / "cat" / "1.png"
    write_text(picture, "one")
    waits = open_pipeline(tmp_path, DATA=str(tmp_path / "images"))
    before, reads = waits.stamps["data"], threading.Event()

    def run() -> None:
        with waits.alone():
            reads.set()

    waiting = threading.Thread(target=run)
    with another(HOLDING, waits.build):
        waiting.start()
        assert not reads.wait(0.5)
        write_text(picture, "two")
    waiting.join(10)
    assert reads.is_set()
    assert waits.stamps["data"]["files"] != before["files"]
    assert waits.stamps["data"] == open_pipeline(tmp_path, DATA=str(tmp_path / "images")).stamps["data"]


def test_a_file_that_changes_while_a_stage_reads_it_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the stage would count as made from what the file held before, also after that is put back."""
    picture = tmp_path / "images" / "cat" / "1.png"
    write_text(picture, "one")
    opened = open_pipeline(tmp_path, DATA=str(tmp_path / "images"))

    def make(_: work.Work, folder: Path) -> None:
        write_text(picture, "two")
        write_json(folder / DOCUMENT, {})

    monkeypatch.setattr(run, "import_module", lambda _: SimpleNamespace(make=make))
    with pytest.raises(UserError, match="data: files that it reads changed meanwhile: the same command reads them"):
        opened.make_here("data")
    assert not opened.there("data")
    open_pipeline(tmp_path, DATA=str(tmp_path / "images")).make_here("data")


def test_a_command_that_began_while_clean_was_at_work_goes_on(tmp_path: Path) -> None:
    open_pipeline(tmp_path)
    begun = open_pipeline(tmp_path)
    clean.remove(begun.build, begun.report)
    with begun.alone():
        begun.enter(["data"])
        assert holdings.held(begun.build) == {holdings.DIGESTS, holdings.TIMINGS, "data"}


def test_times_decide_nothing(tmp_path: Path) -> None:
    """Artefacts out of a restored cache, or touched into the future, are what they were made of."""
    pretend(open_pipeline(tmp_path))
    for path in (tmp_path / "build").rglob("artefact.json"):
        os.utime(path, (4_000_000_000, 4_000_000_000))
    assert due(open_pipeline(tmp_path)) == set()
    assert due(open_pipeline(tmp_path, FEATURES_MAPS="3")) == {"features", "drawn/features", "claims", "atlas", *ENDS}


def test_a_deleted_or_moved_report_is_made_again(tmp_path: Path) -> None:
    pretend(open_pipeline(tmp_path))
    (tmp_path / "report" / "report.pdf").unlink()
    assert due(open_pipeline(tmp_path)) == {"pdf"}
    elsewhere = planned(settings.load({"PROFILE": "tiny"}), tmp_path / "build", tmp_path / "elsewhere")
    assert due(elsewhere) == ENDS


def test_what_was_made_of_the_page_before_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_pipeline(tmp_path)
    publish(opened.report, "single", {"single.html": b"of the page before"})
    monkeypatch.setattr(html, "write", lambda *_, **__: publish(opened.report, "page", {"index.html": b"page"}))
    opened.make_here("page")
    assert [path.name for path in opened.report.glob("*.html")] == ["index.html"]


def test_a_report_that_another_build_wrote_over_is_made_again(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"

    def opened(build: Path, **switches: str) -> Pipeline:
        return planned(settings.load({"PROFILE": "tiny", **switches}), build, tmp_path / "report")

    pretend(opened(one))
    assert due(opened(one)) == set()
    pretend(opened(other, MODEL="krizhevsky"))
    assert due(opened(other, MODEL="krizhevsky")) == set()
    again = opened(one)
    assert due(again) == ENDS
    assert {reason for _, reason in again.why()} == {
        "its files in the report's folder are missing, or from another run"
    }


def test_an_analysis_reads_the_comparison_nets_that_it_names_and_that_there_are(tmp_path: Path) -> None:
    made = open_pipeline(tmp_path, COMPARE_VARIANTS="zfnet,krizhevsky-without-7", SEEDS="2")
    nets = ("compare/zfnet", "compare/zfnet-seed1")
    assert made.stages["architecture"].inputs == ("data", "net", *nets)
    assert made.stages["ablation"].inputs == ("data", "net", *nets, "compare/krizhevsky-without-7")


def test_more_seeds_train_more_nets_and_leave_those_that_there_are(tmp_path: Path) -> None:
    pretend(open_pipeline(tmp_path))
    assert due(open_pipeline(tmp_path, SEEDS="2")) == {"compare/zfnet-seed1", "compare/krizhevsky-seed1"} | LOOKING


def test_artefacts_of_stages_that_other_settings_leave_out_are_found_again(tmp_path: Path) -> None:
    pretend(open_pipeline(tmp_path))
    assert due(open_pipeline(tmp_path, COMPARE_VARIANTS="zfnet")) == LOOKING
    assert due(open_pipeline(tmp_path)) == set()


def test_a_workshop_belongs_to_one_stage_and_those_of_other_settings_are_removed(tmp_path: Path) -> None:
    made = open_pipeline(tmp_path)
    stage, stamp = made.stages["compare/krizhevsky"], made.stamps["compare/krizhevsky"]
    given = work.Work(stage, made.settings, made.build, made.report, stamp)
    assert given.workshop.parent == made.build
    old = made.build / f"work-compare-krizhevsky-{'0' * 16}"
    other = made.build / f"work-compare-krizhevsky-without-7-{'0' * 16}"
    for folder in (given.workshop, old, other):
        folder.mkdir()
    given.forget_others()
    assert (given.workshop.exists(), old.exists(), other.exists()) == (True, False, True)


def test_of_times_that_can_be_none_nothing_is_known(tmp_path: Path) -> None:
    """The history refuses a report whose stages took 1e308 seconds, and so would have ended with a fault."""
    made = open_pipeline(tmp_path)
    (tmp_path / "build").mkdir(exist_ok=True)
    times = {"data": 2.5, "net": 1e308, "page": -1.0, "pdf": float("nan"), "features": float("inf"), "trained": True}
    (tmp_path / "build" / "timings.json").write_text(json.dumps(times))
    assert made.times == {"data": 2.5}


def test_an_unknown_stage_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="featres: no such stage; did you mean 'features'"):
        open_pipeline(tmp_path).needed(["featres"])


def test_a_users_annotations_and_images_of_other_classes(tmp_path: Path) -> None:
    (tmp_path / "parts.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    pretend(open_pipeline(tmp_path))
    given = open_pipeline(tmp_path, PARTS=str(tmp_path / "parts.json"))
    assert {"annotations"} <= due(given)
    assert not {"data", "net", "transfer", "features"} & due(given)
    with pytest.raises(UserError, match="TRANSFER=nowhere: no such folder"):
        open_pipeline(tmp_path, TRANSFER="nowhere")
    with pytest.raises(UserError, match=r"PARTS=nowhere\.json: no such file"):
        open_pipeline(tmp_path, PARTS="nowhere.json")
