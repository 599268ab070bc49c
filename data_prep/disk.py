"""What a disk refuses, as one line that says what to do."""

import contextlib
import errno
from collections.abc import Iterator

from progan_tf.errors import Failed

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL_BY_TENSORFLOW, _FORBIDDEN_BY_TENSORFLOW = "ResourceExhaustedError", "PermissionDeniedError"


@contextlib.contextmanager
def explained(output: str) -> Iterator[None]:
    """Turns errors of files, Python's and TensorFlow's, met while `output` is written into progan_tf.errors.Failed."""
    try:
        yield
    except Exception as error:
        if not is_refusal(error):
            raise
        name, number = type(error).__name__, getattr(error, "errno", None)
        full = number in _FULL or name == _FULL_BY_TENSORFLOW
        forbidden = number in _FORBIDDEN or name == _FORBIDDEN_BY_TENSORFLOW
        raise _failed(error, output, full, forbidden) from error


def is_refusal(error: Exception) -> bool:
    """Whether it is an error of files; TensorFlow's are known by name, so that it need not be loaded."""
    return isinstance(error, OSError) or type(error).__name__ in (_FULL_BY_TENSORFLOW, _FORBIDDEN_BY_TENSORFLOW)


def _failed(error: Exception, output: str, full: bool, forbidden: bool) -> Failed:
    if full:
        return Failed(f"no space left on the disk of {output}; free some and run the same command again")
    if forbidden:
        return Failed(f"{error}; make it accessible and run the same command again")
    return Failed(f"{error}; run the same command again to go on")
