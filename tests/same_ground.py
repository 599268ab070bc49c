"""Whether a square shows ground of a scene, wherever in it: by the perceptual hash, then by its details.

A copy that was compressed again keeps its hash if both are cut at the same pixels, to within one or two of 128. So the
scene is hashed at every second pixel. Calm pictures share hashes; those found are told apart by fine detail.
"""

import dataclasses

import numpy as np
from scipy import fft, ndimage

SIDE, STEP = 128, 2  # pixels of a square, and from one place of the scene to the next
MOST_BITS = 6  # two more than for copies cut at the very same pixels
LEAST_STD = 4.0  # grey levels: flatter squares have nothing to be known by
LEAST_ALIKE = 0.7  # correlation of details: 0.77 and more in 810 of 811 copies, 0.58 at most elsewhere

_POOLED, _KEPT, _BLUR = SIDE // 32, 8, 9
_BASIS = fft.dct(np.eye(32), norm="ortho", axis=0)[:_KEPT].astype(np.float32)
_windows = np.lib.stride_tricks.sliding_window_view


@dataclasses.dataclass(frozen=True)
class Scene:
    """`hashes` [Y, X] of the squares at every second pixel of a scene, and its `details` [H, W]."""

    hashes: np.ndarray
    details: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> "Scene":
        """The scene of an image [H, W, C]."""
        grey = image.sum(axis=2, dtype=np.float32)
        sums = _windows(grey, (_POOLED, _POOLED))[::STEP, ::STEP].sum(axis=(2, 3))
        apart = _POOLED // STEP
        across = _windows(sums, 31 * apart + 1, axis=1)[..., ::apart] @ _BASIS.T
        down = _windows(across, 31 * apart + 1, axis=0)[..., ::apart]  # [Y, X, frequencies across, 32]
        found = [_hashes(np.moveaxis(rows @ _BASIS.T, -1, -2)) for rows in np.array_split(down, len(down) // 8)]
        return cls(np.concatenate(found), _details(grey))

    def shows(self, square: np.ndarray) -> bool | None:
        """Whether a square [128, 128, C] is of this ground; None where it is nearly flat."""
        grey = square.sum(axis=2, dtype=np.float32)
        if square.std() < LEAST_STD:
            return None
        pooled = grey.reshape(32, _POOLED, 32, _POOLED).sum(axis=(1, 3))
        near = np.bitwise_count(self.hashes ^ _hashes(_BASIS @ pooled @ _BASIS.T)) <= MOST_BITS
        details = _unit(_details(grey)[_BLUR:-_BLUR, _BLUR:-_BLUR])
        return any(self._alike(details, y * STEP, x * STEP) for y, x in np.argwhere(near))

    def _alike(self, details: np.ndarray, y: int, x: int) -> bool:
        """Whether the square at (y, x) has these details, or one a pixel away."""
        rows, columns = (slice(max(0, at - 1) + _BLUR, at + 1 + SIDE - _BLUR) for at in (y, x))
        moved = _windows(self.details[rows, columns], details.shape).reshape(-1, *details.shape)
        return any((_unit(there) * details).sum() >= LEAST_ALIKE for there in moved)


def _hashes(lowest: np.ndarray) -> np.ndarray:
    """The 64-bit hashes [...] of 8 x 8 lowest frequencies [..., 8, 8], as data_prep.look has them."""
    lowest = lowest.reshape(*lowest.shape[:-2], _KEPT**2)
    signs = lowest > np.median(lowest[..., 1:], axis=-1, keepdims=True)
    return np.packbits(signs, axis=-1).view(">u8")[..., 0].astype(np.uint64)


def _details(grey: np.ndarray) -> np.ndarray:
    return grey - ndimage.uniform_filter(grey, _BLUR)


def _unit(details: np.ndarray) -> np.ndarray:
    centred = details - details.mean()
    return centred / max(1e-6, np.linalg.norm(centred))
