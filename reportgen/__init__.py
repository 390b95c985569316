"""Look inside a convolutional network the way Zeiler & Fergus (2013) did, and write down what was found."""

import os
from importlib import import_module

# torch's waiting threads must not spin: on shared cores, spinning makes training ten times slower.
# torch reads this once, when it loads, so set it before any of our modules imports torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
__all__ = ["Report", "UserError", "__version__", "make_report"]

_FROM = {"Report": "reportgen.api", "make_report": "reportgen.api", "UserError": "reportgen.base.errors"}


def __getattr__(name: str) -> object:
    """`Report`, `make_report` and `UserError` are imported when they are first asked for."""
    if name in _FROM:
        return getattr(import_module(_FROM[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
