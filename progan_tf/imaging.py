"""Images for people: from network values to pixels, grids, PNG files."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo


def to_pixels(images: np.ndarray, dtype: str = "uint8") -> np.ndarray:
    """Network values, about [-1, 1], to integers of the dataset's dtype: rounded half to even, saturated."""
    top = np.iinfo(dtype).max
    return np.clip(np.rint((images.astype(np.float64) + 1) * (top / 2)), 0, top).astype(dtype)


def to_display(pixels: np.ndarray, display_bands: tuple[int, ...]) -> np.ndarray:
    """Integer images [..., C] to 8 bits and the bands shown: [..., 1] or [..., 3]."""
    shown = pixels[..., list(display_bands)]
    return shown if shown.dtype == np.uint8 else (shown >> 8).astype(np.uint8)


def grid(images: np.ndarray, columns: int) -> np.ndarray:
    """Images [N, H, W, C] in rows of `columns`; missing ones in the last row are black."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cells = np.zeros((rows * columns, height, width, channels), images.dtype)
    cells[:count] = images
    joined = cells.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return joined.reshape(rows * height, columns * width, channels)


def enlarge(images: np.ndarray, factor: int) -> np.ndarray:
    """Every pixel of images [N, H, W, C] repeated `factor` times in both directions."""
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def write_png(path: Path, image: np.ndarray, text: Mapping[str, str] | None = None) -> None:
    """Writes an image [H, W, 1 or 3] uint8 with `text` as metadata, whole or not at all."""
    metadata = PngInfo()
    for key, value in (text or {}).items():
        metadata.add_text(key, value)
    temporary = path.with_name(path.name + ".tmp")
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(temporary, format="PNG", pnginfo=metadata)
    temporary.replace(path)
