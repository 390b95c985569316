"""Figures 1 and 3, drawn."""

from reportgen.analyses.schematics.deconvnet import deconvnet_layer
from reportgen.analyses.schematics.diagrams import architecture
from reportgen.analyses.schematics.figure import Architecture, DeconvnetLayer, LayerBox

DRAWERS = {Architecture: architecture, DeconvnetLayer: deconvnet_layer}
PIECES = (LayerBox,)
