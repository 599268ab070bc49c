"""The folder inside the output that an unfinished conversion lives in, so that it can be taken up again."""

import json
import os
from collections.abc import Sequence

from data_prep import files, rejected
from progan_tf.errors import InputError

_FOLDER, _PLAN = ".convert", "plan.json"
_MANIFEST = "dataset.json"


def is_complete(output: str, fingerprint: str) -> bool:
    """Whether `output` already holds the finished dataset of this fingerprint; False where it is free or half-way.

    Raises:
        InputError: it holds anything else, which is left alone.
    """
    if not files.exists(output):
        return False
    if not files.is_folder(output):
        raise InputError(f"output {output} is a file; choose a folder")
    if files.exists(files.join(output, _MANIFEST)):
        if _fingerprint_in(files.join(output, _MANIFEST), "source") == fingerprint:
            return True
        raise InputError(f"output {output} holds another dataset (other images or flags); choose another folder")
    if files.exists(work_path(output, _PLAN)):
        if _fingerprint_in(work_path(output, _PLAN)) == fingerprint:
            return False
        raise InputError(
            f"output {output} holds an unfinished conversion of other images or flags; "
            "repeat those, or delete it, or choose another folder"
        )
    ours = (_FOLDER, rejected.FILENAME, rejected.DROPPED_FILENAME)
    found = [name for name in files.list_folder(output) if name not in ours]
    if found:
        raise InputError(f"output {output} is not empty (it holds {found[0]}); choose an empty or a new folder")
    return False


def _fingerprint_in(path: str, *keys: str) -> str | None:
    try:
        fields = json.loads(files.read_text(path))
        for key in keys:
            fields = fields[key]
        return fields["fingerprint"]
    except (ValueError, KeyError, TypeError):
        return None


def make_output(output: str) -> None:
    """Makes the folder `output`. Raises InputError where that is impossible or it cannot be written to."""
    try:
        files.make_folder(output)
    except OSError as error:
        raise InputError(f"output {output} cannot be made: {error.strerror}; choose another folder") from error
    if not files.is_remote(output) and not os.access(output, os.W_OK | os.X_OK):
        raise InputError(f"output {output} cannot be written to; choose another folder")


def begin(output: str, fingerprint: str) -> None:
    """Makes the folder that unfinished work is kept in; half-written files of a killed run in it are removed."""
    files.make_folder(work_path(output))
    for name in files.list_folder(work_path(output)):
        if not name.endswith((".json", ".raw")):
            files.remove(work_path(output, name))
    files.replace(work_path(output, _PLAN), json.dumps({"fingerprint": fingerprint}))


def make_splits(output: str, splits: Sequence[str]) -> None:
    """Makes the folders that shards go to."""
    for split in splits:
        files.make_folder(files.join(output, split))


def remove(output: str) -> None:
    """Removes the work folder: the conversion is over."""
    files.remove(work_path(output))


def work_path(output: str, *names: str) -> str:
    """A path inside the work folder."""
    return files.join(output, _FOLDER, *names)
