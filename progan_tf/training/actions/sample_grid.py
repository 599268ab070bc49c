"""A picture a tick of what the averaged generator makes of the same latents."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf import imaging
from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.training import noise
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.trainer import Tick

_BATCH = 8


class SampleGrid:
    """Writes `kimg_<number>.png`, fixed latents at full size, and once `reals.png`. `latest` is the last grid."""

    def __init__(self, folder: Path, config: Config, dataset: Dataset):
        self._folder, self._config, self._dataset = folder, config, dataset
        self.latest: np.ndarray | None = None
        self._generators: dict[tuple[int, bool], Callable[..., tf.Tensor]] = {}

    def start(self, networks: Networks, progress: Progress) -> None:
        self._folder.mkdir(exist_ok=True)
        reals = self._folder / "reals.png"
        if not reals.exists():
            level = self._config.network.final_level
            images, _ = next(pipeline.read(self._dataset, level, self._count, shuffle_mb=64))
            imaging.write_png(reals, self._grid(images))

    def tick(self, networks: Networks, tick: Tick) -> None:
        level, network = tick.phase.level, self._config.network
        if tick.phase.stage not in self._generators:
            model = networks.averaged.model_at(level, tick.phase.fading, _BATCH)
            self._generators[tick.phase.stage] = tf.function(lambda *inputs: model(list(inputs)))
        generate = self._generators[tick.phase.stage]
        count = -(-self._count // _BATCH) * _BATCH
        latents = noise.normal(self._config.training.seed, "grid", tf.constant(0), (count, network.latent_size))
        # Labelled: one class a column, so that each column shows one.
        labels = tf.one_hot(
            tf.range(count) % self._config.training.grid_columns % max(1, network.labels), network.labels
        )
        alpha = tf.constant(tick.phase.alpha, tf.float32)
        images = [
            generate(latents[start : start + _BATCH], labels[start : start + _BATCH], alpha).numpy()
            for start in range(0, count, _BATCH)
        ]
        pixels = imaging.to_pixels(np.concatenate(images)[: self._count], self._dataset.manifest.dtype)
        self.latest = self._grid(imaging.enlarge(pixels, 2 ** (network.final_level - level)))
        imaging.write_png(self._folder / f"kimg_{tick.images / 1000:09.1f}.png", self.latest)

    @property
    def _count(self) -> int:
        return self._config.training.grid_columns * self._config.training.grid_rows

    def _grid(self, pixels: np.ndarray) -> np.ndarray:
        shown = imaging.to_display(pixels, self._dataset.manifest.display_bands)
        return imaging.grid(shown, self._config.training.grid_columns)
