"""What becomes of an extension that goes on from its own work: ring by ring, is it still as rich as the first?

A strip begins with known pixels and goes on in tiles, each made from what lies before it; the k-th is ring k. A system
that drifts makes every ring smoother than the last, or changes its colour. Figures are in grey levels of 255.
"""

import dataclasses

import numpy as np

from progan_tf.metrics.grey import grey_levels


@dataclasses.dataclass(frozen=True)
class Ring:
    """Of the tiles of one ring: `gradient_energy` is the mean step |dI| between neighbouring pixels of a tile,
    `deviation` the mean standard deviation within a tile, `mean` the mean colour, a value a band."""

    gradient_energy: float
    deviation: float
    mean: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class ColourDrift:
    """How far the mean colours of two rings are apart, in the band where most; `standard_error` over the strips."""

    value: float
    standard_error: float


def rings(strips: np.ndarray, known: int, tile: int) -> list[np.ndarray]:
    """The tiles [N, H, tile, C] of rings 1, 2 ... of strips [N, H, W, C] whose first `known` columns were given."""
    return [strips[:, :, start : start + tile] for start in range(known, strips.shape[2] - tile + 1, tile)]


def statistics(tiles: np.ndarray) -> Ring:
    """What is measured of the tiles [N, H, W, C] of a ring."""
    levels = grey_levels(tiles)
    steps = [np.abs(np.diff(levels, axis=axis)).mean(dtype=np.float64) for axis in (1, 2)]
    return Ring(
        gradient_energy=float(np.mean(steps)),
        deviation=float(levels.std(axis=(1, 2)).mean(dtype=np.float64)),
        mean=tuple(levels.mean(axis=(0, 1, 2), dtype=np.float64).tolist()),
    )


def colour_drift(first: np.ndarray, later: np.ndarray) -> ColourDrift:
    """From one ring to another of the same strips, tiles [N, H, W, C] each."""
    means = [grey_levels(tiles).mean(axis=(1, 2), dtype=np.float64) for tiles in (first, later)]
    changes = means[1] - means[0]
    change = changes.mean(axis=0)
    band = int(np.abs(change).argmax())
    error = changes[:, band].std(ddof=1) / np.sqrt(len(changes)) if len(changes) > 1 else 0.0
    return ColourDrift(float(np.abs(change[band])), float(error))
