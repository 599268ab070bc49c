"""Sliced Wasserstein distance between Laplacian pyramids (Karras et al. 2018, section 5), as the published code has it.

A level of the pyramid holds what an image adds to its next coarser version, the last one (16 pixels) what is left.
Patches of 7 x 7 pixels of a level, each channel brought to mean 0 and deviation 1 over all patches of the set, are
points in 49 C dimensions. Along one direction two sets of points are as far apart as their sorted coordinates; the
mean over 512 random directions, times 1,000, is the figure of the level. Brightness and contrast of a whole set drop
out, so that a set of sharp and blurred images can be further from sharp ones than one of blurred images alone.

The figure falls as sets grow: only figures of one n compare. The paper took 16,384 images.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from progan_tf.metrics.batches import batches, require_side
from progan_tf.metrics.images import Images

COARSEST = 16
_PATCH, _PATCHES_AN_IMAGE = 7, 128
_DIRECTIONS = 512  # published as 4 repeats of 128
_COORDINATES_AT_ONCE = 1 << 24  # 64 MB as float32
_MOST_PATCHES = 1 << 21  # of a set and level, the paper's number: 1.2 GB in RGB


@dataclasses.dataclass(frozen=True)
class SlicedWasserstein:
    """`swd` is the mean over the levels, `swd/16`, `swd/32`, ... are the levels; all times 1,000.

    One level is held at a time, 75 KB an image and set in RGB. From 16,384 images on there are fewer than 128 patches
    an image, so that memory stays at 3 GB.
    """

    seed: int = 0
    name = "swd"
    smallest = 2
    extractor = None

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        levels = distances(real.pixels, generated.pixels, self.seed)
        yield self.name, sum(levels.values()) / len(levels)
        for side, distance in levels.items():
            yield f"{self.name}/{side}", distance


def distances(a: np.ndarray, b: np.ndarray, seed: int = 0) -> dict[int, float]:
    """Distance times 1,000 by the side of the level, from the images' own down to 16, of sets [N, S, S, C].

    Patches lie in the same places of both sets' first, second, ... images: equal sets are at 0.

    Raises:
        InputError: images are no squares of a power of two, or smaller than 16 pixels.
    """
    side = require_side(a, COARSEST, SlicedWasserstein.name, "its coarsest level")
    found = {}
    while side >= COARSEST:
        directions = np.random.default_rng([seed, side, 0]).standard_normal((_DIRECTIONS, _PATCH**2 * a.shape[-1]))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        ours, theirs = (descriptors(pixels, side, np.random.default_rng([seed, side, 1])) for pixels in (a, b))
        found[side] = 1000 * sliced_wasserstein(ours, theirs, directions.astype(np.float32))
        side //= 2
    return found


def descriptors(pixels: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Normalised patches float32 [n, 49 C] of the level of `side` pixels of images [N, S, S, C]."""
    each = max(1, min(_PATCHES_AN_IMAGE, _MOST_PATCHES // len(pixels)))
    corners = rng.integers(0, side - _PATCH + 1, (len(pixels), each, 2), np.int32)
    patches = np.empty((len(pixels), each, pixels.shape[-1], _PATCH, _PATCH), np.float32)
    start = 0
    for batch in batches(pixels):
        windows = sliding_window_view(level(batch, side), (_PATCH, _PATCH), axis=(1, 2))  # [n, y, x, C, 7, 7]
        here = slice(start, start + len(batch))
        patches[here] = windows[np.arange(len(batch))[:, None], corners[here, :, 0], corners[here, :, 1]]
        start += len(batch)
    return _normalised(patches.reshape(-1, *patches.shape[2:]))


def _normalised(patches: np.ndarray) -> np.ndarray:
    """Patches [n, C, 7, 7], changed in place, with mean 0 and deviation 1 a channel, or 0 where they are all the same.

    The level of pixels drops out here, so 16 bits need no scaling.
    """
    patches -= patches.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
    squares = np.einsum("ncyx,ncyx->c", patches, patches, dtype=np.float64)
    deviation = np.sqrt(squares / (patches.size / patches.shape[1])).astype(np.float32)
    patches /= np.where(deviation > 0, deviation, 1)[:, None, None]
    return patches.reshape(len(patches), -1)


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: np.ndarray) -> float:
    """Mean Wasserstein-1 distance of points [n, D] and [m, D] along unit `directions` [d, D]."""
    # Quantiles change where i / n or j / m do: counted in steps of 1 / (n m), so that nothing is rounded.
    ends = np.union1d(np.arange(1, len(a) + 1) * len(b), np.arange(1, len(b) + 1) * len(a))
    shares = (np.diff(ends, prepend=0) / (len(a) * len(b))).astype(np.float32)
    rows_a, rows_b = (ends - 1) // len(b), (ends - 1) // len(a)
    total, at_once = 0.0, max(1, _COORDINATES_AT_ONCE // max(len(a), len(b)))
    for start in range(0, len(directions), at_once):
        block = directions[start : start + at_once]
        along_a, along_b = block @ a.T, block @ b.T
        along_a.sort(axis=1)
        along_b.sort(axis=1)
        gaps = along_a[:, rows_a] - along_b[:, rows_b]
        total += float((np.abs(gaps, out=gaps) @ shares).sum(dtype=np.float64))
    return total / len(directions)


def level(pixels: np.ndarray, side: int) -> np.ndarray:
    """The level of `side` pixels of the Laplacian pyramid of images [N, S, S, C], float32 [N, side, side, C]."""
    images = pixels.astype(np.float32)
    while images.shape[1] > side:
        images = down(images)
    return images if side < 2 * COARSEST else images - up(down(images))


def down(images: np.ndarray) -> np.ndarray:
    """Images [N, S, S, C] at half the size: binomial filter of 5 x 5, mirrored borders, every other pixel."""
    for _ in range(2):
        padded = np.pad(images, ((0, 0), (2, 2), (0, 0), (0, 0)), mode="reflect")
        even, odd = padded[:, 0::2], padded[:, 1::2]
        rows = (even[:, :-2] + 4 * odd[:, :-2] + 6 * even[:, 1:-1] + 4 * odd[:, 1:-1] + even[:, 2:]) / 16
        images = rows.swapaxes(1, 2)
    return images


def up(images: np.ndarray) -> np.ndarray:
    """Images [N, S, S, C] at twice the size: zeros between the pixels, then the same filter, times 4."""
    for _ in range(2):
        padded = np.concatenate([images[:, 1:2], images, images[:, -1:]], axis=1)  # what is mirrored, zeros included
        even = (padded[:, :-2] + 6 * padded[:, 1:-1] + padded[:, 2:]) / 8
        odd = (padded[:, 1:-1] + padded[:, 2:]) / 2
        count, size, *rest = images.shape
        images = np.stack([even, odd], axis=2).reshape(count, 2 * size, *rest).swapaxes(1, 2)
    return images
