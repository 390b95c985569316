"""What the instrument cannot do, said in one line."""


class ProbeError(ValueError):
    """Something asked of the instrument that it cannot do; the message says what, where and the way out."""


class Unsupported(ProbeError):
    """The net holds an operation for which the asked road has no rule; the message names it and where it stands."""


class UnknownLayer(ProbeError):
    """No layer of that name; the message lists the nearest names."""


class NotFinite(ProbeError):
    """An activation is not a number; the message names the layer."""
