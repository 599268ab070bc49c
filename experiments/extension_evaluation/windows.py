"""Real windows of one size, cut out of scenes or out of the images of a dataset, never resized."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from data_prep import files
from data_prep.progress import Progress, Silent
from experiments.image_sets import kind
from experiments.sets.dataset import open_dataset
from experiments.sets.folder import open_folder
from experiments.sets.opened import Item, Opened, lay_down
from progan_tf.errors import InputError
from progan_tf.export.description import Description
from progan_tf.metrics.images import Images


def open_windows(
    given: str,
    model: Description,
    *,
    stride: int,
    split: str,
    num: int,
    seed: int,
    folder: Path,
    progress: type[Progress] = Silent,
) -> Images:
    """Up to `num` windows that a model of extension takes, `stride` pixels apart, in random order.

    Args:
        given: scenes (a file, a folder, a pattern) or a dataset directory, whose images may be larger than windows.
        folder: where they are laid down, in a file that is gone with the process.

    Raises:
        InputError: nothing is there, images are smaller than a window, or of other bands or another type; or there are
            less than four windows.
    """
    side, what = model.resolution, kind(given)
    if what not in ("folder", "dataset"):
        raise InputError(f"{given} is a {what}; real windows come from scenes, images or a dataset directory")
    if not files.exists(given) and not files.glob(given):
        raise InputError(f"no images at {given}: nothing is there; give scenes, a folder of images or a dataset")
    if what == "folder":
        opened = open_folder(given, resolution=side, num=num, seed=seed, progress=progress, stride=stride)
    else:
        opened = _cut(open_dataset(given, split=split, resolution=None, num=num, seed=seed), side, stride, num)
    if opened.shape[2] != model.channels or opened.dtype != model.dtype:
        raise InputError(
            f"{given} has {opened.shape[2]} bands of {opened.dtype}, the model {model.channels} of {model.dtype}; give "
            "images like those it was trained on"
        )
    windows = lay_down(opened, folder, progress)
    if len(windows) < 4:
        raise InputError(f"{given} has {len(windows)} windows of {side} pixels; give more or larger images: 4 at least")
    return windows


def _cut(images: Opened, side: int, stride: int, num: int) -> Opened:
    """Windows out of a dataset's images, those of one image far apart in the order."""
    if images.shape[0] < side:
        raise InputError(
            f"{images.name} has images of {images.shape[0]} pixels, windows have {side}; give larger images"
        )
    starts = range(0, images.shape[0] - side + 1, stride)
    places = [(row, column) for row in starts for column in starts]

    def items() -> Iterator[Item]:
        for image in images.items:
            for number, (row, column) in enumerate(places):
                slot = number * images.count + image.slot
                if slot < num:
                    pixels = image.pixels[row : row + side, column : column + side]
                    yield Item(slot, pixels, f"{image.key} at {row}, {column}")

    count = min(num, images.count * len(places))
    return dataclasses.replace(images, shape=(side, side, images.shape[2]), count=count, items=items(), label_names=())
