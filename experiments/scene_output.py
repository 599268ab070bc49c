"""A filled canvas as files, written strip by strip: pictures of 8 bits, or a GeoTIFF with all bands and provenance."""

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from experiments.scene_input import Geography
from experiments.scene_values import Values
from progan_tf import imaging
from progan_tf.atomic import replacing
from progan_tf.data.scaling import Scaling
from progan_tf.export.description import Description
from progan_tf.extension.canvas import ROWS, Canvas
from progan_tf.extension.cells import REAL

PROVENANCE = "provenance: 0 unknown, 1 real, k + 1 generated in ring k"
_OUTLINE = (255, 255, 0)


def counts(canvas: Canvas) -> np.ndarray:
    """How many pixels there are of each provenance, int [256]."""
    return sum(np.bincount(provenance.ravel(), minlength=256) for _, _, provenance in canvas.strips())


def write_view(path: Path, canvas: Canvas, values: Values, model: Description, said: Mapping[str, str]) -> None:
    """The bands on display, grey or RGB of 8 bits, as PNG."""
    height, width, _ = canvas.pixels.shape
    shape = (height, width, len(model.display_bands))
    imaging.write_png_blocks(path, shape, (_shown(pixels, values, model) for _, pixels, _ in canvas.strips()), said)


def write_provenance(path: Path, canvas: Canvas, said: Mapping[str, str]) -> None:
    """The provenance as grey PNG: 0 unknown, 1 real, k + 1 generated in ring k."""
    blocks = (provenance[..., np.newaxis] for _, _, provenance in canvas.strips())
    imaging.write_png_blocks(path, (*canvas.provenance.shape, 1), blocks, {**said, "Provenance": PROVENANCE})


def write_outline(path: Path, canvas: Canvas, values: Values, model: Description, said: Mapping[str, str]) -> None:
    """The view as RGB, with a yellow line over the outermost real pixels, where they meet generated ones."""

    def blocks() -> Iterator[np.ndarray]:
        for top, pixels, provenance in canvas.strips(halo=1):
            generated = np.pad(provenance > REAL, 1)
            beside = generated[:-2, 1:-1] | generated[2:, 1:-1] | generated[1:-1, :-2] | generated[1:-1, 2:]
            shown = np.array(np.broadcast_to(_shown(pixels, values, model), (*provenance.shape, 3)))
            shown[beside & (provenance == REAL)] = _OUTLINE
            yield shown[min(1, top) :][:ROWS]

    imaging.write_png_blocks(path, (*canvas.provenance.shape, 3), blocks(), said)


def write_geotiff(
    path: Path,
    canvas: Canvas,
    values: Values,
    model: Description,
    said: Mapping[str, str],
    corner: tuple[int, int],
    geography: Geography | None,
    nodata: float | None,
) -> None:
    """All bands and, as the last one, the provenance, in tiles; where the input had a place on the ground, with it.

    Args:
        corner: row and column of the canvas at which the input's first pixel lies.
        nodata: the input's value of pixels without data, of which the canvas has none. It holds for all bands of a
            file, so one that is a provenance too is left out.
    """
    import rasterio
    from rasterio.enums import ColorInterp
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.windows import Window

    height, width, bands = canvas.pixels.shape
    nodata = None if nodata in range(REAL, 256) else nodata
    layout = {"height": height, "width": width, "count": bands + 1, "dtype": values.dtype, "nodata": nodata}
    layout |= {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "pixel", "BIGTIFF": "IF_SAFER"}
    layout |= {"compress": "deflate", "photometric": "MINISBLACK", "crs": geography and geography.crs}
    if geography:
        canvas_in_scene = Window(-corner[1], -corner[0], width, height)
        layout["transform"] = rasterio.windows.transform(canvas_in_scene, geography.transform)
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.Env(GDAL_CACHEMAX=64 << 20), rasterio.open(temporary, "w", driver="GTiff", **layout) as file:
            # Unsaid, the provenance behind three bands would become alpha.
            colours = list(geography.colours) if geography else _colours(model)
            file.colorinterp = [*colours, ColorInterp.undefined]
            file.descriptions = (*_names(geography, model), PROVENANCE)
            file.update_tags(**(geography.tags if geography else {}), **said)
            _write_scales(file, geography, model)
            for top, pixels, provenance in canvas.strips():
                window = Window(0, top, width, len(pixels))
                written = np.concatenate([pixels, provenance[..., np.newaxis].astype(pixels.dtype)], axis=-1)
                file.write(np.moveaxis(written, -1, 0), window=window)


def _shown(pixels: np.ndarray, values: Values, model: Description) -> np.ndarray:
    return imaging.to_display(values.to_pixels(pixels), tuple(model.display_bands))


def _colours(model: Description) -> list:
    from rasterio.enums import ColorInterp

    colours = [ColorInterp.undefined] * model.channels
    names = ("red", "green", "blue") if len(model.display_bands) == 3 else ("gray",)
    for band, name in zip(model.display_bands, names, strict=True):
        colours[band] = ColorInterp[name]
    return colours


def _names(geography: Geography | None, model: Description) -> tuple[str, ...]:
    """The input's names of its bands, the model's where it has none."""
    own = geography.descriptions if geography else (None,) * model.channels
    return tuple(name or band for name, band in zip(own, model.bands, strict=True))


def _write_scales(file: object, geography: Geography | None, model: Description) -> None:
    """The way to physical values: the input's own, or the model's where the file holds its pixels."""
    if geography:
        file.scales, file.offsets = (*geography.scales, 1.0), (*geography.offsets, 0.0)
    elif model.scaling:
        scaling = Scaling.from_dict(model.scaling)
        low, high = np.array(scaling.low), np.array(scaling.high)
        file.scales = (*((high - low) / np.iinfo(model.dtype).max), 1.0)
        file.offsets = (*low, 0.0)
