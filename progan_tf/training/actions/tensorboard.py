"""TensorBoard: scalars over kimg, figures of metrics beside their floors, and the sample grid."""

from pathlib import Path

import tensorflow as tf

from progan_tf.training.actions.evaluation import Evaluation
from progan_tf.training.actions.sample_grid import SampleGrid
from progan_tf.training.actions.watchdog import Watchdog
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.trainer import Action

_NAMES = {
    "d_loss": "Loss/D/loss",
    "g_loss": "Loss/G/loss",
    "real_score": "Loss/scores/real",
    "fake_score": "Loss/scores/fake",
    "gradient_norm": "Loss/D/gradient_norm",
    "augment_p": "Progress/augment",
    "seam_real_score": "Loss/scores/seam_real",
    "seam_fake_score": "Loss/scores/seam_fake",
    "reconstruction": "Loss/G/reconstruction",
    "diversity": "Loss/G/diversity",
}


class TensorBoard(Action):
    """Writes event files; the step is the number of images seen, in kimg."""

    def __init__(
        self,
        folder: Path,
        grid: SampleGrid,
        final_level: int,
        evaluation: Evaluation | None = None,
        watchdog: Watchdog | None = None,
    ):
        self._folder, self._grid, self._final_level = folder, grid, final_level
        self._evaluation, self._watchdog = evaluation, watchdog

    def start(self, networks: Networks, progress: Progress) -> None:
        self._writer = tf.summary.create_file_writer(str(self._folder))

    def tick(self, networks: Networks, tick: Tick) -> None:
        with self._writer.as_default(step=round(tick.images / 1000)):
            for name, value in tick.metrics.items():
                tf.summary.scalar(_NAMES[name], value)
            for name, value in self._figures(tick).items():
                tf.summary.scalar(name, value)
            for figure in self._evaluation.latest if self._evaluation else ():
                tf.summary.scalar(f"Metrics/{figure.name}", figure.value)
                tf.summary.scalar(f"Metrics floor/{figure.name}", figure.floor)
            if self._grid.latest is not None:
                tf.summary.image("Samples", self._grid.latest[None])
        self._writer.flush()

    def _figures(self, tick: Tick) -> dict[str, float]:
        """What is shown beside losses and metrics, named as StyleGAN names it where it has it."""
        watch = self._watchdog.latest if self._watchdog else {}
        return {
            "Progress/tick": tick.number,
            "Progress/kimg": tick.images / 1000,
            "Progress/lod": self._final_level - tick.phase.level + 1 - tick.phase.alpha,
            "Progress/resolution": 2**tick.phase.level,
            "Progress/alpha": tick.phase.alpha,
            "Progress/skipped_steps": tick.skipped,
            "Timing/sec_per_tick": tick.tick_seconds,
            "Timing/sec_per_kimg": 1000 / tick.images_per_second,
            "Timing/total_sec": tick.seconds,
            "Timing/total_hours": tick.seconds / 3600,
            "Timing/hours_left": tick.seconds_left / 3600,
            "Timing/images_per_second": tick.images_per_second,
            "Resources/cpu_mem_gb": tick.cpu_memory_gb,
            "Resources/peak_gpu_mem_gb": tick.peak_gpu_memory_gb,
            **{f"Watch/{name}": value for name, value in watch.items() if name != "alarms"},
            **({"Watch/alarms": len(watch["alarms"])} if watch else {}),
        }
