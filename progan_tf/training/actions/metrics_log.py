"""`metrics.jsonl`: one object a tick."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from progan_tf.atomic import replacing
from progan_tf.metrics.evaluation import Figure, by_name
from progan_tf.training import run_directory
from progan_tf.training.actions.evaluation import Evaluation
from progan_tf.training.actions.watchdog import Watchdog
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.trainer import Action


class MetricsLog(Action):
    """Appends a line a tick. At a start, lines from after the checkpoint are cut, so that none comes twice."""

    def __init__(self, run_dir: Path, evaluation: Evaluation | None = None, watchdog: Watchdog | None = None):
        self._path, self._evaluation, self._watchdog = run_dir / run_directory.METRICS, evaluation, watchdog

    def start(self, networks: Networks, progress: Progress) -> None:
        kept = [line for line in run_directory.read_metrics(self._path.parent) if line["images"] <= progress.images]
        with replacing(self._path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))

    def tick(self, networks: Networks, tick: Tick) -> None:
        figures = self._evaluation.latest if self._evaluation else ()
        watch = self._watchdog.latest if self._watchdog else {}
        with self._path.open("a") as file:
            file.write(json.dumps(as_line(tick, figures, watch)) + "\n")


def as_line(tick: Tick, figures: Iterable[Figure] = (), watch: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A tick as the object that is logged, times in seconds, memory in GB.

    `evaluation` has the figures of a tick that has some, `watch` what the watchdog found.
    """
    line = {
        "tick": tick.number,
        "images": tick.images,
        "kimg": tick.images / 1000,
        "resolution": 2**tick.phase.level,
        "alpha": tick.phase.alpha,
        "batch_size": tick.phase.batch_size,
        "learning_rate": tick.phase.learning_rate,
        **tick.metrics,
        "skipped_steps": tick.skipped,
        "seconds": round(tick.seconds, 3),
        "seconds_per_tick": round(tick.tick_seconds, 3),
        "seconds_per_kimg": round(1000 / tick.images_per_second, 3),
        "seconds_left": round(tick.seconds_left, 1),
        "images_per_second": round(tick.images_per_second, 3),
        "cpu_memory_gb": round(tick.cpu_memory_gb, 3),
        "peak_gpu_memory_gb": round(tick.peak_gpu_memory_gb, 3),
    }
    line |= {"watch": dict(watch)} if watch else {}
    evaluation = by_name(figures)
    return line | {"evaluation": evaluation} if evaluation else line
