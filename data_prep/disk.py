"""What a disk refuses, as one line that says what to do."""

import contextlib
import errno
from collections.abc import Iterator

from progan_tf.errors import Failed

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def explained(output: str) -> Iterator[None]:
    """Turns errors of files, Python's and TensorFlow's, met while `output` is written into progan_tf.errors.Failed."""
    try:
        yield
    except OSError as error:
        raise _failed(error, output, error.errno in _FULL, error.errno in _FORBIDDEN) from error
    except Exception as error:  # TensorFlow's are known by name: it need not be loaded
        name = type(error).__name__
        if name not in ("ResourceExhaustedError", "PermissionDeniedError"):
            raise
        raise _failed(error, output, name == "ResourceExhaustedError", name == "PermissionDeniedError") from error


def _failed(error: Exception, output: str, full: bool, forbidden: bool) -> Failed:
    if full:
        return Failed(f"no space left on the disk of {output}; free some and run the same command again")
    if forbidden:
        return Failed(f"{error}; make it accessible and run the same command again")
    return Failed(f"{error}; run the same command again to go on")
