"""The stage of the atlas: every map of every layer as sheets of small pictures, and what each shows.

Zeiler & Fergus 2013, section 4, figure 2, for all maps. The strongest activations are those that the report's analysis found.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from reportgen.analyses import registry
from reportgen.base.artifacts import DOCUMENT, write_json
from reportgen.base.statistics import dead
from reportgen.data.dataset import Dataset
from reportgen.figures.draw.tiles import save_jpeg
from reportgen.look import sheets
from reportgen.look.inputs import Inputs
from reportgen.look.strongest import Top, seen
from reportgen.nets.layers import convolutions
from reportgen.nets.threads import prepare
from reportgen.pipeline.work import Work

QUALITY = 78  # of JPEG: the pictures are small, and there are many
DIGITS = 3  # of an activation


class Layer(NamedTuple):
    """All maps of one layer."""

    top: Top  # over the validation images
    projected: bool
    sheets: Iterable[tuple[int, sheets.Pixels, sheets.Pixels | None]]  # as `look.sheets.sheets` makes them


def make(work: Work, folder: Path) -> None:
    """Draw the sheets of every layer; write what the nine of each map are."""
    prepare(work.settings)
    settings, maps = work.settings.layers, registry.offering("maps")
    inputs = Inputs.open(work.build, work.settings.compute.device)
    shown = work.settings.data.red_green_blue
    inputs = replace(inputs, nodes=settings.nodes, smooth=settings.smooth, shown=shown)
    layers = {}
    for number in (layer.number for layer in convolutions(inputs.layers)):
        top = Top(*maps.found(work.build, number))
        projected = work.settings.atlas.shows == "projections" and not inputs.no_projection(number)
        layers[number] = Layer(top, projected, sheets.sheets(inputs, number, top, projected))
    write(folder, inputs.data, layers)


def write(folder: Path, data: Dataset, layers: Mapping[int, Layer]) -> None:
    """Write the artefact: ``layer3/0-patches.jpg`` and ``layer3.json`` of each layer, and the document."""
    for number, layer in layers.items():
        (folder / f"layer{number}").mkdir(parents=True)
        for place, patches, projections in layer.sheets:
            for part, picture in (("patches", patches), ("projections", projections)):
                if picture is not None:
                    save_jpeg(picture, folder, f"layer{number}/{place}-{part}.jpg", QUALITY)
        write_json(folder / f"layer{number}.json", _said(data, layer.top))
    numbers = {
        "classes": list(_kinds(data)[0]),
        "layers": [
            {"number": number, "maps": len(layer.top.values), "projected": layer.projected}
            for number, layer in layers.items()
        ],
        **{"side": sheets.SIDE, "gap": sheets.GAP, "columns": sheets.COLUMNS, "rows": sheets.ROWS},
    }
    write_json(folder / DOCUMENT, {"numbers": numbers})


def _kinds(data: Dataset) -> tuple[Sequence[str], Sequence[int]]:
    """What images show, in words, and which of these words each image has; of one that shows several classes, all in one."""
    if not data.several:
        return data.classes, data.val.labels.tolist()
    said = [data.val.said(index, data.classes) for index in range(len(data.val))]
    words = {name: number for number, name in enumerate(dict.fromkeys(said))}
    return tuple(words), [words[name] for name in said]


def _said(data: Dataset, top: Top) -> dict[str, Any]:
    """Of every map, its classes in words, whether it is dead, and its nine: activation, class, image, row and column."""
    split, active, (words, kinds) = data.val, top.active, _kinds(data)
    nine = [
        [
            (
                float(f"{top.values[map_, rank]:.{DIGITS}g}"),
                kinds[top.images[map_, rank]],
                split.names[top.images[map_, rank]],
                int(top.rows[map_, rank]),
                int(top.columns[map_, rank]),
            )
            for rank in range(top.values.shape[1])
            if active[map_, rank]
        ]
        for map_ in range(len(top.values))
    ]
    notes = [seen([words[one[1]] for one in each]) for each in nine]
    return {"notes": notes, "dead": dead(top.values[:, 0]).tolist(), "nine": nine}
