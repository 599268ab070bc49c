"""What the three studies share: their flags, and how sets are opened and results written."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags

from data_prep.progress import Progress
from progan_tf.atomic import replacing
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from progan_tf.metrics.images import Images

_REAL = flags.DEFINE_string(
    "real", None, "Real images: a folder, a file, a pattern, or a dataset directory.", required=True
)
_GENERATED = flags.DEFINE_string(
    "generated", None, "Generated images: the same, or a model folder, or a run directory.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for figures and numbers; made if new.", required=True)
_SPLIT = flags.DEFINE_string("split", "train", "Split of a dataset directory.")
_RESOLUTION = flags.DEFINE_integer(
    "resolution", None, "Pixels a side of the tiles of a folder, and level of a dataset; left out: as they are."
)
SAMPLE_SIZE = flags.DEFINE_integer("sample_size", 100, "Images in a sample.", lower_bound=2)
SEED = flags.DEFINE_integer(
    "seed", 0, "Of samples, and the first of a generator's seeds.", lower_bound=0, upper_bound=2**31
)


def make_output() -> Path:
    """The output folder, made."""
    output = Path(_OUTPUT.value)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error
    return output


def open_both(num_real: int | None, num_generated: int) -> tuple["Images", "Images"]:
    """Real and generated images, as many as said at most, None for all; says what they are."""
    from experiments.image_sets import open_pair

    both = open_pair(
        _REAL.value,
        _GENERATED.value,
        split=_SPLIT.value,
        resolution=_RESOLUTION.value,
        num_real=num_real,
        num_generated=num_generated,
        seed=SEED.value,
        folder=Path(_OUTPUT.value),
        progress=Progress,
    )
    for side, images in zip(("real", "generated"), both, strict=True):
        print(f"{side:<10} {images.name}: {describe(images)}")
    return both


def describe(images: "Images") -> str:
    """Number and form of a set's images."""
    height, width, channels = images.pixels.shape[1:]
    return f"{len(images):,} images of {height} x {width} x {channels} {images.pixels.dtype}"


def facts(real: "Images", generated: "Images") -> dict[str, Any]:
    """What the sets are, as plain JSON."""
    sets = {"real": real, "generated": generated}
    return {
        side: {"name": images.name, "images": describe(images), "sha256": images.digest}
        for side, images in sets.items()
    }


def write(path: Path, drawn: "Figure", numbers: dict[str, Any]) -> None:
    """Writes a figure to PATH.png and numbers to PATH.json, each whole or not at all."""
    save(path.with_suffix(".png"), drawn)
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(numbers, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(f"written    {path.with_suffix('.json')}, {path.with_suffix('.png')}")


def save(path: Path, drawn: "Figure") -> None:
    """Writes a figure as PNG, whole or not at all."""
    with replacing(path) as temporary:
        drawn.savefig(temporary, format="png", dpi=100)
