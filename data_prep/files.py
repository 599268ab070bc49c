"""Files of this machine, or behind any address TensorFlow reads (`gs://`, `s3://`, ...), by one set of functions.

Local paths go through Python's own calls: they need no TensorFlow, whose import takes seconds.
"""

import glob as local_glob
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from progan_tf.errors import InputError


def is_remote(path: str) -> bool:
    return "://" in path


def join(folder: str, *names: str) -> str:
    return "/".join([folder.rstrip("/"), *names] if folder else names)


def exists(path: str) -> bool:
    """Raises InputError where `path` is an address that cannot be reached."""
    if not is_remote(path):
        return Path(path).exists()
    gfile = _gfile()
    from tensorflow.errors import OpError

    try:
        return gfile.exists(path)
    except OpError as error:
        raise InputError(
            f"{path} cannot be reached: {error.message}; look at the address and your rights to it"
        ) from error


def is_file(path: str) -> bool:
    """Whether there is a regular file, or a link to one."""
    return exists(path) and not is_folder(path) if is_remote(path) else Path(path).is_file()


def is_folder(path: str) -> bool:
    return _gfile().isdir(path) if is_remote(path) else Path(path).is_dir()


def size(path: str) -> int:
    """Size in bytes. Raises OSError where there is no such file."""
    if not is_remote(path):
        return Path(path).stat().st_size
    try:
        return _gfile().stat(path).length
    except Exception as error:
        raise FileNotFoundError(f"{path} cannot be read") from error


def is_file_of(path: str, size_in_bytes: int) -> bool:
    """Whether there is a file of this size."""
    try:
        return not is_folder(path) and size(path) == size_in_bytes
    except OSError:
        return False


def open_file(path: str, mode: str) -> IO[Any]:
    return _gfile().GFile(path, mode) if is_remote(path) else Path(path).open(mode)


def read_text(path: str) -> str:
    with open_file(path, "r") as file:
        return file.read()


def checksum(path: str) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open_file(path, "rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def list_folder(path: str) -> list[str]:
    """Names in a folder, sorted."""
    names = _gfile().listdir(path) if is_remote(path) else (entry.name for entry in Path(path).iterdir())
    return sorted(name.rstrip("/") for name in names)


def glob(pattern: str) -> list[str]:
    """Paths that match, sorted; `**` reaches into sub-folders of this machine."""
    found = _gfile().glob(pattern) if is_remote(pattern) else local_glob.glob(pattern, recursive=True)  # noqa: PTH207
    return sorted(found)


def walk(root: str, on_error: Any) -> Iterator[tuple[str, list[str], list[str]]]:
    """As os.walk, links followed; `on_error` takes the OSError of a folder that cannot be listed."""
    if is_remote(root):
        yield from _gfile().walk(root, onerror=on_error)
    else:
        yield from os.walk(root, onerror=on_error, followlinks=True)


def make_folder(path: str) -> None:
    if is_remote(path):
        _gfile().makedirs(path)
    else:
        Path(path).mkdir(parents=True, exist_ok=True)


def move(source: str, target: str) -> None:
    """Puts `source` in the place of `target`; on this machine nobody ever sees a part of it."""
    if is_remote(target):
        _gfile().rename(source, target, overwrite=True)
    else:
        Path(source).replace(target)


def replace(path: str, text: str) -> None:
    """Writes a text file under a name of this process alone and moves it to `path`."""
    partial = f"{path}.{os.getpid()}"
    try:
        with open_file(partial, "w") as file:
            file.write(text)
        move(partial, path)
    except BaseException:
        remove(partial)
        raise


def remove(path: str) -> None:
    """Removes a file or a folder with all that is in it; nothing happens where there is none."""
    if is_remote(path):
        if _gfile().isdir(path):
            _gfile().rmtree(path)
        elif _gfile().exists(path):
            _gfile().remove(path)
    elif Path(path).is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        Path(path).unlink(missing_ok=True)


def _gfile() -> Any:
    from data_prep import quietly

    quietly.import_tensorflow()
    import tensorflow as tf

    return tf.io.gfile
