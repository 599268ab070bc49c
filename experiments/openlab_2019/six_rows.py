"""The talk's two tables: two samples of real images and two of generated ones, compared six ways.

The first row is the floor: what real images score among themselves at the same number.
"""

import dataclasses
import statistics
from collections.abc import Callable

import numpy as np

from progan_tf.errors import InputError
from progan_tf.metrics import ssim
from progan_tf.metrics.fid import frechet_distance
from progan_tf.metrics.images import Images

ROWS = (
    "real 1 / real 2",
    "generated 1 / generated 2",
    "real 1 / generated 1",
    "real 1 / generated 2",
    "real 2 / generated 1",
    "real 2 / generated 2",
)
_SIDES = ((0, 1), (2, 3), (0, 2), (0, 3), (1, 2), (1, 3))  # of real 1, real 2, generated 1, generated 2

# What the talk showed, in the order of ROWS; its SSIM is on the scale of `talk2019_range`.
TALK_SSIM = (0.91078, 0.91763, 0.9138, 0.9196, 0.90801, 0.91411)
TALK_FID = (74.6, 72.8, 201.1, 200.3, 198.8, 199.0)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table: what each repeat, with samples drawn anew, came to."""

    name: str
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @property
    def deviation(self) -> float:
        """Standard deviation over the repeats; 0 of a single one."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0


def ssim_rows(real: Images, generated: Images, *, talk2019_range: bool = False, **drawing) -> tuple[Row, ...]:
    """Mean SSIM of image i of one sample with image i of the other, samples being in random order.

    Args:
        talk2019_range: measures images in [-1, 1] with a range of 255, as the talk did.
        drawing: of `compare`.
    """

    def measure(a: np.ndarray, b: np.ndarray) -> float:
        if talk2019_range:
            return float(ssim.ssim_pairs(ssim.talk2019(a), ssim.talk2019(b), ssim.TALK2019_RANGE).mean())
        return float(ssim.ssim_pairs(a, b, real.top).mean())

    return compare(real.pixels, generated.pixels, measure, **drawing)


def fid_rows(real: np.ndarray, generated: np.ndarray, **drawing) -> tuple[Row, ...]:
    """Fréchet distances of samples of features [N, D] and [M, D]; `drawing` as of `compare`."""
    return compare(real, generated, frechet_distance, **drawing)


def compare(
    real: np.ndarray,
    generated: np.ndarray,
    measure: Callable[[np.ndarray, np.ndarray], float],
    *,
    sample_size: int,
    repeats: int,
    seed: int = 0,
    advance: Callable[[int], None] = lambda compared: None,
) -> tuple[Row, ...]:
    """The six rows, in the order of ROWS.

    Args:
        real, generated: [N, ...] and [M, ...], images or their features. Each repeat draws two samples of either that
            share no image, in a random order that depends on `seed` and the repeat.
        measure: compares two samples [sample_size, ...].
        advance: told after every comparison that one more is done.

    Raises:
        InputError: there are not enough images for two samples.
    """
    for name, rows in (("real", real), ("generated", generated)):
        if len(rows) < 2 * sample_size:
            raise InputError(
                f"two samples of {sample_size} take {2 * sample_size} {name} images, there are {len(rows)}; give more, "
                f"or samples of {len(rows) // 2} at most"
            )
    values = np.empty((repeats, len(ROWS)))
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        drawn = [rows[rng.permutation(len(rows))[: 2 * sample_size]] for rows in (real, generated)]
        samples = [both[half] for both in drawn for half in (slice(sample_size), slice(sample_size, None))]
        for row, (one, other) in enumerate(_SIDES):
            values[repeat, row] = measure(samples[one], samples[other])
            advance(1)
    return tuple(Row(name, tuple(column)) for name, column in zip(ROWS, values.T.tolist(), strict=True))
