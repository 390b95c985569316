"""Small fakes of torchvision's data sets, each in its own layout below a folder: two classes, an image or more of each.

Every image of class c has the level ``60 + 120 * c`` in all its channels. Checksums are left to the caller.
"""

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

COUNTS = {"train": 3, "val": 2, "test": 1}  # images of each class


def level(label: int) -> int:
    return 60 + 120 * label


def write(path: Path, label: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 50), (level(label),) * 3).save(path)


def labels(part: str) -> list[int]:
    return [label for label in (0, 1) for _ in range(COUNTS[part])]


def pixels(part: str, *shape: int) -> np.ndarray:
    return np.stack([np.full(shape, level(label), np.uint8) for label in labels(part)])


def mnist(name: str, prefix: str = "") -> Callable[[Path], None]:
    """The idx files of MNIST and its relatives."""

    def make(root: Path) -> None:
        folder = root / name / "raw"
        folder.mkdir(parents=True)
        for part, said in (("train", "train"), ("test", "test" if prefix else "t10k")):
            count = len(labels(part))
            images = struct.pack(">IIII", 0x803, count, 28, 28) + pixels(part, 28, 28).tobytes()
            (folder / f"{prefix}{said}-images-idx3-ubyte").write_bytes(images)
            (folder / f"{prefix}{said}-labels-idx1-ubyte").write_bytes(
                struct.pack(">II", 0x801, count) + bytes(labels(part))
            )

    return make


def cifar100(root: Path) -> None:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    for part in ("train", "test"):
        entry = {"data": pixels(part, 3 * 32 * 32), "fine_labels": labels(part)}
        (folder / part).write_bytes(pickle.dumps(entry))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": ["apple", "bear"]}))


def svhn(root: Path) -> None:
    root.mkdir(parents=True)
    for part in ("train", "test"):
        savemat(
            root / f"{part}_32x32.mat",
            {"X": pixels(part, 32, 32, 3).transpose(1, 2, 3, 0), "y": np.array(labels(part))[:, None]},
        )


def flowers102(root: Path) -> None:
    folder = root / "flowers-102"
    parts, kinds, number = {}, [], 1
    for part, name in (("train", "trnid"), ("val", "valid"), ("test", "tstid")):
        parts[name] = list(range(number, number + len(labels(part))))
        number += len(labels(part))
        kinds += labels(part)
    for place, label in enumerate(kinds, start=1):
        write(folder / "jpg" / f"image_{place:05d}.jpg", label)
    savemat(folder / "setid.mat", parts)
    savemat(folder / "imagelabels.mat", {"labels": np.array(kinds) + 1})


def food101(root: Path) -> None:
    folder, kinds = root / "food-101", ("apple_pie", "waffles")
    for part in ("train", "test"):
        found: dict[str, list[str]] = {kind: [] for kind in kinds}
        for place, label in enumerate(labels(part)):
            found[kinds[label]].append(f"{kinds[label]}/{part}{place}")
            write(folder / "images" / kinds[label] / f"{part}{place}.jpg", label)
        (folder / "meta").mkdir(exist_ok=True)
        (folder / "meta" / f"{part}.json").write_text(json.dumps(found))


def dtd(root: Path) -> None:
    folder = root / "dtd" / "dtd"
    for part in COUNTS:
        names = [f"{('banded', 'zigzagged')[label]}/{part}{place}.jpg" for place, label in enumerate(labels(part))]
        for name, label in zip(names, labels(part), strict=True):
            write(folder / "images" / name, label)
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{part}1.txt").write_text("\n".join(names))


def eurosat(root: Path) -> None:
    for place, label in enumerate(labels("train")):
        write(root / "eurosat" / "2750" / ("Forest", "River")[label] / f"{place}.jpg", label)


def gtsrb(root: Path) -> None:
    folder = root / "gtsrb"
    for place, label in enumerate(labels("train")):
        write(folder / "GTSRB" / "Training" / f"{label:05d}" / f"{place}.ppm", label)
    lines = ["Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"]
    for place, label in enumerate(labels("test")):
        write(folder / "GTSRB" / "Final_Test" / "Images" / f"{place}.ppm", label)
        lines.append(f"{place}.ppm;40;50;0;0;9;9;{label}")
    (folder / "GT-final_test.csv").write_text("\n".join(lines))


def places365(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "categories_places365.txt").write_text("/a/airfield 0\n/z/zen_garden 1\n")
    for part, folder, name in (
        ("train", "data_256_standard", "places365_train_standard.txt"),
        ("val", "val_256", "places365_val.txt"),
    ):
        lines = [f"/{part}_{place}.jpg {label}" for place, label in enumerate(labels(part))]
        (root / name).write_text("\n".join(lines))
        for place, label in enumerate(labels(part)):
            write(root / folder / f"{part}_{place}.jpg", label)


def stanford_cars(root: Path) -> None:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": np.array(["AM General Hummer", "Acura RL"], object)})
    for part, name in (("train", "devkit/cars_train_annos.mat"), ("test", "cars_test_annos_withlabels.mat")):
        rows = np.array(
            [(f"{place}.jpg", label + 1) for place, label in enumerate(labels(part))],
            [("fname", object), ("class", np.uint8)],
        )
        savemat(folder / name, {"annotations": rows})
        for place, label in enumerate(labels(part)):
            write(folder / f"cars_{part}" / f"{place}.jpg", label)


def aircraft(root: Path) -> None:
    folder, kinds = root / "fgvc-aircraft-2013b" / "data", ("707-320", "Yak-42")
    folder.mkdir(parents=True)
    (folder / "variants.txt").write_text("\n".join(kinds))
    for part in COUNTS:
        lines = [f"{part}{place} {kinds[label]}" for place, label in enumerate(labels(part))]
        (folder / f"images_variant_{part}.txt").write_text("\n".join(lines))
        for place, label in enumerate(labels(part)):
            write(folder / "images" / f"{part}{place}.jpg", label)


FAKES: dict[
    str, tuple[Callable[[Path], None], tuple[str, str], tuple[str, ...]]
] = {  # maker, classes, splits that it has
    "MNIST": (mnist("MNIST"), ("0 - zero", "1 - one"), ("train", "test")),
    "FashionMNIST": (mnist("FashionMNIST"), ("T-shirt/top", "Trouser"), ("train", "test")),
    "EMNIST": (mnist("EMNIST", "emnist-balanced-"), ("0", "1"), ("train", "test")),
    "CIFAR100": (cifar100, ("apple", "bear"), ("train", "test")),
    "SVHN": (svhn, ("0", "1"), ("train", "test")),
    "Flowers102": (flowers102, ("pink primrose", "hard-leaved pocket orchid"), ("train", "val", "test")),
    "Food101": (food101, ("apple_pie", "waffles"), ("train", "test")),
    "DTD": (dtd, ("banded", "zigzagged"), ("train", "val", "test")),
    "EuroSAT": (eurosat, ("Forest", "River"), ("train",)),
    "GTSRB": (gtsrb, ("0", "1"), ("train", "test")),
    "Places365": (places365, ("/a/airfield", "/z/zen_garden"), ("train", "val")),
    "StanfordCars": (stanford_cars, ("AM General Hummer", "Acura RL"), ("train", "test")),
    "FGVCAircraft": (aircraft, ("707-320", "Yak-42"), ("train", "val", "test")),
}
