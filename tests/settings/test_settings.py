"""Settings: profile, then file, then switches; every mistake is named with its way out."""

import dataclasses
import math
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from runs import REPOSITORY

from reportgen.analyses import settings
from reportgen.analyses.settings import KNOWN
from reportgen.base.errors import UserError
from reportgen.base.size import Size
from reportgen.settings import load, sections
from reportgen.stages import preflight
from tools import help as helping


def test_a_switch_lies_over_the_file_and_the_file_over_the_profile(tmp_path: Path) -> None:
    profile = settings.load({"PROFILE": "tiny"})
    config = tmp_path / "mine.toml"
    config.write_text("[training]\nepochs = 7\nmomentum = 0.5\n[features]\nmaps = 3\n")
    laid = settings.load({"PROFILE": "tiny", "CONFIG": str(config), "EPOCHS": "9"})
    assert (laid.training.epochs, laid.training.momentum, laid.sections["features"].maps) == (9, 0.5, 3)
    assert laid.training.batch_size == profile.training.batch_size
    assert laid.data == profile.data


def test_short_and_long_names_reach_the_same_setting() -> None:
    assert settings.load({"SEED": "4"}) == settings.load({"RUN_SEED": "4"})
    assert settings.load({"MODEL_WIDTHS": "1,2,3,4,5"}).model.widths == (1, 2, 3, 4, 5)
    assert settings.load({"IMAGES": "dog/a.png,val/cat/b.png"}).sections["occlusion"].images == (
        "dog/a.png",
        "val/cat/b.png",
    )
    assert settings.load({"DEVICE": ""}).compute.device == "auto"


def test_a_recipe_gives_the_values_that_nothing_else_gives() -> None:
    paper = settings.load({"TRAINING_RECIPE": "paper", "TRAINING_MOMENTUM": "0.8"}).training
    assert (paper.inputs, paper.clip_rms, paper.momentum) == ("paper", 0.1, 0.8)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"PROFLE": "tiny"}, "PROFLE: no such switch; did you mean 'PROFILE'?"),
        ({"FEATURE_MAPS": "3"}, "FEATURE_MAPS: no such switch; did you mean 'FEATURES_MAPS'?"),
        ({"PROFILE": "smok"}, "PROFILE=smok: no such profile; did you mean 'smoke'?"),
        ({"FEATURES_MAPS": "0"}, "FEATURES_MAPS=0: input should be greater than or equal to 1"),
        ({"OCCLUSION_STRIDE": "0"}, "OCCLUSION_STRIDE=0: use 1 pixel or more"),
        ({"OCCLUSION_SIZE": "0"}, "OCCLUSION_SIZE=0: use 1 pixel or more"),
        ({"OCCLUSION_SIZE": "225"}, "OCCLUSION_SIZE=225: larger than the image: use at most 224"),
        ({"OCCLUSION_SAMPLE": "0"}, "OCCLUSION_SAMPLE=0: input should be greater than or equal to 1"),
        ({"EPOCHS": "many"}, "EPOCHS=many: input should be a valid integer"),
        ({"SEED": "-1"}, "SEED=-1: input should be greater than or equal to 0"),
        (
            {"MODEL": "alexnet", "TRAINING_RECIPE": "paper"},
            "TRAINING_RECIPE=paper: this is for the paper's nets (MODEL=zfnet): leave it out",
        ),
        ({"MODEL": "mine:net", "MODEL_WIDTHS": "1,2,3,4,5"}, "MODEL_WIDTHS=1,2,3,4,5: this is for the paper's nets"),
        ({"MODEL": "timm/resnet10t", "TRAINING_DROPOUT": "0.1"}, "TRAINING_DROPOUT=0.1: this is for the paper's nets"),
        ({"MODEL": "timm/resnet10t", "COMPARE_EPOCHS": "3"}, "COMPARE_EPOCHS=3: only variants of the paper's nets are"),
        ({"TRAINING_OPTIMISER": "adam"}, "TRAINING_OPTIMISER=adam: input should be 'sgd' or 'adamw'"),
        (
            {"MODEL": "my net", "WEIGHTS": "a.pt"},
            "MODEL=my net: use zfnet, krizhevsky, a torchvision classifier, timm/NAME",
        ),
        ({"CLASSES": "a.csv"}, "CLASSES=a.csv: this is for a net that is loaded: give WEIGHTS=, or leave it out"),
        ({"PREPROCESSING_ORDER": "BGR"}, "PREPROCESSING_ORDER=BGR: this is for a net that is loaded"),
        ({"PREPROCESSING_RANGE": "7", "WEIGHTS": "a.pt"}, "PREPROCESSING_RANGE=7: use 1 or 255"),
        ({"PREPROCESSING_MEAN": "1,2", "WEIGHTS": "a.pt"}, "PREPROCESSING_MEAN=1,2: use three numbers, one for each"),
        (
            {"PREPROCESSING_ORDER": "GBR", "WEIGHTS": "a.pt"},
            "PREPROCESSING_ORDER=GBR: input should be 'RGB', 'BGR' or 'L'",
        ),
        (
            {"COMPARE_VARIANTS": "zfnet,krizevsky"},
            "COMPARE_VARIANTS=zfnet,krizevsky: no such variant 'krizevsky'; did you",
        ),
        ({"COMPARE_EPOCHS": "0"}, "COMPARE_EPOCHS=0: input should be greater than or equal to 1"),
        ({"SEEDS": "0"}, "SEEDS=0: input should be greater than or equal to 1"),
        ({"ARCHITECTURE_PROJECTIONS": "1"}, "ARCHITECTURE_PROJECTIONS=1: input should be greater than or equal to 2"),
        ({"TRAINING_RECIPE": "papre"}, "TRAINING_RECIPE=papre: no such recipe; did you mean 'paper'?"),
        ({"CONFIG": "/nowhere/mine.toml"}, "CONFIG=/nowhere/mine.toml: no such file: give a TOML file"),
    ],
)
def test_a_mistake_is_named_with_the_way_out(switches: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        settings.load(switches)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[trainin]\nepochs = 3", "no section [trainin]; did you mean 'training'?"),
        ("[training]\nepoch = 3", "training has no setting 'epoch'; did you mean 'epochs'?"),
        ("[training]\nepochs = 'x'", "[training] epochs: input should be a valid integer"),
        ("seed = 3", "no section [seed]"),
        ("run = 3", "'run' is outside a section"),
        ("[training", "not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(tmp_path: Path, text: str, message: str) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(text)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        settings.load({"PROFILE": "tiny", "CONFIG": str(config)})
    assert str(config) in str(caught.value)


def test_every_profile_loads() -> None:
    assert set(load.profiles()) == {"tiny", "smoke", "default", "full"}
    for name in load.profiles():
        assert settings.load({"PROFILE": name}).profile == name


def test_the_full_profile_is_the_papers() -> None:
    full = settings.load({"PROFILE": "full"})
    assert (full.data.size, full.data.crop, full.data.train, full.training.epochs) == (
        Size.of(256),
        Size.of(224),
        1000,
        64,
    )
    assert full.model.widths == (96, 256, 384, 384, 256)
    assert full.model.fully_connected == (4096, 4096)
    assert full.model.second_padding == 0
    assert full.compare.variants == sections.CompareSettings().variants
    assert full.compare.paper_epochs == 70


def test_a_loaded_net_has_the_usual_sizes_unless_they_are_given() -> None:
    loaded = {"PROFILE": "tiny", "MODEL": "alexnet", "WEIGHTS": "a.pt"}

    def sizes(**switches: str) -> tuple[int | str, int | str]:
        data = settings.load(loaded | switches).data
        return data.size.said, data.crop.said

    assert sizes() == (256, 224)
    assert sizes(DATA_CROP="227") == (256, 227)
    assert sizes(DATA_SIZE="64", DATA_CROP="60") == (64, 60)
    assert sizes(DATA_CROP="56x112", DATA="images") == ("64x128", "56x112")  # as 256 is to 224
    assert sizes(DATA_CROP="56x112", DATA_SIZE="112", DATA="images") == (112, "56x112")
    other = sections.Scaled(Size.of(342), Size.of(299), "bilinear")
    data = settings.load(loaded, lambda model: other).data
    assert (data.crop, data.interpolation) == (Size.of(299), "bilinear")
    assert (
        settings.load(loaded | {"DATA_INTERPOLATION": "lanczos"}, lambda model: other).data.interpolation == "lanczos"
    )
    assert settings.load({"PROFILE": "tiny"}).data.size == Size.of(48)


def test_sections_are_frozen_and_written_as_json_reads_them() -> None:
    loaded = settings.load({"PROFILE": "tiny"})
    for section in loaded.sections.values():
        for part in dataclasses.fields(section)[:1]:
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(section, part.name, None)
    assert loaded.document("model")["model"]["widths"] == list(loaded.model.widths)


def test_make_help_and_the_readme_list_every_switch() -> None:
    """As the one table has them."""
    rows = {switch.name: switch for switch in settings.KNOWN.switches}
    assert len(rows) == len(settings.KNOWN.switches)
    listed = {name: (text, default) for name, text, default in helping.switches(REPOSITORY / "reportgen")}
    assert listed == {name: (switch.help, switch.default) for name, switch in rows.items()}
    readme = (REPOSITORY / "README.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", readme, re.M)) == set(rows)


def test_reading_settings_imports_neither_torch_nor_what_computes() -> None:
    code = "import sys; from reportgen.analyses.settings import load; load({}); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    names = set(found.stdout.split())
    assert not {"torch", "numpy", "scipy", "matplotlib", "weasyprint"} & names
    rooms = {name.split(".")[1] for name in names if name.startswith("reportgen.")}
    assert rooms == {"analyses", "base", "settings"}
    assert not [name for name in names if name.startswith("reportgen.analyses.") and name.count(".") > 2]


@pytest.mark.parametrize("said", ["EPOCHS=3", "SEEDS=6", "TRAINING_MOMENTUM=0.5", "MODEL_WIDTHS=8,8,8,8,8"])
def test_what_trains_a_net_is_refused_for_one_that_is_loaded(said: str, tmp_path: Path) -> None:
    loaded = {"MODEL": "squeezenet1_1", "WEIGHTS": "net.pt"}
    with pytest.raises(
        UserError, match=f"{said}: this is for a net that is trained here: leave it out, or leave out WEIGHTS="
    ):
        settings.load({**loaded, **dict([said.split("=")])})
    (tmp_path / "ours.toml").write_text("[training]\nepochs = 3\n")  # a file may serve several nets
    settings.load({**loaded, "CONFIG": str(tmp_path / "ours.toml")})


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"DATA_CROP": "99"}, "DATA_CROP=99: larger than the stored images, DATA_SIZE=96: use 96 or less"),
        (
            {"DATA_CROP": "38"},
            "DATA_CROP=38: too small for the nets that are trained (a layer would have no output): use 39 or more, and "
            "DATA_SIZE= at least as large",
        ),
        (
            {"MODEL": "vgg11", "WEIGHTS": "DEFAULT", "DATA_SIZE": "200", "DATA_CROP": "224"},
            "DATA_CROP=224: larger than",
        ),
    ],
)
def test_a_crop_that_cannot_be_is_named_before_anything_is_made(switches: dict[str, str], message: str) -> None:
    preflight.check_crop(settings.load({"PROFILE": "default"}))
    with pytest.raises(UserError, match=re.escape(message)):
        preflight.check_crop(settings.load(switches))


@pytest.mark.parametrize(
    "switches",
    [
        {},
        {"PROFILE": "smoke", "SEED": "3", "OCCLUSION_STRIDE": "4", "IMAGES": "dog/1.png,cat/2.png"},
        {"TRAINING_RECIPE": "paper", "EPOCHS": "2", "COMPARE_VARIANTS": "zfnet"},
        {
            "MODEL": "squeezenet1_0",
            "WEIGHTS": "net.safetensors",
            "DATA": "images",
            "PARTS": "parts.json",
            "TRANSFER": "others",
            "DATA_CROP": "227",
            "PREPROCESSING_ORDER": "BGR",
            "PREPROCESSING_RANGE": "255",
            "PREPROCESSING_MEAN": "104,117,123",
            "PREPROCESSING_DEVIATION": "1,1,1",
        },
    ],
)
def test_what_a_run_says_of_its_switches_gives_the_same_settings(switches: dict[str, str]) -> None:
    made = settings.load(switches)
    said = settings.said(made.profile, made.document())
    assert settings.load(said) == made
    assert set(said) >= set(switches) - {"TRAINING_RECIPE"}
    if "WEIGHTS" in switches:
        assert list(said)[:3] == ["MODEL", "WEIGHTS", "DATA"]
        assert set(said) == set(switches)


def test_adamw_has_its_own_values_unless_the_user_gives_others() -> None:
    training = settings.load({"TRAINING_OPTIMISER": "adamw", "MODEL": "mine:net"}).training
    assert (training.optimiser, training.learning_rate, training.weight_decay) == ("adamw", 1e-3, 0.05)
    training = settings.load({"TRAINING_OPTIMISER": "adamw", "TRAINING_LEARNING_RATE": "0.1"}).training
    assert (training.learning_rate, training.weight_decay) == (0.1, 0.05)


TOML = (
    *("nan", "inf", "true", "[]", "{a = 1}", '[1, "a"]', "[nan, inf]", "[true, false]", "1979-05-27"),
    *('"a\\u0000b"', "9" * 40, "0x" + "f" * 300, '"nan"', '["nan", "1", "2"]'),
)


@pytest.mark.parametrize("value", TOML)
def test_any_value_of_any_setting_is_taken_as_it_is_or_refused_by_name(value: str, tmp_path: Path) -> None:
    """What is taken is finite, of the setting's own type, and a number only where a number was given."""
    path = tmp_path / "mine.toml"
    for section, kind in KNOWN.types.items():
        for part in fields(kind):
            path.write_text(f"[{section}]\n{part.name} = {value}\n")
            refused, found = "", None
            try:
                found = getattr(settings.load({"PROFILE": "tiny", "CONFIG": str(path)}).sections[section], part.name)
            except UserError as error:
                refused = str(error)
            if refused:
                assert refused.startswith(f"{path}, [{section}] {part.name}: "), refused
                assert "\n" not in refused
            else:
                for one in found if isinstance(found, tuple) else (found,):
                    assert isinstance(one, str) or math.isfinite(one or 0), (section, part.name)
                    assert not isinstance(one, str) or "\0" not in one
                    assert value not in ("true", "[true, false]") or isinstance(one, bool), (section, part.name)
                    assert abs(one or 0) <= 2**53 if isinstance(one, (int, float)) else True


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "NaN", "Infinity", "9" * 40])
def test_a_switch_that_is_no_finite_number_is_refused(value: str) -> None:
    for section, kind in KNOWN.types.items():
        for part in fields(kind):
            if isinstance(part.default, float) and not isinstance(part.default, bool):
                name = f"{section}_{part.name}".upper()
                with pytest.raises(UserError, match=f"^{name}={value}: "):
                    settings.load({"PROFILE": "tiny", name: value})


@pytest.mark.parametrize("name", ["BUILD", "REPORT", "HISTORY", "BASE", "DATA"])
def test_a_zero_byte_which_python_can_hand_over_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"^{name}=a\0b: no value has a zero byte"):
        settings.load({"PROFILE": "tiny", name: "a\0b"})
