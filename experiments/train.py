"""Trains a progressively grown GAN on a dataset directory; a second start in the same run folder resumes.

python -m experiments.train --data_dir=data --run_dir=run --preset=satellite_256
"""

import logging
import signal
import sys
from pathlib import Path

from absl import flags
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from data_prep import command_line
from data_prep.quietly import import_tensorflow
from progan_tf import config as configs
from progan_tf import presets
from progan_tf.config import Config
from progan_tf.schedule import total_images
from progan_tf.training import run_directory
from progan_tf.training.progress import Progress
from progan_tf.training.time_left import duration, seconds_left

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Dataset directory, as data_prep.convert makes it.", required=True)
_RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of the run: made if new, resumed if not.", required=True)
_PRESET = flags.DEFINE_enum(
    "preset",
    None,
    list(presets.PRESETS),
    "Configuration to start from; left out: the run folder's own, or satellite_256.",
)
_SET = flags.DEFINE_multi_string(
    "set", [], "Changes one setting of the configuration, section.field=value; may be given often. Example: "
    "--set=training.seed=3 --set='schedule.batch_size={\"4\": 64, \"64\": 16}'",
)  # fmt: skip
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    ["auto", "one", "mirrored"],
    "Devices: one, all of the machine (mirrored), or what is there (auto).",
)
_SPLIT = flags.DEFINE_string("split", "train", "Split of the dataset to train on.")


def main() -> None:
    run_dir = Path(_RUN_DIR.value)
    config = _config(run_dir)
    import_tensorflow()
    from progan_tf.data import pipeline
    from progan_tf.training import strategy, trainer
    from progan_tf.training.actions.learning_curve import LearningCurve
    from progan_tf.training.actions.metrics_log import MetricsLog
    from progan_tf.training.actions.sample_grid import SampleGrid
    from progan_tf.training.actions.tensorboard import TensorBoard
    from progan_tf.training.actions.tick_table import TickTable

    dataset = pipeline.open_dataset(_DATA_DIR.value, _SPLIT.value)
    config = trainer.resolve(config, dataset)
    metrics, grid = MetricsLog(run_dir), SampleGrid(run_dir / "samples", config, dataset)
    actions = [metrics, grid, TensorBoard(run_dir / "tensorboard", grid), LearningCurve(run_dir), TickTable()]
    with Console(config, run_dir / "log.txt") as console:
        progress = trainer.train(config, dataset, run_dir, strategy.make(_STRATEGY.value), actions, console.heartbeat)
    print(f"trained to {progress.images / 1000:.1f} kimg; samples, curves and checkpoints are in {run_dir}")
    print(f"next: python -m experiments.export --run_dir={run_dir} --output=MODEL_FOLDER")


class Console:
    """Log lines to the console and to a file, a bar on a terminal, and signals that ask for an orderly stop."""

    def __init__(self, config: Config, log_file: Path):
        self._config, self._stop = config, False
        file = logging.FileHandler(log_file, delay=True)  # the run folder is made later
        file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        screen = logging.StreamHandler(sys.stdout)
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[screen, file], force=True)
        logging.getLogger("absl").setLevel(logging.WARNING)  # TensorFlow's own chatter
        total = total_images(config.schedule)
        layout = "{percentage:3.0f}%|{bar}| {n:,.0f} of {total:,} images {postfix}"
        self._bar = tqdm(total=total, bar_format=layout, disable=not sys.stdout.isatty(), leave=False)

    def heartbeat(self, progress: Progress) -> bool:
        """Shows how far the run is; true once somebody wants it to stop."""
        if not self._bar.disable:
            self._bar.n = progress.images
            rate = (progress.images - progress.tick_images) / max(1e-9, progress.seconds - progress.tick_seconds)
            left = seconds_left(self._config, progress.images, rate)
            self._bar.set_postfix_str(f"{rate:,.1f} images/s, {duration(left)} left")
        return self._stop

    def __enter__(self) -> "Console":
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_to_stop)
        self._redirect = logging_redirect_tqdm()
        self._redirect.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._redirect.__exit__(*exception)
        self._bar.close()

    def _ask_to_stop(self, number: int, frame: object) -> None:
        logging.info("%s: stopping after this step and saving", signal.Signals(number).name)
        self._stop = True


def _config(run_dir: Path) -> Config:
    if _PRESET.value is None and (run_dir / run_directory.CONFIG).exists():
        config = run_directory.read_config(run_dir)
    else:
        config = presets.preset(_PRESET.value or "satellite_256")
    return configs.override(config, _SET.value)


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
