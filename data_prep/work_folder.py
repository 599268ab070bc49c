"""The folder inside the output that an unfinished conversion lives in, so that it can be taken up again."""

import json
import os
import shutil
from pathlib import Path

from data_prep import rejected
from data_prep.files import replace
from progan_tf.errors import InputError

_FOLDER, _PLAN = ".convert", "plan.json"
_MANIFEST = "dataset.json"


def is_complete(output: str, fingerprint: str) -> bool:
    """Whether `output` already holds the finished dataset of this fingerprint; False where it is free or half-way.

    Raises:
        InputError: it holds anything else, which is left alone.
    """
    folder = Path(output)
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise InputError(f"output {output} is a file; choose a folder")
    if (folder / _MANIFEST).exists():
        if _fingerprint_in(folder / _MANIFEST, "source") == fingerprint:
            return True
        raise InputError(f"output {output} holds another dataset (other images or flags); choose another folder")
    if (folder / _FOLDER / _PLAN).exists():
        if _fingerprint_in(folder / _FOLDER / _PLAN) == fingerprint:
            return False
        raise InputError(
            f"output {output} holds an unfinished conversion of other images or flags; "
            "repeat those, or delete it, or choose another folder"
        )
    found = sorted(path.name for path in folder.iterdir() if path.name not in (_FOLDER, rejected.FILENAME))
    if found:
        raise InputError(f"output {output} is not empty (it holds {found[0]}); choose an empty or a new folder")
    return False


def _fingerprint_in(path: Path, *keys: str) -> str | None:
    try:
        fields = json.loads(path.read_text())
        for key in keys:
            fields = fields[key]
        return fields["fingerprint"]
    except (ValueError, KeyError, TypeError):
        return None


def make_output(output: str) -> None:
    """Makes the folder `output`. Raises InputError where that is impossible or it cannot be written to."""
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made: {error.strerror}; choose another folder") from error
    if not os.access(output, os.W_OK | os.X_OK):
        raise InputError(f"output {output} cannot be written to; choose another folder")


def begin(output: str, fingerprint: str, split: str) -> None:
    """Makes the folders that shards are written to."""
    Path(output, _FOLDER).mkdir(exist_ok=True)
    Path(output, split).mkdir(exist_ok=True)
    replace(work_path(output, _PLAN), json.dumps({"fingerprint": fingerprint}))


def remove(output: str) -> None:
    """Removes the work folder: the conversion is over."""
    shutil.rmtree(Path(output, _FOLDER), ignore_errors=True)


def work_path(output: str, name: str) -> Path:
    """A path inside the work folder."""
    return Path(output, _FOLDER, name)
