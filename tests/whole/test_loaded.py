"""A net that was trained elsewhere, from the command to the report."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from runs import Run, here
from users_nets import CODE, USUAL, made, numbers, photographs, planted, settle, words

from reportgen.analyses import settings
from reportgen.analyses.registry import BY_NAME
from reportgen.base.artifacts import DOCUMENT, read_json
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.data.annotations import Annotations
from reportgen.look.inputs import Inputs
from reportgen.nets.sizes import sizes
from reportgen.stages.net import accuracy
from reportgen.stages.plan import pipeline as planned


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder: code, weights, images."""
    return settle(tmp_path, monkeypatch)


def test_the_net_is_looked_up_asked_and_opened_again(home: Path) -> None:
    made(home)
    said = numbers(home)
    assert (said["top1"], said["labelled_images"], said["classes"], said["loaded"]) == (1.0, 20, 2, True)
    assert (said["weights"], said["snapshots"], said["warning"], said["unmapped"]) == ("net.pt", [], None, [])
    assert said["parameters"] == sum(value.numel() for value in planted().values())
    assert said["multiply_adds"] == 27 * 2 * 30 * 30 + 18 * 2 * 13 * 13 + 4
    inputs = Inputs.open(home / "build", "cpu")
    assert inputs.loaded
    assert inputs.epochs == ()
    assert inputs.data.classes == ("dark", "light")
    assert inputs.data.train is inputs.data.val
    assert inputs.data.val.names == inputs.data.test.names
    assert len(inputs.data.test) == 20
    assert inputs.data.val.known.all()
    assert inputs.probabilities.argmax(1).tolist() == inputs.data.val.labels.tolist()
    assert inputs.net.conv.weight.equal(planted()["conv.weight"])


@pytest.mark.parametrize("name", ["viewing", "viewing_and_branching"])
def test_a_net_that_asks_for_contiguous_memory(home: Path, name: str) -> None:
    made(home, "net", "features", "occlusion", MODEL=f"brightness_net:{name}")
    assert numbers(home)["top1"] == 1.0
    assert bool(numbers(home)["unfollowed"]) == (name != "viewing")


def test_other_weights_do_not_decode_the_images_again(home: Path) -> None:
    made(home)
    torch.save(planted() | {"head.bias": torch.ones(2)}, "net.pt")
    changed = planned(settings.load(USUAL, sizes), home / "build", home / "report")
    assert {name for name in ("model", "data", "net") if changed.due(name)} == {"model", "net"}
    (home / "brightness_net.py").write_text(CODE + "\n# another thought\n")
    torch.save({"state_dict": {f"module.{name}": value for name, value in planted().items()}}, "net.pt")
    assert (
        dict(planned(settings.load(USUAL, sizes), home / "build", home / "report").why())["model"]
        == "its files changed"
    )


def test_of_equal_logits_the_first_counts() -> None:
    found = accuracy(np.zeros((8, 10)), np.arange(8), "softmax")
    assert (found["correct"], found["top5"]) == (1, 5 / 8)


def test_near_chance_the_likely_causes_are_named_and_a_better_reading(
    home: Path, capsys: pytest.CaptureFixture
) -> None:
    torch.save(planted(white=255.0), "net.pt")
    made(home)
    warning = numbers(home)["warning"]
    assert warning.startswith("only 50.0% of 20 labelled images are right, where guessing would get 50.0%")
    for cause in ("PREPROCESSING_ORDER=RGB", "PREPROCESSING_RANGE=1", "mean and deviation", "CLASSES="):
        assert cause in warning
    assert f"warning: {warning}" in capsys.readouterr().err
    made(home, PREPROCESSING_RANGE="255")
    assert numbers(home)["warning"] is None
    assert numbers(home)["top1"] == 1.0


def test_a_better_reading_is_offered_where_there_is_one(home: Path) -> None:
    made(home, PREPROCESSING_MEAN="1,1,1")
    offered = re.search(r"; with (PREPROCESSING_ORDER=.*) it would be 100%, not \d+%$", numbers(home)["warning"])
    assert offered
    made(home, **dict(switch.split("=") for switch in offered[1].split()))
    assert numbers(home)["top1"] == 1.0


def test_folders_that_are_none_of_the_nets_classes_count_as_unlabelled(
    home: Path, capsys: pytest.CaptureFixture
) -> None:
    Path("classes.csv").write_text("index,wnid,name\n0,n00000001,dark\n1,n00000002,bright\n")
    made(home, CLASSES="classes.csv")
    assert numbers(home)["unmapped"] == [{"folder": "light", "reason": "no class of the net"}]
    assert (numbers(home)["labelled_images"], numbers(home)["unlabelled_images"]) == (10, 10)
    assert "1 of 2 folders is no class of the net: light" in capsys.readouterr().err
    val = Inputs.open(home / "build", "cpu").data.val
    assert val.known.sum() == 10
    assert val.labels.tolist() == [0] * 10 + [1] * 10  # the prediction stands in


def test_images_without_folders_are_labelled_by_the_net(home: Path) -> None:
    flat = home / "flat"
    flat.mkdir()
    for path in (home / "images" / "light").iterdir():
        path.rename(flat / path.name)
    made(home, "trained", "features", DATA="flat")
    assert (numbers(home)["top1"], numbers(home)["labelled_images"]) == (None, 0)
    assert Inputs.open(home / "build", "cpu").data.val.labels.tolist() == [1] * 10
    verdicts = {entry["id"]: entry for entry in read_json(home / "build" / "features" / DOCUMENT)["verdicts"]}
    assert verdicts["hierarchy"]["why"] == "the images have no labels"
    assert verdicts["grouping"]["verdict"] in ("undecided", "not tested")
    assert numbers(home, "trained")["top1"] is None


def test_a_tree_with_splits_keeps_them(home: Path) -> None:
    for split, count in (("train", 3), ("val", 2), ("test", 4)):
        photographs(home / "tree" / split, count=count)
    made(home, DATA="tree")
    data = Inputs.open(home / "build", "cpu").data
    assert (len(data.train), len(data.val), len(data.test)) == (4, 4, 8)
    made(home, DATA=str(home / "tree" / "test"))
    assert len(Inputs.open(home / "build", "cpu").data.test) == 8


def test_checkpoints_become_snapshots(home: Path) -> None:
    Path("kept").mkdir()
    for epoch in ("0", "1", "2.5"):
        torch.save({name: value * (1 + float(epoch)) for name, value in planted().items()}, f"kept/epoch-{epoch}.pt")
    made(home, "features", SNAPSHOTS="kept")
    inputs = Inputs.open(home / "build", "cpu")
    assert inputs.epochs == (0, 1, 2.5)
    assert inputs.at_epoch(2.5).net.conv.weight.equal(planted()["conv.weight"] * 3.5)
    assert numbers(home, "features")["untrained"]
    (home / "kept" / "epoch-1.pt").write_bytes(b"")
    with pytest.raises(UserError, match=r"SNAPSHOTS=kept/epoch-1\.pt: an empty file"):
        made(home, SNAPSHOTS="kept")
    Path("empty").mkdir()
    (home / "kept" / "epoch-01.0.pt").write_bytes(b"")
    with pytest.raises(UserError, match=r"SNAPSHOTS=kept: epoch-01\.0\.pt and epoch-1\.pt are of one epoch: leave one"):
        made(home, SNAPSHOTS="kept")
    with pytest.raises(UserError, match="SNAPSHOTS=empty: no checkpoints in it: name them epoch-1"):
        made(home, SNAPSHOTS="empty")


@pytest.mark.parametrize("name", ["half", "double", "wrapped"])
def test_a_net_of_another_precision_or_wrapped_is_looked_into_as_it_is(home: Path, name: str) -> None:
    made(home, MODEL=f"brightness_net:{name}")
    assert numbers(home)["top1"] == 1.0
    assert numbers(home)["unfollowed"] == ""
    assert Inputs.open(home / "build", "cpu").net.conv.weight.dtype == torch.float32


@pytest.mark.parametrize("name", ["the_one", "same"])
def test_a_factory_that_gives_the_same_net_again_gives_each_epoch_its_own(home: Path, name: str) -> None:
    (home / "epochs").mkdir()
    for epoch, factor in ((0, 0.0), (1, 0.5), (2, 1.0)):
        torch.save({key: value * factor for key, value in planted().items()}, home / "epochs" / f"epoch-{epoch}.pt")
    made(home, "net", "features", MODEL=f"brightness_net:{name}", SNAPSHOTS="epochs")
    inputs = Inputs.open(home / "build", "cpu")
    nets = [inputs.net, *(inputs.at_epoch(epoch).net for epoch in inputs.epochs)]
    for net, factor in zip(nets, (1.0, 0.0, 0.5, 1.0), strict=True):
        assert net.conv.weight.equal(planted()["conv.weight"] * factor)


def test_the_layers_that_the_user_names_are_looked_at(home: Path) -> None:
    made(home, "features", "schematics", LAYERS="2=act2")
    assert [layer["number"] for layer in numbers(home, "features")["layers"]] == [2]
    assert [node["map"] for node in numbers(home, "schematics")["nodes"]] == ["act2", "mean", "head"]
    made(home, "features")  # without the switch, the rule again; the net is not asked again
    assert [layer["number"] for layer in numbers(home, "features")["layers"]] == [1, 2]


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"WEIGHTS": "nowhere.pt"}, "WEIGHTS=nowhere.pt: no such file: give a .safetensors, .pt or .pth file"),
        (
            {"MODEL": "brightness_net:pair"},
            "MODEL=brightness_net:pair: Pair takes 2 inputs (images, more): use a net with one",
        ),
        ({"MODEL": "brightness_net:broken"}, "DATA_CROP=32 (NameError: name 'nothing' is not defined)"),
        (
            {"MODEL": "brightness_net:maps", "WEIGHTS": "factory"},
            "MODEL=brightness_net:maps: it gives (2, 30, 30) for an",
        ),
        (
            {"MODEL": "brightness_net:squeezing", "WEIGHTS": "factory"},
            "MODEL=brightness_net:squeezing: of one image it loses the axis of the batch: write flatten(1) where",
        ),
        (
            {"MODEL": "brightness_net:nothing_at_all", "WEIGHTS": "factory"},
            "MODEL=brightness_net:nothing_at_all: it returns a str without tensors: return a number for each class",
        ),
        (
            {"MODEL": "brightness_net:two_rows", "WEIGHTS": "factory"},
            "MODEL=brightness_net:two_rows: it returns several things (a: 1x2, b: 1x2): say which holds a number for each "
            "class, as in MODEL_ENTRY=a",
        ),
        (
            {"MODEL": "brightness_net:two_rows", "MODEL_ENTRY": "c"},
            "MODEL_ENTRY=c: MODEL=brightness_net:two_rows returns no",
        ),
        ({"MODEL_ENTRY": "c"}, "MODEL_ENTRY=c: MODEL=brightness_net:brightness returns one tensor: leave it out"),
        (
            {"OUTPUTS": "logit"},
            "OUTPUTS=logit: MODEL=brightness_net:brightness gives 2 numbers for an image: use softmax",
        ),
        (
            {"OUTPUTS": "softmax", "MODEL": "brightness_net:one_number", "WEIGHTS": "factory"},
            "OUTPUTS=softmax: MODEL=brightness_net:one_number gives one number for an image: use logit",
        ),
        ({"OUTPUTS": "sigmoids"}, "OUTPUTS=sigmoids: input should be 'softmax', 'sigmoid' or 'logit'"),
        (
            {"MODEL": "brightness_net:leaves", "WEIGHTS": "factory"},
            "MODEL=brightness_net:leaves: running one image failed: SystemExit: enough",
        ),
        (
            {"MODEL": "brightness_net:hangs", "WEIGHTS": "factory", "MODEL_PATIENCE": "0.5"},
            "MODEL=brightness_net:hangs: running one image did not end within 0.5 s: ",
        ),
        (
            {"MODEL": "hanging:net", "WEIGHTS": "factory", "MODEL_PATIENCE": "0.5"},
            "MODEL=hanging:net: importing hanging did not end within 0.5 s: let what trains or waits there run only with if "
            '__name__ == "__main__", or allow more with MODEL_PATIENCE=5',
        ),
        ({"MODEL": "asking:net"}, "MODEL=asking:net: importing asking failed: EOFError"),
        (
            {"MODEL": "brightness_net:dropping", "WEIGHTS": "factory"},
            "MODEL=brightness_net:dropping: it answers differently each time it sees the same image (",
        ),
        ({"MODEL": "brightness_net:remembering"}, "MODEL=brightness_net:remembering: it answers differently each time"),
        (
            {"MODEL": "brightness_net:four_channels", "WEIGHTS": "factory"},
            "MODEL=brightness_net:four_channels: its first convolution takes 4 channels, images have 3: if the files hold as many",
        ),
        (
            {"MODEL": "brightness_net:grey", "WEIGHTS": "factory"},
            "PREPROCESSING_MEAN=0,0,0: the net reads grey: give one number",
        ),
        ({"PREPROCESSING_DEVIATION": "1"}, "PREPROCESSING_DEVIATION=1: the net reads colours: give three numbers"),
        ({"PREPROCESSING_MEAN": "1,2"}, "PREPROCESSING_MEAN=1,2: use three numbers, one for each channel, or one of a"),
        ({"PREPROCESSING_ORDER": "L"}, "PREPROCESSING_ORDER=L: the net reads three channels: give RGB or BGR"),
        (
            {
                **{"MODEL": "brightness_net:grey", "WEIGHTS": "factory", "PREPROCESSING_ORDER": "BGR"},
                **{"PREPROCESSING_MEAN": "0", "PREPROCESSING_DEVIATION": "1"},
            },
            "PREPROCESSING_ORDER=BGR: the net reads one channel: leave it out, or give L",
        ),
        (
            {"MODEL": "brightness_net:scripted", "WEIGHTS": "factory"},
            "MODEL=brightness_net:scripted: reportgen cannot look into a TorchScript module: give the module that",
        ),
        (
            {"MODEL": "brightness_net:quantised", "WEIGHTS": "factory"},
            "MODEL=brightness_net:quantised: reportgen cannot look into a quantised net: give the net before",
        ),
        (
            {"MODEL": "brightness_net:nowhere", "WEIGHTS": "factory"},
            "MODEL=brightness_net:nowhere: what it gives for 20 of 20 images is not finite: check its weights",
        ),
        ({"CLASSES": "three.json"}, "CLASSES=three.json: 3 classes, but the net brightness_net:brightness has 2"),
        ({"CLASSES": "none.json"}, "CLASSES=none.json: no such file or folder"),
        ({"SNAPSHOTS": "none"}, "SNAPSHOTS=none: no such file or folder"),
        ({"MASKS": "none"}, "MASKS=none: no such file or folder"),
        ({"DATA": "empty"}, "DATA=empty: no images in it"),
        ({"DATA": "CIFAR1"}, "DATA=CIFAR1: no such folder; did you mean 'CIFAR10'?"),
    ],
)
def test_mistakes_are_named(home: Path, switches: dict[str, str], message: str) -> None:
    Path("three.json").write_text('["a", "b", "c"]')
    Path("empty").mkdir()
    Path("hanging.py").write_text("import time\nwhile True:\n    try: time.sleep(1)\n    except Exception: pass\n")
    Path("asking.py").write_text("input('proceed? ')")
    with pytest.raises(UserError, match=re.escape(message)):
        made(home, **switches)


def test_wrong_weights_are_found_before_any_image_is_decoded(home: Path) -> None:
    torch.save({name: value for name, value in planted().items() if name != "head.bias"}, "net.pt")
    with pytest.raises(
        UserError, match=r"WEIGHTS=net\.pt does not fit .*: 1 of the net's 6 weights is missing \(head\.bias\)"
    ):
        made(home)
    assert not (home / "build" / "data").exists()


def test_a_net_that_cannot_be_projected_has_a_report_all_the_same(home: Path) -> None:
    done = here("run", *words(USUAL | {"MODEL": "brightness_net:waving"}), cwd=home)
    assert done.returncode == 0, done.stderr
    page = (home / "report" / "index.html").read_text()
    assert "cannot be projected: Sin has no rule" in page
    assert "projections.jpg" not in page
    assert "patches.jpg" in page
    assert "Traceback" not in done.stderr
    whys = {claim["id"]: claim["why"] for claim in read_json(home / "report" / "metrics.json")["claims"]}
    assert "the net was loaded" in whys["hierarchy"]
    assert "the net was loaded" in whys["lower-layers-converge-first"]
    assert "the net was loaded" in whys["depth-matters"]
    assert "the net was loaded" in whys["better-architecture"]
    assert "Sin" in whys["visualisation-is-genuine"]
    assert (home / "report" / "report.pdf").exists()


def test_without_stored_images_the_report_finds_the_same(home: Path) -> None:
    found = []
    for pack in ("true", "false"):
        made(home, *BY_NAME, DATA_PACK=pack)
        assert (home / "build" / "data" / "val.npy").exists() == (pack == "true")
        documents = {name: read_json(home / "build" / name / DOCUMENT) for name in ("data", "model", "net", *BY_NAME)}
        found.append({name: (said["numbers"], said.get("verdicts")) for name, said in documents.items()})
    assert found[0] == found[1]


def test_a_file_that_vanishes_between_the_stages_is_named_with_a_way_out(home: Path) -> None:
    pipeline = made(home, "data", DATA_PACK="false")
    (home / "images" / "light" / "03.png").unlink()
    with pytest.raises(
        UserError, match=r"^images/light/03\.png: .*No such file.*: put it back, or use DATA_PACK=true"
    ) as said:
        pipeline.make_due(["net"])
    assert "\n" not in str(said.value)
    made(home, DATA_PACK="true")
    assert numbers(home)["labelled_images"] == 19


@pytest.mark.slow
def test_a_net_that_branches_on_values_has_a_report_that_says_what_is_not_known(home: Path) -> None:
    done = here("run", *words(USUAL | {"MODEL": "brightness_net:branching"}), cwd=home, pdf=False)
    assert done.returncode == 0, done.stderr
    assert "the forward pass of Branching cannot be followed (" in done.stderr
    page = " ".join((home / "report" / "index.html").read_text().split())
    trained, occlusion = (page.split(f'id="{name}"')[1].split("</section>")[0] for name in ("trained", "occlusion"))
    assert "knows less of this net than of most: the forward pass of Branching cannot be followed" in trained
    assert "takes longer and changes no number: the forward pass of Branching cannot be followed" in occlusion
    assert numbers(home)["top1"] == 1.0
    assert [layer["map"] for layer in numbers(home, "schematics")["nodes"]] == ["act", "act2", "head.input", "head"]
    assert {layer["road"] for layer in numbers(home, "features")["layers"]} == {"record"}
    assert "projections.jpg" in page
    assert "patches.jpg" in page


def test_marked_objects_of_the_users_images(home: Path) -> None:
    for path in sorted((home / "images" / "dark").iterdir())[:3]:
        mask = np.zeros((40, 50), np.uint8)
        mask[10:20, 20:30] = 255
        (home / "masks" / "dark").mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(home / "masks" / "dark" / path.name)
    made(home, "annotations", MASKS="masks")
    objects = Annotations.open(home / "build" / "annotations").objects
    assert objects is not None
    assert objects.shape == (20, 36, 36)
    assert objects.any(axis=(1, 2)).tolist() == [True] * 3 + [False] * 17
    rows, _ = np.nonzero(objects[0])
    assert (rows.min(), rows.max()) == (9, 17)  # rows 10 to 19 of 40, at 36


def test_what_reportgen_trained_can_be_loaded(tiny: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.home)  # where the scenes lie
    switches = {"PROFILE": "tiny", "WEIGHTS": str(tiny.build / "net" / "net.safetensors")}
    pipeline = planned(settings.load(switches, sizes), tmp_path / "build", tmp_path / "report")
    assert (pipeline.settings.data.size, pipeline.settings.data.crop) == (Size.of(48), Size.of(44))
    pipeline.make_due(["net"])
    trained, loaded = (read_json(build / "net" / DOCUMENT)["numbers"] for build in (tiny.build, tmp_path / "build"))
    same = ("name", "parameters", "multiply_adds", "preprocessing", "top1", "top5", "labelled_images", "classes")
    assert {name: loaded[name] for name in same} == {name: trained[name] for name in same}
    with pytest.raises(UserError, match="this net is a zfnet: give MODEL=zfnet"):
        planned(settings.load(switches | {"MODEL": "krizhevsky"}, sizes), tmp_path / "b", tmp_path / "r").make_due(
            ["net"]
        )
