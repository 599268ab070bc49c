"""What the averaged generator makes of windows of the dataset as training goes on."""

import zlib

import numpy as np
import tensorflow as tf

from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.extension import masks
from progan_tf.extension.context_generator import noise_size
from progan_tf.schedule import Phase
from progan_tf.training.sampler import Sampler
from progan_tf.training.state import Networks

_CONTEXTS = 256  # windows that are continued, at most


class ExtensionSampler(Sampler):
    """Continues windows of the dataset under fixed masks.

    Which window, mask and noise a row of latents is given follows from its numbers alone.
    """

    def __init__(self, config: Config, dataset: Dataset):
        super().__init__(config.network, dataset.manifest.dtype)
        self._on_error, self._dataset = config.training.on_error, dataset
        self._windows: np.ndarray | None = None

    def inputs(self, level: int, latents: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        keys = _keys(latents)
        windows = self._of(keys).astype(np.float32) * np.float32(2 / np.iinfo(self._dtype).max) - 1
        size, side = 2**level, 2 ** (self._config.final_level - level)
        windows = windows.reshape(len(keys), size, side, size, side, -1).mean(axis=(2, 4))
        noise = [np.random.default_rng([key, 1]).standard_normal(noise_size(level), np.float32) for key in keys]
        return windows, _known(keys, size), latents, np.stack(noise)

    def contexts(self, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels [N, W, W, C] of the windows that rows of latents are given, and what is known of them [N, W, W, 1]."""
        keys = _keys(latents)
        return self._of(keys), _known(keys, self._config.resolution)

    def offsets(self, networks: Networks, phase: Phase, latents: tf.Tensor) -> np.ndarray | None:
        """Where attention copied from in what is made of latents, int [N, h, w, 2]; None where there is none yet."""
        if not networks.averaged.attends(phase.level):
            return None
        return self.compute("offsets", networks.averaged.offsets_at, phase, latents, tf.zeros([len(latents), 0]))

    def _of(self, keys: list[int]) -> np.ndarray:
        if self._windows is None:
            count = min(_CONTEXTS, self._dataset.images)
            options = {"shuffle_mb": 64, "on_error": self._on_error}
            self._windows, _ = next(pipeline.read(self._dataset, self._config.final_level, count, **options))
        return self._windows[[key % len(self._windows) for key in keys]]


def _keys(latents: np.ndarray) -> list[int]:
    return [zlib.crc32(row.tobytes()) for row in np.asarray(latents)]


def _known(keys: list[int], size: int) -> np.ndarray:
    uniform = [np.random.default_rng(key).random(masks.DRAWS, np.float32) for key in keys]
    return masks.draw(tf.constant(np.stack(uniform)), size).numpy()
