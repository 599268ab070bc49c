"""How many images a second the training step of a level takes on this machine, without a dataset."""

import statistics
import time

import numpy as np
import tensorflow as tf

from progan_tf.config import Config
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep

_SECONDS, _STEPS = 2.0, 5  # steps are taken until one of the two is reached


class StepProbe:
    """Runs steps of a configuration's networks, whose weights it spoils."""

    def __init__(self, config: Config):
        self._config = config
        self._networks = Networks(config)

    def __call__(self, level: int, batch: int) -> float:
        """Images a second of fully grown steps on `batch` random images at once: the median of a few steps."""
        network = self._config.network
        table = np.eye(max(1, network.labels), network.labels, dtype=np.float32)
        step = TrainStep(
            self._networks, self._config, level=level, fading=False, batch_size=batch, replicas=1, label_table=table
        )
        pixels = tf.random.uniform((batch, 2**level, 2**level, network.channels), 0, 256, tf.int32)
        images, labels = tf.cast(pixels, tf.uint8), tf.gather(table, tf.zeros(batch, tf.int32))
        run = tf.function(lambda number: step(images, labels, number, tf.constant(1.0)).d_loss)

        run(tf.constant(0, tf.int64))  # compiles
        times: list[float] = []
        while len(times) < _STEPS and sum(times) < _SECONDS:
            begin = time.perf_counter()
            run(tf.constant(len(times) + 1, tf.int64)).numpy()
            times.append(time.perf_counter() - begin)
        return batch / statistics.median(times)
