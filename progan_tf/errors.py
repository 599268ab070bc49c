"""The ways a command ends early on purpose. Everything else is a fault of ours and keeps its traceback."""


class InputError(ValueError):
    """Wrong use or bad input (exit code 2). The message is one line: what was wrong, what was received, the remedy."""


class Failed(RuntimeError):
    """The work itself failed (exit code 1). The message says what happened and what is left to go on from."""


class Stopped(Exception):
    """Work was stopped on request, its state is saved, and the same command resumes it (exit code 75)."""
