"""The atlas: pages beside the report that show every map of every layer, ``atlas/layer3.html#map17``.

A page holds some hundred maps, whose pictures lie on sheets that the browser loads as they come near the screen. Without
scripts the pages are complete; with them, maps are found by number and class in all layers (``atlas/index.js``), and a map is
enlarged, with the numbers of its nine (a file for each sheet).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reportgen.analyses.registry import having
from reportgen.base.artifacts import read_json
from reportgen.figures.cutouts import own_maps
from reportgen.page.content import ATLAS, Content
from reportgen.page.template_files import environment

SHEETS = 20  # of a page: it opens at once, and its address is that of some hundred maps
SCRIPTS = ("tools.js", "atlas.js")


def address(numbers: Mapping[str, Any], layer: int, map_: int | None = None, own: bool = False) -> str:
    """The link to a map, or to a layer's first page: "atlas/layer3.html#map17"; `own`: from a page of the atlas.

    Empty for a layer that the atlas lacks.
    """
    if layer not in {one["number"] for one in numbers["layers"]}:
        return ""
    each = _maps_of_page(numbers)
    first = (map_ or 0) // each * each
    page = f"{'' if own else ATLAS + '/'}layer{layer}{f'-{first}' if first else ''}.html"
    return page if map_ is None else f"{page}#map{map_}"


def _maps_of_page(numbers: Mapping[str, Any]) -> int:
    return int(SHEETS * numbers["columns"] * numbers["rows"])


def files(build: Path, content: Content) -> dict[str, bytes | Path]:
    """Every file of the atlas by its name in the report's folder: content, or a file of the build to copy."""
    numbers = content.atlas
    if numbers is None:
        return {}
    pictured, index = _pictured(content), []
    found: dict[str, bytes | Path] = {}
    for layer in numbers["layers"]:
        number = layer["number"]
        said = read_json(build / ATLAS / f"layer{number}.json")
        found |= {
            f"{ATLAS}/layer{number}/{path.name}": path
            for path in sorted((build / ATLAS / f"layer{number}").glob("*.jpg"))
        }
        for name, text in _pages(content, numbers, layer, said, pictured.get(number, {})):
            found[f"{ATLAS}/{name}"] = text.encode()
        for place, nine in enumerate(_batches(said["nine"], numbers["columns"] * numbers["rows"])):
            found[f"{ATLAS}/layer{number}/{place}.js"] = f"described({number}, {place}, {_json(nine)});\n".encode()
        index.append(
            {
                **{name: layer[name] for name in ("number", "maps", "projected")},
                "kinds": [[one[1] for one in nine] for nine in said["nine"]],
                "strongest": [nine[0][0] if nine else 0 for nine in said["nine"]],
                "dead": [map_ for map_, dead in enumerate(said["dead"]) if dead],
                "report": pictured.get(number, {}),
            }
        )
    known_of_all = {name: numbers[name] for name in ("classes", "side", "gap", "columns", "rows")}
    document = known_of_all | {"layers": index, "page": _maps_of_page(numbers)}
    found[f"{ATLAS}/index.js"] = f'"use strict";\nconst ATLAS = {_json(document)};\n'.encode()
    return found


def _pages(
    content: Content,
    numbers: Mapping[str, Any],
    layer: Mapping[str, Any],
    said: Mapping[str, Any],
    pictured: Mapping[str, Any],
) -> Iterator[tuple[str, str]]:
    """A layer's pages, as (name, source)."""
    template = environment(trim_blocks=True).get_template("atlas.html.j2")
    for first in range(0, layer["maps"], _maps_of_page(numbers)):
        last = min(first + _maps_of_page(numbers), layer["maps"])
        yield (
            address(numbers, layer["number"], first, own=True).partition("#")[0],
            template.render(
                net=content.net,
                data=content.data,
                atlas=numbers,
                layer=layer,
                first=first,
                last=last,
                notes=said["notes"],
                dead=said["dead"],
                pictured=pictured,
                each=_maps_of_page(numbers),
                scripts=SCRIPTS,
                address=lambda number, map_=None: address(numbers, number, map_, own=True),
            ),
        )


def _pictured(content: Content) -> dict[int, dict[str, dict[str, Any]]]:
    """The maps that the report shows: layer -> map -> {"id": its place in the report, "projections" and "patches": pictures}."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    name = having("maps").name
    for section in content.sections:
        for figure_name, figure in section.figures.items() if section.name == name else ():
            for map_ in figure["maps"] if own_maps(figure) else ():
                entry: dict[str, Any] = {"id": f"{name}-{figure_name}-map{map_['map']}"}
                for part in ("projections", "patches"):
                    if picture := map_[part]:
                        file = f"figures/{name}/{picture['file']}"
                        entry[part] = picture | {"file": file, "gap": figure["tile"]["gap"]}
                found.setdefault(figure["layer"], {})[str(map_["map"])] = entry
    return found


def _batches(entries: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))


def _json(document: Any) -> str:
    """JSON as a script's text: no letter beyond ASCII, so that no encoding can be mistaken."""
    return json.dumps(document, separators=(",", ":"))
