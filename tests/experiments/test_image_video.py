"""Moving pictures that cannot be written, or need what is not there."""

import sys

import numpy as np
import pytest

from experiments import image_video
from progan_tf.errors import Failed, InputError

SAID = {"SYNTHETIC": "made up"}


def frames(count: int):
    return iter(np.random.default_rng(0).integers(0, 256, (count, 16, 16, 1), np.uint8))


@pytest.mark.parametrize("form", ["mp4", "webp"])
def test_grey_frames_become_a_file(tmp_path, form):
    image_video.write(tmp_path / f"way.{form}", frames(5), SAID)
    assert [path.name for path in tmp_path.iterdir()] == [f"way.{form}"]
    assert b"SYNTHETIC: made up" in (tmp_path / f"way.{form}").read_bytes()


def test_an_encoder_that_fails_is_told_in_its_own_words(tmp_path):
    with pytest.raises(Failed, match=r"way.* could not be encoded \(.*No such file or directory"):
        image_video.write(tmp_path / "nowhere" / "way.mp4", frames(500), SAID)


@pytest.mark.parametrize("form", ["mp4", "webp"])
def test_frames_that_fail_leave_what_was_there(tmp_path, form):
    def failing():
        yield from frames(3)
        raise KeyboardInterrupt

    path = tmp_path / f"way.{form}"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        image_video.write(path, failing(), SAID)
    assert [file.name for file in tmp_path.iterdir()] == [path.name] and path.read_bytes() == b"before"


def test_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(InputError, match=r"pip install 'progan-tf\[video\]', or give --format=webp"):
        image_video.check("mp4")
