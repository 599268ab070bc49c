"""Many steps in one call of a compiled function, on any tf.distribute strategy."""

import tensorflow as tf

from progan_tf.config import Config
from progan_tf.data import pipeline, reading
from progan_tf.data.pipeline import Dataset
from progan_tf.schedule import Phase
from progan_tf.training import cluster
from progan_tf.training.state import Networks
from progan_tf.training.steps import TrainStep


class CompiledLoop:
    """The steps of one graph: level, fading or stable, batch size. Holds its own input, from image `start` on."""

    def __init__(
        self,
        networks: Networks,
        config: Config,
        dataset: Dataset,
        strategy: tf.distribute.Strategy,
        phase: Phase,
        start: int,
        make_step: type[TrainStep] = TrainStep,
    ):
        self.graph = phase.graph
        self._networks, self._strategy = networks, strategy
        replicas, here = strategy.num_replicas_in_sync, cluster.of(strategy)
        workers = len(here.tasks)
        labels = dataset.label_table() if config.training.use_labels else None
        with strategy.scope():
            self._step = make_step(
                networks,
                config,
                level=phase.level,
                fading=phase.fading,
                batch_size=phase.batch_size,
                replicas=replicas,
                label_table=dataset.label_table()[:, : config.network.labels],
                value_range=float(tf.as_dtype(dataset.manifest.dtype).max),
                workers=workers,
            )
        images = pipeline.batches(
            dataset,
            phase.level,
            phase.batch_size // workers,
            seed=config.training.seed,
            start=start // workers,
            shuffle_mb=config.training.shuffle_mb,
            label_table=labels,
            on_error=config.training.on_error,
            worker=here.index,
            workers=workers,
        )
        # Every replica is given the whole batch of its worker and takes its share. A distributed iterator would share
        # out by itself, but letting go of one may take a minute at every new stage: it waits for a thread that tunes.
        self._images = iter(prefetched(images, strategy))
        # Any number of steps runs on one graph, the shorter last call of a stage too.
        steps = (tf.TensorSpec([], tf.int64), tf.TensorSpec([None], tf.float32))
        self._run = tf.function(self._steps, input_signature=steps)

    def __call__(self, phases: list[Phase], first_step: int) -> dict[str, list[float]]:
        """Runs one step a phase; returns the mean over images of every metric, by step."""
        self._networks.set_learning_rate(phases[0].learning_rate)
        alphas = [phase.alpha for phase in phases]
        metrics = self._run(tf.constant(first_step, tf.int64), tf.constant(alphas, tf.float32))
        return {name: values.numpy().tolist() for name, values in metrics.items()}

    def _steps(self, first_step: tf.Tensor, alphas: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.shape(alphas)[0]
        history = {name: tf.TensorArray(tf.float32, size=count) for name in self._step.Metrics._fields}
        for i in tf.range(count):
            pixels, labels = next(self._images)
            step = first_step + tf.cast(i, tf.int64)
            metrics = self._strategy.run(self._mean_metrics, args=(pixels, labels, step, alphas[i]))
            means = {name: self._strategy.reduce("mean", values, axis=None) for name, values in metrics.items()}
            history = {name: array.write(i, means[name]) for name, array in history.items()}
        return {name: array.stack() for name, array in history.items()}

    def _mean_metrics(self, *inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {name: tf.reduce_mean(values) for name, values in self._step(*inputs)._asdict().items()}


def prefetched(images: tf.data.Dataset, strategy: tf.distribute.Strategy) -> tf.data.Dataset:
    """The batches, the next two of them on their way to the device where there is but one."""
    if not isinstance(strategy, tf.distribute.OneDeviceStrategy):
        return images
    device = strategy.extended.worker_devices[0]
    # What lies on the device is a dataset of its own to TensorFlow, which knows nothing of the options of the other.
    return reading.untuned(images.apply(tf.data.experimental.prefetch_to_device(device, 2)))
