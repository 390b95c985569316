"""Modules with others inside, in nets of which only the modules are known."""

from reportgen.probe.operations.base import Operation


class Block(Operation):
    """What a module with others inside gives, in the shape of its input: only its name is known."""

    kind = "block"
