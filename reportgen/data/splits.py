"""What the parts of a data set are called: those to train on, to validate on and to test on."""

SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev", "eval", "evaluation", "publictest"),
    "test": ("test", "testing", "holdout", "hold-out", "hold_out", "privatetest"),  # as FER2013's
}  # in any case: Train/ is train/


def split_name(said: str) -> str | None:
    """The split of that name, in any case; None if it is the name of none."""
    return next((name for name, names in SPLIT_NAMES.items() if said.casefold() in names), None)
