"""Pixels of an opened image: by Pillow, or by kornia-rs, which takes a third of the time, where it is installed."""

import numpy as np
from PIL import Image

try:
    from kornia_rs.io import decode_image_png_u8
except ImportError:  # the extra [fast]
    decode_image_png_u8 = None

_LAYOUTS = {"RGB": "rgb", "L": "mono"}  # of PNGs whose values are pixels as they stand, by Pillow's mode


def pixels(image: Image.Image, mode: str) -> np.ndarray:
    """Pixels [H, W, C] of `image`, opened from a stream and not loaded yet, in Pillow's `mode`, "L" or "RGB".

    The same whoever decodes: what kornia-rs refuses, Pillow gets, so a damaged file has Pillow's pixels or its error.
    (Only a wrong Adler-32 beneath a right CRC-32 passes kornia-rs: that was wrong when the file was made.)
    """
    decoded = _quickly(image) if decode_image_png_u8 and image.format == "PNG" and image.mode == mode else None
    if decoded is None:
        decoded = np.asarray(image.convert(mode)).reshape(image.height, image.width, -1)
    return decoded


def _quickly(image: Image.Image) -> np.ndarray | None:
    """A PNG's 8-bit pixels [H, W, C] by kornia-rs; None where it finds anything wrong with the file."""
    stream, position = image.fp, image.fp.tell()
    stream.seek(0)
    try:
        return decode_image_png_u8(stream.read(), (image.height, image.width), _LAYOUTS[image.mode])
    except Exception:  # the only type it knows
        return None
    finally:
        stream.seek(position)
