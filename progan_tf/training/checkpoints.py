"""Checkpoints that are whole or do not count: everything training changes, with checksums.

A checkpoint is a folder `checkpoints/<images>` of TensorFlow's own checkpoint files and `checkpoint.json`, which is
written last and names the size and SHA-256 of each file. One without it, or with a file that differs, is torn: the one
before it is used.
"""

import dataclasses
import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from progan_tf.atomic import replacing
from progan_tf.errors import InputError
from progan_tf.networks.generator import Generator
from progan_tf.training.progress import Progress
from progan_tf.training.state import NETWORKS, Networks
from progan_tf.training.workers import Workers

_SEAL = "checkpoint.json"


def save(folder: Path, networks: Networks, progress: Progress, keep: int) -> Path:
    """Writes a checkpoint and removes all but the `keep` newest whole ones, and what a killed run left unfinished.

    The newest that is good to go back to stays besides.
    """
    path = path_of(folder, progress)
    for unfinished in {path, *folder.glob("*")} - set(_sealed(folder)) | {path}:
        shutil.rmtree(unfinished, ignore_errors=True)
    path.mkdir(parents=True)
    _checkpoint(networks.variables).write(str(path / "weights"))
    files = {file.name: _digest(file) for file in sorted(path.iterdir())}
    with replacing(path / _SEAL) as seal:
        seal.write_text(json.dumps({"progress": dataclasses.asdict(progress), "files": files}, indent=1) + "\n")
    sealed = _sealed(folder)
    good = [path for path in sealed if load_progress(path).good]
    for old in set(sealed[:-keep]) - set(good[-1:]):
        shutil.rmtree(old)
    return path


def path_of(folder: Path, progress: Progress) -> Path:
    """Where the checkpoint of a run that has come so far lies."""
    return folder / f"{progress.images:012d}"


def keep_copy(folder: Path, kept: Path, images: int) -> None:
    """Copies the checkpoint at `images` from `folder` to `kept`, where it is to be the only one.

    Nothing is done where it was copied already, or is no longer in `folder`.
    """
    path, copy = folder / f"{images:012d}", kept / f"{images:012d}"
    if (copy / _SEAL).exists() or not (path / _SEAL).exists():
        return
    shutil.copytree(path, copy, ignore=shutil.ignore_patterns(_SEAL), dirs_exist_ok=True)
    with replacing(copy / _SEAL) as seal:
        shutil.copyfile(path / _SEAL, seal)
    for other in kept.iterdir():
        if other != copy:
            shutil.rmtree(other)


def remove_later(path: Path) -> None:
    """Removes the checkpoints from after one that the run goes back to."""
    for later in _sealed(path.parent):
        if later.name > path.name:
            shutil.rmtree(later)


def restore(folder: Path, networks: Networks, workers: Workers) -> Progress | None:
    """Restores the checkpoint that is the newest whole one to the chief, on all workers.

    Returns how far it had come, None where there is none to restore.

    Raises:
        InputError: the chief finds none that is whole, or another worker cannot read the one it has chosen.
    """

    def newest() -> int:
        path = newest_whole(folder)
        return int(path.name) if path else -1

    images = workers.from_chief(newest)
    if images < 0:
        return None
    path = folder / f"{images:012d}"
    fault = None if workers.chief else torn(path)
    if workers.any(fault is not None):
        raise InputError(
            f"worker {workers.index} cannot read the checkpoint {path} that the chief goes on from ({fault}); "
            f"give all workers the same --run_dir, on storage they share"
            if fault
            else f"another worker cannot read the checkpoint {path}; its own message says why"
        )
    _checkpoint(networks.variables).read(str(path / "weights")).assert_consumed()
    return load_progress(path)


def restore_averaged(folder: Path, averaged: Generator) -> Progress | None:
    """Restores the averaged generator alone, of the newest whole checkpoint, for those who train nothing.

    Returns how far the run had come, None where there is nothing to restore.
    """
    path = newest_whole(folder)
    if path is None:
        return None
    variables = {f"averaged/{name}": variable.value for name, variable in averaged.variables.items()}
    status = _checkpoint(variables).read(str(path / "weights"))
    status.expect_partial().assert_existing_objects_matched()
    return load_progress(path)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The weights in a checkpoint by name, such as `generator/4x4/conv/kernel`: those of the networks, no moments."""
    reader = tf.train.load_checkpoint(str(path / "weights"))
    end = "/.ATTRIBUTES/VARIABLE_VALUE"
    names = {key.removesuffix(end).replace(".S", "/"): key for key in reader.get_variable_to_shape_map()}
    return {name: reader.get_tensor(key) for name, key in sorted(names.items()) if name.partition("/")[0] in NETWORKS}


def newest_whole(folder: Path, only: Callable[[Progress], bool] = lambda progress: True) -> Path | None:
    """The newest checkpoint that is not torn, `only` those that count; None where there is none at all.

    Raises:
        InputError: there are checkpoints, and every one of them is torn.
    """
    candidates = sorted(path for path in folder.glob("*") if path.is_dir())
    for path in reversed(candidates):
        fault = torn(path)
        if fault is not None:
            logging.warning("checkpoint %s is torn (%s); trying the one before it", path, fault)
        elif only(load_progress(path)):
            return path
    if _sealed(folder):
        raise InputError(
            f"every checkpoint in {folder} is damaged; restore one from a backup or start a new run folder"
        )
    return None


def torn(path: Path) -> str | None:
    """What is wrong with a checkpoint, None where it is whole."""
    try:
        files = json.loads((path / _SEAL).read_text())["files"]
        for name, digest in files.items():
            if _digest(path / name) != digest:
                return f"{name} differs from what was written"
    except (OSError, ValueError, KeyError) as error:
        return str(error) or repr(error)
    return None


def load_progress(path: Path) -> Progress:
    """How far the run of a checkpoint had come."""
    fields = json.loads((path / _SEAL).read_text())["progress"]
    if fields["stage"] is not None:
        fields["stage"] = tuple(fields["stage"])
    return Progress(**fields)


def _checkpoint(variables: dict[str, tf.Variable]) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(**variables)


def _sealed(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"*/{_SEAL}"))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"{path.stat().st_size} {hashlib.file_digest(file, 'sha256').hexdigest()}"
