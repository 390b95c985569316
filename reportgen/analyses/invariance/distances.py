"""How a net responds to pictures that have moved: distances of feature vectors, and the true class's probability."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts load when they are first used
import torch
from jaxtyping import Float, Int, UInt8

from reportgen import probe
from reportgen.analyses.invariance.curves import Curves
from reportgen.analyses.invariance.geometry import Transformation, flat, transformed
from reportgen.analyses.invariance.transformations import Plan
from reportgen.base.progress import track
from reportgen.base.size import Size
from reportgen.data.decoding import Files, Some
from reportgen.data.reading import one_ahead
from reportgen.data.several import taken_for
from reportgen.data.transforms import as_tensor
from reportgen.look.inputs import Inputs
from reportgen.nets.layers import PaperLayer, feature_vectors
from reportgen.probe.memory import by_batches

FIRST, TOP = 1, 7  # the layers that the paper compares


@dataclass(frozen=True)
class Seen:
    """The net's response to some images."""

    first: Any  # torch tensors "image feature"
    top: Any
    probability: Float[np.ndarray, " image"]  # of the true class
    guess: Int[np.ndarray, " image"]  # see `reportgen.data.several.taken_for`


def compared_layers(inputs: Inputs) -> tuple[PaperLayer, PaperLayer]:
    """Layer 1 or the lowest that there is, and layer 7 or the last before the classifier."""
    features = [layer for layer in inputs.layers if layer.kind != "softmax"]
    return features[0], next((layer for layer in features if layer.number == TOP), features[-1])


def responses(
    inputs: Inputs,
    pixels: UInt8[np.ndarray, "image row column channel"],
    labels: Int[np.ndarray, " image"],
    shows: Int[np.ndarray, "image class"] | None = None,
) -> Seen:
    """Run the net on pictures and keep the feature vectors of both `compared_layers` and the true class's probability."""

    first, top = compared_layers(inputs)
    wanted = (first.features, top.features, inputs.graph.output)

    def outputs(some: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = probe.activations(inputs.graph, inputs.preprocessing.centre(some.to(inputs.device)), wanted)
        lowest, highest, logits = (found[name] for name in wanted)
        return _vectors(first, lowest), _vectors(top, highest), logits.flatten(1).cpu()

    lowest, highest, logits = map(_joined, zip(*by_batches(outputs, [as_tensor(pixels)]), strict=True))
    probabilities = inputs.as_probabilities(logits.numpy())
    return Seen(lowest, highest, probabilities[np.arange(len(labels)), labels], taken_for(probabilities, labels, shows))


def _vectors(layer: PaperLayer, output: torch.Tensor) -> torch.Tensor:
    """`feature_vectors`; those of maps place by place, as memory holds them: distances do not depend on the order."""
    return feature_vectors(layer, output if layer.kind == "fully connected" else output.movedim(1, -1))


def _joined(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """One tensor of all parts, of which there is mostly one: then it need not be copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def through_views(
    inputs: Inputs,
    source: UInt8[np.ndarray, "stored stored_row stored_column channel"]
    | Files
    | Some,  # not `Images`: these are more than `images` names
    images: Int[np.ndarray, " image"],
    plan: Plan,
) -> tuple[dict[str, Curves], Seen]:
    """Every image through every view, and as it is. What a view leaves as it was, pixel for pixel, counts as unmoved."""

    still = transformed(Transformation(), Size(*source.shape[1:3]), inputs.preprocessing.crop)
    found = {
        name: Curves(np.array([value for value, _ in views]), *(np.zeros((len(images), len(views))) for _ in range(3)))
        for name, views in plan.items()
    }
    views = [(found[name], place, view) for name, part in plan.items() for place, (_, view) in enumerate(part)]
    seen = []
    for start in range(0, len(images), inputs.batch):
        part = slice(start, min(start + inputs.batch, len(images)))
        pixels, test = flat(source[images[part]]), inputs.data.test
        labels, shows = test.labels[images[part]], None if test.shows is None else test.shows[images[part]]
        untouched = still.of(pixels, source.shape[3])
        clean = responses(inputs, untouched, labels, shows)
        seen.append(clean)
        what = f"move, scale and turn images {part.start + 1} to {part.stop} of {len(images)}"
        shown = one_ahead(view.of(pixels, source.shape[3]) for _, _, view in views)
        for (curves, place, _), pictures in zip(track(views, what, unit="view"), shown, strict=True):
            changed = (pictures != untouched).reshape(len(pictures), -1).any(axis=1)
            now = responses(inputs, pictures, labels, shows) if changed.any() else clean
            for distance, vectors, before in ((curves.first, now.first, clean.first), (curves.top, now.top, clean.top)):
                distance[part, place] = np.where(changed, (vectors - before).norm(dim=1).cpu().numpy(), 0)
            curves.probability[part, place] = np.where(changed, now.probability, clean.probability)
    return found, Seen(
        torch.cat([part.first.cpu() for part in seen]),
        torch.cat([part.top.cpu() for part in seen]),
        np.concatenate([part.probability for part in seen]),
        np.concatenate([part.guess for part in seen]),
    )


def distances_between(vectors: Any) -> Float[np.ndarray, "image image"]:
    """Euclidean distances between feature vectors "image feature" (a torch tensor on the CPU)."""
    return scipy.spatial.distance.squareform(torch.pdist(vectors).double().numpy())
