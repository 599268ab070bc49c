"""Ranges that become black and white, against NumPy on the same pixels."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep import ranges
from data_prep.engines import local
from data_prep.job import Job
from data_prep.progress import Silent
from data_prep.sources.folder import Folder
from data_prep.sources.source import Form, Survey
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError

RGB = Form(("red", "green", "blue"), (0, 1, 2), "uint8")


def save(root: Path, count: int = 5, side: int = 40) -> np.ndarray:
    """Images of three bands with ranges of their own."""
    low, high = np.array([0, 20, 100]), np.array([50, 200, 256])
    images = np.random.default_rng(0).integers(low, high, (count, side, side, 3)).astype(np.uint8)
    for i, image in enumerate(images):
        Image.fromarray(image).save(root / f"{i}.png")
    return images


def choose(root: Path, form: Form = RGB, **options) -> tuple[Scaling | None, dict[str, str]]:
    job = Job(input=str(root), output="out", resolution=8, **{"workers": 1} | options)
    source = Folder.of(job)
    usable = [source.survey(file) for file, _ in source.listing().files]
    return ranges.choose(job, source, form, usable, local.run, Silent)


@pytest.mark.parametrize("percentiles", [(2.0, 98.0), (0.0, 100.0), (10.0, 55.5)])
def test_every_band_has_the_percentiles_of_all_its_pixels(tmp_path, percentiles):
    images = save(tmp_path)
    scaling, bad = choose(tmp_path, scaling="bands", percentiles=percentiles)
    low, high = np.percentile(images.reshape(-1, 3), percentiles, axis=0)
    assert (scaling, bad) == (Scaling("bands", tuple(low), tuple(high)), {})


def test_joint_ranges_are_those_of_all_bands_together(tmp_path):
    images = save(tmp_path)
    scaling, _ = choose(tmp_path, scaling="joint")
    low, high = np.percentile(images, (2, 98))
    assert scaling == Scaling("joint", (low,) * 3, (high,) * 3)


def test_the_number_of_workers_changes_nothing(tmp_path):
    save(tmp_path)
    assert choose(tmp_path, scaling="bands", workers=2) == choose(tmp_path, scaling="bands")


def test_of_large_images_an_even_sample_is_taken(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 255, 2500)[:, None, None], (2500, 2500, 3))
    Image.fromarray(np.rint(ramp).astype(np.uint8)).save(tmp_path / "ramp.png", compress_level=1)
    scaling, _ = choose(tmp_path, scaling="bands")
    assert scaling.low == pytest.approx((5.1,) * 3, abs=1)
    assert scaling.high == pytest.approx((249.9,) * 3, abs=1)


def test_every_pixel_counts_the_same_whatever_the_size_of_its_file(tmp_path):
    """One large bright image among small dark ones is most of the data."""
    rng = np.random.default_rng(0)
    images = [rng.integers(150, 250, (2600, 2600), np.uint8), *rng.integers(0, 60, (3, 130, 130), np.uint8)]
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png", compress_level=1)
    scaling, _ = choose(tmp_path, Form(("grey",), (0,), "uint8"), scaling="bands")
    expected = np.percentile(np.concatenate([image.ravel() for image in images]), (2, 98))
    assert (*scaling.low, *scaling.high) == pytest.approx(tuple(expected), abs=1)


def test_a_given_range_is_taken_for_all_bands_or_each(tmp_path):
    save(tmp_path, count=1)
    assert choose(tmp_path, value_range=(1.0, 9.0))[0] == Scaling("range", (1.0,) * 3, (9.0,) * 3)
    each = choose(tmp_path, value_range=(1.0, 9.0, 2.0, 8.0, 3.0, 7.0))[0]
    assert each == Scaling("range", (1.0, 2.0, 3.0), (9.0, 8.0, 7.0))
    with pytest.raises(InputError, match="value_range has 2 pairs for 3 bands; give one, or one a band"):
        choose(tmp_path, value_range=(1.0, 9.0, 2.0, 8.0))


def test_pixels_of_the_right_type_stay_as_they_are_unless_asked(tmp_path):
    save(tmp_path, count=1)
    assert choose(tmp_path) == (None, {})
    assert choose(tmp_path, dtype="uint16", scaling="none") == (None, {})
    assert choose(tmp_path, dtype="uint16")[0].mode == "bands"
    deep = Form(RGB.bands, (0, 1, 2), "uint16")
    assert choose(tmp_path, deep, dtype="uint16", scaling="none") == (None, {})
    assert choose(tmp_path, deep, dtype="uint16")[0].mode == "bands"
    assert choose(tmp_path, dataclasses.replace(deep, ready=True), dtype="uint16") == (None, {})
    with pytest.raises(InputError, match="uint16 values do not fit uint8 unscaled; set --scaling=bands, or --dtype"):
        choose(tmp_path, deep, scaling="none")


def test_a_constant_band_is_refused_by_its_name_and_value(tmp_path):
    image = save(tmp_path, count=1)[0]
    image[..., 1] = 77
    Image.fromarray(image).save(tmp_path / "0.png")
    with pytest.raises(InputError, match="percentiles 2 and 98 of green are both 77; give --value_range"):
        choose(tmp_path, scaling="bands")
    Image.fromarray(np.full_like(image, 9)).save(tmp_path / "0.png")
    with pytest.raises(InputError, match="of all bands are both 9"):
        choose(tmp_path, scaling="joint")


def test_files_that_prove_bad_are_named_and_left_out(tmp_path):
    images = save(tmp_path)
    path = tmp_path / "3.png"
    path.write_bytes(path.read_bytes()[:-1000])
    scaling, bad = choose(tmp_path, scaling="bands")
    assert list(bad) == ["3.png"]
    low, high = np.percentile(np.delete(images, 3, axis=0).reshape(-1, 3), (2, 98), axis=0)
    assert (scaling.low, scaling.high) == (tuple(low), tuple(high))


def test_where_all_files_prove_bad_there_is_no_range(tmp_path):
    save(tmp_path, count=1)
    path = tmp_path / "0.png"
    path.write_bytes(path.read_bytes()[:-1000])
    assert Folder.of(Job(str(tmp_path), "out", resolution=8)).survey("0.png") == Survey(
        "0.png", 1, 25, RGB.bands, pixels=1600
    )
    with pytest.raises(InputError, match=r"no image that can be read \(first 0.png: "):
        choose(tmp_path, scaling="bands")
