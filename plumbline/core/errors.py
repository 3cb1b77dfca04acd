"""The error that a user can cause, as opposed to a bug."""


class UserError(ValueError):
    """Printed on one line, without a traceback: the place, the wanted value, the value found."""
