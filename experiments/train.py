"""Trains a progressively grown GAN on a dataset directory; a second start in the same run folder resumes.

  python -m experiments.train --data_dir=data --run_dir=run --preset=satellite_256
  python -m experiments.train --data_dir=data --run_dir=run --eval_every_kimg=500 --eval_metrics=fid,kid,swd \
      --set=evaluation.best=kid
  TF_CONFIG=... python -m experiments.train --data_dir=/shared/data --run_dir=/shared/run --strategy=multi_worker
  python -m experiments.train --data_dir=windows --run_dir=run --task=extension --preset=extension_64
  python -m experiments.train --data_dir=data512 --run_dir=run512 --init_from=run --set=network.resolution=512
"""

import logging
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from data_prep import command_line, disk
from data_prep.quietly import import_tensorflow
from progan_tf import config as configs
from progan_tf import presets
from progan_tf.config import Config
from progan_tf.export import versions
from progan_tf.schedule import total_images
from progan_tf.training import best, run_directory
from progan_tf.training.progress import Progress
from progan_tf.training.time_left import duration, seconds_left

if TYPE_CHECKING:
    from progan_tf.data.pipeline import Dataset
    from progan_tf.metrics.metric import Metric
    from progan_tf.training.task import Task
    from progan_tf.training.trainer import Action

_SECONDS_BETWEEN_LINES = 30.0

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Dataset directory, as data_prep.convert makes it.", required=True)
_RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of the run: made if new, resumed if not.", required=True)
_PRESET = flags.DEFINE_enum(
    "preset",
    None,
    list(presets.PRESETS),
    "Configuration to start from; left out: the run folder's own, or satellite_256.",
)
_TASK = flags.DEFINE_enum(
    "task", None, ["images", "extension"], "What is learnt: images from nothing, or to continue windows of which a "
    "part is known; short for training.task.",
)  # fmt: skip
_SET = flags.DEFINE_multi_string(
    "set", [], "Changes one setting of the configuration, section.field=value; may be given often. Example: "
    "--set=training.seed=3 --set='schedule.batch_size={\"4\": 64, \"64\": 16}'",
)  # fmt: skip
_STRATEGY = flags.DEFINE_enum(
    "strategy",
    "auto",
    ["auto", "one", "mirrored", "multi_worker", "tpu"],
    "Devices: one, all of the machine (mirrored), what is there (auto), all of several machines that TF_CONFIG names "
    "(multi_worker), or a TPU.",
)
_TPU = flags.DEFINE_string(
    "tpu", "local", "Name or address of the TPU for --strategy=tpu; local: that of this machine."
)
_PRECISION = flags.DEFINE_enum(
    "precision", None, ["auto", "float32", "mixed_bfloat16", "mixed_float16"],
    "What hidden layers compute in, auto being what suits the device; short for training.precision.",
)  # fmt: skip
_XLA = flags.DEFINE_enum(
    "xla", None, ["auto", "on", "off"], "Whether XLA compiles the networks; short for training.xla."
)
_MICROBATCH = flags.DEFINE_string(
    "microbatch",
    None,
    "Images a device computes at once, the gradients of which are added up, for less memory; short for "
    "training.microbatch.",
)
_INIT_FROM = flags.DEFINE_string(
    "init_from", None, "What a new run starts from: another run's folder, its best/, or a model folder that "
    "experiments.export made. It goes on growing where that one stands.",
)  # fmt: skip
_FREEZE_LEVELS = flags.DEFINE_integer(
    "freeze_levels", None, "Levels of the grown discriminator nearest the image that do not learn, for another run's "
    "networks on few images; short for training.freeze_levels.",
)  # fmt: skip
_SPLIT = flags.DEFINE_string("split", "train", "Split of the dataset to train on.")
_EVAL_EVERY_KIMG = flags.DEFINE_float(
    "eval_every_kimg", None, "Run metrics every so many thousand images, 0 is never; short for evaluation.every_kimg."
)
_EVAL_METRICS = flags.DEFINE_string(
    "eval_metrics", None, "Names of metrics with commas between them; short for evaluation.metrics."
)
_INCEPTION_PATH = flags.DEFINE_string(
    "inception_path", "", "Weights of the FID network, where metrics need it; empty: those in the user's cache."
)

_PROFILE = flags.DEFINE_integer(
    "profile", None, "Step whose call of the compiled loop is profiled for TensorBoard; left out: none.", lower_bound=0
)


def main() -> None:
    run_dir = Path(_RUN_DIR.value)
    config = _config(run_dir)
    metrics = _metrics(config)
    import_tensorflow()
    from progan_tf.data import pipeline
    from progan_tf.training import cluster, strategy, trainer

    dataset = pipeline.open_dataset(_DATA_DIR.value, _SPLIT.value)
    config = trainer.resolve(config, dataset)
    workers = cluster.from_environment() if _STRATEGY.value == "multi_worker" else cluster.ALONE
    if workers is not cluster.ALONE:
        print(f"{workers.name(workers.index)} of {len(workers.tasks)}: waiting for the others", flush=True)
    task = _task(config)
    actions = _actions(run_dir, config, dataset, task, metrics) if workers.chief else []
    init_from = _init_from(run_dir)
    devices = strategy.make(_STRATEGY.value, _TPU.value)  # takes SIGTERM for itself, which the console takes back
    with Console(config, run_dir / "log.txt" if workers.chief else None) as console, disk.explained(str(run_dir)):
        progress = trainer.train(
            config, dataset, run_dir, devices, actions, console.heartbeat, command_line.leave, init_from, task
        )
    if workers.chief:
        print(f"trained to {progress.images / 1000:.1f} kimg; samples, curves and checkpoints are in {run_dir}")
        print(f"next: python -m experiments.export --run_dir={run_dir} --output=MODEL_FOLDER")


def _task(config: Config) -> "Task":
    from progan_tf.training.task import IMAGES

    if config.training.task == "images":
        return IMAGES
    from progan_tf.extension.task import extension

    return extension(config)


def _init_from(run_dir: Path) -> str | None:
    """What the run is to start from, the newest version of a model: its full path, wherever the command is started."""
    if _INIT_FROM.value is None:
        return None
    path = Path(_INIT_FROM.value).resolve()
    is_run = path.name == best.FOLDER or (path / run_directory.CONFIG).exists()
    resumed = (run_dir / run_directory.CONFIG).exists()  # the model may have a newer version now, or be gone
    return str(path if is_run or resumed else versions.find(path))


def _metrics(config: Config) -> list["Metric"]:
    """What the averaged generator is evaluated by, nothing where that is off."""
    if not config.evaluation.every_kimg:
        return []
    from experiments.extractors import open_inception
    from progan_tf.metrics import registry
    from progan_tf.metrics.remembered import Remembered

    names = config.evaluation.names
    extractor = Remembered(open_inception(_INCEPTION_PATH.value)) if registry.needs_extractor(names) else None
    return registry.make(names, extractor)


def _actions(
    run_dir: Path, config: Config, dataset: "Dataset", task: "Task", metrics: list["Metric"]
) -> list["Action"]:
    """What a run does beside training, in order: who shows the work of another comes after it."""
    from progan_tf.training.actions.best_checkpoint import BestCheckpoint
    from progan_tf.training.actions.evaluation import Evaluation
    from progan_tf.training.actions.learning_curve import LearningCurve
    from progan_tf.training.actions.metrics_log import MetricsLog
    from progan_tf.training.actions.profile import Profile
    from progan_tf.training.actions.sample_grid import SampleGrid
    from progan_tf.training.actions.tensorboard import TensorBoard
    from progan_tf.training.actions.tick_table import TickTable
    from progan_tf.training.actions.watchdog import Watchdog

    sampler = task.sampler(config, dataset)
    evaluation = Evaluation(metrics, config, dataset, sampler, run_dir) if metrics else None
    watchdog = Watchdog(config, dataset, sampler, run_dir)
    grid = SampleGrid(run_dir / "samples", config, dataset, sampler)
    told = [watchdog, MetricsLog(run_dir, evaluation, watchdog), grid]
    board = TensorBoard(run_dir / "tensorboard", grid, config.network.final_level, evaluation, watchdog)
    shown = [board, LearningCurve(run_dir), TickTable(), Profile(run_dir / "tensorboard", config, _PROFILE.value)]
    shown += task.actions(run_dir / "samples", config, dataset, sampler)
    kept = [BestCheckpoint(run_dir, config.evaluation.best)] if config.evaluation.best else []
    return [*([evaluation] if evaluation else []), *told, *shown, *kept]


class Console:
    """Log lines to the console and to a file, signs of life between ticks, and signals that ask for an orderly stop.

    On a terminal there is a bar; elsewhere a line every half a minute. Without a log file, which is the chief's, there
    are warnings alone: of several workers one is enough to tell the rest.
    """

    def __init__(self, config: Config, log_file: Path | None):
        self._config, self._stop, self._tells = config, False, log_file is not None
        handlers = [logging.StreamHandler(sys.stdout)]
        if log_file:
            handlers.append(logging.FileHandler(log_file, delay=True))  # the run folder is made later
            handlers[-1].setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        level = logging.INFO if self._tells else logging.WARNING
        logging.basicConfig(level=level, format="%(message)s", handlers=handlers, force=True)
        for chatter in ("absl", "tensorflow"):
            logging.getLogger(chatter).setLevel(logging.WARNING)
        total = total_images(config.schedule)
        layout = "{percentage:3.0f}%|{bar}| {n:,.0f} of {total:,} images {postfix}"
        self._bar = tqdm(total=total, bar_format=layout, disable=not (self._tells and sys.stdout.isatty()), leave=False)
        self._total, self._next_line = total, time.monotonic() + _SECONDS_BETWEEN_LINES

    def heartbeat(self, progress: Progress) -> bool:
        """Shows how far the run is; true once somebody wants it to stop."""
        if not self._bar.disable:
            self._bar.n = progress.images
            self._bar.set_postfix_str(self._pace(progress))
        elif self._tells and self._line_due(progress):
            print(f"{progress.images:,} of {self._total:,} images, {self._pace(progress)}", flush=True)
            self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES
        return self._stop

    def _line_due(self, progress: Progress) -> bool:
        return time.monotonic() >= self._next_line and progress.images > progress.tick_images  # a tick has just told

    def _pace(self, progress: Progress) -> str:
        """How fast this tick is, and how long the rest takes."""
        rate = (progress.images - progress.tick_images) / max(1e-9, progress.seconds - progress.tick_seconds)
        return f"{rate:,.1f} images/s, {duration(seconds_left(self._config, progress.images, rate))} left"

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
    short = {
        "training.task": _TASK.value,
        "training.precision": _PRECISION.value,
        "training.xla": _XLA.value,
        "training.microbatch": _MICROBATCH.value,
        "training.freeze_levels": _FREEZE_LEVELS.value,
        "evaluation.every_kimg": _EVAL_EVERY_KIMG.value,
        "evaluation.metrics": _EVAL_METRICS.value,
    }
    settings = [f"{name}={value}" for name, value in short.items() if value is not None]
    return configs.override(config, [*_SET.value, *settings])


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
