"""From a run folder to a model that needs nothing of this project, compared with the training network."""

import dataclasses
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import progan_tf
from progan_tf import imaging
from progan_tf.config import Config
from progan_tf.errors import Failed, InputError
from progan_tf.export import description as descriptions
from progan_tf.export import extension, formats, standard_layers, versions
from progan_tf.export.description import Description
from progan_tf.export.extension import ExtensionModel
from progan_tf.export.folding import fold
from progan_tf.export.inference import InferenceGenerator
from progan_tf.export.seeds import latents_of
from progan_tf.export.signatures import signatures
from progan_tf.extension import masks
from progan_tf.extension.context_generator import ContextGenerator
from progan_tf.networks.generator import Generator
from progan_tf.networks.growing import GrowingNetwork
from progan_tf.training import best as best_checkpoint
from progan_tf.training import checkpoints, run_directory, source
from progan_tf.training.progress import Progress, where_it_stands

_COMPARED = 8
# Grey levels that are allowed: the largest difference, the mean, and what 99.9 % are within. On a trained model
# bfloat16 is to have a mean below 1 and 99.9 % within 8; one that has seen little may be further off.
_ALLOWED = {"float32": (1, 1, 1), "bfloat16": (255, 2, 16)}
_LICENCE = "Apache-2.0 for the graph; weights follow the licence of the training data"


@dataclasses.dataclass(frozen=True)
class Difference:
    """How far pixels are from those of `reference`, in grey levels of 255, whatever the dtype; 99.9 % within `most`."""

    reference: str
    largest: float
    mean: float
    most: float


@dataclasses.dataclass(frozen=True)
class Exported:
    """An exported version: its folder, what it is, and how far it is from what it was checked against."""

    path: Path
    description: Description
    difference: Difference


def export(
    run_dir: Path,
    output: Path,
    precision: str = "float32",
    best: bool = False,
    form: str = "saved_model",
    told: Callable[[str], None] = lambda stage: None,
) -> Exported:
    """Exports the averaged generator of a run's newest whole checkpoint into the next version of a model folder.

    What was written is loaded back and compared before it is kept: a SavedModel with the training network, a file of
    another format with the SavedModel. Beside it lie the description and, in a SavedModel, the weights that another run
    can start from.

    Args:
        output: the model folder, made where it is not there.
        precision: float32, or bfloat16 for hidden layers and their weights.
        best: take the checkpoint that training kept as its best instead.
        form: a name of `formats.FORMATS`.
        told: is told what comes next, since each stage takes seconds and more.

    Raises:
        InputError: there is no run, no checkpoint or no whole one, or `output` is a file
            or has versions of another format, or the format cannot hold the model or needs what is not installed.
        Failed: the model's images differ from those they are compared with; nothing is left behind.
    """
    config = run_directory.read_config(run_dir)
    formats.require(form, precision, config.training.task)
    averaged = _generator(config, "float32")
    folder = run_dir / (best_checkpoint.FOLDER if best else "checkpoints")
    progress = checkpoints.restore_averaged(folder, averaged)
    if progress is None and best:
        raise InputError(
            f"run {run_dir} has kept no best checkpoint; training does so with --eval_every_kimg and "
            f"--set=evaluation.best=FIGURE, or export the newest one"
        )
    if progress is None:
        raise InputError(f"run {run_dir} has no checkpoint yet; train it until the first one is written")
    if output.exists() and not output.is_dir():
        raise InputError(f"output {output} is a file; give a model folder, new or not")
    formats.require_same(output, form)
    level, alpha = where_it_stands(config, progress)
    description = _describe(
        config, run_directory.read_data(run_dir), progress, level, alpha, output.resolve().name, precision
    )
    with versions.next_version(output) as paths:
        told(f"writing the graph of {description.resolution} x {description.resolution}")
        if form != "saved_model":
            formats.write(form, standard_layers.model(fold(averaged, level, alpha), description), paths[0])
        elif description.task == "extension":
            network = ExtensionModel(_copy(config, averaged, precision), level, alpha)
            tf.saved_model.save(network, str(paths[0]), extension.signatures(network, description))
        else:
            network = InferenceGenerator(fold(averaged, level, alpha), precision)
            tf.saved_model.save(network, str(paths[0]), signatures(network, description))
        descriptions.write(paths[0], description)
        if form == "saved_model":
            source.write_sidecar(paths[0], source.of_run(config, checkpoints.path_of(folder, progress)))
        told(f"comparing its images with those of the {'training network' if form == 'saved_model' else 'SavedModel'}")
        difference = compare(paths[0], averaged, description, form)
        _require_close(difference, precision)
    return Exported(paths[0], description, difference)


def _generator(config: Config, precision: str) -> GrowingNetwork:
    if config.training.task == "extension":
        return ContextGenerator(config.network, precision=precision, extension=config.extension)
    return Generator(config.network, precision=precision)


def _copy(config: Config, averaged: GrowingNetwork, precision: str) -> GrowingNetwork:
    """The same network with hidden layers of another precision."""
    copy = _generator(config, {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision])
    for name, variable in copy.variables.items():
        variable.assign(averaged.variables[name])
    return copy


def compare(path: Path, averaged: GrowingNetwork, description: Description, form: str = "saved_model") -> Difference:
    """Difference of a written model's pixels, over 8 seeds, from what stands for its format in float32.

    That is the training network for a SavedModel, and for other formats the SavedModel of the same network, which is
    compared with the training network first.

    Raises:
        Failed: the training network's images are not finite, or that SavedModel's are not the same.
    """
    dtype = description.dtype
    if description.task == "extension":
        return _difference("the training network", _extended(path, averaged, description), dtype)
    network, written = _training_network(averaged, description), formats.load(form, path)
    if form == "saved_model":
        return _difference("the training network", _pairs(network, written, description), dtype)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        generator = InferenceGenerator(fold(averaged, description.level, description.alpha))
        tf.saved_model.save(generator, folder, signatures(generator, description))
        saved = formats.load("saved_model", Path(folder))
    _require_close(_difference("the training network", _pairs(network, saved, description), dtype), "float32")
    return _difference("the SavedModel", _pairs(saved, written, description), dtype)


def _difference(reference: str, pairs: Iterable[tuple[np.ndarray, np.ndarray]], dtype: str) -> Difference:
    """Of pairs of pixels, wanted and got."""
    wanted, got = (np.concatenate(pixels) for pixels in zip(*pairs, strict=True))
    apart = np.abs(got.astype(np.float64) - wanted) * (255 / np.iinfo(dtype).max)
    return Difference(reference, float(apart.max()), float(apart.mean()), float(np.quantile(apart, 0.999)))


def _pairs(
    wanted: formats.Predict, got: formats.Predict, description: Description
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pixels that two models make of the same, one by one: at 1024 x 1024 all would take gigabytes."""
    for seed in range(_COMPARED):
        inputs = {"latents": latents_of(seed, description.latent_size).numpy()[np.newaxis]}
        if description.labels:
            inputs["labels"] = np.array([seed % len(description.labels)], np.int32)
        yield wanted(inputs), got(inputs)


def _training_network(averaged: Generator, description: Description) -> formats.Predict:
    model = averaged.model_at(description.level, description.alpha < 1)
    alpha = tf.constant(description.alpha, tf.float32)

    def predict(inputs: dict[str, np.ndarray]) -> np.ndarray:
        one_hot = tf.one_hot(inputs.get("labels", [0]), len(description.labels))
        return _pixels(model([tf.constant(inputs["latents"]), one_hot, alpha]).numpy(), description.dtype)

    return predict


def _pixels(images: np.ndarray, dtype: str) -> np.ndarray:
    """Raises Failed where they are not finite."""
    if not np.isfinite(images).all():
        raise Failed("the weights of the newest checkpoint give images that are not finite; nothing was exported")
    return imaging.to_pixels(images, dtype)


def _extended(
    path: Path, averaged: ContextGenerator, description: Description
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pixels of an extension's training network and of its model, on windows of noise known in part, as random masks
    have it.
    """
    size, dtype = description.resolution, description.dtype
    model = averaged.model_at(description.level, description.alpha < 1)
    loaded = tf.saved_model.load(str(path))
    rng = np.random.default_rng(0)
    for seed in range(_COMPARED):
        pixels = rng.integers(0, np.iinfo(dtype).max + 1, (1, size, size, description.channels), dtype)
        known = masks.draw(tf.constant(rng.random((1, masks.DRAWS), np.float32)), size).numpy()
        values = pixels.astype(np.float32) * np.float32(2 / np.iinfo(dtype).max) - 1
        seeds = tf.constant([seed], tf.int64)
        made = extension.made_of(seeds, description.latent_size, description.level)
        alpha = tf.constant(description.alpha, tf.float32)
        images = model([tf.constant(values * known), tf.constant(known), *made, alpha]).numpy()
        given = {"image": tf.constant(pixels), "known": tf.cast(known[..., 0], tf.uint8), "seed": seeds}
        wanted = _pixels(np.where(known > 0, values, images), dtype)
        yield wanted, loaded.signatures["extend"](**given)["images"].numpy()


def _require_close(difference: Difference, precision: str) -> None:
    largest, mean, most = _ALLOWED[precision]
    if difference.largest > largest or difference.mean > mean or difference.most > most:
        remedy = "" if precision == "float32" else "; give --precision=float32"
        raise Failed(
            f"the exported model differs from {difference.reference} by {difference.largest:.1f} grey levels of 255 at "
            f"most, {difference.mean:.2f} in the mean and 99.9 % within {difference.most:.1f}, where {largest}, {mean} "
            f"and {most} are allowed in {precision}; nothing was exported{remedy}"
        )


def _describe(
    config: Config, data: dict[str, Any], progress: Progress, level: int, alpha: float, name: str, precision: str
) -> Description:
    network, size = config.network, 2**level
    growth = f"stable at {size} x {size}"
    if alpha < 1:
        growth = f"mid-fade: {size} x {size} at weight {alpha:.3f} over {size // 2} x {size // 2} enlarged"
    if size < network.resolution:
        growth += f", on the way to {network.resolution} x {network.resolution}"
    return Description(
        name=name,
        resolution=size,
        final_resolution=network.resolution,
        level=level,
        alpha=alpha,
        growth=growth,
        channels=network.channels,
        bands=data["bands"],
        display_bands=data["display_bands"],
        dtype=data["dtype"],
        labels=data["labels"] if network.labels else [],
        latent_size=network.latent_size,
        scaling=data["scaling"],
        training_data={"name": data["name"], "images": data["images"]},
        kimg=progress.images / 1000,
        precision=precision,
        version=progan_tf.__version__,
        licence=_LICENCE,
        physical_values=descriptions.physical_values(data["scaling"], data["dtype"]),
        task=config.training.task,
        tile=_tile(config, size) if config.training.task == "extension" else 0,
    )


def _tile(config: Config, size: int) -> int:
    """The step of a roll-out whose window is of `size`: the same share of it as of the grown one, a pixel at least."""
    grown = config.network.resolution
    return max(1, (config.extension.tile or grown // 2) * size // grown)
