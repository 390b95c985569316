"""A net of one convolution and a classifier, and its pooling undone: the second of each 2x2 window is the maximum."""

import numpy as np

from planted_results import FILE
from reportgen.analyses.schematics.analysis import Named, Result, Step
from reportgen.analyses.schematics.figure import LayerBox


def result() -> Result:
    """The net, and an image whose name means harm."""
    rng = np.random.default_rng(0)
    rectified = np.zeros((8, 8))
    rectified[0::2, 1::2] = np.arange(1, 17).reshape(4, 4)
    return Result(
        boxes=(LayerBox("layer 1", ("4 filters 3x3", "ReLU"), 4, 8, 8, 3), LayerBox("softmax", (), 6, 1, 1, None)),
        named=(Named(1, "relu1", "pool1", "conv1", (4, 8, 8), "activation"),),
        overridden=False,
        input_size=(3, 16, 16),
        step=Step(
            image=rng.integers(0, 256, (16, 16, 3), dtype=np.uint8),
            image_name=FILE,
            layer=1,
            map=2,
            rectified=rectified,
            pooled=rectified[0::2, 1::2],
            switches=np.arange(64).reshape(8, 8)[0::2, 1::2],
            unpooled=rectified.copy(),
            projection=np.full((16, 16, 3), 128, np.uint8),
            pool_text="max pool 2x2, stride 2",
            filter_text="4 filters 3x3",
        ),
        no_step="",
    )
