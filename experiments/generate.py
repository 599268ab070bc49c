"""Generates images with an exported model; it needs the model alone, and a CPU will do.

  python -m experiments.generate --model=model --output=images --num=64 --grid
  python -m experiments.generate --model=model --output=images --format=geotiff --physical
  python -m experiments.generate --model=model --output=data/synthetic --format=tfrecord --num=100000
  python -m experiments.generate --model=model --output=flight --format=mp4 --num=8 --interpolate=48

An image depends on the model, its seed, truncation and label alone, not on how many are made. PNG, GeoTIFF and moving
pictures say in their metadata that they are synthetic, and of which model, version, seed and class; generated.json says
it of a folder.
Interrupted, the same command goes on with what is missing.
"""

import functools
import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from data_prep import command_line, files
from data_prep.progress import Progress, track
from experiments import image_files, image_folder, image_shards, image_stream, image_video, models
from progan_tf import imaging
from progan_tf.errors import InputError
from progan_tf.export import description as descriptions
from progan_tf.export import versions
from progan_tf.export.description import Description

_GRID_IMAGES = 256
_ALL_BANDS = ("geotiff", "npy", "tfrecord")

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
    [*image_files.SUFFIXES, "tfrecord", *image_video.SUFFIXES],
    "png shows grey or RGB with the model's 8 or 16 bits; geotiff, npy and tfrecord, a dataset to train on, hold all "
    "bands; mp4 and webp show an interpolation.",
)
_PHYSICAL = flags.DEFINE_bool(
    "physical", False, "Values in the physical units of the training data, float32, in place of pixels."
)
_GRID = flags.DEFINE_bool(
    "grid", False, f"Also write grid.png, the first {_GRID_IMAGES} images in one, as grey or RGB of 8 bits."
)
_INTERPOLATE = flags.DEFINE_integer(
    "interpolate", None, "Instead of single images: this many frames from each seed to the next.", lower_bound=1
)


def main() -> None:
    folder = versions.find(Path(_MODEL.value))
    model = descriptions.read(folder)
    if model.task == "extension":
        raise InputError(f"model {model.name} continues images and draws none alone; use experiments.extend")
    _check_flags(model)
    seeds = range(_SEED.value, _SEED.value + _NUM.value)
    if _FORMAT.value == "tfrecord":
        total = _write_shards(folder, model, seeds)
    elif _INTERPOLATE.value:
        total = _write_way(folder, model, seeds)
    else:
        total = _write_images(folder, model, seeds)
    print(
        f"images   {_OUTPUT.value}: {total:,} of {model.resolution} x {model.resolution}, synthetic, of model "
        f"{model.name} ({model.kimg:,.1f} kimg)"
    )
    if _FORMAT.value not in _ALL_BANDS and model.channels > len(model.display_bands):
        bands = ", ".join(model.bands[band] for band in model.display_bands)
        print(f"bands    {bands} of {model.channels}; --format=geotiff, npy or tfrecord writes all")
    if _FORMAT.value == "tfrecord":
        print(f"next     python -m data_prep.inspect --data_dir={_OUTPUT.value}")


def _write_images(folder: Path, model: Description, seeds: range) -> int:
    """One file a seed, and the grid."""
    output, label = Path(_OUTPUT.value), _label(model)
    there = image_folder.begin(output, _recipe(folder, model, label))
    missing = _missing(output, seeds) if there else seeds
    images = image_stream.of_seeds(models.load(folder), model, missing, _TRUNCATION.value, label)
    _write_files(output, track(images, "generating", len(missing), "images"), folder, model)
    if len(missing) < len(seeds):
        print(f"kept     {len(seeds) - len(missing):,} that were there")
    return len(seeds)


def _write_way(folder: Path, model: Description, seeds: range) -> int:
    """The frames from seed to seed, as files or as a moving picture."""
    output, label = Path(_OUTPUT.value), _label(model)
    image_folder.begin(output, _recipe(folder, model, label) | {"interpolated": [seeds.start, _INTERPOLATE.value]})
    total = (len(seeds) - 1) * _INTERPOLATE.value + 1
    frames = image_stream.between_seeds(models.load(folder), model, seeds, _INTERPOLATE.value, label)
    frames = track(frames, "generating", total, "frames")
    if _FORMAT.value in image_video.SUFFIXES:
        shown = (imaging.to_display(frame.pixels, tuple(model.display_bands)) for frame in frames)
        path = output / f"interpolation{image_video.SUFFIXES[_FORMAT.value]}"
        image_video.write(path, shown, _said(folder, model, _seeds_in_words(), label))
    else:
        _write_files(output, frames, folder, model)
    return total


def _write_shards(folder: Path, model: Description, seeds: range) -> int:
    """A dataset of the images of all seeds."""
    label, load = _label(model), functools.cache(lambda: models.load(folder))  # where there is something to make

    def images(part: Sequence[int]) -> Iterator[image_stream.Image]:
        return image_stream.of_seeds(load(), model, part, _TRUNCATION.value, label)

    image_shards.write(_OUTPUT.value, model, _recipe(folder, model, label), seeds, images, Progress)
    return len(seeds)


def _recipe(folder: Path, model: Description, label: int | None) -> dict[str, Any]:
    """All that an image depends on besides its seed."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(files.checksum(str(file)).encode())
    return {
        "synthetic": model.synthetic,
        "model": model.name,
        "model_digest": digest.hexdigest(),
        "truncation": _TRUNCATION.value,
        "label": None if label is None else model.labels[label],
        "physical": _PHYSICAL.value,
    }


def _missing(output: Path, seeds: Sequence[int]) -> list[int]:
    """Seeds whose image is not there yet, or is to be seen in the grid."""
    suffix, first = image_files.SUFFIXES[_FORMAT.value], seeds[0] + _GRID_IMAGES if _GRID.value else seeds[0]
    return [seed for seed in seeds if seed < first or not (output / (image_stream.stem(seed) + suffix)).exists()]


def _write_files(output: Path, images: Iterable[image_stream.Image], folder: Path, model: Description) -> None:
    suffix, shown = image_files.SUFFIXES[_FORMAT.value], []
    for image in images:
        said = _said(folder, model, image.seed, image.label)
        image_files.write(output / (image.stem + suffix), image.pixels, model, said, _PHYSICAL.value)
        if _GRID.value and len(shown) < _GRID_IMAGES:
            shown.append(imaging.to_display(image.pixels, tuple(model.display_bands)))
    if _GRID.value:
        grid = imaging.grid(np.stack(shown), columns=math.ceil(math.sqrt(len(shown))))
        imaging.write_png(output / "grid.png", grid, _said(folder, model, _seeds_in_words(), _label(model)))


def _seeds_in_words() -> str:
    return f"{_SEED.value} to {_SEED.value + _NUM.value - 1}"


def _said(folder: Path, model: Description, seed: str, label: int | None) -> dict[str, str]:
    """What a file says of itself."""
    return {
        "SYNTHETIC": model.synthetic,
        "Model": model.name,
        "Version": str(versions.number(folder)),
        "Seed": seed,
        "Truncation": str(_TRUNCATION.value),
        **({} if label is None else {"Class": model.labels[label]}),
    }


def _check_flags(model: Description) -> None:
    truncation = _TRUNCATION.value
    if not 0 < truncation <= 2:
        raise InputError(f"--truncation={truncation} is not over 0 and at most 2; 1 is as trained")
    _check_format(model)
    if not _INTERPOLATE.value:
        return
    if _NUM.value < 2:
        raise InputError(f"--interpolate needs two seeds or more, --num is {_NUM.value}; give --num=2 or more")
    if truncation != 1:
        raise InputError(f"--interpolate works at --truncation=1 only, it is {truncation}; leave it out")
    if model.labels and _LABEL.value is None:
        raise InputError(f"--interpolate needs one --label for all frames; there are {', '.join(model.labels)}")


def _check_format(model: Description) -> None:
    chosen = _FORMAT.value
    image_files.check(chosen, _PHYSICAL.value, model)
    if chosen in image_video.SUFFIXES:
        if not _INTERPOLATE.value:
            raise InputError(f"--format={chosen} shows the way between seeds; give --interpolate=24, frames a stretch")
        image_video.check(chosen)
    elif chosen == "tfrecord" and _INTERPOLATE.value:
        raise InputError("--format=tfrecord holds images of seeds; leave --interpolate out")
    if _GRID.value and chosen not in image_files.SUFFIXES:
        raise InputError(f"--grid goes with images in files, not with --format={chosen}; leave it out")


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
