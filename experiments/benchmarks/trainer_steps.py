"""A run of training that takes a step when it is told to: what is timed is the trainer itself, not a copy of it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from data_prep import conversion, procedural
from data_prep.job import Job
from progan_tf.config import Config
from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from progan_tf.errors import Stopped
from progan_tf.training import strategy, trainer
from progan_tf.training.actions.learning_curve import LearningCurve
from progan_tf.training.actions.metrics_log import MetricsLog
from progan_tf.training.actions.sample_grid import SampleGrid
from progan_tf.training.actions.tensorboard import TensorBoard
from progan_tf.training.actions.tick_table import TickTable
from progan_tf.training.progress import Progress
from progan_tf.training.sampler import Sampler


class TrainerSteps:
    """Trains in a thread of its own; every call lets it go on until it asks whether to stop, and returns the seconds.

    `config` has one step a call, and is at its final level after the first. Use as a context manager.
    """

    def __init__(self, config: Config, folder: Path):
        self._config, self._folder = config, folder
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._over, self._error = False, None
        self._thread = threading.Thread(target=self._train)

    def __call__(self) -> float:
        begin = time.perf_counter()
        self._go.release()
        self._done.acquire()
        if self._error:
            raise self._error
        return time.perf_counter() - begin

    def __enter__(self) -> "TrainerSteps":
        self._thread.start()
        self()  # 4 x 4
        return self

    def __exit__(self, *exception: object) -> None:
        self._over = True
        self._go.release()
        self._thread.join()

    def _train(self) -> None:
        self._go.acquire()
        try:
            dataset = open_landscapes(self._config, self._folder / "data")
            run = self._folder / "run"
            actions = _actions(run, self._config, dataset)
            trainer.train(self._config, dataset, run, strategy.make("one"), actions, self._ask)
        except Stopped:
            pass
        except Exception as error:
            self._error = error
        self._done.release()

    def _ask(self, progress: Progress) -> bool:
        self._done.release()
        self._go.acquire()
        return self._over


def input_steps(config: Config, folder: Path) -> Callable[[], float]:
    """Reads a batch of the final level at every call; returns the seconds."""
    dataset, level = open_landscapes(config, folder), config.network.final_level
    batches = iter(pipeline.batches(dataset, level, int(config.schedule.batch_size[4])))

    def read() -> float:
        begin = time.perf_counter()
        next(batches)
        return time.perf_counter() - begin

    return read


def open_landscapes(config: Config, folder: Path) -> Dataset:
    """A small dataset of the config's resolution, made of drawn landscapes."""
    side = config.network.resolution
    for number in range(4):
        procedural.write_scene(folder / "scenes", 8 * side, number)
    conversion.convert(Job(str(folder / "scenes"), str(folder / "dataset"), resolution=side, workers=1))
    return pipeline.open_dataset(str(folder / "dataset"))


def _actions(run: Path, config: Config, dataset: Dataset) -> list[trainer.Action]:
    """What a run does by default beside training."""
    grid = SampleGrid(run / "samples", config, dataset, Sampler(config.network, dataset.manifest.dtype))
    board = TensorBoard(run / "tensorboard", grid, final_level=config.network.final_level)
    return [MetricsLog(run, None), grid, board, LearningCurve(run), TickTable()]
