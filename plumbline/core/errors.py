"""What a user can cause, as opposed to a mistake in the code."""


class UserError(ValueError):
    """Shown as one line, without a traceback: where, what was wanted, what came."""
