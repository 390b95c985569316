"""The default data: procedurally drawn scenes of eighteen classes, with masks and parts.

`draw_scene` draws one picture, `generate` a whole data set in ordinary folders.
"""

from reportgen.scenes.generate import generate
from reportgen.scenes.scene import PARTS, SYMMETRIC_CLASSES, TRAINING_CLASSES, TRANSFER_CLASSES, Part, Scene, draw_scene

__all__ = [
    "PARTS",
    "SYMMETRIC_CLASSES",
    "TRAINING_CLASSES",
    "TRANSFER_CLASSES",
    "Part",
    "Scene",
    "draw_scene",
    "generate",
]
