"""Pixels of either type on one scale, that of 8 bits."""

import numpy as np


def grey_levels(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 or uint16 as grey levels from 0 to 255, float32."""
    return pixels.astype(np.float32) * np.float32(255 / np.iinfo(pixels.dtype).max)
