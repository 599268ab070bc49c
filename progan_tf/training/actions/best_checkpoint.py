"""The best checkpoint by a figure, kept beside those that come and go."""

from pathlib import Path

from progan_tf.training import best, checkpoints, run_directory
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.trainer import Action


class BestCheckpoint(Action):
    """Keeps a copy of the checkpoint at the best tick of the metrics log in `best/` of the run folder.

    What is best follows from the log alone, so a kill between checkpoint and copy is made up for at the next start.
    Must come after MetricsLog, which cuts the log there.
    """

    def __init__(self, run_dir: Path, name: str):
        self._run_dir, self._name = run_dir, name

    def start(self, networks: Networks, progress: Progress) -> None:
        self._keep()

    def saved(self, checkpoint: Path) -> None:
        self._keep()

    def _keep(self) -> None:
        line = best.best_line(run_directory.read_metrics(self._run_dir), self._name)
        if line:
            checkpoints.keep_copy(self._run_dir / "checkpoints", self._run_dir / best.FOLDER, line["images"])
