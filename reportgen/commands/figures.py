"""``make figures``: the paths of figures, and extra pictures of a layer's maps outside the report."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from reportgen.analyses import registry
from reportgen.base.artifacts import DOCUMENT, read_json, remove_leftovers, replace_folder, write_json
from reportgen.base.errors import UserError
from reportgen.base.names import nearest, whole
from reportgen.figures import draw
from reportgen.look import strongest
from reportgen.look.inputs import Inputs
from reportgen.look.sight import sight
from reportgen.nets.layers import map_counts, paper_layers
from reportgen.nets.threads import prepare
from reportgen.pipeline import holdings
from reportgen.pipeline.run import Pipeline
from reportgen.settings.sections import Settings
from reportgen.stages import preflight, untrained

EXTRA = "pictures"  # folder below the build folder
NET = "net"  # the stage that trains it, or takes the loaded one


def goals(switches: Mapping[str, str]) -> list[str]:
    """The stages that the figures need which the switches name: of one layer's maps, of one analysis, or of all.

    Raises UserError for an analysis that does not exist, and for maps without their layer.
    """
    if switches.get("LAYER"):
        return [NET]
    if switches.get("MAPS"):
        raise UserError(f"MAPS={switches['MAPS']}: name the layer, too, as in LAYER=3 MAPS={switches['MAPS']}")
    chosen = switches.get("ANALYSIS")
    if chosen and chosen not in registry.BY_NAME:
        known = ", ".join(registry.BY_NAME)
        raise UserError(f"ANALYSIS={chosen}: no such analysis{nearest(chosen, registry.BY_NAME)} ({known} exist)")
    return [f"drawn/{name}" for name in registry.BY_NAME if not chosen or name == chosen]


def make_figures(pipeline: Pipeline, switches: Mapping[str, str]) -> Iterator[Path]:
    """Make the figures that the switches name and yield their paths.

    Raises UserError for what `goals` refuses, and for a layer or map that the net does not have.
    """
    wanted = goals(switches)
    if wanted == [NET]:
        yield from _layer(pipeline, switches["LAYER"], switches.get("MAPS", ""))
        return
    pipeline.make_due(wanted)
    for name in wanted:
        for figure in read_json(pipeline.build / name / DOCUMENT)["figures"].values():
            if figure["kind"] != "Table":
                yield pipeline.build / name / figure["picture"]["file"]


def _layer(pipeline: Pipeline, layer: str, maps: str) -> Iterator[Path]:
    prepare(pipeline.settings)
    settings, due = pipeline.settings, pipeline.waiting([NET])
    if NET in due:  # what the net lacks is said before it is trained
        pipeline.make_due([preflight.LOADS] if settings.model.loaded else [])
        graph = untrained.graph(settings, pipeline.build, due)
        _chosen(settings, map_counts(graph, paper_layers(graph, settings.layers.nodes)), layer, maps)
    pipeline.make_due([NET])
    opened = Inputs.open(pipeline.build, pipeline.settings.compute.device)
    layers = pipeline.settings.layers
    shown = pipeline.settings.data.red_green_blue
    inputs = replace(opened, nodes=layers.nodes, smooth=layers.smooth, shown=shown)
    number, chosen = _chosen(settings, map_counts(inputs.graph, inputs.layers), layer, maps)
    top = _found(pipeline, number)
    if top is None:
        top = strongest.search(inputs, [number])[number]
    pictures = strongest.picture_maps(inputs, number, top, chosen)
    images = strongest.searched(len(inputs.data.val), inputs.data.name)
    figure = strongest.feature_maps(number, pictures, sight(inputs, number), images)
    place = pipeline.build / EXTRA / f"layer{number}"
    holdings.enter(pipeline.build, [f"{EXTRA}/{place.name}"])
    remove_leftovers(place.parent)
    with replace_folder(place) as folder:
        drawn = draw.draw({f"layer{number}": figure}, folder)
        write_json(folder / DOCUMENT, {"figures": drawn})
    for entry in drawn.values():
        yield place / entry["picture"]["file"]


def _chosen(settings: Settings, counts: Mapping[int, int], layer: str, maps: str) -> tuple[int, np.ndarray]:
    """The layer and the maps that ``LAYER=`` and ``MAPS=`` name, of a net with layers of so many maps.

    Raises UserError where the net has no such ones.
    """
    number = whole(layer)
    if number is None or number not in counts:
        known = ", ".join(str(number) for number in counts)
        raise UserError(f"LAYER={layer}: the net has no such convolution layer: use one of {known}")
    return number, parse_maps(maps, counts[number], number, registry.offering("maps").shown(settings))


def _found(pipeline: Pipeline, number: int) -> strongest.Top | None:
    """The layer's strongest activations as the report's analysis found them; None if that analysis is due."""
    maps = registry.offering("maps")
    return None if pipeline.due(maps.STAGE) else strongest.Top(*maps.found(pipeline.build, number))


def parse_maps(text: str, count: int, layer: int, shown: int) -> np.ndarray:
    """The maps that ``MAPS=`` names: numbers, or ``all``; empty: the first `shown` maps, as many as the report shows."""
    if text == "all":
        return np.arange(count)
    if not text:
        return np.arange(min(count, shown))
    found = set()
    for part in (part.strip() for part in text.split(",") if part.strip()):
        number = whole(part)
        if number is None or number >= count:
            raise UserError(f"MAPS={text}: layer {layer} has no map {part}: its maps are 0 to {count - 1}, or say all")
        found.add(number)
    return np.array(sorted(found))
