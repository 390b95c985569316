"""The net stage of a net that was not trained here: what it says of every image, and whether that is any good."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int

from reportgen import claims
from reportgen.base.artifacts import DOCUMENT, digest_file, read_arrays, read_json, write_arrays, write_json
from reportgen.base.errors import UserError
from reportgen.base.progress import say
from reportgen.data.class_lists import ClassList
from reportgen.data.classes import ORDERS, ClassName, Mapping, in_given_order, map_folders
from reportgen.data.dataset import OTHERWISE, TRIED, Dataset, Split
from reportgen.data.decoding import Images
from reportgen.data.image_files import is_number
from reportgen.data.labels import SEEN, write_seen
from reportgen.data.sampling import evenly
from reportgen.data.several import answerable, labelled, right
from reportgen.data.transforms import Channels, Preprocessing
from reportgen.nets.device import resolve_device
from reportgen.nets.loading import IMAGENET_DEVIATION, IMAGENET_MEAN, average
from reportgen.nets.probabilities import Reading, of_classes
from reportgen.nets.snapshots import NET, SNAPSHOTS, load_net
from reportgen.nets.threads import prepare
from reportgen.nets.training import loop as training
from reportgen.pipeline.work import Work
from reportgen.stages.net import accuracy
from reportgen.stages.reading import read

NEAR_CHANCE = 0.1  # of the way from chance to perfect: a net that was trained on such images is further
BETTER = 0.1  # share of the images by which another reading must be better to be offered
CAFFE_MEAN = (123.0, 117.0, 104.0)  # of the nets of that time, in 0..255, red first
LISTED = 8  # names in a line on standard error


def make(work: Work, folder: Path) -> None:
    """Write what the stage of a trained net writes, but for its history."""
    prepare(work.settings)
    known = read_json(work.input("model") / DOCUMENT)
    data = Dataset.open(work.input("data"))
    device = resolve_device(work.settings.compute.device)
    _link(work.input("model") / NET, folder / NET)
    if (work.input("model") / SNAPSHOTS).is_dir():
        shutil.copytree(work.input("model") / SNAPSHOTS, folder / SNAPSHOTS, copy_function=_link)
    net, preprocessing = load_net(folder / NET)
    net = net.to(device)
    outputs = known["numbers"]["outputs"]
    images = read_json(work.input("data") / DOCUMENT)
    same, counted = images["same"], images["numbers"]["counted"]
    empty = images["numbers"]["empty"] or [name for name in counted if name not in data.classes]
    listed = ClassList(tuple(ClassName(**entry) for entry in known["classes"]), known["numbers"]["from_one"])
    order, said_by = work.settings.labels.order, f"CLASSES={work.settings.model.classes}"
    entries, classes_read = _listed(listed, data.classes, order, said_by)
    mapping, classes = map_folders(data.classes, entries, outputs, empty, order, counted)
    # What a net that branches on values looks at may be the batch: the probe, too, runs each image by itself.
    batch = 1 if known["numbers"]["unfollowed"] or known["numbers"]["alone"] else training.EVALUATION_BATCH
    given = training.evaluate(net, data.val, preprocessing, device, batch)
    _check(given, known["numbers"]["name"])
    found = read(given, known["numbers"])
    logits = of_classes(given, found.reading)
    targets = mapping.of_targets(data.val.targets, len(classes))
    guesses = {"val": logits.argmax(1)}
    if "test" not in same:
        answers = training.evaluate(net, data.test, preprocessing, device, batch)
        guesses["test"] = of_classes(answers, found.reading).argmax(1)
    write_arrays(folder / "predictions.npz", {"logits": logits, "labels": targets})
    write_seen(folder / SEEN, mapping, classes, guesses)
    numbers: dict[str, Any] = {
        "recipe": None,
        "precision": None,
        "epochs": None,
        "final_loss": None,
        **known["numbers"],
        "loaded": True,
        "reading": found.reading,
        "read_so": found.why,
        "weights_digest": digest_file(folder / NET),
        "classes_read": classes_read,
        "mapped": mapping.how,
        "unmapped": list(mapping.unmapped),
        "unlabelled_images": int((~labelled(targets)).sum()),
        **accuracy(logits, targets, found.reading),
    }
    trial = Trial(net, data.val, targets, device, batch, found.reading)
    orders = _orders(data.classes, empty, data.val.targets, guesses["val"], outputs) | _shifted(targets, guesses["val"])
    numbers["warning"] = _warning(numbers, trial, preprocessing, orders, work.input("data") / OTHERWISE)
    _speak(mapping, numbers)
    write_json(folder / DOCUMENT, {"numbers": numbers})


def _listed(listed: ClassList, folders: Sequence[str], order: str, said_by: str) -> tuple[tuple[ClassName, ...], str]:
    """The net's classes as a list names them, and in words how that was read, where its numbers count from 1."""
    if not listed.from_one:
        return listed.names, ""
    if order == "names" and all(is_number(name) and not name.startswith("0") for name in folders):
        words = "are those of folders, which the net counts in the order of their names"
        return listed.as_folders_sort(), f"the numbers in {said_by} {words}"
    return listed.names, f"the numbers in {said_by} count from 1: 1 is the net’s first class"


def _check(logits: Float[np.ndarray, "image class"], name: str) -> None:
    """Raise UserError where what a net gives are no numbers."""
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        raise UserError(
            f"MODEL={name}: what it gives for {(~finite).sum()} of {len(logits)} images is not finite: check its weights, "
            "and what it reads (PREPROCESSING_RANGE, PREPROCESSING_MEAN, PREPROCESSING_DEVIATION)"
        )


def _link(source: str | Path, target: str | Path) -> None:
    """A second name for a file that nobody changes; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


@dataclass(frozen=True)
class Trial:
    """What it takes to ask the net about some labelled images in another way."""

    net: torch.nn.Module
    split: Split
    targets: Int[np.ndarray, "image *class"]
    device: torch.device
    batch: int
    reading: Reading

    def right(
        self, preprocessing: Preprocessing, images: Images | None = None, chosen: np.ndarray | None = None
    ) -> float:
        """Share of some labelled images that the net gets right when it reads them so; `images`: others of the same."""
        targets = self.targets if chosen is None else self.targets[chosen]
        known = np.flatnonzero(answerable(targets))
        some = known[evenly(len(known), TRIED)]
        split = self.split if images is None else replace(self.split, images=images)
        answers = training.evaluate(self.net, split, preprocessing, self.device, self.batch, chosen=some)
        guesses = of_classes(answers, self.reading).argmax(1)
        return float(right(guesses, targets[some]).mean()) if len(some) else 0.0


def _warning(
    numbers: dict[str, Any], trial: Trial, preprocessing: Preprocessing, orders: dict[str, float], otherwise: Path
) -> str | None:
    """Why the net may be near chance, where it is; None where it is not, or where that cannot be known."""
    if numbers["top1"] is None:
        return None
    skill = claims.competence(numbers["correct"], numbers["labelled_images"], numbers["chance"])
    if skill.untested or skill.estimate >= NEAR_CHANCE:
        return None
    causes = (
        f"the order of the channels (PREPROCESSING_ORDER={preprocessing.order}), their range "
        f"(PREPROCESSING_RANGE={preprocessing.range:g}), mean and deviation, or the order of the classes (CLASSES=)"
    )
    guessing = "always naming the commonest class" if numbers["several"] else "guessing"
    words = (
        f"only {numbers['top1']:.1%} of {numbers['labelled_images']} labelled images are right, where {guessing} would get "
        f"{numbers['chance']:.1%}: the likely causes are {causes}"
    )
    here = trial.right(preprocessing)
    tried = {name: trial.right(other) for name, other in _others(preprocessing).items()}
    if otherwise.exists():
        arrays = read_arrays(otherwise)
        chosen = arrays.pop("chosen")
        tried |= {name: trial.right(preprocessing, images, chosen) for name, images in arrays.items()}
    tried |= orders
    best = max(tried, key=lambda name: tried[name])
    return words + (
        f"; with {best} it would be {tried[best]:.0%}, not {here:.0%}" if tried[best] > here + BETTER else ""
    )


def _orders(
    folders: Sequence[str], empty: Sequence[str], images: np.ndarray, guesses: np.ndarray, count: int
) -> dict[str, float]:
    """Share of the images that would be right if the net counted its classes otherwise, by what asks for it."""
    found = {}
    for order in ORDERS:
        labels = in_given_order(order, folders, count, empty)
        if labels is not None:
            targets = Mapping(labels, "", ()).of_targets(images, count)
            found[f"LABELS_ORDER={order}"] = float(right(guesses, targets).mean())
    return found


def _shifted(targets: np.ndarray, guesses: np.ndarray) -> dict[str, float]:
    """The same for class numbers that are one too low or too high, as where one side counts from 0 and one from 1."""
    known = answerable(targets)
    found = {}
    for step in (1, -1):
        if known.any():
            moved = targets[known] + step if targets.ndim == 1 else np.roll(targets[known], step, axis=1)
            words = f"CLASSES= where each class has a number one {'higher' if step > 0 else 'lower'}"
            found[words] = float(right(guesses[known], moved).mean())
    return found


def _others(given: Preprocessing) -> dict[str, Preprocessing]:
    """Other readings of the pixels that are often the right one, by the switches that ask for them."""
    kinds: tuple[tuple[float, Channels, Channels], ...] = (
        (1.0, IMAGENET_MEAN, IMAGENET_DEVIATION),
        (255.0, CAFFE_MEAN, (1.0, 1.0, 1.0)),
        (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        (1.0, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        (255.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    )
    found = {}
    for white, mean, deviation in kinds:
        if given.order == "ALL":
            others = [
                replace(
                    given,
                    range=white,
                    mean=(average(mean),) * given.channels,
                    deviation=(average(deviation),) * given.channels,
                )
            ]
        elif given.order == "L":
            others = [Preprocessing(given.crop, white, "L", (average(mean),), (average(deviation),))]
        else:
            rgb = Preprocessing(given.crop, white, "RGB", mean, deviation)
            others = [rgb, replace(rgb, order="BGR", mean=mean[::-1], deviation=deviation[::-1])]
        for other in others:
            words = [f"PREPROCESSING_ORDER={other.order}", f"PREPROCESSING_RANGE={white:g}"]
            for name, values in (("MEAN", other.mean), ("DEVIATION", other.deviation)):
                words.append(f"PREPROCESSING_{name}={','.join(f'{value:g}' for value in values)}")
            found[" ".join(words)] = other
    return {words: other for words, other in found.items() if other != given}


def _speak(mapping: Mapping, numbers: dict[str, Any]) -> None:
    """What a user must know before reading the report, on standard error."""
    if numbers["read_so"]:
        say(f"  MODEL={numbers['name']}: {numbers['read_so']}")
    if numbers["classes_read"]:
        say(f"  {numbers['classes_read']}")
    if mapping.unmapped:
        names = ", ".join(entry["folder"] for entry in mapping.unmapped[:LISTED])
        more = f" and {len(mapping.unmapped) - LISTED} more" if len(mapping.unmapped) > LISTED else ""
        count = len(mapping.unmapped)
        say(
            f"  {count} of {len(mapping.labels)} folders {'is' if count == 1 else 'are'} no class of the net: {names}{more}: "
            "their images count as unlabelled"
        )
    if numbers["top1"] is not None:
        five = "" if numbers["top5"] is None else f", among the first five {numbers['top5']:.1%}"
        if numbers["several"]:
            say(f"  mean average precision {numbers['map']:.1%}: {numbers['top1']:.1%} of first guesses are right")
        else:
            say(f"  {numbers['top1']:.1%} of {numbers['labelled_images']} labelled images are right{five}")
    else:
        say("  no image has a label that the net knows: the net's own predictions stand in for labels")
    if numbers["warning"]:
        say(f"warning: {numbers['warning']}")
