"""Generated images as a dataset: TFRecords of all levels, to inspect, to train on and to measure like any other."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

import progan_tf
from data_prep import assembly, files, plan, shards, work_folder
from data_prep.progress import Progress
from experiments.image_stream import Image
from progan_tf.data import manifest
from progan_tf.export.description import Description

_SPLIT = "train"


def write(
    output: str,
    model: Description,
    recipe: dict[str, Any],
    seeds: range,
    images: Callable[[Sequence[int]], Iterator[Image]],
    progress: type[Progress],
) -> manifest.Manifest:
    """The dataset of the images of `seeds`; one that was stopped goes on with its next shard, a finished one stays.

    Args:
        recipe: all that the images depend on besides their seeds.
        images: makes those of some seeds.

    Raises:
        InputError: the folder holds something else, or a finished dataset of which a file is damaged.
    """
    recipe = {**recipe, "seeds": [seeds.start, seeds.stop]}
    fingerprint = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    if work_folder.is_complete(output, fingerprint):
        return assembly.load(output)
    work_folder.make_output(output)
    work_folder.begin(output, fingerprint)
    work_folder.make_splits(output, [_SPLIT])
    layout = shards.Layout(output, model.name, model.resolution, model.channels, model.dtype, "raw")
    image_bytes = model.resolution**2 * model.channels * np.dtype(model.dtype).itemsize
    count = plan.automatic_shards(len(seeds), image_bytes)
    written = []
    with progress("generating", len(seeds), "images") as bar:

        def entries(part: Sequence[int]) -> Iterator[shards.Entry]:
            for image in images(part):
                yield shards.Entry(image.pixels, image.stem, image.label)
                bar.advance()

        for index in range(count):
            begin, end = (at * len(seeds) // count for at in (index, index + 1))
            done = shards.finished(output, _SPLIT, index)
            if done:
                bar.advance(done.images)
            else:
                done = shards.write_entries(entries(seeds[begin:end]), layout, _SPLIT, index, count)
            written.append(done)
    dataset = manifest.Manifest(
        name=model.name,
        resolution=model.resolution,
        channels=model.channels,
        dtype=model.dtype,
        bands=tuple(model.bands),
        display_bands=tuple(model.display_bands),
        splits={_SPLIT: tuple(sorted((f for shard in written for f in shard.files), key=lambda f: (f.level, f.file)))},
        labels=tuple(model.labels),
        source={"kind": "generated", **recipe, "fingerprint": fingerprint},
        scaling=model.scaling,
        tool_version=progan_tf.__version__,
    )
    files.replace(files.join(output, manifest.FILENAME), manifest.to_json(dataset))
    work_folder.remove(output)
    return dataset
