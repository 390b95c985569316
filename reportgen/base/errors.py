"""Errors in the user's input, in one line."""


class UserError(Exception):
    """Bad input or something missing; the command ends with status 2.

    The message says "what and where: the way out", e.g. ``OCCLUSION_STRIDE=0: use 1 pixel or more``.
    """
