"""The origin of every figure: the command, the code, the settings, the versions and the inputs."""

from collections.abc import Mapping
from typing import Any

from reportgen.page.content import Content
from reportgen.page.template import switches


def made(content: Content) -> dict[str, Mapping[str, Any]]:
    """The entries of the page of provenance, by the name of the analysis."""
    asked = switches(content.run)
    return {
        section.name: {
            "command": " ".join(filter(None, ("make figures", f"ANALYSIS={section.name}", asked))),
            "code": f"reportgen/analyses/{section.name}/analysis.py",
            "text": f"reportgen/analyses/{section.name}/section.html.j2",
            "data": f"data/{section.name}.npz",
            **{key: section.artefact[key] for key in ("settings", "seed", "inputs", "versions", "fingerprint")},
        }
        for section in content.sections
    }
