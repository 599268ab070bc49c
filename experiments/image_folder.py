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
        InputError: the folder cannot be made, or holds images of another recipe.
    """
    note = output / NOTE
    if note.exists():
        found = json.loads(note.read_text(encoding="utf-8"))
        other = [name for name in {**recipe, **found} if found.get(name) != recipe.get(name)]
        if other:
            what = ", ".join(f"{name} {found.get(name)}" for name in other)
            raise InputError(f"output {output} holds images of another kind ({what}); choose another folder")
        return True
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error
    with replacing(note) as temporary:
        temporary.write_text(json.dumps(dict(recipe), indent=1) + "\n", encoding="utf-8")
    return False
