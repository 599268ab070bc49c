"""What a person said of pairs of images: the same picture, different ones, or unsure; kept in a JSON file.

    {"verdicts": [{"set": "model/1", "keys": ["seed 12", "seed 77"], "verdict": "same"}, ...]}

A pair is known by the name of its set and the keys of its two images, in either order.
"""

import json
from pathlib import Path

from progan_tf.atomic import replacing
from progan_tf.errors import InputError

WORDS = ("same", "different", "unsure")

Verdicts = dict[tuple[str, frozenset[str]], str]  # (set, keys of both images) -> one of WORDS


def read(path: Path) -> Verdicts:
    """The verdicts of a file; of two on one pair the later counts.

    Raises:
        InputError: there is no such file, or it does not hold verdicts.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["verdicts"]
        verdicts = {_pair(row["set"], *row["keys"]): row["verdict"] for row in rows}
    except OSError as error:
        raise InputError(
            f"verdicts {path} cannot be read ({error.strerror}); give a file that the report saved"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"verdicts {path} is no file of verdicts ({error!r}); give one that the report saved"
        ) from error
    for (_, keys), word in verdicts.items():
        if word not in WORDS:
            raise InputError(
                f"verdicts {path} says {word!r} of {' and '.join(sorted(keys))}; it can say {', '.join(WORDS)}"
            )
    return verdicts


def write(path: Path, verdicts: Verdicts) -> None:
    """Writes verdicts, whole or not at all. To merge files, read them and join the dictionaries: `old | new`."""
    rows = [
        {"set": images, "keys": sorted(keys), "verdict": word}
        for (images, keys), word in sorted(verdicts.items(), key=lambda item: (item[0][0], sorted(item[0][1])))
    ]
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"verdicts": rows}, indent=1) + "\n", encoding="utf-8")


def of(verdicts: Verdicts, images: str, keys: tuple[str, str]) -> str | None:
    """What was said of a pair of the set named `images`; None where nothing was."""
    return verdicts.get(_pair(images, *keys))


def _pair(images: str, first: str, second: str) -> tuple[str, frozenset[str]]:
    return images, frozenset((first, second))
