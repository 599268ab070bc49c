"""Generates images with an exported model; it needs the model alone, and a CPU will do.

  python -m experiments.generate --model=model --output=images --num=64 --grid
  python -m experiments.generate --model=model --output=images --format=geotiff --physical

An image depends on the model, its seed, truncation and label alone, not on how many are made. Every PNG and GeoTIFF
says in its metadata that it is synthetic, and of which model and seed.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from absl import flags

from data_prep import command_line
from data_prep.progress import track
from experiments import image_files, models
from progan_tf import imaging
from progan_tf.errors import InputError
from progan_tf.export import description as descriptions
from progan_tf.export import versions
from progan_tf.export.description import Description

_MODEL = flags.DEFINE_string(
    "model", None, "Model folder, of which the newest version is used, or one of its versions.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the images; made if new.", required=True)
_NUM = flags.DEFINE_integer("num", 16, "Number of seeds.", lower_bound=1, upper_bound=10**9)
_SEED = flags.DEFINE_integer(
    "seed", 0, "First seed; the images are those of seed to seed + num - 1.", lower_bound=0, upper_bound=2**62
)
_TRUNCATION = flags.DEFINE_float(
    "truncation", 1.0, "Over 0 to 2: below 1 images are more ordinary and less varied, 1 is as trained."
)
_LABEL = flags.DEFINE_string(
    "label", None, "Class of the images, its name or index, where the model has classes; left out: all in turn."
)
_FORMAT = flags.DEFINE_enum(
    "format",
    "png",
    list(image_files.SUFFIXES),
    "png shows grey or RGB with the model's 8 or 16 bits; geotiff and npy hold all bands.",
)
_PHYSICAL = flags.DEFINE_bool(
    "physical", False, "Values in the physical units of the training data, float32, in place of pixels."
)
_GRID = flags.DEFINE_bool("grid", False, "Also write grid.png, all images in one, as grey or RGB of 8 bits.")
_INTERPOLATE = flags.DEFINE_integer(
    "interpolate", None, "Instead of single images: this many frames from each seed to the next.", lower_bound=1
)

Frame = tuple[str, str, np.ndarray]  # file name without its suffix, what it says as its seed, pixels [H, W, C]


def main() -> None:
    folder = versions.find(Path(_MODEL.value))
    model = descriptions.read(folder)
    if model.task == "extension":
        raise InputError(f"model {model.name} continues images and draws none alone; use experiments.extend")
    _check_flags(model)
    label = _label(model)
    output = Path(_OUTPUT.value)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error

    loaded = models.load(folder)
    if _INTERPOLATE.value:
        frames, total = _interpolation(loaded.signatures, model, label), (_NUM.value - 1) * _INTERPOLATE.value + 1
    else:
        frames, total = _images(loaded.signatures, model, label), _NUM.value
    suffix, shown = image_files.SUFFIXES[_FORMAT.value], []
    for stem, seed, pixels in track(frames, "generating", total, "images"):
        image_files.write(output / (stem + suffix), pixels, model, _said(model, seed), _PHYSICAL.value)
        if _GRID.value:
            shown.append(imaging.to_display(pixels, tuple(model.display_bands)))
    if _GRID.value:
        grid = imaging.grid(np.stack(shown), columns=math.ceil(math.sqrt(total)))
        seeds = f"{_SEED.value} to {_SEED.value + _NUM.value - 1}"
        imaging.write_png(output / "grid.png", grid, _said(model, seeds))
    print(
        f"images   {output}: {total:,} of {model.resolution} x {model.resolution}, synthetic, of model {model.name} "
        f"({model.kimg:,.1f} kimg)"
    )
    if _FORMAT.value == "png" and model.channels > len(model.display_bands):
        bands = ", ".join(model.bands[band] for band in model.display_bands)
        print(f"bands    {bands} of {model.channels}; --format=geotiff or --format=npy writes all")


def _images(signatures: dict[str, Callable], model: Description, label: int | None) -> Iterator[Frame]:
    for seed in range(_SEED.value, _SEED.value + _NUM.value):
        inputs = {"seed": np.array([seed], np.int64), "truncation": np.array([_TRUNCATION.value], np.float32)}
        chosen = seed % max(1, len(model.labels)) if label is None else label
        pixels = _call(signatures["from_seed"], inputs, model, chosen)
        yield f"seed_{seed:06d}", str(seed), pixels


def _interpolation(signatures: dict[str, Callable], model: Description, label: int | None) -> Iterator[Frame]:
    from progan_tf.export.seeds import latents_of, slerp

    for number in range((_NUM.value - 1) * _INTERPOLATE.value + 1):
        before, step = divmod(number, _INTERPOLATE.value)
        seed, way = _SEED.value + before, step / _INTERPOLATE.value
        latents = latents_of(seed, model.latent_size).numpy()
        if step:
            latents = slerp(latents, latents_of(seed + 1, model.latent_size).numpy(), way)
        # One image at a time: the last bits of a batch depend on its size.
        pixels = _call(signatures["serving_default"], {"latents": latents[np.newaxis]}, model, label)
        yield f"frame_{number:04d}", f"{seed + way:.4f}", pixels


def _call(signature: Callable, inputs: dict[str, np.ndarray], model: Description, label: int | None) -> np.ndarray:
    """The one image [H, W, C] that a signature makes of inputs with a batch of one."""
    import tensorflow as tf

    labels = {"labels": np.array([label], np.int32)} if model.labels else {}
    return signature(**{name: tf.constant(value) for name, value in {**inputs, **labels}.items()})["images"].numpy()[0]


def _said(model: Description, seed: str) -> dict[str, str]:
    """What a file says of itself."""
    return {"SYNTHETIC": model.synthetic, "Model": model.name, "Seed": seed, "Truncation": str(_TRUNCATION.value)}


def _check_flags(model: Description) -> None:
    truncation = _TRUNCATION.value
    if not 0 < truncation <= 2:
        raise InputError(f"--truncation={truncation} is not over 0 and at most 2; 1 is as trained")
    image_files.check(_FORMAT.value, _PHYSICAL.value, model)
    if not _INTERPOLATE.value:
        return
    if _NUM.value < 2:
        raise InputError(f"--interpolate needs two seeds or more, --num is {_NUM.value}; give --num=2 or more")
    if truncation != 1:
        raise InputError(f"--interpolate works at --truncation=1 only, it is {truncation}; leave it out")
    if model.labels and _LABEL.value is None:
        raise InputError(f"--interpolate needs one --label for all frames; there are {', '.join(model.labels)}")


def _label(model: Description) -> int | None:
    """The index of the class asked for, None for all in turn."""
    label, classes = _LABEL.value, model.labels
    if label is None:
        return None
    if not classes:
        raise InputError(f"--label={label}: model {model.name} has no classes; leave the flag out")
    if label in classes:
        return classes.index(label)
    if label.isdecimal() and int(label) < len(classes):
        return int(label)
    raise InputError(
        f"--label={label} is no class of model {model.name}; give one of {', '.join(classes)} or an index from 0 to "
        f"{len(classes) - 1}"
    )


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
