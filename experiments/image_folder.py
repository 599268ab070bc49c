"""A folder of generated images, which says of what model they are, so that many can be made in several goes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from progan_tf.atomic import replacing
from progan_tf.errors import InputError

NOTE = "generated.json"


def begin(output: Path, recipe: Mapping[str, Any]) -> bool:
    """Makes the folder, with a note of what it holds; whether it is there already, so that its images can stay.

    Args:
        recipe: all that an image depends on besides its seed.

    Raises:
        InputError: the folder cannot be made, or holds images of another recipe or of none that is known.
    """
    note = output / NOTE
    if note.exists():
        found = _read(note)
        other = [name for name in {**recipe, **found} if found.get(name) != recipe.get(name)]
        if other:
            what = ", ".join(f"{name} {found.get(name)}" for name in other)
            raise InputError(f"output {output} holds images of another kind ({what}); choose another folder")
        return True
    unknown = next((path for pattern in ("seed_*", "frame_*") for path in output.glob(pattern)), None)
    if unknown:  # else a second start would take it for its own
        raise InputError(
            f"output {output} holds {unknown.name}, of which no {NOTE} says what it is; choose another folder"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error
    with replacing(note) as temporary:
        temporary.write_text(json.dumps(dict(recipe), indent=1) + "\n", encoding="utf-8")
    return False


def _read(note: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(note.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{note} is damaged ({error}); choose another folder") from error
