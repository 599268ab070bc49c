"""What a job may ask for, and what it is called by."""

import dataclasses
import json
import math

import pytest

from data_prep.job import Job
from progan_tf.errors import InputError


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"resolution": 300}, "resolution 300 is no power of two from 8 to 1024"),
        *(({field: "wrong"}, f"{field} 'wrong' is unknown; choose ") for field in (
            "source", "fit", "labels", "dtype", "scaling", "near_duplicates", "encoding", "engine")),
        *(({field: value}, f"{field} {value} is no fraction") for field in ("max_bad_fraction", "min_valid_fraction")
          for value in (-0.1, 1.1, math.nan)),
        *(({field: -1}, f"{field} -1 is negative") for field in (
            "stride", "resolution_m", "min_std", "shards", "seed", "max_tiles", "workers")),
        *(({field: math.nan}, f"{field} nan is negative or no number") for field in ("resolution_m", "min_std")),
        ({"name": "../x"}, "becomes part of file names"),
        ({"percentiles": (98.0, 2.0)}, "no rising pair"),
        ({"percentiles": (2.0,)}, "no rising pair"),
        ({"percentiles": (2.0, 101.0)}, "no rising pair"),
        ({"percentiles": (math.nan, 98.0)}, "no rising pair"),
        ({"value_range": (1.0,)}, "no pair low,high"),
        ({"value_range": (1.0, 2.0, 3.0)}, "no pair low,high"),
        ({"value_range": (2.0, 1.0)}, "no pair low,high"),
        ({"value_range": (0.0, 1.0, 1.0, 1.0)}, "no pair low,high"),
        ({"value_range": (0.0, math.nan)}, "no pair low,high"),
        ({"value_range": (0.0, math.inf)}, "no pair low,high"),
        ({"value_range": (0.0, 1.0), "scaling": "none"}, "value_range has no meaning with scaling none"),
        ({"value_range": (0.0, 1.0, 0.0, 2.0), "scaling": "joint"}, "value_range has a pair a band, scaling joint one"),
        ({"splits": (("train", 1.0), ("train", 1.0))}, "each once"),
        ({"splits": (("train", 1.0), ("holdout", 1.0))}, "each once"),
        ({"splits": (("test", 1.0),)}, "splits leave training empty"),
        ({"splits": (("train", 0.0), ("test", 1.0))}, "splits leave training empty"),
        ({"splits": (("train", 1.0), ("test", -1.0))}, "negative or no number"),
        ({"splits": (("train", math.nan),)}, "negative or no number"),
        ({"split_cell_km": 0.0}, "split_cell_km 0.0 is no size"),
        ({"split_cell_km": math.nan}, "split_cell_km nan is no size"),
        ({"mask": "m.tif"}, "mask m.tif without mask_exclude"),
        ({"mask_exclude": (3,)}, "mask_exclude without mask"),
        ({"stride": 8, "fit": "crop"}, "stride 8 has no meaning with fit crop"),
        ({"grid_pattern": "{row}_{column}.png", "fit": "crop"}, "with grid_pattern images touch each other"),
        ({"grid_pattern": "{row}_{column}.png", "stride": 128}, "with grid_pattern images touch each other"),
        ({"grid_pattern": "{row}_{column}.tif", "resolution_m": 10.0}, "with grid_pattern images touch each other"),
        ({"beam_args": "--runner=FlinkRunner"}, "beam_args --runner=FlinkRunner without engine beam"),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_by_name(wrong, message):
    with pytest.raises(InputError, match=message):
        Job("in", "out", **wrong)


@pytest.mark.parametrize(
    "given, name",
    [
        ("/data/photos", "photos"),
        ("/data/photos/", "photos"),
        ("/data/my photos (2)", "my_photos_2"),
        ("tiles_2020.05", "tiles_2020.05"),
        ("scenes/*.tif", "images"),
        ("scenes/north_*.tif", "north"),
        ("one.jpeg", "one"),
        ("gs://bucket/photos", "photos"),
        ("tfds:eurosat/rgb:2.0.0", "eurosat_rgb"),
        ("/", "images"),
    ],
)
def test_a_dataset_is_called_after_its_input(given, name):
    assert Job(given, "out").dataset_name == name
    assert Job(given, "out", name="mine").dataset_name == "mine"


def test_the_folder_one_is_in_has_its_own_name(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path / "photos")
    assert Job(".", "out").dataset_name == "photos"


def test_the_recipe_tells_what_comes_out_not_where_or_how():
    job = Job("in", "out", splits=(("train", 8.0), ("test", 2.0)))
    assert json.loads(json.dumps(job.recipe())) == job.recipe()
    for how in (
        {"workers": 3},
        {"engine": "beam"},
        {"engine": "beam", "beam_args": "--x"},
        {"max_bad_fraction": 0.5},
        {"output": "b"},
    ):
        assert dataclasses.replace(job, **how).recipe() == job.recipe()
    assert dataclasses.replace(job, input="elsewhere/in").recipe() == job.recipe()
    for what in (
        {"seed": 1},
        {"fit": "crop"},
        {"input": "other"},
        {"min_std": 1.0},
        {"encoding": "png"},
        {"splits": ()},
    ):
        assert dataclasses.replace(job, **what).recipe() != job.recipe()


def test_workers_default_to_the_cores_this_process_may_use():
    assert Job("in", "out", workers=3).processes == 3
    assert Job("in", "out").processes >= 1
