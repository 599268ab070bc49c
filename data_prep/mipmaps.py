"""The lower levels of an image, as the official tools make them."""

from collections.abc import Iterator

import numpy as np


def mipmaps(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yields `image` [R, R, C], uint8 or uint16, R at most 1024, and its halves [R/2, R/2, C] ... [4, 4, C].

    Each level is the 2 x 2 mean of the unrounded level above, then rounded, half to even. It is computed by sums of
    whole numbers, which are exact, in the smallest type that holds them: a mean of 4^n pixels is their sum >> 2n.
    """
    sums = np.ascontiguousarray(image.transpose(2, 0, 1))  # [C, R, R]: whole rows to add, and what a record stores
    yield sums.transpose(1, 2, 0)
    sums, bits = sums.astype(np.uint16 if image.dtype == np.uint8 else np.uint32), 0
    while sums.shape[1] > 4:
        rows = sums[:, 0::2] + sums[:, 1::2]
        sums, bits = rows[:, :, 0::2] + rows[:, :, 1::2], bits + 2
        if bits == 8:
            sums = sums.astype(np.uint32)  # 16 bits hold the sum of 256 pixels of uint8, not that of 1024
        yield _rounded(sums, bits).astype(image.dtype).transpose(1, 2, 0)


def _rounded(sums: np.ndarray, bits: int) -> np.ndarray:
    """sums / 2^bits, rounded half to even: a half is rounded up where the whole part is odd."""
    one, shift = sums.dtype.type(1), sums.dtype.type(bits)
    odd = sums >> shift & one
    below_half = (one << shift - one) - one
    return sums + below_half + odd >> shift
