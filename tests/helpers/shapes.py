"""How shapes and types in signatures are checked while the tests run."""

import functools
import inspect
import math
from collections.abc import Callable
from types import CodeType
from typing import Any, get_args

import jaxtyping
from beartype import BeartypeConf, beartype

_types = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int will do where a float is asked for
_jaxtyped = jaxtyping.jaxtyped  # lets one letter mean one size in a call
PLAIN_CALLS = 1_000  # of a function without shapes in its signature: mypy has read how it is called
# Functions inside functions that have none: each is made anew again and again, and so would its check be.
_plain: set[CodeType] = set()


def check(package: str) -> None:
    """From here on, calls of a package's functions are checked.

    jaxtyping's own decorator writes two checks for each function of a module that is imported, and compares the sizes of a
    call that names none: that took half of all tests' time. This one writes them at the first call, and sizes where they are named.
    Of plain types, which mypy has checked as well, it sees a function's first calls.
    """
    jaxtyping.jaxtyped = _checked  # what the hook puts before functions and classes
    jaxtyping.install_import_hook(package, None)


def _checked(what: Any = None, *, typechecker: object = None) -> Any:
    if what is None:
        return _checked
    if isinstance(what, classmethod | staticmethod):
        return type(what)(_checked(what.__func__))
    if isinstance(what, property):
        return property(*(function and _checked(function) for function in (what.fget, what.fset, what.fdel)))
    if inspect.isclass(what):
        if "__dataclass_fields__" in vars(what):
            what.__init__ = _checked(what.__init__)
        return what
    return _when_called(what)


def _when_called(function: Callable[..., Any]) -> Callable[..., Any]:
    if function.__code__ in _plain:
        return function
    calls = 0

    @functools.cache
    def checks() -> tuple[Callable[..., Any], float]:
        if inspect.isgeneratorfunction(
            function
        ):  # it runs when the call is over: what it is given is checked before that
            return _jaxtyped(function, typechecker=_types), math.inf
        try:
            annotations = inspect.get_annotations(function, eval_str=True)
        except NameError:  # of what is imported for types alone
            return function, math.inf
        if any(map(_is_shape, annotations.values())):
            return _jaxtyped(_types(function), typechecker=None), math.inf
        if "<locals>" in function.__qualname__:
            _plain.add(function.__code__)
            return function, math.inf
        return _types(function), PLAIN_CALLS

    @functools.wraps(function)
    def checked(*values: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        found, most = checks()
        return (found if calls <= most else function)(*values, **named)

    return checked


def _is_shape(annotation: object) -> bool:
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return True
    return any(map(_is_shape, get_args(annotation)))
