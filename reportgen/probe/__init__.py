"""The probe: looks into a convnet through its strongest activations, their projections to pixels, and occlusion.

A small library of its own: it handles tensors and modules, and does not depend on runs, files or reports::

    from reportgen.probe import Activation, project, strongest, trace

    graph = trace(net, images[:1])                       # every function takes the net itself, too
    best = strongest(graph, ["layer5.relu"], batches)    # the nine strongest activations of every map
    project(graph, image, [Activation("layer5.relu", map=3, row=7, column=2)])

The caller's net is never changed: not its parameters, buffers, hooks or mode. It always runs as in ``eval()``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportgen.probe.deconvnet import Activation, Projection, Unpooled, project, refusal, unpool
    from reportgen.probe.errors import NotFinite, ProbeError, UnknownLayer, Unsupported
    from reportgen.probe.fields import ReceptiveField, receptive_field
    from reportgen.probe.graph import Graph
    from reportgen.probe.occlusion import Occlusion, OcclusionAt, occlude, occlude_at
    from reportgen.probe.ranking import Strongest, merged, strongest
    from reportgen.probe.tracing import activations, trace
    from reportgen.probe.ways import Way, way_down

# No module has the name of a function: importing a submodule binds its name on the package.
_HOMES = {
    "Activation": "deconvnet",
    "Graph": "graph",
    "NotFinite": "errors",
    "Occlusion": "occlusion",
    "OcclusionAt": "occlusion",
    "ProbeError": "errors",
    "Projection": "deconvnet",
    "ReceptiveField": "fields",
    "Strongest": "ranking",
    "UnknownLayer": "errors",
    "Unpooled": "deconvnet",
    "Unsupported": "errors",
    "Way": "ways",
    "activations": "tracing",
    "merged": "ranking",
    "occlude": "occlusion",
    "occlude_at": "occlusion",
    "project": "deconvnet",
    "receptive_field": "fields",
    "refusal": "deconvnet",
    "strongest": "ranking",
    "trace": "tracing",
    "unpool": "deconvnet",
    "way_down": "ways",
}

__all__ = [
    "Activation",
    "Graph",
    "NotFinite",
    "Occlusion",
    "OcclusionAt",
    "ProbeError",
    "Projection",
    "ReceptiveField",
    "Strongest",
    "UnknownLayer",
    "Unpooled",
    "Unsupported",
    "Way",
    "activations",
    "merged",
    "occlude",
    "occlude_at",
    "project",
    "receptive_field",
    "refusal",
    "strongest",
    "trace",
    "unpool",
    "way_down",
]


def __getattr__(name: str) -> Any:
    """Import the module that holds ``name`` on first use, because torch takes seconds to import (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
