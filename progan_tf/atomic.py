"""Files that are written whole or not at all."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to, which takes its place once the block ends without an error.

    Until then what was at `path` stays as it was; an error leaves nothing else behind.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:  # an interrupt leaves no half file either
        temporary.unlink(missing_ok=True)
        raise
