"""How often the answer changes when a picture moves by one pixel.

After A. Azulay and Y. Weiss, "Why do deep convolutional networks generalize so poorly to small image transformations?"
(Journal of Machine Learning Research 20, 2019, no. 184): how often the most probable class is another one after a shift
by one pixel. They moved images of ImageNet and photographs pasted into larger ones, each in one direction; here the scene moves behind
the window that the net reads, in each of four directions.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Int, UInt8

from reportgen import probe
from reportgen.base.progress import track
from reportgen.base.size import Sides, Size
from reportgen.data.decoding import Files, Some
from reportgen.data.reading import one_ahead
from reportgen.data.transforms import as_tensor, window
from reportgen.look.inputs import Inputs
from reportgen.nets.probabilities import of_classes
from reportgen.probe.memory import by_batches

DIRECTIONS = {"down": (1, 0), "up": (-1, 0), "right": (0, 1), "left": (0, -1)}  # rows down, columns to the right


def moved(
    pictures: UInt8[np.ndarray, "image stored_row stored_column channel"], crop: Sides, down: int, right: int
) -> UInt8[np.ndarray, "image row column channel"]:
    """The centre window over pictures whose scene has moved by one pixel or none; a copy, nothing is interpolated.

    Where no pixel is known beyond the picture, it is mirrored at its outermost one.
    """
    inside = window(pictures.shape[1:3], Size.of(crop))
    lacking = [
        int(part.start < 1 or part.stop + 1 > side) for part, side in zip(inside, pictures.shape[1:3], strict=True)
    ]
    padded = np.pad(pictures, ((0, 0), *((more, more) for more in lacking), (0, 0)), mode="reflect")
    moves = zip(inside, lacking, (down, right), strict=True)
    rows, columns = (slice(part.start + more - by, part.stop + more - by) for part, more, by in moves)
    return np.ascontiguousarray(padded[:, rows, columns])


def answers_that_change(
    inputs: Inputs,
    source: UInt8[np.ndarray, "stored stored_row stored_column channel"] | Files | Some,
    images: Int[np.ndarray, " image"],
) -> Bool[np.ndarray, "image direction"]:
    """Whether the most probable class is another one, for each image and each of the four directions."""
    crop, name = inputs.preprocessing.crop, inputs.graph.output

    def guesses(some: Any) -> Any:
        found = probe.activations(inputs.graph, inputs.preprocessing.centre(some.to(inputs.device)), [name])[name]
        return of_classes(found.flatten(1).cpu().numpy(), inputs.reading).argmax(axis=1)

    def answers(pixels: UInt8[np.ndarray, "image row column channel"]) -> Int[np.ndarray, " image"]:
        return np.concatenate(list(by_batches(guesses, [as_tensor(pixels)])))

    # Pictures with surroundings are others than those that the net's stage has seen.
    known = inputs.data.test.guesses if inputs.data.wide is None else None
    starts = range(0, len(images), inputs.batch)
    pieces = one_ahead(source[images[start : start + inputs.batch]] for start in starts)
    found = []
    for start, pictures in zip(track(starts, "move the images by one pixel", unit="batch"), pieces, strict=True):
        unmoved = images[start : start + inputs.batch]
        before = answers(moved(pictures, crop, 0, 0)) if known is None else known[unmoved]
        found.append(np.stack([answers(moved(pictures, crop, *way)) != before for way in DIRECTIONS.values()], axis=1))
    return np.concatenate(found) if found else np.zeros((0, len(DIRECTIONS)), np.bool_)
