"""The training loop: phases of the schedule, ticks, checkpoints, and an orderly end."""

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from progan_tf import schedule
from progan_tf.config import Config, at_resolution
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.errors import Failed, InputError, Stopped
from progan_tf.schedule import Phase
from progan_tf.training import checkpoints, run_directory
from progan_tf.training import strategy as strategies
from progan_tf.training.loop import CompiledLoop
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.time_left import seconds_left

MAX_SKIPPED_IN_A_ROW = 20


@dataclasses.dataclass(frozen=True)
class Tick:
    """What happened since the last tick. `metrics` are means over its steps; times are in seconds."""

    number: int
    images: int
    phase: Phase
    metrics: dict[str, float]
    skipped: int
    seconds: float
    tick_seconds: float
    images_per_second: float
    seconds_left: float


class Action:
    """Something to do beside training: logs, samples, pictures. By itself it does nothing."""

    def start(self, networks: Networks, progress: Progress) -> None:
        """Called once, before the first step of this start; `progress.images` is 0 where the run is new."""

    def tick(self, networks: Networks, tick: Tick) -> None:
        """Called at every tick, before the checkpoint that seals it."""

    def saved(self, checkpoint: Path) -> None:
        """Called after a checkpoint was written."""


def train(
    config: Config,
    dataset: Dataset,
    run_dir: Path,
    strategy: tf.distribute.Strategy,
    actions: Sequence[Action],
    should_stop: Callable[[Progress], bool] = lambda progress: False,
) -> Progress:
    """Trains to the end of the schedule, going on from the newest whole checkpoint of `run_dir`.

    Args:
        config: with resolution and channels resolved (`resolve`).
        should_stop: asked after every call of the compiled loop, given how far the run is.

    Raises:
        InputError: the schedule cannot work on this strategy, or the run folder is of another configuration.
        Stopped: `should_stop` said so; a checkpoint was written.
        Failed: nothing could be learnt for 20 steps in a row.
    """
    config = strategies.resolve(config, strategy)
    schedule.check(config, strategy.num_replicas_in_sync)
    run_directory.open_run(run_dir, config, dataset.identity())
    folder = run_dir / "checkpoints"
    with strategy.scope():
        networks = Networks(config)
    progress = checkpoints.restore(folder, networks) or Progress()
    for action in actions:
        action.start(networks, progress)

    loop = None
    clock = saved_at = time.monotonic()
    while phases := schedule.upcoming(config, progress.images):
        phase = phases[0]
        if phase.stage != progress.stage:
            if config.optimizer.reset_optimizer:
                networks.reset_optimizers()
            progress.stage = phase.stage
        if loop is None or loop.graph != phase.graph:
            logging.info(
                "%d x %d %s, %d images a step: compiling",
                2**phase.level, 2**phase.level, "fading in" if phase.fading else "stable", phase.batch_size,
            )  # fmt: skip
            loop = CompiledLoop(networks, config, dataset, strategy, phase, progress.images)
        try:
            history = loop(phases, progress.steps)
        except tf.errors.OpError as error:
            raise pipeline.explain(dataset, phase.level, error) from error
        _account(progress, phases, history)
        now = time.monotonic()
        progress.seconds, clock = progress.seconds + now - clock, now

        if progress.skipped_in_a_row >= MAX_SKIPPED_IN_A_ROW:
            raise Failed(_diverged(folder, progress))
        tick_due = _tick_due(config, progress, phase)
        if tick_due:
            tick = _close_tick(config, progress, phases[-1])
            for action in actions:
                action.tick(networks, tick)
            clock = time.monotonic()  # what actions take is no training
        stopping = should_stop(progress)
        if tick_due or stopping or now - saved_at > 60 * config.training.checkpoint_minutes:
            checkpoint = checkpoints.save(folder, networks, progress, config.training.keep_checkpoints)
            for action in actions:
                action.saved(checkpoint)
            saved_at = time.monotonic()
        if stopping and schedule.upcoming(config, progress.images):
            raise Stopped(
                f"stopped and saved at {progress.images / 1000:.1f} kimg; the same command goes on from there"
            )
    return progress


def resolve(config: Config, dataset: Dataset) -> Config:
    """The config with what it leaves to the dataset filled in: resolution, channels, labels.

    Raises:
        InputError: the dataset has no images of the resolution, other channels, or no labels where they are asked for.
    """
    manifest = dataset.manifest
    network, labels = config.network, len(manifest.labels) if config.training.use_labels else 0
    network = dataclasses.replace(
        network,
        resolution=network.resolution or manifest.resolution,
        channels=network.channels or manifest.channels,
        labels=network.labels or labels,
    )
    for level in range(schedule.FIRST_LEVEL, network.final_level + 1):
        manifest.shards(dataset.split, level)
    if network.channels != manifest.channels:
        raise InputError(
            f"network.channels is {network.channels}, the dataset has {manifest.channels}; "
            f"leave network.channels to the dataset"
        )
    if network.labels != labels or (config.training.use_labels and not labels):
        raise InputError(
            f"the network has {network.labels} labels, the dataset {len(manifest.labels)}; convert with "
            f"--labels=folders and set training.use_labels=true, leaving network.labels alone"
        )
    return dataclasses.replace(config, network=network)


def _account(progress: Progress, phases: list[Phase], history: dict[str, list[float]]) -> None:
    """Adds a call's steps to the progress. Skipped steps show images, but their figures do not count."""
    for step, phase in enumerate(phases):
        figures = {name: values[step] for name, values in history.items()}
        skipped = figures.pop("d_skipped") + figures.pop("g_skipped") > 0
        progress.steps += 1
        progress.images += phase.batch_size
        if skipped or not all(map(math.isfinite, figures.values())):
            progress.skipped += 1
            progress.skipped_in_a_row += 1
            logging.warning("step %d: loss or gradient not finite, update skipped", progress.steps)
            continue
        progress.skipped_in_a_row = 0
        progress.summed_steps += 1
        for name, value in figures.items():
            progress.sums[name] = progress.sums.get(name, 0.0) + value


def _tick_due(config: Config, progress: Progress, phase: Phase) -> bool:
    length = 1000 * at_resolution(config.training.tick_kimg, 2**phase.level)
    return progress.images - progress.tick_images >= length or not schedule.upcoming(config, progress.images)


def _close_tick(config: Config, progress: Progress, phase: Phase) -> Tick:
    images = progress.images - progress.tick_images
    seconds = progress.seconds - progress.tick_seconds
    rate = images / seconds if seconds > 0 else math.inf
    tick = Tick(
        number=progress.tick,
        images=progress.images,
        phase=phase,
        metrics={name: total / progress.summed_steps for name, total in progress.sums.items()},
        skipped=progress.skipped,
        seconds=progress.seconds,
        tick_seconds=seconds,
        images_per_second=rate,
        seconds_left=seconds_left(config, progress.images, rate),
    )
    progress.tick += 1
    progress.tick_images, progress.tick_seconds = progress.images, progress.seconds
    progress.sums, progress.summed_steps = {}, 0
    return tick


def _diverged(folder: Path, progress: Progress) -> str:
    last = checkpoints.newest_whole(folder)
    left = f"the last checkpoint is {last}" if last else "no checkpoint was written yet"
    return (
        f"{MAX_SKIPPED_IN_A_ROW} steps in a row had a loss or gradient that was not finite, at "
        f"{progress.images / 1000:.1f} kimg; {left}; try a lower schedule.learning_rate"
    )
