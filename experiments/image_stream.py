"""Images of an exported model, one after the other, as many as one likes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from progan_tf.export.description import Description

_PIXELS_AT_ONCE = 256 * 256  # smaller images are made several at a time, which makes up for what a call costs


class Image(NamedTuple):
    """One image: what its file is called without the suffix, its seed in words, pixels [H, W, C] and class index."""

    stem: str
    seed: str
    pixels: np.ndarray
    label: int | None


def of_seeds(
    loaded: Any, model: Description, seeds: Sequence[int], truncation: float, label: int | None
) -> Iterator[Image]:
    """The images of seeds, in order; of the class `label`, or of all classes in turn.

    Args:
        loaded: the model, as `models.load` gives it.
    """

    def make(batch: Sequence[int]) -> list[Image]:  # the model makes each alone, the same in any batch
        labels = [_class_of(model, seed, label) for seed in batch]
        inputs = {"seed": np.array(batch, np.int64), "truncation": np.full(len(batch), truncation, np.float32)}
        pixels = _call(loaded.signatures["from_seed"], inputs, model, labels)
        return [Image(stem(seed), str(seed), *made) for seed, *made in zip(batch, pixels, labels, strict=True)]

    return _one_ahead(make, seeds, model)


def between_seeds(loaded: Any, model: Description, seeds: range, frames: int, label: int | None) -> Iterator[Image]:
    """Images on the way from each seed to the next, `frames` a stretch, and the last seed's.

    Args:
        label: an index where the model has classes.
    """
    from progan_tf.export.seeds import latents_of, slerp

    def latents_at(number: int) -> np.ndarray:
        before, step = divmod(number, frames)
        latents = latents_of(seeds[before], model.latent_size).numpy()
        return (
            slerp(latents, latents_of(seeds[before + 1], model.latent_size).numpy(), step / frames) if step else latents
        )

    size = _at_once(model)

    def make(batch: Sequence[int]) -> list[Image]:
        # Filled up to one size: the last bits of these depend on how many are made together.
        latents = [latents_at(number) for number in batch]
        latents += latents[-1:] * (size - len(batch))
        pixels = _call(loaded.signatures["serving_default"], {"latents": np.stack(latents)}, model, [label] * size)
        return [
            Image(f"frame_{number:04d}", f"{seeds[0] + number / frames:.4f}", made, label)
            for number, made in zip(batch, pixels, strict=False)
        ]

    return _one_ahead(make, range((len(seeds) - 1) * frames + 1), model)


def stem(seed: int) -> str:
    """What the file of a seed's image is called, without its suffix."""
    return f"seed_{seed:06d}"


def _class_of(model: Description, seed: int, label: int | None) -> int | None:
    """The class of a seed's image, `label` where one was asked for; None where the model has none."""
    if label is None and model.labels:
        return seed % len(model.labels)
    return label


def _one_ahead(
    make: Callable[[Sequence[int]], list[Image]], numbers: Sequence[int], model: Description
) -> Iterator[Image]:
    """What `make` gives for batch after batch of `numbers`, the next one being made while one is put to use."""
    size = _at_once(model)
    batches = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    with ThreadPoolExecutor(1) as maker:
        waiting = [maker.submit(make, batch) for batch in batches[:1]]
        for following in batches[1:]:
            waiting.append(maker.submit(make, following))
            yield from waiting.pop(0).result()
        for last in waiting:
            yield from last.result()


def _at_once(model: Description) -> int:
    return max(1, _PIXELS_AT_ONCE // model.resolution**2)


def _call(
    signature: Callable, inputs: Mapping[str, np.ndarray], model: Description, labels: Sequence[int | None]
) -> np.ndarray:
    """The images [N, H, W, C] that a signature makes of N inputs."""
    import tensorflow as tf

    if model.labels:
        inputs = {**inputs, "labels": np.array(labels, np.int32)}
    return signature(**{name: tf.constant(values) for name, values in inputs.items()})["images"].numpy()
