"""TensorFlow datasets that cannot be used, and single images of others: what is refused and how."""

import json

import pytest
import tensorflow_datasets as tfds

from data_prep.conversion import convert
from data_prep.sources.source import Rejected
from data_prep.sources.tfds import TfdsImages
from progan_tf.errors import InputError
from tests.data_prep.tfds_scenes import job, source, tiles

pytestmark = pytest.mark.filterwarnings("ignore:label.. is deprecated")  # protobuf's, of what TFDS calls


@pytest.mark.parametrize(
    "spec, options, message",
    [
        ("no_such_scenes", {}, r"input tfds:no_such_scenes cannot be found: .*--tfds_data_dir says where"),
        ("small_scenes:9.0.0", {}, "cannot be found"),
        ("two words", {}, "cannot be found"),
        ("unreachable", {}, r"cannot be prepared: no route to the archive; prepare it elsewhere"),
        ("small_scenes", {"tfds_split": "best"}, r"tfds_split best: .*the splits of tfds:small_scenes are train, test"),
        ("small_scenes", {"tfds_split": "train[:x]"}, r"tfds_split train\[:x\]"),
        ("small_scenes", {"tfds_split": "train[:21]"}, r"tfds_split train\[:21\]: .*incompatible with 20 examples"),
        ("deep_scenes", {"labels": "source"}, "no feature label with names of classes; set --labels=none"),
        ("floats/two", {}, "no feature image, nor a single one of images: .*before, height|height, before"),
        ("floats/real", {}, r"has float64 images \(8, 8, 1\); uint8, uint16, int16, float32 ones"),
        ("folder=/nowhere/at/all", {}, "input /nowhere/at/all is not there"),
        ("small_scenes", {"labels": "folders"}, "labels folders is not for tfds input"),
        ("small_scenes", {"bands": ("1",)}, "bands is for raster input"),
    ],
)
def test_wrong_input_is_one_line_with_the_remedy(data_dir, spec, options, message):
    with pytest.raises(InputError, match=message) as caught:
        source(data_dir, spec, **options).listing()
    assert "\n" not in str(caught.value)


def test_images_that_are_all_too_small_are_rejected_before_anything_is_read(data_dir, tmp_path):
    found = source(data_dir, resolution=32)
    ((name, _),) = found.listing().files
    assert found.survey(name).rejected == "too small: 16 x 16 pixels, less than 32"
    with pytest.raises(InputError, match="too small: 16 x 16 pixels, less than 32"):
        convert(job(data_dir, output=tmp_path / "out", resolution=32))


def rejected(found: TfdsImages) -> dict[str, str]:
    """Images that are rejected, by their keys."""
    ((name, _),) = found.listing().files
    return {one.key: one.reason for one in found.read(name, 0, None) if isinstance(one, Rejected)}


def test_one_image_among_others_that_is_too_small_is_rejected_alone(data_dir, tmp_path):
    ((key, reason),) = rejected(source(data_dir, "mixed_scenes/small", resolution=8)).items()
    assert key.startswith("mixed_scenes-train.tfrecord-00000-of-00001__")
    assert reason == "too small: 24 x 6 pixels, less than 8"
    options = {"resolution": 8, "scaling": "bands", "fit": "crop"}
    with pytest.raises(InputError, match=f"1 of 4 files cannot be used, .*first {key}: {reason}"):
        convert(job(data_dir, "mixed_scenes/small", tmp_path / "strict", **options))
    found = convert(job(data_dir, "mixed_scenes/small", tmp_path / "out", max_bad_fraction=0.25, **options)).manifest
    assert (found.images("train"), found.source["files"], found.source["rejected"]) == (3, 4, 1)
    assert json.loads((tmp_path / "out/rejected.jsonl").read_text()) == {"file": key, "reason": reason}


def test_an_example_that_cannot_be_decoded_is_rejected_alone(data_dir):
    expected = {}
    config = tfds.ReadConfig(add_tfds_id=True)
    builder = tfds.builder("mixed_scenes/broken", data_dir=str(data_dir))
    builder.download_and_prepare()
    encoded = {"image": tfds.decode.SkipDecoding()}
    for example in tfds.as_numpy(builder.as_dataset(split="train", read_config=config, decoders=encoded)):
        expected[example["image"][8:].startswith(b"and then")] = example["tfds_id"].decode()
    found = source(data_dir, "mixed_scenes/broken", resolution=8)
    assert list(rejected(found)) == [expected[True]]
    assert len({tile.scene for tile in tiles(found)}) == 3
    ((name, _),) = found.listing().files
    assert len(found.sample(name, 1, None)) == (8 + 16 + 24) * 24


def test_examples_behind_damage_of_their_file_are_rejected(tmp_path):
    keys = [tile.key for tile in tiles(source(tmp_path))]
    (path,) = (tmp_path / "small_scenes/1.2.0").glob("*train*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    lost = rejected(source(tmp_path))
    assert list(lost) == keys[-len(lost) :]
    assert 8 <= len(lost) <= 12
    assert all("corrupted record" in reason for reason in lost.values())
