"""What `--input` names: one file, a pattern of names, or a folder with all that is in it."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from data_prep import files
from data_prep.sources.source import Listing, UnusableFile
from progan_tf.errors import InputError

_WILD = re.compile(r"[*?\[]")


def root(given: str) -> str:
    """The folder that file names are relative to."""
    if _WILD.search(given) and not files.exists(given):
        fixed = given[: _WILD.search(given).start()]
        return fixed.rpartition("/")[0] or ("/" if fixed.startswith("/") else ".")
    if files.is_folder(given):
        return given
    return given.rpartition("/")[0] or ("/" if given.startswith("/") else ".")


def check(given: str) -> None:
    """Raises InputError where `given` names nothing."""
    if _WILD.search(given):
        if not files.exists(given) and not files.glob(given):
            raise InputError(f"input {given} matches no file; quote the pattern, and look where it starts")
    elif not files.exists(given):
        raise InputError(f"input {given} is not there; give a folder, a file, a pattern or tfds:NAME")


def listing(given: str, suffixes: Sequence[str]) -> Listing:
    """All files of `given` with one of these suffixes, or with the one that `given` ends in; names relative to `root`.

    Files and folders whose name begins with a dot are passed over, linked folders are searched once.

    Raises:
        InputError: a folder cannot be listed.
    """
    if _WILD.search(given) and not files.exists(given):
        base = root(given)
        found = [_relative(path, base) for path in files.glob(given) if not files.is_folder(path)]
    elif files.is_folder(given):
        base, found = given, _walk(given)
    else:
        base, found = root(given), [_relative(given, root(given))]
    if not files.is_folder(given):  # who spells a suffix means it
        suffixes = (*suffixes, PurePosixPath(given).suffix.lower())
    wanted = [name for name in found if _is_wanted(name, suffixes)]
    return Listing(tuple(sorted((name, _size(files.join(base, name))) for name in wanted)), len(found) - len(wanted))


def label_of(file: str) -> str:
    """The first sub-folder of a file's relative path. Raises UnusableFile where it lies in none."""
    folder, _, inside = file.partition("/")
    if not inside:
        raise UnusableFile("lies in no sub-folder, so it has no label")
    return folder


def _walk(top: str) -> list[str]:
    def fail(error: OSError) -> None:
        raise InputError(f"{error.filename} cannot be listed: {error.strerror}; make it readable") from error

    found, visited = [], set()
    for folder, subfolders, names in files.walk(top, fail):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        if not files.is_remote(top):
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in visited:  # a link back to a folder already seen
                subfolders.clear()
                continue
            visited.add((status.st_dev, status.st_ino))
        found += [_relative(files.join(folder, name), top) for name in names]
    return found


def _relative(path: str, base: str) -> str:
    if base == "." and not path.startswith("./"):
        return path
    return path.removeprefix(base.rstrip("/")).lstrip("/")


def _is_wanted(name: str, suffixes: Sequence[str]) -> bool:
    path = PurePosixPath(name)
    return not path.name.startswith(".") and path.suffix.lower() in suffixes


def _size(path: str) -> int:
    try:
        return files.size(path)
    except OSError:  # a link to nothing, for one; the survey says so
        return 0
