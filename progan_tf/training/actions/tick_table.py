"""A line a tick in the log, for people."""

import logging

from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.time_left import duration
from progan_tf.training.trainer import Action


class TickTable(Action):
    """Logs how far the run is, what it sees and how long it still takes."""

    def start(self, networks: Networks, progress: Progress) -> None:
        if progress.steps:
            logging.info("resumed at %.1f kimg, tick %d", progress.images / 1000, progress.tick)

    def tick(self, networks: Networks, tick: Tick) -> None:
        figures = tick.metrics
        memory = f"{tick.cpu_memory_gb:.1f} GB" + (
            f", GPU {tick.peak_gpu_memory_gb:.1f} GB" if tick.peak_gpu_memory_gb else ""
        )
        logging.info(
            "tick %-4d kimg %-8.1f %4dx%-4d alpha %.2f  batch %-4d D %8.3f  G %8.3f  |grad| %.3f  "
            "%8.1f images/s  %7.1f s/kimg  %s  %s a tick  %s in all  %s left",
            tick.number,
            tick.images / 1000,
            2**tick.phase.level,
            2**tick.phase.level,
            tick.phase.alpha,
            tick.phase.batch_size,
            figures.get("d_loss", float("nan")),
            figures.get("g_loss", float("nan")),
            figures.get("gradient_norm", float("nan")),
            tick.images_per_second,
            1000 / tick.images_per_second,
            memory,
            duration(tick.tick_seconds),
            duration(tick.seconds),
            duration(tick.seconds_left),
        )
