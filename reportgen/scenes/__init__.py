"""The default data: procedurally drawn scenes of eighteen classes, with masks and parts.

`draw_scene` draws one picture, `generate` a whole data set in ordinary folders. `draw_group` and `generate_multilabel` do
so with several objects in a picture.
"""

from reportgen.scenes.generate import generate
from reportgen.scenes.group import draw_group
from reportgen.scenes.multilabel import generate_multilabel
from reportgen.scenes.scene import PARTS, SYMMETRIC_CLASSES, TRAINING_CLASSES, TRANSFER_CLASSES, Part, Scene, draw_scene

__all__ = [
    "PARTS",
    "SYMMETRIC_CLASSES",
    "TRAINING_CLASSES",
    "TRANSFER_CLASSES",
    "Part",
    "Scene",
    "draw_group",
    "draw_scene",
    "generate",
    "generate_multilabel",
]
