"""The input files that could not be used: their list, and how many are too many."""

import json
from pathlib import Path

from data_prep.files import replace
from progan_tf.errors import InputError

FILENAME = "rejected.jsonl"


def save(output: str, rejected: dict[str, str]) -> None:
    """Lists files and reasons in `output`, one JSON object a line; there is no list where there are none."""
    path = Path(output, FILENAME)
    if rejected:
        replace(path, "".join(json.dumps({"file": file, "reason": rejected[file]}) + "\n" for file in sorted(rejected)))
    else:
        path.unlink(missing_ok=True)


def check(output: str, rejected: dict[str, str], files: int, max_bad_fraction: float) -> None:
    """Raises InputError, the list saved, where more than `max_bad_fraction` of all `files` are rejected."""
    if len(rejected) <= max_bad_fraction * files:
        return
    save(output, rejected)
    first = min(rejected)
    raise InputError(
        f"{len(rejected)} of {files} files cannot be used, more than max_bad_fraction={max_bad_fraction:g} allows "
        f"(first {first}: {rejected[first]}); {Path(output, FILENAME)} lists them: "
        "take them out, or raise --max_bad_fraction"
    )
