"""Images that a generator makes of the seeds `seed` to `seed + num - 1`: of an exported model, or of a run.

Labelled generators take the classes in turn, as experiments.generate does. There is no order to be shuffled: seeds are
independent.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from data_prep import quietly
from experiments import models
from experiments.sets.opened import Item, Opened
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError
from progan_tf.export import description as descriptions
from progan_tf.export import versions

_BATCH = 16

Generate = Callable[[np.ndarray, np.ndarray], np.ndarray]  # seeds and classes int64 [N] to pixels [N, H, W, C]


def open_model(given: str, *, num: int, seed: int) -> Opened:
    """Images of the newest version of a model folder, or of one of its versions, through `from_seed`.

    Raises:
        InputError: there is no SavedModel of this project, or it is damaged.
    """
    folder = versions.find(Path(given))
    model = descriptions.read(folder)
    loaded = models.load(folder)
    import tensorflow as tf

    def generate(seeds: np.ndarray, classes: np.ndarray) -> np.ndarray:
        inputs = {"seed": tf.constant(seeds), "truncation": tf.ones([len(seeds)])}
        if model.labels:
            inputs["labels"] = tf.constant(classes, tf.int32)
        return loaded.signatures["from_seed"](**inputs)["images"].numpy()

    return Opened(
        name=given,
        shape=(model.resolution, model.resolution, model.channels),
        dtype=model.dtype,
        bands=tuple(model.bands),
        display_bands=tuple(model.display_bands),
        count=num,
        items=_items(generate, num, seed, len(model.labels)),
        label_names=tuple(model.labels),
        scaling=Scaling.from_dict(model.scaling) if model.scaling else None,
        verb="generate",
    )


def open_run(given: str, *, num: int, seed: int) -> Opened:
    """Images of the averaged generator of a run's newest whole checkpoint, at the level where it stands.

    They are those of its export but for rounding: a batch is computed at once.

    Raises:
        InputError: there is no run, no checkpoint, or no whole one; or it does not make images from nothing.
    """
    run_dir = Path(given)
    quietly.import_tensorflow()
    import tensorflow as tf

    from progan_tf import imaging
    from progan_tf.export.seeds import latents_of
    from progan_tf.networks.generator import Generator
    from progan_tf.training import checkpoints, run_directory
    from progan_tf.training.progress import where_it_stands

    config, data = run_directory.read_config(run_dir), run_directory.read_data(run_dir)
    if config.training.task != "images":
        raise InputError(f"run {run_dir} learns to continue windows, not to make images; use evaluate_extension")
    network, averaged = config.network, Generator(config.network)
    progress = checkpoints.restore_averaged(run_dir / "checkpoints", averaged)
    if progress is None:
        raise InputError(f"run {run_dir} has no checkpoint yet; train it until the first one is written")
    level, alpha = where_it_stands(config, progress)
    model = tf.function(averaged.model_at(level, alpha < 1, _BATCH))

    def generate(seeds: np.ndarray, classes: np.ndarray) -> np.ndarray:
        missing = _BATCH - len(seeds)  # one graph for all batches
        latents = tf.stack([latents_of(one, network.latent_size) for one in np.pad(seeds, (0, missing))])
        labels = tf.one_hot(np.pad(classes, (0, missing)), network.labels)
        images = model([latents, labels, tf.constant(alpha, tf.float32)])[: len(seeds)]
        return imaging.to_pixels(images.numpy(), data["dtype"])

    return Opened(
        name=given,
        shape=(2**level, 2**level, network.channels),
        dtype=data["dtype"],
        bands=tuple(data["bands"]),
        display_bands=tuple(data["display_bands"]),
        count=num,
        items=_items(generate, num, seed, network.labels),
        label_names=tuple(data["labels"]) if network.labels else (),
        scaling=Scaling.from_dict(data["scaling"]) if data["scaling"] else None,
        verb="generate",
    )


def _items(generate: Generate, num: int, seed: int, classes: int) -> Iterator[Item]:
    for start in range(0, num, _BATCH):
        seeds = np.arange(seed + start, seed + min(num, start + _BATCH), dtype=np.int64)
        labels = seeds % max(1, classes)
        for one, pixels, label in zip(seeds.tolist(), generate(seeds, labels), labels.tolist(), strict=True):
            yield Item(one - seed, pixels, f"seed {one}", label)
