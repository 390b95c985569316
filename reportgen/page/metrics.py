"""``metrics.json``: the report for programs; ``metrics.schema.json`` beside this module describes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reportgen.page.content import Content
from reportgen.page.headline import layers

VERSION = 1  # of the format: renaming or removing a name raises it, adding one does not
PROSE = ("rule", "section", "gate")  # entries of a claim that only the page uses
SCHEMA = Path(__file__).with_name("metrics.schema.json")


def document(content: Content) -> dict[str, Any]:
    """The content of ``metrics.json``: the same for the same run, at any time and in any folder."""
    data, net, run = content.data, content.net, content.run
    return {
        "schema": VERSION,
        "run": dict(run),
        "data": _some(data, "name", "fingerprint", "images", "classes", "skipped"),
        "model": _some(net, "name", "weights", "parameters", "top1", "top5", "labelled_images")
        | ({"map": net["map"], **_some(content.noise, "map_low", "map_high")} if net.get("several") else {})
        | {
            name: net[name]
            for name in ("loaded", "warning", "unmapped", "preprocessing", "weights_digest")
            if name in net
        }
        | {name: content.noise[name] for name in ("top1_tau", "by_class")}
        | {"layers": layers(content)},
        "claims": [{key: value for key, value in claim.items() if key not in PROSE} for claim in content.claims],
        "analyses": {section.name: section.artefact["numbers"] for section in content.sections},
        "figures": [
            {
                "id": f"{section.name}-{name}",
                "analysis": section.name,
                "files": [f"figures/{section.name}/{file}" for file in figure["files"]],
                "caption": figure["caption"],
            }
            for section in content.sections
            for name, figure in section.figures.items()
        ],
    }


def _some(numbers: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: numbers[name] for name in names}
