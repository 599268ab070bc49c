"""Training windows of the Dubai tiles, by the commands of docs/EXTENSION.md: nothing of the held-out tile 6 is in them.

Tile 6 is there twice, as files and as a stitched scene, compressed apart, so that neither bytes nor pixels agree.
"""

import collections
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from progan_tf.data.records import Record
from tests import datasets
from tests.same_ground import Scene

PROJECT = Path(__file__).parents[2]
PATIENCE = 600  # seconds until a test gives up on a process, far more than it ever takes
TRAINED_ON = "dubai_t[1-57-9]*.jpg"


def convert(source: Path, output: Path, *flags: str) -> Path:
    command = [sys.executable, "-m", "data_prep.convert", f"--input={source}", f"--output={output}", *flags]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return output


@pytest.fixture(scope="module")
def held_out(scenes) -> Scene:
    return Scene.of(np.asarray(Image.open(scenes / "dubai_tile6_stitched_nocrs_uint8.tif")))


def shown(scene: Scene, dataset: Path, wanted: Callable[[Record], bool] = lambda record: True) -> tuple[int, int]:
    """How many wanted squares of a dataset show ground of the scene, and how many have something to be known by."""
    found = collections.Counter(
        scene.shows(record.image) for record in datasets.each(dataset, "train") if wanted(record)
    )
    return found[True], found[True] + found[False]


def middles(files: Path, output: Path) -> Path:
    return convert(files, output, "--resolution=128", "--fit=crop")


def test_copies_are_found_where_they_are(tiles256, scenes, held_out, tmp_path):
    """What says below that nothing is there, finds both tiles in their scenes; the other scene is a coarser JPEG."""
    scene5 = Scene.of(np.asarray(Image.open(scenes / "dubai_tile5_stitched.jpg")))
    for number, files, scene in ((6, 81, held_out), (5, 144, scene5)):
        copies, known = shown(scene, middles(tiles256 / f"dubai_t{number}*.jpg", tmp_path / f"{number}"))
        assert known >= 0.8 * files
        assert copies == known


def test_files_of_the_training_set_show_nothing_that_is_held_out(tiles256, held_out, tmp_path):
    copies, known = shown(held_out, middles(tiles256 / TRAINED_ON, tmp_path / "train"))
    assert known > 1000
    assert copies == 0


@pytest.mark.slow
def test_windows_of_the_training_set_show_nothing_that_is_held_out(tiles256, held_out, tmp_path):
    """The training set itself: all of its windows, each in a square of 2 x 2, of which there is one every 64 pixels."""
    grid = "--grid_pattern={part}_r{row}c{column}.jpg"
    tiles = convert(tiles256 / TRAINED_ON, tmp_path / "tiles", grid, "--resolution=32")
    windows = convert(tiles, tmp_path / "train", "--resolution=64", "--stitch=2")
    squares = convert(windows, tmp_path / "squares", "--resolution=128", "--stitch=2", "--stride=32")
    copies, known = shown(held_out, squares, lambda record: not (record.place.row % 2 or record.place.column % 2))
    assert known > 15_000
    assert copies == 0
