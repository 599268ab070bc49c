"""What a run does when nothing can be learnt any more: back to the last good tick, and on with other random numbers."""

import dataclasses
import logging
import math
import zlib
from pathlib import Path

from progan_tf.config import Config
from progan_tf.errors import Failed
from progan_tf.training import checkpoints
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.workers import Workers

MAX_SKIPPED_IN_A_ROW = 20
MAX_REWINDS = 3


def reseeded(config: Config, rewinds: int) -> Config:
    """The config of a run after so many rewinds: order of the data and noise are other ones.

    The seed follows from that of the run and the count alone, so that a resumed run takes the same course.
    """
    if not rewinds:
        return config
    seed = zlib.crc32(f"{config.training.seed}/rewind {rewinds}".encode())
    return dataclasses.replace(config, training=dataclasses.replace(config.training, seed=seed))


def rewind(folder: Path, networks: Networks, progress: Progress, fault: str, workers: Workers) -> Progress:
    """Puts networks back to the last good tick's checkpoint of `folder`; returns the progress there, one rewind on.

    A tick's, since those are written at the same images however often the run was interrupted. Checkpoints from after
    it are removed.

    Args:
        fault: what was not finite, for the log.

    Raises:
        Failed: the run was rewound three times already.
    """
    what = (
        f"{MAX_SKIPPED_IN_A_ROW} steps in a row had a loss or gradient that was not finite ({fault}), "
        f"at {progress.images / 1000:.1f} kimg"
    )

    def back_to_good() -> None:
        checkpoints.remove_later(checkpoints.newest_whole(folder, only=lambda progress: progress.good))

    workers.from_chief(back_to_good)
    rewinds = progress.rewinds + 1
    if rewinds > MAX_REWINDS:
        raise Failed(
            f"{what}, after {MAX_REWINDS} rewinds with other data and noise; the last good checkpoint is "
            f"{checkpoints.newest_whole(folder)}; try a lower schedule.learning_rate in a new run"
        )
    progress = checkpoints.restore(folder, networks, workers)
    progress.rewinds = rewinds
    logging.warning(
        "%s: back to %.1f kimg, on with other data and noise (rewind %d of %d)",
        what, progress.images / 1000, rewinds, MAX_REWINDS,
    )  # fmt: skip
    return progress


def fault(figures: dict[str, float]) -> str:
    """What of a step's figures is not finite, in words: `d_loss nan`; `a gradient` where all figures are finite."""
    return ", ".join(f"{name} {value}" for name, value in figures.items() if not math.isfinite(value)) or "a gradient"
