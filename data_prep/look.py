"""How an image looks, in a few bytes: nearly the same for pictures a person would call the same."""

import numpy as np

_SIDE, _KEPT = 32, 8
_HASH_DIGITS = 16


def describe(image: np.ndarray) -> str | None:
    """64-bit pHash of an image [R, R, C], R a multiple of 8, and the frequencies it comes from, as hexadecimal digits.

    The hash are the signs of the 8 x 8 lowest frequencies of a 32 x 32 grey version against their median (Zauner,
    Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, section 3.2.1). Behind it are these
    frequencies but for the mean, a signed byte each, the strongest being 127. None: a surface without any shape.
    """
    from scipy import fft  # takes longer to import than all else that a worker needs, and few hash looks

    side = min(_SIDE, len(image))
    pooled = len(image) // side
    rows = np.add.reduce(image.reshape(side, pooled, -1), axis=1, dtype=np.uint32)
    grey = rows.reshape(side, side, -1).sum(axis=2, dtype=np.float64)
    lowest = fft.dctn(grey, norm="ortho")[:_KEPT, :_KEPT].ravel()
    mean, shape = lowest[0], lowest[1:]
    strongest = np.abs(shape).max()
    if strongest <= 1e-6 * mean:  # what is left of a constant is rounding
        return None
    signs = np.packbits(lowest > np.median(shape))
    return signs.tobytes().hex() + np.rint(shape * (127 / strongest)).astype(np.int8).tobytes().hex()


def perceptual_hash(look: str) -> int:
    """The 64-bit hash of a look."""
    return int(look[:_HASH_DIGITS], 16)


def likeness(one: str, other: str) -> float:
    """Correlation of two looks but for fine detail, in [-1, 1]; brightness and contrast do not matter."""
    a, b = (np.frombuffer(bytes.fromhex(look[_HASH_DIGITS:]), np.int8).astype(float) for look in (one, other))
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))
