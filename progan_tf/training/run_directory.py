"""The folder of a run: its configuration, its log, and what stops a second start that would not go on with it."""

import json
from pathlib import Path
from typing import Any

from progan_tf import config as configs
from progan_tf.config import Config
from progan_tf.errors import InputError

CONFIG = "config.json"
METRICS = "metrics.jsonl"
# Settings that change nothing of what was learnt so far: a run goes on with new ones.
_FREE = (
    "schedule.total_kimg",
    "training.checkpoint_minutes",
    "training.keep_checkpoints",
    "training.microbatch",
    "training.precision",
    "training.xla",
)


def open_run(run_dir: Path, config: Config, data: dict[str, Any]) -> None:
    """Makes a run folder for `config` and `data` (`Dataset.identity`), or checks that the one there is of the same.

    A run may be made longer or shorter, and keep its checkpoints otherwise; its configuration is then written anew.

    Raises:
        InputError: the folder holds something else, or a run with another configuration or dataset; names the fields.
    """
    wanted = {"config": configs.to_dict(config), "data": data}
    path = run_dir / CONFIG
    if path.exists():
        changed = configs.differences(read_config(run_dir), config)
        conflicts = [field for field in changed if field.partition(":")[0] not in _FREE]
        before = read_data(run_dir)
        conflicts += [
            f"data.{key}: {before.get(key)} against {data[key]}" for key in data if before.get(key) != data[key]
        ]
        if conflicts:
            raise InputError(
                f"{run_dir} holds a run with another configuration ({'; '.join(conflicts)}); "
                f"start with its settings or in another --run_dir"
            )
        if changed:
            _write(path, wanted)
        return
    unfinished = path.with_name(path.name + ".tmp")
    try:
        if run_dir.exists() and set(run_dir.iterdir()) - {unfinished}:
            raise InputError(f"{run_dir} is not empty and holds no run; choose another --run_dir")
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"run folder {run_dir} cannot be made ({error.strerror}); choose another --run_dir") from error
    _write(path, wanted)


def read_config(run_dir: Path) -> Config:
    """The configuration of a run folder. Raises InputError where there is none or it is damaged."""
    return configs.from_dict(_read(run_dir)["config"])


def read_data(run_dir: Path) -> dict[str, Any]:
    """What a run was trained on: name, images, bands and scaling of the dataset."""
    return _read(run_dir)["data"]


def read_metrics(run_dir: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's `metrics.jsonl`, one a tick; a last one that was cut off by a kill is left out."""
    path = run_dir / METRICS
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _read(run_dir: Path) -> dict[str, Any]:
    path = run_dir / CONFIG
    try:
        fields = json.loads(path.read_text())
        if not (isinstance(fields, dict) and {"config", "data"} <= fields.keys()):
            raise ValueError("it has no config and data")
        return fields
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"no run at {run_dir}: it has no {CONFIG}; experiments.train makes one") from error
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}); restore it from a backup or start a new run folder") from error


def _write(path: Path, fields: dict[str, Any]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(fields, indent=1) + "\n")
    temporary.rename(path)
