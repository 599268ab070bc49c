"""`metrics.jsonl`: one object a tick."""

import json
from pathlib import Path

from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.trainer import Tick

FILENAME = "metrics.jsonl"


class MetricsLog:
    """Appends a line a tick. At a start, lines from after the checkpoint are cut, so that none comes twice."""

    def __init__(self, run_dir: Path):
        self._path = run_dir / FILENAME

    def start(self, networks: Networks, progress: Progress) -> None:
        kept = [line for line in read(self._path) if line["images"] <= progress.images]
        temporary = self._path.with_name(self._path.name + ".tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept))
        temporary.rename(self._path)

    def tick(self, networks: Networks, tick: Tick) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(as_line(tick)) + "\n")


def as_line(tick: Tick) -> dict[str, float]:
    """A tick as the flat object that is logged; times in seconds."""
    return {
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
        "images_per_second": round(tick.images_per_second, 3),
    }


def read(path: Path) -> list[dict[str, float]]:
    """The whole lines of a log; a last one that was cut off by a kill is left out."""
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
