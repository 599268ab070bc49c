"""Metrics of the averaged generator, every so many thousand images."""

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf import schedule
from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.data.scaling import Scaling
from progan_tf.metrics import evaluation
from progan_tf.metrics.evaluation import Figure
from progan_tf.metrics.images import Images
from progan_tf.metrics.metric import Metric
from progan_tf.training import noise
from progan_tf.training.progress import Progress
from progan_tf.training.sampler import Sampler
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.time_left import duration
from progan_tf.training.trainer import Action

_BATCH = 32
_SEED = 0  # of the real images that are read, and of latents


class Evaluation(Action):
    """Runs metrics at the first tick after every `evaluation.every_kimg`, and at the last tick of the run.

    Every time the same latents meet the same images of the split in training, at full size and whatever the run's seed:
    so figures go together from the first tick of a run to the last, and those of several runs. Generated images have
    the classes of the real ones. Both sets lie in nameless files of `folder`, not in memory, and are gone with the
    process. `latest` are the figures of the last tick, none where it was not due.

    Raises:
        InputError: the split is too small for one of the metrics.
    """

    def __init__(self, metrics: Sequence[Metric], config: Config, dataset: Dataset, sampler: Sampler, folder: Path):
        self._metrics, self._config, self._dataset, self._sampler = metrics, config, dataset, sampler
        self._folder = folder
        self._n = evaluation.sample_size(dataset.images, config.evaluation.num)
        evaluation.check(metrics, self._n)
        self._real: Images | None = None
        self.latest: list[Figure] = []

    def start(self, networks: Networks, progress: Progress) -> None:
        self._last = progress.tick_images

    def tick(self, networks: Networks, tick: Tick) -> None:
        every = 1000 * self._config.evaluation.every_kimg
        due = tick.images // every > self._last // every or not schedule.upcoming(self._config, tick.images)
        self._last, self.latest = tick.images, []
        if due:
            started = time.monotonic()
            self._prepare()
            generated = self._generate(networks, tick)
            self.latest = evaluation.evaluate(self._metrics, self._real, generated, self._n, known_floors=self._floors)
            headlines = [figure for figure in self.latest if figure.name == figure.metric]
            told = ", ".join(f"{figure.name} {figure.value:.4g} (floor {figure.floor:.4g})" for figure in headlines)
            logging.info("evaluated on %d images in %s: %s", self._n, duration(time.monotonic() - started), told)

    def _prepare(self) -> None:
        """Reads twice n images of the split and computes their floors, once."""
        if self._real is not None:
            return
        count, level = 2 * self._n, self._config.network.final_level
        pixels, labels = self._space(count), np.zeros(count, np.int64)
        read = pipeline.read(
            self._dataset,
            level,
            _BATCH,
            seed=_SEED,
            shuffle_mb=self._config.training.shuffle_mb,
            label_table=self._dataset.label_table() if self._config.network.labels else None,
        )
        for start in range(0, count, _BATCH):
            images, rows = next(read)
            stop = min(count, start + _BATCH)
            pixels[start:stop] = images[: stop - start]
            if self._config.network.labels:
                labels[start:stop] = rows[: stop - start].argmax(axis=1)
        self._real = self._images("reals", pixels, labels)
        self._floors = evaluation.floors(self._metrics, self._real, self._n)

    def _generate(self, networks: Networks, tick: Tick) -> Images:
        network = self._config.network
        pixels = self._space(self._n)
        labels = self._real.labels[: self._n] if network.labels else np.zeros(self._n, np.int64)
        for start in range(0, self._n, _BATCH):
            latents = noise.normal(_SEED, "evaluation", tf.constant(start), (_BATCH, network.latent_size))
            rows = tf.one_hot(labels[start : start + _BATCH], network.labels)
            made = self._sampler(networks, tick.phase, latents[: len(rows)], rows)
            pixels[start : start + len(made)] = made
        return self._images(f"generated at {tick.images / 1000:.1f} kimg", pixels, labels)

    def _space(self, count: int) -> np.memmap:
        """Room for `count` images on disk, in a file without a name."""
        network = self._config.network
        shape = (count, network.resolution, network.resolution, network.channels)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            return np.memmap(file, self._dataset.manifest.dtype, "w+", shape=shape)

    def _images(self, name: str, pixels: np.ndarray, labels: np.ndarray) -> Images:
        manifest = self._dataset.manifest
        labelled = self._config.network.labels > 0
        return Images(
            name=name,
            pixels=pixels,
            keys=tuple(map(str, range(len(pixels)))),
            bands=manifest.bands,
            display_bands=manifest.display_bands,
            labels=labels if labelled else None,
            label_names=manifest.labels if labelled else (),
            scaling=Scaling.from_dict(manifest.scaling) if manifest.scaling else None,
        )
