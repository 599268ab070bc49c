"""The folder of a run: its configuration, its log, and what stops a second start that would not go on with it."""

import json
from pathlib import Path
from typing import Any

from progan_tf import config as configs
from progan_tf.atomic import replacing
from progan_tf.config import Config
from progan_tf.errors import InputError
from progan_tf.training import lock

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


def open_run(run_dir: Path, config: Config, data: dict[str, Any], init_from: str | None = None) -> None:
    """Makes a run folder for `config` and `data` (`Dataset.identity`), or checks that the one there is of the same.

    A run may be made longer or shorter, and keep its checkpoints otherwise; its configuration is then written anew.
    What a new run starts from is recorded; a second start need not say it again.

    Raises:
        InputError: the folder holds something else, or a run with another configuration or dataset; names the fields.
    """
    path = run_dir / CONFIG
    before = read_init_from(run_dir)
    if path.exists() and init_from is not None and not _same_source(init_from, before):
        raise InputError(
            f"{run_dir} holds a run that started from {before or 'nothing'}, not {init_from}; "
            f"leave --init_from out to go on with it, or give another --run_dir"
        )
    wanted = {"config": configs.to_dict(config), "data": data}
    if before or init_from:
        wanted["init_from"] = before or init_from
    if path.exists():
        changed = configs.differences(read_config(run_dir), config)
        conflicts = [field for field in changed if field.partition(":")[0] not in _FREE]
        known = read_data(run_dir)
        conflicts += [
            f"data.{key}: {known.get(key)} against {data[key]}" for key in data if known.get(key) != data[key]
        ]
        if conflicts:
            raise InputError(
                f"{run_dir} holds a run with another configuration ({'; '.join(conflicts)}); "
                f"start with its settings or in another --run_dir"
            )
        if changed:
            _write(path, wanted)
        return
    make(run_dir)
    _write(path, wanted)


def make(run_dir: Path) -> None:
    """Makes a run folder that is not there. Raises InputError where it cannot be, or holds what is no run."""
    path = run_dir / CONFIG
    ours = {path, path.with_name(path.name + ".tmp"), run_dir / lock.FILENAME}
    try:
        if run_dir.exists() and not path.exists() and set(run_dir.iterdir()) - ours:
            raise InputError(f"{run_dir} is not empty and holds no run; choose another --run_dir")
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"run folder {run_dir} cannot be made ({error.strerror}); choose another --run_dir") from error


def read_config(run_dir: Path) -> Config:
    """The configuration of a run folder. Raises InputError where there is none or it is damaged."""
    return configs.from_dict(_read(run_dir)["config"])


def read_data(run_dir: Path) -> dict[str, Any]:
    """What a run was trained on: name, images, bands and scaling of the dataset."""
    return _read(run_dir)["data"]


def read_init_from(run_dir: Path) -> str | None:
    """What a run started from, None where from nothing or there is no run."""
    return _read(run_dir).get("init_from") if (run_dir / CONFIG).exists() else None


def read_metrics(run_dir: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's `metrics.jsonl`, one a tick; a last one that was cut off by a kill is left out."""
    path = run_dir / METRICS
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _same_source(given: str, recorded: str | None) -> bool:
    """Whether a source is the recorded one, or the model folder whose version that is."""
    if recorded is None:
        return False
    path = Path(recorded)
    return Path(given) in ((path, path.parent) if path.name.isdecimal() else (path,))


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
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(fields, indent=1) + "\n")
