"""What a run can start from: the networks of another run, or those that lie beside an exported model.

A SavedModel holds the averaged generator alone, folded for inference. The weights of training lie beside it, as
`assets.extra/weights.npz`: averaged generator and discriminator, since a generator alone would meet a discriminator
that has learnt nothing and forget. They are of 16 bits, which is fine enough to start from, and nothing else reads
them: where a model is only used, the file may be deleted.
"""

import dataclasses
import zipfile
from pathlib import Path

import numpy as np

from progan_tf.config import Config
from progan_tf.errors import InputError
from progan_tf.metrics import npz
from progan_tf.networks.growing import level_of
from progan_tf.training import best, checkpoints, run_directory
from progan_tf.training.progress import where_it_stands

SIDECAR = Path("assets.extra") / "weights.npz"
_STANDING = "level, alpha, kimg"


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """Weights by name, as in a checkpoint (`generator/`, `discriminator/`, `averaged/`), and where they stand."""

    weights: dict[str, np.ndarray]
    level: int
    alpha: float
    kimg: float


def open_source(path: Path) -> Source:
    """What lies at `path`: a run folder (its newest checkpoint), its `best` folder, or a version of a model.

    Raises:
        InputError: it is none of them, or has no whole checkpoint, or weights that are not finite.
    """
    if (path / SIDECAR).exists():
        source = _of_sidecar(path / SIDECAR)
    else:
        run_dir = path.parent if path.name == best.FOLDER else path
        config = run_directory.read_config(run_dir)
        checkpoint = checkpoints.newest_whole(path if path.name == best.FOLDER else path / "checkpoints")
        if checkpoint is None:
            raise InputError(f"{path} has no checkpoint to start from; train it until the first one is written")
        source = of_run(config, checkpoint)
    broken = [name for name, values in source.weights.items() if not np.isfinite(values).all()]
    if broken:
        raise InputError(
            f"weights of {path} are not finite ({broken[0]} and {len(broken) - 1} more); start from another"
        )
    return source


def of_run(config: Config, checkpoint: Path) -> Source:
    """The networks of a run's checkpoint."""
    progress = checkpoints.load_progress(checkpoint)
    level, alpha = where_it_stands(config, progress)
    return Source(checkpoints.read_weights(checkpoint), level, alpha, progress.images / 1000)


def write_sidecar(folder: Path, source: Source) -> None:
    """Writes what a run can start from beside the SavedModel in `folder`: the levels grown so far."""
    kept = {
        name: values.astype(np.float16)
        for name, values in source.weights.items()
        if not name.startswith("generator/") and level_of(name.partition("/")[2]) <= source.level
    }
    npz.write(folder / SIDECAR, kept | {_STANDING: np.array([source.level, source.alpha, source.kimg])})


def _of_sidecar(path: Path) -> Source:
    try:
        with np.load(path, allow_pickle=False) as entries:
            arrays = {name: entries[name] for name in entries.files}
        level, alpha, kimg = arrays.pop(_STANDING).tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}); export the model again") from error
    weights = {name: values.astype(np.float32) for name, values in arrays.items()}
    averaged = {
        name.replace("averaged", "generator", 1): weights[name] for name in weights if name.startswith("averaged/")
    }
    return Source(weights | averaged, int(level), alpha, kimg)
