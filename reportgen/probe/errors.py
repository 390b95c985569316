"""Errors of the probe, each with a message of one line."""


class ProbeError(ValueError):
    """The probe cannot do what the caller asked; the message says what, where and the way out."""


class Unsupported(ProbeError):
    """The net has an operation that the probe has no rule for; the message names the operation and its place."""


class UnknownLayer(ProbeError):
    """The net has no layer of that name; the message lists the nearest names."""


class NotFinite(ProbeError):
    """An activation is not a number; the message names the layer."""
