"""Scenes for tests, and all that the raster source reads of them."""

from pathlib import Path

import numpy as np
import pytest

from data_prep.job import Job
from data_prep.sources.raster import Rasters
from data_prep.sources.source import Tile

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

from rasterio.transform import from_origin  # noqa: E402

PLACE = from_origin(500_000, 4_000_000, 10, 10)
LAYOUTS = {
    "striped": {},
    "tiled": {"tiled": True, "blockxsize": 32, "blockysize": 16, "compress": "deflate"},
    "by band": {"interleave": "band", "compress": "lzw"},
}


def noise(dtype: str, bands: int = 3, height: int = 50, width: int = 70) -> np.ndarray:
    rng = np.random.default_rng(bands * height * width)
    if dtype == "float32":
        return rng.normal(0, 100, (bands, height, width)).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, (bands, height, width), dtype, endpoint=True)


def write(path: Path, pixels: np.ndarray, *, names=(), colours=(), mask=None, **options) -> Path:
    """Saves pixels [C, H, W] as a GeoTIFF at PLACE, or as the options say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = pixels.shape
    size = {"width": width, "height": height, "count": bands, "dtype": pixels.dtype}
    place = {"crs": "EPSG:32618", "transform": PLACE, "photometric": "minisblack"} | options
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", driver="GTiff", **size, **place) as file:
        if colours:
            file.colorinterp = colours
        file.write(pixels)
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)
        if mask is not None:
            file.write_mask(mask)
    return path


def source(folder: Path, **options) -> Rasters:
    return Rasters.of(Job(str(folder), "out", **({"resolution": 16} | options)))


def tiles(rasters: Rasters, file: str) -> list[Tile]:
    survey = rasters.survey(file)
    assert survey.rejected is None
    form = rasters.agree([survey])
    found = [tile for part in range(survey.parts) for tile in rasters.read(file, part, form)]
    assert len(found) == survey.tiles
    return found


def assembled(rasters: Rasters, file: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [C, H, W] and validity of all tiles side by side."""
    found = tiles(rasters, file)
    side = rasters.resolution
    rows, columns = (1 + max(getattr(tile, name) for tile in found) for name in ("row", "column"))
    pixels = np.zeros((found[0].pixels.shape[-1], rows * side, columns * side), found[0].pixels.dtype)
    valid = np.zeros(pixels.shape[1:], bool)
    for tile in found:
        here = np.s_[tile.row * side : (tile.row + 1) * side, tile.column * side : (tile.column + 1) * side]
        pixels[:, *here] = tile.pixels.transpose(2, 0, 1)
        valid[here] = True if tile.valid is None else tile.valid
    return pixels, valid


def validity(rasters: Rasters, file: str) -> np.ndarray:
    return assembled(rasters, file)[1]


def masked(tmp_path: Path, path: str | Path, exclude=(3, 8, 9), **options) -> Rasters:
    return source(tmp_path / "in", mask=str(path), mask_exclude=exclude, **options)


def classes(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 12, (1, height, width), np.uint8)


def spotted(dtype: str, value: float, bands: int = 3, seed: int = 0) -> np.ndarray:
    """Noise in which a third of all values is `value`, in all bands at once or in one alone."""
    rng = np.random.default_rng(seed)
    pixels = noise(dtype, bands)
    pixels[:, rng.random(pixels.shape[1:]) < 0.2] = value
    pixels[rng.random(pixels.shape) < 0.15] = value
    return pixels
