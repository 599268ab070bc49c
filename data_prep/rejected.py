"""What was left out, with the reason: input files that could not be used, and tiles dropped on purpose."""

import json

from data_prep import files
from progan_tf.errors import InputError

FILENAME, DROPPED_FILENAME = "rejected.jsonl", "dropped.jsonl"


def save(output: str, rejected: dict[str, str]) -> None:
    """Lists bad files in `output`, one JSON object a line; there is no list where there are none."""
    _save(files.join(output, FILENAME), "file", rejected)


def save_dropped(output: str, dropped: dict[str, str]) -> None:
    """Lists tiles dropped by policy in `output`, in the same way."""
    _save(files.join(output, DROPPED_FILENAME), "key", dropped)


def count(rejected: dict[str, str], images: dict[str, int]) -> int:
    """How many files that is, where a file counts as so many `images`, and an image in one as itself."""
    return sum(images.get(name, 1) for name in rejected)


def check(output: str, rejected: dict[str, str], images: dict[str, int], max_bad_fraction: float) -> None:
    """Raises InputError, the list saved, where more than `max_bad_fraction` of all files are rejected (see `count`)."""
    bad, all_ = count(rejected, images), sum(images.values())
    if bad <= max_bad_fraction * all_:
        return
    save(output, rejected)
    first = min(rejected)
    raise InputError(
        f"{bad} of {all_} files cannot be used, more than max_bad_fraction={max_bad_fraction:g} allows "
        f"(first {first}: {rejected[first]}); {files.join(output, FILENAME)} lists them: "
        "take them out, or raise --max_bad_fraction"
    )


def _save(path: str, name: str, reasons: dict[str, str]) -> None:
    if reasons:
        files.replace(path, "".join(json.dumps({name: key, "reason": reasons[key]}) + "\n" for key in sorted(reasons)))
    else:
        files.remove(path)
