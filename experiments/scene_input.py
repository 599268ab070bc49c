"""A known image that is to be continued: of a GeoTIFF, read in strips, or of any format that Pillow knows."""

import contextlib
import dataclasses
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from data_prep.sources import grids
from progan_tf.errors import InputError

GEOTIFF_SUFFIXES = (".tif", ".tiff")
_DTYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32", "float64")  # which can hold a provenance too
_MODES = {"L": 1, "LA": 1, "RGB": 3, "RGBA": 3, "I;16": 1}
_ROWS = 256

Block = tuple[int, np.ndarray, np.ndarray]  # number of the first row, values [h, W, C], which hold data [h, W]


@dataclasses.dataclass(frozen=True)
class Geography:
    """What a GeoTIFF says of itself beside its pixels: rasterio's transform, CRS, names and colours of bands, tags."""

    transform: Any
    crs: Any
    descriptions: tuple[str | None, ...]
    colours: tuple[Any, ...]
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Scene:
    """An opened image; `blocks` reads all its rows, from top to bottom. `geography` is None where it is no GeoTIFF."""

    height: int
    width: int
    bands: int
    dtype: str
    nodata: float | None
    geography: Geography | None
    blocks: Callable[[], Iterator[Block]]


def open_scene(path: Path) -> Scene:
    """Opens an image or a GeoTIFF. Its pixels are read later, by `blocks`, which raises the same.

    Raises:
        InputError: there is none, it is damaged, or of a kind that cannot be continued.
    """
    if not path.is_file():
        raise InputError(f"no image at {path}; give a PNG, a JPEG or a GeoTIFF")
    return _geotiff(path) if path.suffix.lower() in GEOTIFF_SUFFIXES else _image(path)


def read_mask(path: Path, height: int, width: int) -> np.ndarray:
    """Where a mask image is not zero, bool [height, width].

    Raises:
        InputError: it is missing, damaged or of another size.
    """
    if not path.is_file():
        raise InputError(f"no mask at {path}; give an image that is not zero where pixels are made anew")
    if path.suffix.lower() in GEOTIFF_SUFFIXES:
        mask = np.concatenate([(values != 0).any(axis=-1) for _, values, _ in _geotiff(path).blocks()])
    else:
        with _explained(path), Image.open(path) as image:
            shown = image.convert("RGB") if image.mode == "P" else image  # numbers of a palette say nothing
            mask = np.asarray(shown).reshape(image.height, image.width, -1).any(axis=-1)
    if mask.shape != (height, width):
        raise InputError(
            f"mask {path} has {mask.shape[1]} x {mask.shape[0]} pixels where the image has {width} x {height}; "
            "draw it over the image"
        )
    return mask


def _image(path: Path) -> Scene:
    with _explained(path), Image.open(path) as image:
        if image.mode not in _MODES:
            raise InputError(
                f"{path} has colour mode {image.mode}, and grey or RGB can be continued; save it as one of those, "
                "or as GeoTIFF"
            )
        mode, (width, height) = image.mode, image.size

    def blocks() -> Iterator[Block]:
        with _explained(path), Image.open(path) as opened:
            values = np.asarray(opened).reshape(height, width, -1)
        opaque = values[..., -1] > 0 if mode.endswith("A") else np.ones((height, width), bool)
        yield 0, values[..., : _MODES[mode]], opaque

    dtype = "uint16" if mode == "I;16" else "uint8"
    return Scene(height, width, _MODES[mode], dtype, None, None, blocks)


def _geotiff(path: Path) -> Scene:
    try:
        from rasterio.enums import ColorInterp
        from rasterio.windows import Window
    except ImportError as error:
        raise InputError(f"{path} needs rasterio; pip install 'progan-tf[geo]'") from error
    with _explained(path), grids.open_raster(str(path)) as file:
        if file.gcps[0] or file.rpcs:
            raise InputError(f"{path} is placed by control points or RPCs, not by a transform; warp it to a grid first")
        taken = [number for number, colour in enumerate(file.colorinterp, 1) if colour != ColorInterp.alpha]
        if ColorInterp.palette in file.colorinterp:
            raise InputError(f"{path} has a palette, whose numbers are no brightness; save it as grey or RGB")
        dtypes = {file.dtypes[number - 1] for number in taken}
        if len(dtypes) != 1 or not dtypes <= set(_DTYPES):
            raise InputError(
                f"{path} has bands of {', '.join(sorted(dtypes))}; give it one type for all, of {', '.join(_DTYPES)}"
            )
        of_taken = [[values[number - 1] for number in taken] for values in (file.scales, file.offsets)]
        geography = Geography(
            file.transform,
            file.crs,
            tuple(file.descriptions[number - 1] for number in taken),
            tuple(file.colorinterp[number - 1] for number in taken),
            *map(tuple, of_taken),
            file.tags(),
        )
        height, width, nodata = file.height, file.width, file.nodata

    def blocks() -> Iterator[Block]:
        import rasterio

        with _explained(path), rasterio.Env(GDAL_CACHEMAX=64 << 20), grids.open_raster(str(path)) as opened:
            for top in range(0, height, _ROWS):
                window = Window(0, top, width, min(_ROWS, height - top))
                values = np.moveaxis(opened.read(taken, window=window), 0, -1)
                valid = opened.dataset_mask(window=window) > 0
                yield top, values, valid & np.isfinite(values).all(axis=-1)

    return Scene(height, width, len(taken), dtypes.pop(), nodata, geography, blocks)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turns whatever a decoder says of a damaged file into an InputError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images and odd metadata: neither matters for pixels
            yield
    except (InputError, MemoryError, GeneratorExit):
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is no image that can be decoded; give a PNG, a JPEG or a GeoTIFF") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{path} is too large for its format ({error}); give it as GeoTIFF") from error
    except Exception as error:  # decoders meet damaged files with errors of every kind
        raise InputError(f"{path} cannot be read ({grids.reason(error)}); is it damaged?") from error
