"""The values of a scene, the model's pixels that stand for them, and the way from one to the other."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from experiments.scene_input import Block, Scene
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError
from progan_tf.export.description import Description
from progan_tf.extension.extender import Extend

_FEWEST_STEPS = 16  # whole numbers between a model's darkest and brightest, or what it makes has visible steps


@dataclasses.dataclass(frozen=True)
class Values:
    """Values of `dtype`, as a model's pixels by `scaling`; without one they are its pixels themselves.

    A generated value is never `nodata`, which would make a hole of it: it becomes the next one.
    """

    dtype: str
    pixel_dtype: str
    scaling: Scaling | None = None
    nodata: float | None = None

    def to_pixels(self, values: np.ndarray) -> np.ndarray:
        """Values [..., C] as pixels."""
        return self.scaling.to_pixels(values, self.pixel_dtype) if self.scaling else values

    def from_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels [..., C] as values, whole numbers rounded half to even."""
        values = pixels
        if self.scaling:
            values = self.scaling.to_physical(pixels)
            values = (np.rint(values) if np.dtype(self.dtype).kind in "iu" else values).astype(self.dtype)
        if self.nodata is None:
            return values
        return np.where(values == self.nodata, self._beside_nodata(), values)

    def extender(self, extend: Extend) -> Extend:
        """An extender of values by one of pixels."""

        def extend_values(images: np.ndarray, known: np.ndarray, seeds: np.ndarray) -> np.ndarray:
            return self.from_pixels(extend(self.to_pixels(images), known, seeds))

        return extend_values

    def _beside_nodata(self) -> np.generic:
        nodata = np.array(self.nodata, self.dtype)
        if nodata.dtype.kind == "f":
            return np.nextafter(nodata, np.array(np.inf, self.dtype))
        return nodata - 1 if nodata == np.iinfo(self.dtype).max else nodata + 1


def in_model_order(scene: Scene, model: Description) -> Scene:
    """The scene with its bands in the model's order, where it is an image whose bands are those the model shows.

    Images have red, green and blue in this order, models the order of their training data; GeoTIFFs stay as they are.
    """
    order = np.argsort(model.display_bands)
    if scene.geography is not None or sorted(model.display_bands) != list(range(scene.bands)):
        return scene

    def blocks() -> Iterator[Block]:
        return ((top, values[..., order], valid) for top, values, valid in scene.blocks())

    return dataclasses.replace(scene, blocks=blocks)


def values_of(scene: Scene | None, name: str, model: Description) -> Values:
    """How the values of a scene become pixels of a model; without a scene, the values are its pixels.

    Images have the model's pixels. So has a GeoTIFF where the model has no scaling, or where the file's scales and
    offsets lead to physical values as the model's do; all others hold physical values.

    Raises:
        InputError: the scene's bands or values are not what the model was trained on.
    """
    if scene is None:
        return Values(model.dtype, model.dtype)
    if scene.bands != model.channels:
        raise InputError(
            f"{name} has {scene.bands} bands where model {model.name} has {model.channels} "
            f"({', '.join(model.bands)}); give an image of those"
        )
    named = scene.geography.descriptions if scene.geography else ()
    if named != tuple(model.bands) and sorted(map(str, named)) == sorted(model.bands):
        raise InputError(
            f"{name} has the bands {', '.join(named)} where model {model.name} has {', '.join(model.bands)}; "
            "put them in this order, as by gdal_translate -b"
        )
    scaling = Scaling.from_dict(model.scaling) if model.scaling else None
    nodata = scene.nodata if scene.nodata is not None and np.isfinite(scene.nodata) else None
    if scaling is None or scene.geography is None or _says_the_same(scene, scaling):
        if scene.dtype != model.dtype:
            raise InputError(
                f"{name} has values of {scene.dtype} where model {model.name} has pixels of {model.dtype}"
                f"{'' if scaling else ' and no scaling to come to them'}; convert the image"
            )
        return Values(model.dtype, model.dtype, nodata=nodata)
    if np.dtype(scene.dtype).kind in "iu":
        limits, low, high = np.iinfo(scene.dtype), np.array(scaling.low), np.array(scaling.high)
        if (
            (np.rint(low) < limits.min).any()
            or (np.rint(high) > limits.max).any()
            or (high - low < _FEWEST_STEPS).any()
        ):
            raise InputError(
                f"{name} has values of {scene.dtype}, which cannot hold those of model {model.name}, from "
                f"{low.min():g} to {high.max():g}; give it in the units of the training data"
            )
    return Values(scene.dtype, model.dtype, scaling, nodata)


def _says_the_same(scene: Scene, scaling: Scaling) -> bool:
    """Whether a GeoTIFF's own way to physical values is that of `scaling`, as experiments.generate writes it."""
    if np.dtype(scene.dtype).kind not in "iu":
        return False
    low, high = np.array(scaling.low), np.array(scaling.high)
    scales = (high - low) / np.iinfo(scene.dtype).max
    return np.allclose(scene.geography.scales, scales) and np.allclose(scene.geography.offsets, low)
