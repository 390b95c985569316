"""The paper's tables as numbers, to compare with a run's measurements (Zeiler & Fergus 2013, v3)."""

from typing import NamedTuple


class Spread(NamedTuple):
    """A mean and its standard deviation, as the paper prints them."""

    mean: float
    deviation: float | None = None


# Table 1: masked part -> mean score at layer 5 and at layer 7.
CORRESPONDENCE: dict[str, tuple[Spread, Spread]] = {
    "right_eye": (Spread(0.067, 0.007), Spread(0.069, 0.015)),
    "left_eye": (Spread(0.069, 0.007), Spread(0.068, 0.013)),
    "nose": (Spread(0.079, 0.017), Spread(0.069, 0.011)),
    "random": (Spread(0.107, 0.017), Spread(0.073, 0.014)),
}

# Table 2: model -> errors in per cent: validation top-1, validation top-5, test top-5.
IMAGENET: dict[str, tuple[float | None, float | None, float | None]] = {
    "Krizhevsky et al., 1 net": (40.7, 18.2, None),
    "Krizhevsky et al., 5 nets": (38.1, 16.4, 16.4),
    "Krizhevsky et al., 1 net, with 2011 data": (39.0, 16.6, None),
    "Krizhevsky et al., 7 nets, with 2011 data": (36.7, 15.4, 15.3),
    "their replication of Krizhevsky et al., 1 net": (40.5, 18.1, None),
    "1 net of the paper’s figure 3": (38.4, 16.5, None),
    "5 nets of the paper’s figure 3 (a)": (36.7, 15.3, 15.3),
    "1 net, layers 3, 4, 5: 512, 1024, 512 maps (b)": (37.5, 16.0, 16.1),
    "6 nets, (a) and (b) combined": (36.0, 14.7, 14.8),
}


class Errors(NamedTuple):
    """A row of table 3: errors in per cent."""

    train: float  # top-1
    validation: float  # top-1
    validation5: float  # top-5


# Table 3: change to the net -> errors, for Krizhevsky's net and for figure 3's.
ABLATION_KRIZHEVSKY: dict[str, Errors] = {
    "as is": Errors(35.1, 40.5, 18.1),
    "without layers 3, 4": Errors(41.8, 45.4, 22.1),
    "without layer 7": Errors(27.4, 40.0, 18.4),
    "without layers 6, 7": Errors(27.4, 44.8, 22.4),
    "without layers 3, 4, 6, 7": Errors(71.1, 71.3, 50.1),
    "layers 6, 7: 2048 units": Errors(40.3, 41.7, 18.8),
    "layers 6, 7: 8192 units": Errors(26.8, 40.0, 18.1),
}
ABLATION_ZEILER_FERGUS: dict[str, Errors] = {
    "as is": Errors(33.1, 38.4, 16.5),
    "layers 6, 7: 2048 units": Errors(38.2, 40.2, 17.6),
    "layers 6, 7: 8192 units": Errors(22.0, 38.8, 17.0),
    "layers 3, 4, 5: 512, 1024, 512 maps": Errors(18.8, 37.5, 16.0),
    "layers 6, 7: 8192 units; layers 3, 4, 5: 512, 1024, 512 maps": Errors(10.0, 38.3, 16.9),
}

# Tables 4 and 5: data set -> images per class -> accuracy in per cent from scratch, and with pretrained features.
GENERALISATION: dict[str, dict[int, tuple[Spread, Spread]]] = {
    "Caltech-101": {
        15: (Spread(22.8, 1.5), Spread(83.8, 0.5)),
        30: (Spread(46.5, 1.7), Spread(86.5, 0.5)),
    },
    "Caltech-256": {
        15: (Spread(9.0, 1.4), Spread(65.7, 0.2)),
        30: (Spread(22.5, 0.7), Spread(70.6, 0.2)),
        45: (Spread(31.2, 0.5), Spread(72.7, 0.4)),
        60: (Spread(38.8, 1.4), Spread(74.2, 0.3)),
    },
}

# Table 6: PASCAL 2012, mean accuracy in per cent: the paper's, and the two leaders'.
PASCAL_MEAN = 79.0
PASCAL_LEADERS = (74.3, 82.2)
PASCAL_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
PASCAL_BEST_OF = (5, 20)  # number of classes on which the paper's net was best, number of all classes

# Table 7: data set -> classifier and layer -> accuracy in per cent.
LAYER_BY_LAYER: dict[str, dict[tuple[str, int], Spread]] = {
    "Caltech-101, 30 a class": {
        ("SVM", 1): Spread(44.8, 0.7),
        ("SVM", 2): Spread(66.2, 0.5),
        ("SVM", 3): Spread(72.3, 0.4),
        ("SVM", 4): Spread(76.6, 0.4),
        ("SVM", 5): Spread(86.2, 0.8),
        ("SVM", 7): Spread(85.5, 0.4),
        ("softmax", 5): Spread(82.9, 0.4),
        ("softmax", 7): Spread(85.4, 0.4),
    },
    "Caltech-256, 60 a class": {
        ("SVM", 1): Spread(24.6, 0.4),
        ("SVM", 2): Spread(39.6, 0.3),
        ("SVM", 3): Spread(46.0, 0.3),
        ("SVM", 4): Spread(51.3, 0.1),
        ("SVM", 5): Spread(65.6, 0.3),
        ("SVM", 7): Spread(71.7, 0.2),
        ("softmax", 5): Spread(65.7, 0.5),
        ("softmax", 7): Spread(72.6, 0.1),
    },
}
