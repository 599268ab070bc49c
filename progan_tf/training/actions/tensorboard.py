"""TensorBoard: scalars over kimg, figures of metrics beside their floors, and the sample grid."""

from pathlib import Path

import tensorflow as tf

from progan_tf.training.actions.evaluation import Evaluation
from progan_tf.training.actions.sample_grid import SampleGrid
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.trainer import Action, Tick

_NAMES = {
    "d_loss": "Loss/D/loss",
    "g_loss": "Loss/G/loss",
    "real_score": "Loss/scores/real",
    "fake_score": "Loss/scores/fake",
    "gradient_norm": "Loss/D/gradient_norm",
    "augment_p": "Progress/augment",
}


class TensorBoard(Action):
    """Writes event files; the step is the number of images seen, in kimg."""

    def __init__(self, folder: Path, grid: SampleGrid, evaluation: Evaluation | None = None):
        self._folder, self._grid, self._evaluation = folder, grid, evaluation

    def start(self, networks: Networks, progress: Progress) -> None:
        self._writer = tf.summary.create_file_writer(str(self._folder))

    def tick(self, networks: Networks, tick: Tick) -> None:
        with self._writer.as_default(step=round(tick.images / 1000)):
            for name, value in tick.metrics.items():
                tf.summary.scalar(_NAMES[name], value)
            tf.summary.scalar("Progress/kimg", tick.images / 1000)
            tf.summary.scalar("Progress/resolution", 2**tick.phase.level)
            tf.summary.scalar("Progress/alpha", tick.phase.alpha)
            tf.summary.scalar("Progress/skipped_steps", tick.skipped)
            tf.summary.scalar("Timing/images_per_second", tick.images_per_second)
            tf.summary.scalar("Timing/total_hours", tick.seconds / 3600)
            for figure in self._evaluation.latest if self._evaluation else ():
                tf.summary.scalar(f"Metrics/{figure.name}", figure.value)
                tf.summary.scalar(f"Metrics floor/{figure.name}", figure.floor)
            if self._grid.latest is not None:
                tf.summary.image("Samples", self._grid.latest[None])
        self._writer.flush()
