"""Everything that is measured of one way to extend windows, gathered in one result."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from experiments.extension_evaluation.baselines import Method
from progan_tf.errors import Failed, InputError
from progan_tf.extension.extender import Extend
from progan_tf.metrics import distance, drift, join_classifier, seam
from progan_tf.metrics.distance import Band, Error
from progan_tf.metrics.fid import frechet_distance
from progan_tf.metrics.images import Images
from progan_tf.metrics.kid import kernel_distance
from progan_tf.metrics.metric import Extractor

RINGS = 8
_BATCH = 32


@dataclasses.dataclass(frozen=True)
class SeamFigures:
    """Of the joins of one sample a window: seam ratios, `pooled` being that of mean steps, |log ratio| of windows, and
    steps of colour in grey levels, at joins and elsewhere."""

    joins: int
    mean: float
    median: float
    p95: float
    pooled: float
    log_ratio: float
    colour_step: float
    colour_elsewhere: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured of a method; None and empty for what was not asked for, or has no meaning for it.

    `errors` and `diversity` are by band of distance, in grey levels. `rings` begins with ring 1, `ring_seams` with the
    seam ratio of its join to what is known, then those between rings; `colour_drift` is from the first ring to the
    last, in grey levels, `ring_kid` the KID of each against real tiles.
    """

    name: str
    seam: SeamFigures | None = None
    area: float | None = None
    errors: dict[Band, Error] = dataclasses.field(default_factory=dict)
    diversity: dict[Band, float] = dataclasses.field(default_factory=dict)
    rings: tuple[drift.Ring, ...] = ()
    ring_seams: tuple[float, ...] = ()
    colour_drift: drift.ColourDrift | None = None
    fid: float | None = None
    kid: float | None = None
    ring_kid: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Setting:
    """What all methods are measured on: `windows` [N, W, W, C] of which `known` [N, W, W] is given.

    `samples` are made of every window by methods that are random; marches go on by `tile` pixels.
    """

    windows: np.ndarray
    known: np.ndarray
    tile: int
    samples: int
    seed: int
    metrics: tuple[str, ...]
    extractor: Extractor | None

    @property
    def quadrants(self) -> list[tuple[int, slice, slice]]:
        """Quarters of windows that are wholly unknown: the number of a window, rows and columns."""
        half = self.windows.shape[1] // 2
        parts = [(slice(row, row + half), slice(column, column + half)) for row in (0, half) for column in (0, half)]
        return [(number, *part) for number, mask in enumerate(self.known) for part in parts if not mask[part].any()]

    def seen_quadrants(self, images: np.ndarray) -> np.ndarray:
        """What the network sees in those quarters of images [N, W, W, C]."""
        return self.extractor(Images.of("quadrants", np.stack([images[place] for place in self.quadrants])))

    def seen_tiles(self, tiles: np.ndarray) -> np.ndarray:
        """What it sees in the tiles [N, W, T, C] of a ring."""
        return self.extractor(Images.of("ring", _squares(tiles)))

    @functools.cached_property
    def seen_real_quadrants(self) -> np.ndarray:
        return self.seen_quadrants(self.windows)

    @functools.cached_property
    def seen_real_tiles(self) -> np.ndarray:
        return self.seen_tiles(self.windows[:, :, self.windows.shape[2] - self.tile :])


def steps(method: Method, setting: Setting) -> int:
    """How many windows `measure` has a method make."""
    march = RINGS if "drift" in setting.metrics else 0
    return len(setting.windows) * (march + (setting.samples if method.random else 1))


def draw(method: Method, setting: Setting, advance: Callable[[int], None] = lambda count: None) -> np.ndarray:
    """Samples [K, N, W, W, C] of the windows; K is 1 where a method is not random. What is unknown is not given."""
    given = np.where(setting.known[..., np.newaxis], setting.windows, 0)
    count, samples = len(given), []
    for sample in range(setting.samples if method.random else 1):
        seeds = setting.seed + sample * count + np.arange(count)
        samples.append(_extended(method.extend, given, setting.known, seeds, advance))
    return np.stack(samples)


def march(
    extend: Extend,
    windows: np.ndarray,
    tile: int,
    rings: int = RINGS,
    seed: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> np.ndarray:
    """Strips [N, W, W - tile + rings * tile, C] that begin with the left of windows [N, W, W, C] and go on from there.

    Each of the `rings` sees the last W - tile columns before it, whoever made them.
    """
    count, side = windows.shape[:2]
    strip, known = windows[:, :, : side - tile], np.zeros(windows.shape[:3], bool)
    known[:, :, : side - tile] = True
    for ring in range(rings):
        given = np.pad(strip[:, :, ring * tile :], ((0, 0), (0, 0), (0, tile), (0, 0)))
        seeds = seed + ring * count + np.arange(count)
        made = _extended(extend, given, known, seeds, advance)
        strip = np.concatenate([strip, made[:, :, side - tile :]], axis=2)
    return strip


def measure(method: Method, setting: Setting, samples: np.ndarray, strips: np.ndarray | None) -> Result:
    """All figures of a method, given its samples [K, N, W, W, C] and the strips that it marched, if it did."""
    wanted, windows, known = setting.metrics, setting.windows, setting.known
    found = {"name": method.name}
    if "seam" in wanted:
        found["seam"] = seam_figures(samples[0], known)
    if "classifier" in wanted:
        found["area"] = join_classifier.area(samples[0], known, setting.seed)
    if "errors" in wanted:
        found["errors"] = distance.errors(windows, samples, known)
    if "diversity" in wanted:
        found["diversity"] = distance.diversity(samples, known)
    if strips is not None:
        tiles = drift.rings(strips, windows.shape[2] - setting.tile, setting.tile)
        found |= _drift(tiles)
        if "seam" in wanted:
            found["ring_seams"] = tuple(_ring_seam(strips, ring, setting) for ring in range(len(tiles)))
        if "kid" in wanted:
            found["ring_kid"] = tuple(_ring_kid(ring, setting) for ring in tiles)
    if {"fid", "kid"} & set(wanted):
        found |= _distributions(setting, samples[0])
    return Result(**found)


def seam_figures(images: np.ndarray, known: np.ndarray) -> SeamFigures:
    """What is told of the joins of images [N, W, W, C] under masks [N, W, W]."""
    seams = seam.measure(images, known)
    return SeamFigures(
        joins=len(seams.ratio),
        mean=float(seams.ratio.mean()),
        median=float(np.median(seams.ratio)),
        p95=float(np.percentile(seams.ratio, 95)),
        pooled=seams.pooled_ratio,
        log_ratio=float(seams.log_ratio.mean()),
        colour_step=float(seams.colour_step.mean()),
        colour_elsewhere=float(seams.colour_elsewhere.mean()),
    )


def real(setting: Setting, others: np.ndarray) -> Result:
    """The control: what the windows themselves score, and, as diversity, how far `others` [N, W, W, C], real windows of
    other places, are from them at the same pixels. Its ring is the tiles where ring 1 would be."""
    wanted, windows = setting.metrics, setting.windows
    tiles = windows[:, :, windows.shape[2] - setting.tile :]
    found = {"name": "real"}
    if "seam" in wanted:
        found["seam"] = seam_figures(windows, setting.known)
    if "classifier" in wanted:
        found["area"] = join_classifier.area(windows, setting.known, setting.seed)
    if "diversity" in wanted:
        found["diversity"] = distance.diversity(np.stack([windows, others]), setting.known)
    if "drift" in wanted:
        found["rings"] = (drift.statistics(tiles),)
        if "seam" in wanted:
            found["ring_seams"] = (_ring_seam(windows, 0, setting),)
        if "kid" in wanted:
            found["ring_kid"] = (_ring_kid(others[:, :, windows.shape[2] - setting.tile :], setting),)
    if {"fid", "kid"} & set(wanted):
        found |= _distributions(setting, others)
    return Result(**found)


def _drift(tiles: list[np.ndarray]) -> dict[str, object]:
    rings = tuple(map(drift.statistics, tiles))
    return {"rings": rings, "colour_drift": drift.colour_drift(tiles[0], tiles[-1])}


def _distributions(setting: Setting, made: np.ndarray) -> dict[str, float]:
    """FID and KID of what was made in the unknown quadrants against what is really there."""
    count = len(setting.quadrants)
    if count < 4:
        raise InputError(
            f"fid and kid compare quarters of windows that are wholly unknown, and the masks leave {count}; "
            "evaluate the masks half, quadrant or corner, or leave fid and kid out"
        )
    real, generated = setting.seen_real_quadrants, setting.seen_quadrants(made)
    found = {}
    if "fid" in setting.metrics:
        found["fid"] = frechet_distance(real, generated)
    if "kid" in setting.metrics:
        found["kid"] = kernel_distance(real, generated).value
    return found


def _ring_seam(strips: np.ndarray, ring: int, setting: Setting) -> float:
    """The mean seam ratio where a ring of strips [N, H, W, C] joins what lies before it, a window at a time."""
    width = setting.windows.shape[2]
    images = strips[:, :, ring * setting.tile :][:, :, :width]
    known = np.zeros(images.shape[:3], bool)
    known[:, :, : width - setting.tile] = True
    return float(seam.measure(images, known).ratio.mean())


def _ring_kid(tiles: np.ndarray, setting: Setting) -> float:
    return kernel_distance(setting.seen_real_tiles, setting.seen_tiles(tiles)).value


def _squares(tiles: np.ndarray) -> np.ndarray:
    """The squares that tiles [N, H, W, C] are of, which a network sees undistorted; what is left over is cut off."""
    side = min(tiles.shape[1:3])
    return np.concatenate([tiles[:, start : start + side] for start in range(0, tiles.shape[1] - side + 1, side)])


def _extended(
    extend: Extend, images: np.ndarray, known: np.ndarray, seeds: np.ndarray, advance: Callable[[int], None]
) -> np.ndarray:
    made = []
    for start in range(0, len(images), _BATCH):
        here = slice(start, start + _BATCH)
        made.append(extend(images[here], known[here], seeds[here]))
        if (made[-1] != images[here])[known[here].astype(bool)].any():
            raise Failed("what continues the windows changed known pixels; no figure of it would mean anything")
        advance(len(made[-1]))
    return np.concatenate(made)
