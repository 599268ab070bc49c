"""What an exported model says of itself: `assets.extra/model.json` in its folder."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from progan_tf.errors import InputError

FILENAME = Path("assets.extra") / "model.json"
SYNTHETIC = "SYNTHETIC: every image of this model is made up by a neural network and shows no real place"


@dataclasses.dataclass(frozen=True)
class Description:
    """All that a user of a model must know who has nothing but the model.

    `resolution` is that of the images, `final_resolution` that of the run when grown; `growth` says in words where
    between the two it stands. `labels` are the names of the classes, none where unlabelled.

    `scaling` leads back to physical units, as in the manifest of the dataset: its `low` and `high` have one number a
    band, in the order of `bands`, and the physical value of a pixel is low + pixel * (high - low) / top, top being 255
    or 65535, the largest value of `dtype`. None: pixels are as they were in the sources. `physical_values` says the
    same in words, for readers of the file.

    `task` is images, or extension: `resolution` is its window then, and `tile` the step by which a roll-out goes on.
    """

    name: str
    resolution: int
    final_resolution: int
    level: int
    alpha: float
    growth: str
    channels: int
    bands: list[str]
    display_bands: list[int]
    dtype: str
    labels: list[str]
    latent_size: int
    scaling: dict[str, Any] | None
    training_data: dict[str, Any]
    kimg: float
    precision: str
    version: str
    licence: str
    physical_values: str | None = None
    synthetic: str = SYNTHETIC
    task: str = "images"
    tile: int = 0


def physical_values(scaling: dict[str, Any] | None, dtype: str) -> str:
    """How to come from a model's pixels to physical values, in words."""
    if scaling is None:
        return "pixels are as they were in the sources"
    return (
        f"value = low + pixel * (high - low) / {np.iinfo(dtype).max}; "
        "low and high are those of scaling, one a band, in the order of bands"
    )


def write(folder: Path, description: Description) -> None:
    """Writes the description into the folder of a SavedModel."""
    path = folder / FILENAME
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(description), indent=1) + "\n")


def read(folder: Path) -> Description:
    """The description of a version folder. Raises InputError where it holds no model of ours."""
    path = folder / FILENAME
    try:
        fields = json.loads(path.read_text())
        known = [field.name for field in dataclasses.fields(Description) if field.name in fields]
        return Description(**{name: fields[name] for name in known})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} is no model of this project ({FILENAME} is missing or damaged); experiments.export makes one"
        ) from error
