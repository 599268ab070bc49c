"""Model folders: numbered versions side by side, the highest being the newest, as TensorFlow Serving reads them."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from progan_tf.errors import InputError


def find(path: Path) -> Path:
    """The version folder that `path` is, or the newest one of the model folder that it is.

    Raises:
        InputError: there is no SavedModel.
    """
    if not path.is_dir():
        raise InputError(f"no model at {path}; give a folder that experiments.export made")
    for folder in (path, *reversed(_versions(path))):
        if (folder / "saved_model.pb").is_file():
            return folder
    raise InputError(
        f"{path} holds no SavedModel, neither itself nor in a numbered version; experiments.export makes one"
    )


def number(version: Path) -> int:
    """The number of a version folder; 1 of a folder whose name is none, as it is served."""
    name = version.resolve().name
    return int(name) if name.isdecimal() else 1


@contextlib.contextmanager
def next_version(model: Path) -> Iterator[list[Path]]:
    """Gives a folder to write into, which becomes the next version once the block ends without an error.

    Yields a list of that one folder, which holds the version's path afterwards. Whatever ends the block early leaves
    no trace: there is never a number whose content is not whole.

    Raises:
        InputError: the folder cannot be made.
    """
    made = not model.exists()
    try:
        model.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {model} cannot be made ({error.strerror}); choose another folder") from error
    try:
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=model) as temporary:
            paths = [Path(temporary) / "model"]
            yield paths
            paths[0] = _publish(paths[0], model)
    except BaseException:
        if made:
            with contextlib.suppress(OSError):
                model.rmdir()
        raise


def _publish(folder: Path, model: Path) -> Path:
    while True:
        version = model / str(max((int(path.name) for path in _versions(model)), default=0) + 1)
        try:
            return folder.rename(version)
        except OSError:
            if not version.exists():  # else another export took the number meanwhile
                raise


def _versions(model: Path) -> list[Path]:
    return sorted((path for path in model.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name))
