"""Running a net as if it did not switch something on or off around a part of itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def ignoring(kind: Any) -> Iterator[None]:
    """Meanwhile ``with kind():`` changes nothing, wherever it stands; ``kind``: a class such as ``torch.no_grad``."""
    making, entering, leaving = kind.__init__, kind.__enter__, kind.__exit__
    kind.__init__ = lambda *_, **__: None  # ``torch.set_grad_enabled(False)`` acts as soon as it is made
    kind.__enter__, kind.__exit__ = lambda self: self, lambda *_: None
    try:
        yield
    finally:
        kind.__init__, kind.__enter__, kind.__exit__ = making, entering, leaving
