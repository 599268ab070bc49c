"""Warns where discriminator or generator have collapsed."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.training import collapse, noise, run_directory
from progan_tf.training.sampler import Sampler
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.trainer import Action

_SAMPLE = 128  # images of each kind
_AT_ONCE = 16  # at full size


class Watchdog(Action):
    """Compares a sample of every tick, at 32 pixels or the level's own, with real images; `latest` is what it found.

    Must come before MetricsLog, which writes that down.
    """

    def __init__(self, config: Config, dataset: Dataset, sampler: Sampler, run_dir: Path):
        self._config, self._dataset, self._sampler, self._run_dir = config, dataset, sampler, run_dir
        self._count = max(4, min(_SAMPLE, dataset.images // 2))
        self._reals: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.latest: dict[str, Any] = {}

    def tick(self, networks: Networks, tick: Tick) -> None:
        figures = collapse.variety(*self._real(tick), self._generated(networks, tick))
        line = {"resolution": 2**tick.phase.level, "alpha": tick.phase.alpha, **tick.metrics, "watch": figures}
        before = [line for line in run_directory.read_metrics(self._run_dir) if "watch" in line]
        loss = self._config.loss
        held_to = loss.gradient_target if loss.name == "wgan_gp" else None
        alarms = collapse.alarms([*before, line], held_to)
        for alarm in alarms:
            logging.warning("watchdog at %.1f kimg: %s", tick.images / 1000, alarm)
        self.latest = figures | {"alarms": alarms}

    def _real(self, tick: Tick) -> tuple[np.ndarray, np.ndarray]:
        """Two sets of real images, read once a level."""
        level = _size(tick).bit_length() - 1
        if level not in self._reals:
            on_error = self._config.training.on_error
            images, _ = next(pipeline.read(self._dataset, level, 2 * self._count, shuffle_mb=64, on_error=on_error))
            self._reals[level] = images[: self._count], images[self._count :]
        return self._reals[level]

    def _generated(self, networks: Networks, tick: Tick) -> np.ndarray:
        network, seed = self._config.network, self._config.training.seed
        latents = noise.normal(seed, "watchdog", tf.constant(0), (self._count, network.latent_size))
        labels = tf.one_hot(tf.range(self._count) % max(1, network.labels), network.labels)
        parts = [slice(start, start + _AT_ONCE) for start in range(0, self._count, _AT_ONCE)]
        made = (self._sampler(networks, tick.phase, latents[part], labels[part]) for part in parts)
        return np.concatenate([collapse.shrink(images, _size(tick)) for images in made])


def _size(tick: Tick) -> int:
    """Pixels a side at which the images of a tick are compared."""
    return min(2**tick.phase.level, collapse.MOST_PIXELS)
