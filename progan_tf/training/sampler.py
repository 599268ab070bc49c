"""What the averaged generator makes as training goes on, at the size of the grown network."""

from collections.abc import Callable

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
        self._graphs: dict[tuple[int, bool], Callable[..., tf.Tensor]] = {}

    def __call__(self, networks: Networks, phase: Phase, latents: tf.Tensor, labels: tf.Tensor) -> np.ndarray:
        """Pixels [N, H, W, C] of latents [N, Z] and one-hot labels [N, L] (no columns where unlabelled)."""
        if phase.stage not in self._graphs:
            model = networks.averaged.model_at(phase.level, phase.fading, _BATCH)
            self._graphs[phase.stage] = tf.function(lambda *inputs: model(list(inputs)))
        generate, count = self._graphs[phase.stage], len(latents)
        inputs = self.inputs(phase.level, np.asarray(latents), np.asarray(labels))
        rows = [np.pad(part, [(0, -count % _BATCH)] + [(0, 0)] * (part.ndim - 1)) for part in inputs]
        alpha = tf.constant(phase.alpha, tf.float32)
        images = [
            generate(*(part[start : start + _BATCH] for part in rows), alpha).numpy()
            for start in range(0, count, _BATCH)
        ]
        pixels = imaging.to_pixels(np.concatenate(images)[:count], self._dtype)
        return imaging.enlarge(pixels, 2 ** (self._config.final_level - phase.level))

    def inputs(self, level: int, latents: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, ...]:
        """What the generator of a level is given but alpha, one row an image."""
        return latents, labels
