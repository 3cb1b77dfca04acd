"""The error that a user can cause."""


class UserError(ValueError):
    """Shown as one line, without a traceback: where, what was wanted, what came."""
