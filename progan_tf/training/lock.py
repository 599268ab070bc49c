"""One process a run folder: a lock that the kernel takes back when its holder ends, however that happens."""

import contextlib
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from progan_tf.errors import InputError

FILENAME = "lock"
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder. Its file stays, and says who had it last.

    A file system that knows no locks is told of in the log, and the folder used without one.

    Raises:
        InputError: another process holds it.
    """
    with (folder / FILENAME).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise InputError(
                f"{folder} is in use by {file.read().strip() or 'another process'}; wait for it to end, stop it, or "
                f"choose another --run_dir"
            ) from error
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            logging.warning("%s cannot be locked (%s): see to it that no other run uses it", folder, error.strerror)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
        yield
