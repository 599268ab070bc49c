"""Signs that training has collapsed, as pure functions of what ticks saw.

The discriminator, by the figures of its loss: real images must score higher than generated ones, the difference being
the estimate of how far apart the two are (Gulrajani et al. 2017); the gradient penalty holds the norm near its target,
and sharp gradients go with mode collapse (Kodali et al. 2017). The generator, by a sample: pairs of its images must
not be much more alike than pairs of real ones, by MS-SSIM (Odena et al. 2017), and real images must have generated ones
near them, by recall (Kynkäänniemi et al. 2019).
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from progan_tf import imaging
from progan_tf.metrics import ms_ssim
from progan_tf.metrics.recall import recall

MOST_PIXELS = 32  # a side, at which images are compared
_LEAST_PIXELS = 2 ** (len(ms_ssim.WEIGHTS) - 1)  # of MS-SSIM
_PARTS = 8  # a side, whose means recall compares
# Healthy runs have a tick or two of these, where the generator is ahead or a level new.
_TICKS = 3
_ALIKE, _MISSED = 1 / 4, 1 / 10  # of what real images score
_FLAT, _STEEP = 1 / 10, 10  # times the target of the gradient norm


def alarms(ticks: Sequence[dict[str, Any]], gradient_target: float | None) -> list[str]:
    """What is wrong at the last of a run's ticks, a sentence each with its figures; empty where nothing is.

    Args:
        ticks: lines of the metrics log: resolution, alpha, the figures of the loss, and `watch`, which `variety` made.
        gradient_target: what the gradient norm is held to, None where the loss holds it to nothing.
    """
    found = [*_undiscerning(ticks), *_alike(ticks[-1]), *_missed(ticks)]
    return found if gradient_target is None else [*found, *_slope(ticks, gradient_target)]


def variety(real: np.ndarray, others: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """How varied generated images are, and real ones: sets uint8 or uint16 [N, S, S, C], S a power of two from 4 to 32.

    `ms_ssim` is the mean over random pairs of generated images, those below 16 pixels enlarged to them; `recall` the
    share of real images with a generated one near, by means over 8 x 8 parts, since no run needs a network to see
    through. `ms_ssim_real` and `recall_real` are the same of `others`, which are real too.
    """
    looks, figures = _looks(real), {}
    for end, images in (("", generated), ("_real", others)):
        enlarged = imaging.enlarge(images, max(1, _LEAST_PIXELS // images.shape[1]))
        figures |= {
            f"ms_ssim{end}": float(ms_ssim.among(enlarged).mean()),
            f"recall{end}": recall(looks, _looks(images)),
        }
    return figures


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """Images [N, S, S, C] at `side` pixels where they are larger: means over squares, rounded, of the same type."""
    count, size, _, channels = pixels.shape
    factor = max(1, size // side)
    squares = pixels.reshape(count, size // factor, factor, size // factor, factor, channels)
    return np.rint(squares.mean(axis=(2, 4), dtype=np.float32)).astype(pixels.dtype)


def _looks(pixels: np.ndarray) -> np.ndarray:
    """What recall compares of images [N, S, S, C]: float32 [N, D]."""
    return shrink(pixels, _PARTS).reshape(len(pixels), -1).astype(np.float32)


def _undiscerning(ticks: Sequence[dict[str, Any]]) -> Iterator[str]:
    def gap(tick: dict[str, Any]) -> float:
        return tick["real_score"] - tick["fake_score"]

    if _lasting(ticks, lambda tick: "real_score" in tick and gap(tick) <= 0):
        yield (
            f"the discriminator scores real images no higher than generated ones ({gap(ticks[-1]):+.3g}), for "
            f"{_TICKS} ticks"
        )


def _slope(ticks: Sequence[dict[str, Any]], target: float) -> Iterator[str]:
    norms = [tick["gradient_norm"] for tick in ticks if "gradient_norm" in tick]
    held = any(norm > target / 2 for norm in norms)  # a new discriminator is flat
    if held and _lasting(ticks, lambda tick: tick.get("gradient_norm", target) < _FLAT * target):
        yield f"the discriminator has gone flat: gradient norm {norms[-1]:.3g}, which is held to {target:g}"
    if norms and norms[-1] > _STEEP * target:
        yield f"the discriminator's gradients explode: norm {norms[-1]:.3g}, which is held to {target:g}"


def _alike(tick: dict[str, Any]) -> Iterator[str]:
    watch = tick["watch"]
    if 1 - watch["ms_ssim"] < _ALIKE * (1 - watch["ms_ssim_real"]):
        yield (
            f"generated images are all alike: MS-SSIM of pairs {watch['ms_ssim']:.3f}, of real ones "
            f"{watch['ms_ssim_real']:.3f}"
        )


def _missed(ticks: Sequence[dict[str, Any]]) -> Iterator[str]:
    if _lasting(ticks, lambda tick: tick["watch"]["recall"] < _MISSED * tick["watch"]["recall_real"]):
        watch = ticks[-1]["watch"]
        yield (
            f"generated images reach few real ones: recall {watch['recall']:.3f}, of other real ones "
            f"{watch['recall_real']:.3f}, for {_TICKS} ticks"
        )


def _lasting(ticks: Sequence[dict[str, Any]], sign: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether a sign has been there for the last ticks, all at one grown level."""
    last = ticks[-_TICKS:]
    same = all(tick["resolution"] == ticks[-1]["resolution"] and tick["alpha"] == 1 for tick in last)
    return len(last) == _TICKS and same and all(map(sign, last))
