"""A profile of one call of the compiled loop, for TensorBoard."""

import logging
from pathlib import Path

import tensorflow as tf

from progan_tf import schedule
from progan_tf.config import Config
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.trainer import Action


class Profile(Action):
    """Traces the call that takes `step`, all its operations and those of the input, to `plugins/profile` of a folder.

    No call is traced where it is None. A checkpoint that falls between the call and the one before is traced too.
    """

    def __init__(self, folder: Path, config: Config, step: int | None):
        self._folder, self._config, self._step = folder, config, step
        self._tracing = False

    def start(self, networks: Networks, progress: Progress) -> None:
        self.called(progress)

    def called(self, progress: Progress) -> None:
        if self._tracing:
            tf.profiler.experimental.stop()
            self._tracing = False
            logging.info("profiled the call that ended at step %d; it is in %s", progress.steps, self._folder)
        self._trace_if_next(progress)

    def _trace_if_next(self, progress: Progress) -> None:
        if self._step is None:
            return
        steps = len(schedule.upcoming(self._config, progress.images))
        if progress.steps <= self._step < progress.steps + steps:
            tf.profiler.experimental.start(str(self._folder))
            self._tracing = True
