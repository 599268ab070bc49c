"""Generated images as files.

- `png`: the bands on display, grey or RGB, with the model's 8 or 16 bits.
- `geotiff`: all bands with their names. Pixels, with the scale and offset a band that lead to physical values where
  the model has a scaling, or the physical values themselves. It has no coordinates: what it shows lies nowhere.
- `npy`: all bands, pixels or physical values [H, W, C]. It has no place to say that it is synthetic.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from progan_tf import imaging
from progan_tf.atomic import replacing
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError
from progan_tf.export.description import Description

SUFFIXES = {"png": ".png", "geotiff": ".tif", "npy": ".npy"}


def check(file_format: str, physical: bool, model: Description) -> None:
    """Raises InputError where images of `model` cannot be written in a format, in physical values or not."""
    if physical and file_format not in ("geotiff", "npy"):
        raise InputError(
            f"--physical values do not fit into {file_format}; give --format=geotiff or --format=npy besides"
        )
    if physical and model.scaling is None:
        raise InputError(
            f"--physical: model {model.name} has no scaling, its pixels are as they were in the sources; "
            "leave the flag out"
        )
    if file_format == "geotiff":
        try:
            import rasterio  # noqa: F401
        except ImportError as error:
            raise InputError("--format=geotiff needs rasterio; pip install 'progan-tf[geo]'") from error


def write(path: Path, pixels: np.ndarray, model: Description, said: Mapping[str, str], physical: bool = False) -> None:
    """Writes an image [H, W, C] of `model` in the format of the path's suffix, whole or not at all.

    Args:
        said: what the file says of itself.
        physical: physical values, float32, in place of pixels; where `check` allows it.
    """
    if path.suffix == SUFFIXES["png"]:
        imaging.write_png(path, pixels[..., list(model.display_bands)], said)
        return
    scaling = Scaling.from_dict(model.scaling) if model.scaling else None
    with replacing(path) as temporary:
        if path.suffix == SUFFIXES["npy"]:
            with temporary.open("wb") as file:
                np.save(file, scaling.to_physical(pixels) if physical else pixels)
        elif physical:
            _write_geotiff(temporary, scaling.to_physical(pixels), model, said)
        else:
            _write_geotiff(temporary, pixels, model, said, scaling)


def _write_geotiff(
    path: Path, values: np.ndarray, model: Description, said: Mapping[str, str], scaling: Scaling | None = None
) -> None:
    import rasterio
    from rasterio.enums import ColorInterp
    from rasterio.errors import NotGeoreferencedWarning

    height, width, bands = values.shape
    shown = list(model.display_bands)
    layout = {"height": height, "width": width, "count": bands, "dtype": values.dtype, "compress": "deflate"}
    layout["photometric"] = "RGB" if shown == [0, 1, 2] else "MINISBLACK"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it is meant to be so
        file = rasterio.open(path, "w", driver="GTiff", **layout)
    with file:
        colours = [ColorInterp.undefined] * bands  # unsaid, a fourth band would become alpha
        for band, colour in zip(shown, ("red", "green", "blue") if len(shown) == 3 else ("gray",), strict=True):
            colours[band] = ColorInterp[colour]
        file.colorinterp = colours
        file.descriptions = model.bands
        file.update_tags(**said)
        if scaling:
            low, high = np.array(scaling.low), np.array(scaling.high)
            file.scales, file.offsets = (high - low) / np.iinfo(values.dtype).max, low
        file.write(np.moveaxis(values, -1, 0))
