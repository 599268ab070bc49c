"""The training loop: phases of the schedule, ticks, checkpoints, and an orderly end."""

import contextlib
import dataclasses
import json
import logging
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from progan_tf import config as configs
from progan_tf import schedule
from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.errors import InputError, Stopped
from progan_tf.schedule import Phase
from progan_tf.training import checkpoints, lock, out_of_memory, rewind, run_directory, ticks, transfer
from progan_tf.training import strategy as strategies
from progan_tf.training.loop import CompiledLoop
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.task import IMAGES, Task
from progan_tf.training.ticks import Tick
from progan_tf.training.workers import Workers


class Action:
    """Something to do beside training: logs, samples, pictures. By itself it does nothing."""

    def start(self, networks: Networks, progress: Progress) -> None:
        """Called before the first step of this start, where `progress.images` is 0 if the run is new; and again
        where the run went back to an earlier checkpoint."""

    def tick(self, networks: Networks, tick: Tick) -> None:
        """Called at every tick, before the checkpoint that seals it."""

    def called(self, progress: Progress) -> None:
        """Called after every call of the compiled loop, and the tick that it ended."""

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
    task: Task = IMAGES,
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
        task: what is learnt.

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
            networks = Networks(config, task.generator, task.discriminator)
        run = _Run(config, dataset, run_dir, strategy, workers, networks, task)
        workers.from_chief(lambda: _open(run, init_from, held))
        _check_alike(run)
        return _train(run, _start(run), actions, should_stop)


@dataclasses.dataclass(frozen=True)
class _Run:
    """What a run is made of, but for how far it is."""

    config: Config
    dataset: Dataset
    run_dir: Path
    strategy: tf.distribute.Strategy
    workers: Workers
    networks: Networks
    task: Task

    @property
    def checkpoints(self) -> Path:
        return self.run_dir / "checkpoints"


def _open(run: _Run, init_from: str | None, held: contextlib.ExitStack) -> None:
    """Opens the run folder and locks it until `held` is closed."""
    if not (run.run_dir / run_directory.CONFIG).exists():
        # What cannot be started from is told before anything is written.
        transfer.begin(run.config, run.networks, init_from)
    run_directory.make(run.run_dir)
    held.enter_context(lock.held(run.run_dir))
    run_directory.open_run(run.run_dir, run.config, run.dataset.identity(), init_from)


def _check_alike(run: _Run) -> None:
    """Raises InputError where a worker has another configuration or dataset than the chief."""
    mine = zlib.crc32(json.dumps([configs.to_dict(run.config), run.dataset.identity()]).encode())
    if run.workers.any(run.workers.from_chief(lambda: mine) != mine):
        raise InputError("workers differ in their configuration or dataset; start all of them with the same command")


def _start(run: _Run) -> Progress:
    """Where a run goes on or starts, its networks as they are there. A new one gets a checkpoint, to go back to."""
    if restored := checkpoints.restore(run.checkpoints, run.networks, run.workers):
        return restored
    source = run_directory.read_init_from(run.run_dir)
    progress = transfer.begin(run.config, run.networks, source)
    if source:
        logging.info("starting at %.1f kimg from %s", progress.images / 1000, source)
    if run.workers.chief:
        _save(run, progress)
    return progress


def _save(run: _Run, progress: Progress) -> Path:
    return checkpoints.save(run.checkpoints, run.networks, progress, run.config.training.keep_checkpoints)


def _train(
    run: _Run, progress: Progress, actions: Sequence[Action], should_stop: Callable[[Progress], bool]
) -> Progress:
    config, networks, workers = run.config, run.networks, run.workers
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
            loop = CompiledLoop(networks, seeded, run.dataset, run.strategy, phase, progress.images, run.task.step)
        history = _call(run, loop, phases, progress)
        ticks.account(progress, phases, history)
        now = time.monotonic()
        progress.seconds, clock = progress.seconds + now - clock, now

        if progress.skipped_in_a_row >= rewind.MAX_SKIPPED_IN_A_ROW:
            fault = rewind.fault({name: values[-1] for name, values in history.items()})
            progress, loop = rewind.rewind(run.checkpoints, networks, progress, fault, workers), None
            for action in actions:
                action.start(networks, progress)
            clock = saved_at = time.monotonic()
            continue
        tick_due = ticks.due(config, progress, phase)
        if tick_due:
            tick = ticks.close(config, progress, phases[-1])
            for action in actions:
                action.tick(networks, tick)
            clock = time.monotonic()  # what actions take is no training
        for action in actions:
            action.called(progress)
        stopping = workers.any(should_stop(progress))
        late = now - saved_at > 60 * config.training.checkpoint_minutes
        if workers.chief and (tick_due or stopping or late):
            checkpoint = _save(run, progress)
            for action in actions:
                action.saved(checkpoint)
            saved_at = time.monotonic()
        if stopping and schedule.upcoming(config, progress.images):
            raise Stopped(
                f"stopped and saved at {progress.images / 1000:.1f} kimg; the same command goes on from there"
            )
    return progress


def _call(run: _Run, loop: CompiledLoop, phases: list[Phase], progress: Progress) -> dict[str, list[float]]:
    """A call of the loop, whose errors are told as what they were."""
    try:
        return loop(phases, progress.steps)
    except tf.errors.ResourceExhaustedError as error:
        raise out_of_memory.explain(run.config, phases[0], run.strategy.num_replicas_in_sync) from error
    except tf.errors.OpError as error:
        raise run.workers.lost(error) or pipeline.explain(run.dataset, phases[0].level, error) from error


def resolve(config: Config, dataset: Dataset) -> Config:
    """The config with what it leaves to the dataset filled in: resolution, channels, labels.

    Raises:
        InputError: the dataset has no images of the resolution, or others where they are windows to extend, other
            channels, or no labels where they are asked for.
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
    if config.training.task == "extension" and network.resolution != manifest.resolution:
        raise InputError(
            f"the window is {network.resolution} (network.resolution), the dataset {manifest.name} has images of "
            f"{manifest.resolution}, and windows are never resized; convert with --resolution={network.resolution}"
        )
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
