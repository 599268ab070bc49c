"""The lower levels of an image, as the official tools make them."""

from collections.abc import Iterator

import numpy as np


def mipmaps(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yields `image` [R, R, C], uint8 or uint16, and its halves [R/2, R/2, C] ... [4, 4, C] of the same type.

    Each level is the 2 x 2 mean of the unrounded level above (float32), then rounded, half to even. From uint8 every
    mean down from 1024 is exact, so the order of the additions does not matter.
    """
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))  # [C, R, R]: whole rows to add, and what a record stores
    yield planes.transpose(1, 2, 0)
    means = planes.astype(np.float32)
    while means.shape[1] > 4:
        rows = means[:, 0::2] + means[:, 1::2]
        means = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
        yield np.rint(means).astype(image.dtype).transpose(1, 2, 0)  # a mean cannot leave the type's range
