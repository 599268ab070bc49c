"""The training loop: phases of the schedule, ticks, checkpoints, and an orderly end."""

import contextlib
import dataclasses
import json
import logging
import math
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from progan_tf import config as configs
from progan_tf import schedule
from progan_tf.config import Config, at_resolution
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.errors import InputError, Stopped
from progan_tf.schedule import Phase
from progan_tf.training import checkpoints, high_water, lock, out_of_memory, rewind, run_directory, transfer
from progan_tf.training import strategy as strategies
from progan_tf.training.loop import CompiledLoop
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.time_left import seconds_left
from progan_tf.training.workers import Workers


@dataclasses.dataclass(frozen=True)
class Tick:
    """What happened since the last tick. `metrics` are means over its steps; times are in seconds.

    Memory, in GB, is the most that the process and any one GPU have had since this start.
    """

    number: int
    images: int
    phase: Phase
    metrics: dict[str, float]
    skipped: int
    seconds: float
    tick_seconds: float
    images_per_second: float
    seconds_left: float
    cpu_memory_gb: float = 0.0
    peak_gpu_memory_gb: float = 0.0


class Action:
    """Something to do beside training: logs, samples, pictures. By itself it does nothing."""

    def start(self, networks: Networks, progress: Progress) -> None:
        """Called before the first step of this start, where `progress.images` is 0 if the run is new; and again
        where the run went back to an earlier checkpoint."""

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
    leave: Callable[[Stopped], None] = lambda reason: None,
    init_from: str | None = None,
) -> Progress:
    """Trains to the end of the schedule, going on from the newest whole checkpoint of `run_dir`.

    Where nothing could be learnt for 20 steps in a row, because of losses or gradients that were not finite, the run
    goes back to its last good tick and on with other data and noise, three times at most.

    Args:
        config: with resolution and channels resolved (`resolve`).
        actions: what the chief does besides; the other workers have none.
        should_stop: asked after every call of the compiled loop, given how far the run is; one worker stops all.
        leave: called on another thread once another worker is lost; must end the process.
        init_from: run folder or version of a model whose networks a new run starts from (`transfer.begin`).

    Raises:
        InputError: the schedule cannot work on this strategy, the run folder is of another configuration or in use, or
            there is nothing fitting to start from.
        Stopped: `should_stop` said so, and a checkpoint was written; or another worker was lost.
        Failed: nothing could be learnt for 20 steps in a row, after three rewinds, or a step needs more memory than
            there is.
    """
    config = strategies.resolve(config, strategy)
    schedule.check(config, strategy.num_replicas_in_sync)
    workers = Workers(strategy)
    with workers.together(leave), contextlib.ExitStack() as held:
        with strategy.scope():
            networks = Networks(config)
        workers.from_chief(lambda: _open(run_dir, config, dataset, networks, init_from, held))
        _check_alike(workers, config, dataset)
        progress = _start(config, networks, run_dir, workers)
        return _train(config, dataset, run_dir, strategy, workers, networks, progress, actions, should_stop)


def _open(
    run_dir: Path,
    config: Config,
    dataset: Dataset,
    networks: Networks,
    init_from: str | None,
    held: contextlib.ExitStack,
) -> int:
    """Opens the run folder and locks it until `held` is closed."""
    if not (run_dir / run_directory.CONFIG).exists():
        transfer.begin(config, networks, init_from)  # what cannot be started from is told before anything is written
    run_directory.make(run_dir)
    held.enter_context(lock.held(run_dir))
    run_directory.open_run(run_dir, config, dataset.identity(), init_from)
    return 0


def _check_alike(workers: Workers, config: Config, dataset: Dataset) -> None:
    """Raises InputError where a worker has another configuration or dataset than the chief."""
    mine = zlib.crc32(json.dumps([configs.to_dict(config), dataset.identity()]).encode())
    if workers.any(workers.from_chief(lambda: mine) != mine):
        raise InputError("workers differ in their configuration or dataset; start all of them with the same command")


def _start(config: Config, networks: Networks, run_dir: Path, workers: Workers) -> Progress:
    """Where a run goes on or starts, its networks as they are there. A new one gets a checkpoint, to go back to."""
    folder = run_dir / "checkpoints"
    if restored := checkpoints.restore_together(folder, networks, workers):
        return restored
    source = run_directory.read_init_from(run_dir)
    progress = transfer.begin(config, networks, source)
    if source:
        logging.info("starting at %.1f kimg from %s", progress.images / 1000, source)
    if workers.chief:
        checkpoints.save(folder, networks, progress, config.training.keep_checkpoints)
    return progress


def _train(
    config: Config,
    dataset: Dataset,
    run_dir: Path,
    strategy: tf.distribute.Strategy,
    workers: Workers,
    networks: Networks,
    progress: Progress,
    actions: Sequence[Action],
    should_stop: Callable[[Progress], bool],
) -> Progress:
    folder = run_dir / "checkpoints"
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
            seeded = rewind.reseeded(config, progress.rewinds)
            loop = CompiledLoop(networks, seeded, dataset, strategy, phase, progress.images)
        try:
            history = loop(phases, progress.steps)
        except tf.errors.ResourceExhaustedError as error:
            raise out_of_memory.explain(config, phase, strategy.num_replicas_in_sync) from error
        except tf.errors.OpError as error:
            raise workers.lost(error) or pipeline.explain(dataset, phase.level, error) from error
        _account(progress, phases, history)
        now = time.monotonic()
        progress.seconds, clock = progress.seconds + now - clock, now

        if progress.skipped_in_a_row >= rewind.MAX_SKIPPED_IN_A_ROW:
            fault = rewind.fault({name: values[-1] for name, values in history.items()})
            progress, loop = rewind.rewind(folder, networks, progress, fault, workers), None
            for action in actions:
                action.start(networks, progress)
            clock = saved_at = time.monotonic()
            continue
        tick_due = _tick_due(config, progress, phase)
        if tick_due:
            tick = _close_tick(config, progress, phases[-1])
            for action in actions:
                action.tick(networks, tick)
            clock = time.monotonic()  # what actions take is no training
        stopping = workers.any(should_stop(progress))
        late = now - saved_at > 60 * config.training.checkpoint_minutes
        if workers.chief and (tick_due or stopping or late):
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
            logging.warning("step %d: %s not finite, update skipped", progress.steps, rewind.fault(figures))
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
        cpu_memory_gb=high_water.cpu_gb(),
        peak_gpu_memory_gb=high_water.peak_gpu_gb(),
    )
    progress.tick += 1
    progress.tick_images, progress.tick_seconds = progress.images, progress.seconds
    progress.sums, progress.summed_steps = {}, 0
    return tick
