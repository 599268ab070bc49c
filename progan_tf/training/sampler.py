"""What the averaged generator makes as training goes on, at the size of the grown network."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from progan_tf import imaging
from progan_tf.config import NetworkConfig
from progan_tf.schedule import Phase
from progan_tf.training.state import Networks

_BATCH = 8


class Sampler:
    """Draws images of the averaged generator. Those of a level below the last are enlarged, as the published ones are.

    Keeps a graph a stage, so that one sampler serves a whole run.
    """

    def __init__(self, config: NetworkConfig, dtype: str):
        self._config, self._dtype = config, dtype
        self._graphs: dict[tuple[str, tuple[int, bool]], Callable[..., tf.Tensor]] = {}

    def __call__(self, networks: Networks, phase: Phase, latents: tf.Tensor, labels: tf.Tensor) -> np.ndarray:
        """Pixels [N, H, W, C] of latents [N, Z] and one-hot labels [N, L] (no columns where unlabelled)."""
        images = self.compute("images", networks.averaged.model_at, phase, latents, labels)
        return imaging.enlarge(imaging.to_pixels(images, self._dtype), 2 ** (self._config.final_level - phase.level))

    def compute(
        self, name: str, model_at: Callable[..., keras.Model], phase: Phase, latents: tf.Tensor, labels: tf.Tensor
    ) -> np.ndarray:
        """What a model of the averaged generator, known to the sampler by `name`, makes of rows of latents."""
        if (name, phase.stage) not in self._graphs:
            model = model_at(phase.level, phase.fading, _BATCH)
            self._graphs[name, phase.stage] = tf.function(lambda *inputs: model(list(inputs)))
        graph, count = self._graphs[name, phase.stage], len(latents)
        inputs = self.inputs(phase.level, np.asarray(latents), np.asarray(labels))
        rows = [np.pad(part, [(0, -count % _BATCH)] + [(0, 0)] * (part.ndim - 1)) for part in inputs]
        alpha = tf.constant(phase.alpha, tf.float32)
        made = [
            graph(*(part[start : start + _BATCH] for part in rows), alpha).numpy() for start in range(0, count, _BATCH)
        ]
        return np.concatenate(made)[:count]

    def inputs(self, level: int, latents: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the generator of a level is given but alpha, one row an image."""
        return latents, labels
