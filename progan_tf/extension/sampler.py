"""What the averaged generator makes of windows of the dataset as training goes on."""

import zlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from progan_tf import imaging
from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.extension import masks
from progan_tf.extension.context_generator import noise_size
from progan_tf.schedule import Phase
from progan_tf.training.state import Networks

_BATCH = 8
_CONTEXTS = 256  # windows that are continued, at most


class ExtensionSampler:
    """Continues windows of the dataset under fixed masks; stands where the sampler of images does.

    Which window and which mask a row of latents is given follows from its numbers alone.
    """

    def __init__(self, config: Config, dataset: Dataset):
        self._config, self._dataset = config, dataset
        self._windows: np.ndarray | None = None
        self._graphs: dict[tuple[int, bool], Callable[..., tf.Tensor]] = {}

    def __call__(self, networks: Networks, phase: Phase, latents: tf.Tensor, labels: tf.Tensor) -> np.ndarray:
        """Pixels [N, H, W, C] of latents [N, Z], at the size of the grown network; labels have no columns."""
        if phase.stage not in self._graphs:
            model = networks.averaged.model_at(phase.level, phase.fading, _BATCH)
            self._graphs[phase.stage] = tf.function(lambda *inputs: model(list(inputs)))
        generate, count = self._graphs[phase.stage], len(latents)
        keys = [zlib.crc32(row.tobytes()) for row in np.asarray(latents)]
        windows, known = self._contexts(keys, phase.level)
        noise = np.stack([_normal(key, noise_size(phase.level)) for key in keys])
        rows = [
            np.pad(part, [(0, -count % _BATCH)] + [(0, 0)] * (part.ndim - 1))
            for part in (windows, known, latents, noise)
        ]
        alpha = tf.constant(phase.alpha, tf.float32)
        images = [
            generate(*(part[start : start + _BATCH] for part in rows), alpha).numpy()
            for start in range(0, count, _BATCH)
        ]
        pixels = imaging.to_pixels(np.concatenate(images)[:count], self._dataset.manifest.dtype)
        return imaging.enlarge(pixels, 2 ** (self._config.network.final_level - phase.level))

    def contexts(self, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [N, W, W, C] of the windows that rows of latents are given, and what is known of them [N, W, W, 1]."""
        keys = [zlib.crc32(row.tobytes()) for row in np.asarray(latents)]
        windows, known = self._contexts(keys, self._config.network.final_level)
        return imaging.to_pixels(windows, self._dataset.manifest.dtype), known

    def _contexts(self, keys: list[int], level: int) -> tuple[np.ndarray, np.ndarray]:
        if self._windows is None:
            self._windows = self._read()
        windows = self._windows[[key % len(self._windows) for key in keys]]
        side = 2 ** (self._config.network.final_level - level)
        count, size, _, channels = windows.shape
        windows = windows.reshape(count, size // side, side, size // side, side, channels).mean(axis=(2, 4))
        uniform = np.stack([np.random.default_rng(key).random(masks.DRAWS, np.float32) for key in keys])
        return windows, masks.draw(tf.constant(uniform), size // side).numpy()

    def _read(self) -> np.ndarray:
        """Windows at full size, float32 in [-1, 1]."""
        level, on_error = self._config.network.final_level, self._config.training.on_error
        count = min(_CONTEXTS, self._dataset.images)
        images, _ = next(pipeline.read(self._dataset, level, count, shuffle_mb=64, on_error=on_error))
        return images.astype(np.float32) * np.float32(2 / np.iinfo(images.dtype).max) - 1


def _normal(key: int, count: int) -> np.ndarray:
    return np.random.default_rng([key, 1]).standard_normal(count, np.float32)
