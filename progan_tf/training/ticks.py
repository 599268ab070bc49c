"""Ticks: the stretches of a run after which it is looked at, and what their steps add up to."""

import dataclasses
import logging
import math

from progan_tf import schedule
from progan_tf.config import Config, at_resolution
from progan_tf.schedule import Phase
from progan_tf.training import high_water, rewind
from progan_tf.training.progress import Progress
from progan_tf.training.time_left import seconds_left


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


def account(progress: Progress, phases: list[Phase], history: dict[str, list[float]]) -> None:
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


def due(config: Config, progress: Progress, phase: Phase) -> bool:
    """Whether a tick ends here, where `phase` was the last to be trained."""
    length = 1000 * at_resolution(config.training.tick_kimg, 2**phase.level)
    return progress.images - progress.tick_images >= length or not schedule.upcoming(config, progress.images)


def close(config: Config, progress: Progress, phase: Phase) -> Tick:
    """The tick that ends here; the next one begins."""
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
