"""What went wrong in the user's input, in one line."""


class UserError(Exception):
    """Bad input or a missing thing: the message says what, where and the way out; the command ends with status 2.

    Written as "what and where: the way out", e.g. ``OCCLUSION_STRIDE=0: use 1 pixel or more``.
    """
