"""From a scene's values to a model's pixels and back, and what cannot be brought together."""

import dataclasses

import numpy as np
import pytest

from experiments.scene_input import Geography, Scene
from experiments.scene_values import Values, values_of
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError
from progan_tf.export.description import Description

SCALING = Scaling("range", (0.0, 100.0), (1000.0, 4000.0))
REFLECTANCE = Scaling("range", (0.0, 0.0), (0.5, 0.5))


def model(scaling: Scaling | None = None, dtype: str = "uint8") -> Description:
    facts = dict.fromkeys(field.name for field in dataclasses.fields(Description))
    fields = {"name": "mine", "channels": 2, "bands": ["red", "nir"], "dtype": dtype}
    return Description(**{**facts, **fields, "scaling": scaling and scaling.as_dict()})


def scene(dtype: str, nodata: float | None = None, geotiff: bool = True, bands: int = 2, scales=(1, 1)) -> Scene:
    geography = Geography(None, None, (None,) * bands, (None,) * bands, scales, (0, 100), {}) if geotiff else None
    return Scene(4, 4, bands, dtype, nodata, geography, lambda: iter(()))


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32", "float64"])
def test_pixels_come_back_through_the_values_that_stand_for_them(dtype):
    values = values_of(scene(dtype), "it", model(SCALING))
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 2, axis=1)
    there = values.from_pixels(pixels)
    assert there.dtype == dtype
    np.testing.assert_allclose(there, SCALING.low + pixels * (np.subtract(SCALING.high, SCALING.low) / 255), atol=0.5)
    np.testing.assert_array_equal(values.to_pixels(there), pixels)


def test_pixels_are_themselves_without_a_scaling_in_images_and_in_files_that_say_so():
    plain = Values("uint8", "uint8")
    assert values_of(scene("uint8"), "it", model()) == plain
    assert values_of(None, "it", model(SCALING)) == plain
    assert values_of(scene("uint8", geotiff=False), "it", model(SCALING)) == plain
    assert values_of(scene("uint8", scales=(1000 / 255, 3900 / 255)), "it", model(SCALING)) == plain
    pixels = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    np.testing.assert_array_equal(plain.from_pixels(pixels), pixels)


@pytest.mark.parametrize("dtype, nodata, beside", [("uint8", 0, 1), ("uint8", 255, 254), ("uint16", 100, 101)])
def test_nothing_generated_is_taken_for_missing(dtype, nodata, beside):
    pixels = np.array([[nodata, 7]], dtype)
    np.testing.assert_array_equal(Values(dtype, dtype, nodata=nodata).from_pixels(pixels), [[beside, 7]])


def test_floats_beside_missing_ones_are_the_next_float():
    values = Values("float32", "uint8", Scaling("range", (0.0,), (1.0,)), nodata=0.0)
    made = values.from_pixels(np.zeros((1, 1), np.uint8))
    assert made.dtype == np.float32 and 0 < made[0, 0] < 1e-30


def test_an_extender_of_values_is_given_pixels():
    given = []

    def extend(images, known, seeds):
        given.append(images)
        return images + np.uint8(1)

    values = values_of(scene("uint16"), "it", model(SCALING))
    made = values.extender(extend)(np.array([[[[500, 2050]]]], np.uint16), np.ones((1, 1, 1)), np.zeros(1))
    np.testing.assert_array_equal(given[0], [[[[128, 128]]]])  # 127.5 to even
    np.testing.assert_array_equal(made, [[[[506, 2073]]]])


@pytest.mark.parametrize(
    "given, trained, message",
    [
        (scene("uint8", bands=3), model(), r"has 3 bands where model mine has 2 \(red, nir\)"),
        (scene("uint16"), model(), "values of uint16 where model mine has pixels of uint8 and no scaling"),
        (scene("uint16", geotiff=False), model(SCALING), "values of uint16 where model mine has pixels of uint8; conv"),
        (scene("uint16"), model(REFLECTANCE), "from 0 to 0.5; give it in the units of the training data"),
        (scene("uint8"), model(SCALING), "cannot hold those of model mine, from 0 to 4000"),
    ],
)
def test_what_does_not_fit_is_refused(given, trained, message):
    with pytest.raises(InputError, match=message):
        values_of(given, "it", trained)


def test_bands_in_another_order_are_refused_by_their_names():
    named = scene("uint8")
    swapped = dataclasses.replace(named, geography=dataclasses.replace(named.geography, descriptions=("nir", "red")))
    with pytest.raises(InputError, match="has the bands nir, red where model mine has red, nir"):
        values_of(swapped, "it", model())
    right = dataclasses.replace(named, geography=dataclasses.replace(named.geography, descriptions=("red", "nir")))
    assert values_of(right, "it", model()) == Values("uint8", "uint8")
