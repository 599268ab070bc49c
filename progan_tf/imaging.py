"""Images for people: from network values to pixels, grids, PNG files."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL.PngImagePlugin import PngInfo

from progan_tf.atomic import replacing

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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


def colour_offsets(offsets: np.ndarray) -> np.ndarray:
    """Where each place was copied from, as colours: offsets int [..., H, W, 2] (rows, columns) to RGB uint8.

    Direction is the hue (HSV; from the right is red, from above yellow-green, then cyan, violet), distance the
    brightness, 40 % of full for the nearest and full from the longer side of the map on. No offset is grey.
    """
    rows, columns = np.moveaxis(offsets.astype(np.float64), -1, 0)
    hue = np.arctan2(-rows, columns) * (3 / np.pi)  # in sixths of the circle
    share = np.minimum(1, np.hypot(rows, columns) / max(offsets.shape[-3:-1]))
    sector = (np.array([5, 3, 1]) + hue[..., None]) % 6
    colours = np.rint(255 * (0.4 + 0.6 * share[..., None]) * (1 - np.clip(np.minimum(sector, 4 - sector), 0, 1)))
    return np.where(np.any(offsets, axis=-1, keepdims=True), colours, 128).astype(np.uint8)


def write_png(path: Path, image: np.ndarray, text: Mapping[str, str] | None = None) -> None:
    """Writes an image [H, W, 1 to 4] uint8 or uint16 with `text` as metadata, whole or not at all."""
    write_png_blocks(path, image.shape, [image], text)


def write_png_blocks(
    path: Path, shape: tuple[int, int, int], blocks: Iterable[np.ndarray], text: Mapping[str, str] | None = None
) -> None:
    """As `write_png`, an image of `shape` whose rows come from top to bottom in blocks [h, W, C]; it holds one."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(_png(shape, blocks, text or {}))


def to_png(image: np.ndarray, text: Mapping[str, str] | None = None) -> bytes:
    """An image [H, W, 1 to 4] uint8 or uint16 as PNG (W3C, third edition), with `text` as metadata.

    The second of two bands, and the fourth of four, is alpha to whoever does not know better.
    """
    return b"".join(_png(image.shape, [image], text or {}))


def with_text(png: bytes, text: Mapping[str, str]) -> bytes:
    """The bytes of a PNG with `text` as metadata besides. Raises ValueError where they do not begin as a PNG does."""
    header_end = len(_SIGNATURE) + 4 + 4 + 13 + 4  # of IHDR, which comes first: length, name, content, checksum
    if not png.startswith(_SIGNATURE + struct.pack(">I", 13) + b"IHDR") or len(png) < header_end:
        raise ValueError("these bytes are no PNG")
    said = b"".join(_chunk(kind, data) for kind, data in _text_chunks(text))
    return png[:header_end] + said + png[header_end:]


def _text_chunks(text: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    metadata = PngInfo()
    for key, value in text.items():
        metadata.add_text(key, value)
    return [(kind, data) for kind, data, *_ in metadata.chunks]


def _png(shape: tuple[int, int, int], blocks: Iterable[np.ndarray], text: Mapping[str, str]) -> Iterator[bytes]:
    """The pieces of a PNG file."""
    height, width, channels = shape
    compressor = zlib.compressobj(1)  # level 6 takes four times as long for 1 to 5 % less
    above = None
    for block in blocks:
        big_endian = block.astype(block.dtype.newbyteorder(">"))  # Pillow would write colours of 16 bits with 8
        rows = np.frombuffer(big_endian.tobytes(), np.uint8).reshape(len(block), -1)
        if above is None:
            above = np.zeros_like(rows[:1])
            depth, colour = 8 * block.itemsize, (0, 4, 2, 6)[channels - 1]
            yield _SIGNATURE + _chunk(b"IHDR", struct.pack(">2I5B", width, height, depth, colour, 0, 0, 0))
            yield from (_chunk(kind, data) for kind, data in _text_chunks(text))
        # Each byte less the one above it (filter type 2), which compresses better.
        filtered = np.insert(np.diff(rows, axis=0, prepend=above), 0, 2, axis=1)
        above = rows[-1:]
        yield _chunk(b"IDAT", compressor.compress(filtered.tobytes()))
    yield _chunk(b"IDAT", compressor.flush())
    yield _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
