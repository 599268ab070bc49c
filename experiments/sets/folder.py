"""A folder of images or scenes, a file, or a pattern of names, read by the rules of data_prep.convert.

Files become tiles as there: all that fit side by side, none resampled, and those with pixels that hold no data left
out. Pixels stay as they are. Copies stay too: that a set repeats itself is for the metrics to find.
"""

import dataclasses
import itertools
import logging
from collections.abc import Iterator

import numpy as np

from data_prep import files
from data_prep.job import Job
from data_prep.progress import Progress
from data_prep.sources import inputs, open_source
from data_prep.sources.source import Form, Listing, Source, Survey, UnusableFile
from experiments.sets.opened import Item, Opened
from progan_tf.errors import InputError

_DTYPES = ("uint8", "uint16")


def open_folder(
    given: str, *, resolution: int | None, num: int | None, seed: int, progress: type[Progress], stride: int = 0
) -> Opened:
    """Up to `num` tiles of `resolution` pixels, drawn at random; only files with a tile drawn are decoded.

    Tiles lie `stride` pixels apart, side by side by default. Without a resolution every image must be one tile.

    Raises:
        InputError: there is no usable image, more unusable ones than a conversion bears, values of other types than
            uint8 and uint16, or without a resolution, images that are no squares of one power of two.
    """
    source = open_source(Job(given, output="", resolution=resolution or 8, stride=stride))
    if source.kind not in ("folder", "raster"):
        raise InputError(f"{given} is {source.kind} input; make a dataset of it with data_prep.convert first")
    listing = source.listing()
    if not listing.files:
        raise InputError(f"{given} holds no image; give a folder of images, a dataset, a SavedModel or a run")
    if resolution is None:
        side = _own_side(given, source, listing)
        source = dataclasses.replace(source, resolution=side, step=side)
    usable = _usable(given, source, listing, progress)
    form = source.agree(usable)
    if form.dtype not in _DTYPES:
        raise InputError(f"{given} has {form.dtype} values; data_prep.convert makes pixels of them, give its dataset")
    tiles = sum(survey.tiles for survey in usable)
    count = tiles if num is None else min(num, tiles)
    return Opened(
        name=given,
        shape=(source.resolution, source.resolution, len(form.bands)),
        dtype=form.dtype,
        bands=form.bands,
        display_bands=form.display_bands,
        count=count,
        items=_drawn(source, form, usable, count, np.random.default_rng(seed).permutation(tiles)),
    )


def _usable(given: str, source: Source, listing: Listing, progress: type[Progress]) -> list[Survey]:
    surveys = []
    with progress("survey", len(listing.files), "files") as shown:
        for file, _ in listing.files:
            surveys.append(source.survey(file))
            shown.advance()
    bad = [survey for survey in surveys if survey.rejected]
    if len(bad) > Job.max_bad_fraction * len(surveys):
        raise InputError(
            f"{given}: {len(bad)} of {len(surveys)} files cannot be used (first {bad[0].file}: {bad[0].rejected}); "
            "take them out"
        )
    for survey in bad:
        logging.warning("left out %s: %s", survey.file, survey.rejected)
    return [survey for survey in surveys if not survey.rejected]


def _drawn(source: Source, form: Form, usable: list[Survey], count: int, order: np.ndarray) -> Iterator[Item]:
    """The first `count` tiles in `order` that hold data everywhere; in place of others the next ones are read."""
    found, asked = 0, 0
    while found < count and asked < len(order):
        slots = range(asked, min(len(order), asked + count - found))
        for item in _read(source, form, usable, dict(zip(order[asked : slots.stop].tolist(), slots, strict=True))):
            found += 1
            yield item
        asked = slots.stop


def _read(source: Source, form: Form, usable: list[Survey], slot_of: dict[int, int]) -> Iterator[Item]:
    """The tiles whose numbers, counted over all files, have a slot, and that hold data everywhere."""
    first = 0
    for survey in usable:
        numbers = range(first, first + survey.tiles)
        first = numbers.stop
        if slot_of.keys().isdisjoint(numbers):
            continue
        parts = (source.read(survey.file, part, form) for part in range(survey.parts))
        try:
            for number, tile in zip(numbers, itertools.chain.from_iterable(parts), strict=True):
                if number in slot_of and (tile.valid is None or tile.valid.all()):
                    yield Item(slot_of[number], tile.pixels, tile.key)
        except UnusableFile as error:
            logging.warning("left out %s: %s", survey.file, error)


def _own_side(given: str, source: Source, listing: Listing) -> int:
    """The side that all images have, by their headers."""
    sizes: dict[tuple[int, int], str] = {}
    for file, _ in listing.files:
        try:
            sizes.setdefault(_size(source, files.join(inputs.root(given), file)), file)
        except Exception:  # the survey says what is wrong with it
            continue
    told = [f"{file} is {width} x {height}" for (width, height), file in sizes.items()][:2]
    if not sizes:
        raise InputError(f"{given} holds no image that can be read; give a folder of images")
    if len(sizes) > 1:
        raise InputError(f"{given} has images of several sizes ({', '.join(told)}); give --resolution to cut tiles")
    ((width, height),) = sizes
    if width != height or width & (width - 1) or width < 8:
        raise InputError(
            f"{given}: {told[0]} pixels, no square of a power of two from 8 on; give --resolution to cut tiles"
        )
    return width


def _size(source: Source, path: str) -> tuple[int, int]:
    """Width and height of an image."""
    if source.kind == "raster":
        from data_prep.sources import grids

        with grids.open_raster(path) as dataset:
            return dataset.width, dataset.height
    from PIL import Image

    with files.open_file(path, "rb") as stream, Image.open(stream) as image:
        return image.size
