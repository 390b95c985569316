"""The switches of the command line: short names for settings, and what the Makefile and the commands read themselves.

The one table: ``make help``, the README and the errors have it from here; an analysis declares its own beside its settings.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Switch:
    """A short name on the command line for a setting, or a switch of the Makefile itself."""

    name: str
    setting: tuple[str, str] | None  # (section, field); None: read by the Makefile or the command
    help: str
    default: str = ""  # what it is where it is not given, as far as one word says it


SWITCHES = (
    Switch("PROFILE", None, "the size of the run: tiny, smoke, default or full", "default"),
    Switch(
        "MODEL",
        ("model", "name"),
        "zfnet or krizhevsky; with WEIGHTS, a torchvision net or package.module:factory",
        "zfnet",
    ),
    Switch(
        "WEIGHTS", ("model", "weights"), "load the net: a .safetensors, .pt or .pth file, or DEFAULT (torchvision's)"
    ),
    Switch("CLASSES", ("model", "classes"), "a .csv or .json file with the names of the loaded net's classes"),
    Switch(
        "SNAPSHOTS", ("model", "snapshots"), "a folder of the loaded net's checkpoints: epoch-1.pt, epoch-2.pt, ..."
    ),
    Switch(
        "LAYERS", ("layers", "nodes"), "which nodes of the net are layers 1 to 5, as in conv1,conv2 or 1=conv1,7=fc"
    ),
    Switch(
        "DATA", ("data", "source"), "scenes (drawn here), a folder, or a torchvision data set such as CIFAR10", "scenes"
    ),
    Switch("PARTS", ("annotations", "parts"), "a COCO file with keypoints: the parts that are masked in figure 8"),
    Switch("MASKS", ("annotations", "masks"), "where the objects are: a COCO file, or a folder of mask PNGs"),
    Switch("TRANSFER", ("transfer", "source"), "images of other classes: a folder with one folder for each class"),
    Switch("SEED", ("run", "seed"), "seed of everything random", "0"),
    Switch("EPOCHS", ("training", "epochs"), "how long the net is trained; the profile says, unless given"),
    Switch(
        "COMPARE_EPOCHS",
        ("compare", "epochs"),
        "epochs of each comparison net, by the paper's recipe at most COMPARE_PAPER_EPOCHS; the profile says, unless given",
    ),
    Switch(
        "SEEDS", ("compare", "seeds"), "how often the two architectures are trained: from 6, a claim is about them", "1"
    ),
    Switch("DEVICE", ("compute", "device"), "auto, cpu, cuda, cuda:1 or mps", "auto"),
    Switch("GPUS", ("machine", "gpus"), "GPUs that share training and search; with DEVICE=cpu, processes", "1"),
    Switch("BUILD", None, "folder of the artefacts", "build"),
    Switch("REPORT", None, "folder of the report", "report"),
    Switch("FORMAT", None, "single: also report/single.html, the whole page in one file"),
    Switch("CONFIG", None, "a TOML file of settings, laid over the profile"),
    Switch("JOBS", None, "stages made at the same time, each in a process of its own", "1"),
    Switch("VENV", None, "folder of the virtual environment; none: use PYTHON as it is", ".venv"),
    Switch("PYTHON", None, "the Python that makes the environment", "python3"),
    Switch("REQUIREMENTS", None, "a requirements.txt of what your own net imports, installed into VENV"),
    Switch("ANALYSIS", None, "make figures: of this analysis only"),
    Switch("LAYER", None, "make figures: of this layer only"),
    Switch("MAPS", None, "make figures LAYER=...: these feature maps (0,5,17), or all"),
    Switch("BASE", None, "make compare: folder of the older report"),
    Switch("FAIL_ON", None, "make compare: verdict: status 1 where a verdict got worse"),
    Switch("PORT", None, "make serve: port on this machine", "8000"),
)
