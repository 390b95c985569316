"""The switches of the command line: short names for settings, and switches that the Makefile and the commands read.

``make help`` and the errors use this table, and a test compares the README with it. An analysis declares its own switches
beside its settings.
"""

import dataclasses
from collections.abc import Mapping

NONE_YET = "none"  # BASE=none: there is no older report yet, as on a repository's first commit


@dataclasses.dataclass(frozen=True)
class Switch:
    """A short name on the command line for a setting, or a switch of the Makefile itself."""

    name: str
    setting: tuple[str, str] | None  # (section, field); None: read by the Makefile or the command
    help: str
    default: str = ""  # the default for the help; empty if there is none, or more than a word


SWITCHES = (
    Switch("PROFILE", None, "the size of the run: tiny, smoke, default or full", "default"),
    Switch(
        "MODEL",
        ("model", "name"),
        "zfnet or krizhevsky; with WEIGHTS, a torchvision net, timm/NAME or package.module:factory; hf/FOLDER",
        "zfnet",
    ),
    Switch(
        "WEIGHTS", ("model", "weights"), "load the net: a .safetensors, .pt or .pth file, or DEFAULT (torchvision's)"
    ),
    Switch("WEIGHTS_KEY", ("model", "weights_key"), "which weights of a file that holds several: state_dict_ema"),
    Switch(
        "OUTPUTS",
        ("model", "outputs"),
        "how to read the net's outputs: sigmoid (each label by itself, several an image) or, of a loaded one, softmax or logit",
    ),
    Switch("CLASSES", ("model", "classes"), "a file with the names of the loaded net's classes: text, .csv or .json"),
    Switch(
        "SNAPSHOTS", ("model", "snapshots"), "a folder of the loaded net's checkpoints: epoch-1.pt, epoch-2.pt, ..."
    ),
    Switch(
        "LAYERS", ("layers", "nodes"), "which nodes of the net are layers 1 to 5, as in conv1,conv2 or 1=conv1,7=fc"
    ),
    Switch(
        "DATA", ("data", "source"), "scenes (drawn here), a folder, or a torchvision data set such as CIFAR10", "scenes"
    ),
    Switch(
        "LABELS",
        ("labels", "file"),
        "a .csv, .tsv, .jsonl or .json table that says what each image below DATA= shows: file, label, split",
    ),
    Switch(
        "ALPHA",
        ("data", "alpha"),
        "how cut-outs are read: white or black (the ground), or drop (hidden colours shown, as torchvision does)",
        "white; of a loaded net drop",
    ),
    Switch("PARTS", ("annotations", "parts"), "a COCO file with keypoints: the parts that are masked in figure 8"),
    Switch("MASKS", ("annotations", "masks"), "where the objects are: a COCO file, or a folder of mask pictures"),
    Switch(
        "TRANSFER",
        ("transfer", "source"),
        "images of other classes: a folder with one folder for each class, or torchvision's Caltech256, ...; VOC2012",
    ),
    Switch("SEED", ("run", "seed"), "seed of everything random", "0"),
    Switch("TRAINING_SEED", ("training", "seed"), "seed of weights, batches and crops alone; default: SEED"),
    Switch(
        "REPEATS",
        ("noise", "repeats"),
        "how often the nets are trained, with other training seeds, to say what training again would change",
        "1",
    ),
    Switch("NOISE", ("noise", "file"), "the file that make noise wrote: how much training again changes each number"),
    Switch("EPOCHS", ("training", "epochs"), "epochs of training; default: the profile's"),
    Switch(
        "COMPARE_EPOCHS",
        ("compare", "epochs"),
        "epochs of each comparison net at the most (with the paper's recipe COMPARE_PAPER_EPOCHS); default: the profile's",
    ),
    Switch(
        "SEEDS",
        ("compare", "seeds"),
        "how often the two architectures are trained, for claims about them: 6 or more; make noise: trainings in all",
        "1",
    ),
    Switch(
        "ATLAS",
        ("atlas", "shows"),
        "what the pages of every map show: patches, projections (beside the patches; takes longer), or none: no such pages",
        "patches",
    ),
    Switch("DEVICE", ("compute", "device"), "auto, cpu, cuda, cuda:1 or mps", "auto"),
    Switch("GPUS", ("machine", "gpus"), "GPUs that share training and search; with DEVICE=cpu, processes", "1"),
    Switch("BUILD", None, "folder of the artefacts", "build"),
    Switch("REPORT", None, "folder of the report", "report"),
    Switch("FORMAT", None, "single: also report/single.html, the whole page in one file"),
    Switch("CONFIG", None, "a TOML file of settings that override the profile's"),
    Switch("JOBS", None, "stages made at the same time, each in its own process", "2 on a CPU, else 1"),
    Switch("VENV", None, "folder of the virtual environment; none: use PYTHON as it is", ".venv"),
    Switch("PYTHON", None, "the Python that makes the environment", "python3"),
    Switch(
        "TORCH",
        None,
        "cpu: the environment gets torch's build for the CPU, without CUDA; or the address of an index that has torch",
    ),
    Switch("REQUIREMENTS", None, "a requirements.txt with the packages that your own net imports, installed into VENV"),
    Switch("ANALYSIS", None, "make figures: only this analysis"),
    Switch("LAYER", None, "make figures: only this layer"),
    Switch("MAPS", None, "make figures LAYER=...: these feature maps (0,5,17), or all"),
    Switch(
        "BASE",
        None,
        "folder of an older report: the page's head says what changed since, make compare everything; none: there is none yet",
    ),
    Switch(
        "FAIL_ON",
        None,
        "conditions that end with status 1 if not met: verdict, moved (make compare), top1>=0.9, CLAIM>=0.02, CLAIM=holds",
    ),
    Switch(
        "TOLERANCE",
        None,
        "make compare: how many sampling errors training again may move a number, where that is not measured",
    ),
    Switch(
        "HISTORY", None, "a file with a line for each commit: the report's is added, and the last are drawn", "no file"
    ),
    Switch("PORT", None, "make serve: port on this machine", "8000"),
)


def older_report(switches: Mapping[str, str]) -> str:
    """The folder of the older report that ``BASE=`` names; empty where it names none."""
    base = switches.get("BASE", "")
    return "" if base == NONE_YET else base
