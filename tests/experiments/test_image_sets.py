"""Sets of images from whatever a person names: pixels, keys and labels in a seeded random order, or a reason."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import rasterio
import tensorflow as tf
from PIL import Image

from data_prep import conversion
from data_prep.job import Job
from data_prep.sources.folder import Folder
from experiments import image_sets
from progan_tf.data import records
from progan_tf.data.manifest import Manifest, Shard
from progan_tf.data.reading import RecordError
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError
from progan_tf.export import saved_model
from progan_tf.metrics.images import Images
from tests import datasets, runs

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def noise(count: int, height: int, width: int | None = None, channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    shape = (count, height, width or height, channels)
    return np.random.default_rng(height + channels).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def write_pngs(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


def write_tif(path: Path, image: np.ndarray, bands: list[str] | None = None, nodata: float | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, count = image.shape
    layout = {"height": height, "width": width, "count": count, "dtype": image.dtype, "nodata": nodata}
    with rasterio.open(path, "w", driver="GTiff", **layout) as file:
        file.write(np.moveaxis(image, -1, 0))
        if bands:
            file.descriptions = bands


def write_records(path: Path, images: np.ndarray, encoding: str = "raw") -> Shard:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for image in images:
            writer.write(records.serialize(image, encoding=encoding))
    level = images.shape[1].bit_length() - 1
    return Shard(f"{path.parent.name}/{path.name}", level, len(images), path.stat().st_size)


def by_key(images: Images) -> dict[str, bytes]:
    assert len(set(images.keys)) == len(images)
    return {key: pixels.tobytes() for key, pixels in zip(images.keys, images.pixels, strict=True)}


def converted(given: Path, output: Path, **options) -> dict[str, bytes]:
    """What a conversion makes of the same input, pixels by key."""
    conversion.convert(Job(str(given), str(output), workers=1, **options))
    return by_key(image_sets.open_images(str(output), folder=output / "raw"))


def test_a_folder_is_read_whole_in_an_order_of_the_seed(tmp_path):
    pixels = noise(40, 16)
    given = str(write_pngs(tmp_path / "pngs", pixels))
    one, again, other = (image_sets.open_images(given, seed=seed, folder=tmp_path / "raw") for seed in (3, 3, 4))
    assert one.keys == again.keys != other.keys != tuple(sorted(other.keys))
    assert one.digest == again.digest != other.digest
    wanted = {f"{number:03}.png": image.tobytes() for number, image in enumerate(pixels)}
    assert by_key(one) == by_key(other) == wanted
    assert (one.bands, one.display_bands, one.labels) == (("red", "green", "blue"), (0, 1, 2), None)
    assert isinstance(one.pixels, np.memmap)
    assert not list((tmp_path / "raw").iterdir())  # the file has no name


def test_every_image_comes_first_as_often_as_any_other(tmp_path):
    given = str(write_pngs(tmp_path / "pngs", noise(8, 8)))
    firsts = [image_sets.open_images(given, seed=seed, num=2, folder=tmp_path).keys[0] for seed in range(160)]
    counts = np.unique(firsts, return_counts=True)[1]
    assert len(counts) == 8
    assert ((counts - 20) ** 2 / 20).sum() < 24.3  # chi squared, 7 degrees of freedom, 1 in 1,000


def test_of_many_files_only_those_drawn_are_decoded(tmp_path, monkeypatch):
    given = str(write_pngs(tmp_path / "pngs", noise(30, 8)))
    read, decode = [], Folder.read
    monkeypatch.setattr(Folder, "read", lambda self, file, *rest: read.append(file) or decode(self, file, *rest))
    few = image_sets.open_images(given, num=5, seed=1, folder=tmp_path)
    assert sorted(read) == sorted(few.keys) and len(few) == 5
    assert few.keys == image_sets.open_images(given, num=30, seed=1, folder=tmp_path).keys[:5]


def test_copies_stay(tmp_path):
    given = write_pngs(tmp_path / "pngs", np.repeat(noise(1, 8), 6, axis=0))
    assert len(image_sets.open_images(str(given), folder=tmp_path)) == 6


def test_images_are_tiled_as_a_conversion_tiles_them(tmp_path):
    given = write_pngs(tmp_path / "pngs" / "a", noise(2, 40, 50))
    write_pngs(given.parent / "b", noise(2, 16))
    Image.fromarray(noise(1, 33, 16)[0, ..., 0]).save(given.parent / "grey.png")
    tiles = by_key(image_sets.open_images(str(given.parent), resolution=16, folder=tmp_path))
    assert len(tiles) == 2 * 6 + 2 + 2
    assert tiles == converted(given.parent, tmp_path / "data", resolution=16)


def test_scenes_give_tiles_that_hold_data_everywhere(tmp_path):
    scene = noise(1, 70, 90, channels=13, dtype="uint16")[0].clip(2)
    scene[:30, 20:] = 0
    for number in range(2):
        different = np.where(scene > 0, scene ^ number, 0)
        write_tif(tmp_path / "scenes" / f"{number}.tif", different, [f"B{band}" for band in range(13)], nodata=0)
    given = str(tmp_path / "scenes")
    wanted = converted(tmp_path / "scenes", tmp_path / "data", resolution=8, dtype="uint16", scaling="none")
    whole = image_sets.open_images(given, resolution=8, folder=tmp_path)
    assert by_key(whole) == wanted
    assert 2 * 8 * 11 > len(whole) > 80
    assert (whole.pixels.dtype, whole.bands[12], whole.scaling) == (np.uint16, "B12", None)
    for num in (2, 30, len(whole)):  # the next ones drawn take the place of tiles without data
        few = image_sets.open_images(given, resolution=8, num=num, seed=5, folder=tmp_path)
        assert len(few) == num and by_key(few).items() <= wanted.items()
        assert few.keys == image_sets.open_images(given, resolution=8, num=num, seed=5, folder=tmp_path).keys


def test_an_unreadable_file_among_many_is_left_out_and_told(tmp_path, caplog):
    given = write_pngs(tmp_path / "pngs", noise(30, 8))
    (given / "007.png").write_bytes(b"no image")
    torn = (given / "008.png").read_bytes()
    (given / "008.png").write_bytes(torn[:-60])  # its header is whole
    with caplog.at_level(logging.WARNING):
        images = image_sets.open_images(str(given), folder=tmp_path)
    assert set(images.keys) == {f"{number:03}.png" for number in range(30)} - {"007.png", "008.png"}
    assert "left out 007.png" in caplog.text and "left out 008.png" in caplog.text


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """A training split of 23 images with classes in two shards."""
    folder = tmp_path_factory.mktemp("dataset") / "small"
    return datasets.write(folder, datasets.landscape(23, 32), [number % 3 for number in range(23)], shards=2)


def test_a_dataset_with_labels(dataset, tmp_path):
    landscape = datasets.landscape(23, 32)
    images = image_sets.open_images(str(dataset), seed=1, folder=tmp_path)
    assert sorted(images.keys, key=int) == [str(number) for number in range(23)] != list(images.keys)
    assert images.label_names == ("class 0", "class 1", "class 2")
    for key, pixels, label in zip(images.keys, images.pixels, images.labels, strict=True):
        np.testing.assert_array_equal(pixels, landscape[int(key)])
        assert label == int(key) % 3
    few = image_sets.open_images(str(dataset), seed=1, num=7, folder=tmp_path)
    assert len(few) == 7 and by_key(few).items() <= by_key(images).items()


def test_a_dataset_at_a_level_and_a_folder_shrunk_to_it_are_the_same(dataset, tmp_path):
    runs.write(tmp_path / "run", images=3500)  # 16 x 16
    folder = write_pngs(tmp_path / "pngs", datasets.landscape(23, 32))
    options = {"num_real": 20, "num_generated": 3, "seed": 2, "folder": tmp_path / "raw"}
    stored, _ = image_sets.open_pair(str(dataset), str(tmp_path / "run"), **options)
    shrunk, generated = image_sets.open_pair(str(folder), str(tmp_path / "run"), **options)
    assert stored.pixels.shape == shrunk.pixels.shape == (20, 16, 16, 3)
    assert [f"{int(key):03}.png" for key in stored.keys] == list(shrunk.keys)
    np.testing.assert_array_equal(stored.pixels, shrunk.pixels)
    level = image_sets.open_images(str(dataset), resolution=16, num=20, seed=2, folder=tmp_path)
    np.testing.assert_array_equal(stored.pixels, level.pixels)
    assert generated.pixels.shape == (3, 16, 16, 3)


@pytest.mark.parametrize(
    "encoding, dtype, channels", [("png", "uint8", 3), ("png", "uint16", 1), ("raw", "uint16", 13)]
)
def test_splits_encodings_depths_and_bands(encoding, dtype, channels, tmp_path):
    pixels = {split: noise(9 + extra, 8, None, channels, dtype) for extra, split in enumerate(("train", "test"))}
    bands, scaling = (
        tuple(f"B{band}" for band in range(channels)),
        Scaling("range", (0.0,) * channels, (2.5,) * channels),
    )
    shards = {
        split: (write_records(tmp_path / split / "x-r03.tfrecords", images, encoding),)
        for split, images in pixels.items()
    }
    manifest = Manifest(
        name="x",
        resolution=8,
        channels=channels,
        dtype=dtype,
        bands=bands,
        display_bands=(0,),
        splits=shards,
        encoding=encoding,
        scaling=scaling.as_dict(),
    )
    datasets.save_manifest(manifest, tmp_path)
    images = image_sets.open_images(str(tmp_path), split="test", folder=tmp_path / "raw")
    wanted = {f"test/x-r03.tfrecords#{number}": image.tobytes() for number, image in enumerate(pixels["test"])}
    assert by_key(images) == wanted
    assert (images.pixels.dtype, images.bands, images.display_bands) == (dtype, bands, (0,))
    assert (images.scaling, images.labels) == (scaling, None)


@pytest.mark.parametrize("one_hot", [True, False])
def test_a_folder_of_the_official_tools_with_its_label_file(one_hot, tmp_path):
    pixels, classes = noise(12, 8), np.arange(12) % 4
    write_records(tmp_path / "official" / "x-r03.tfrecords", pixels)
    rows = np.eye(4, dtype=np.float32)[classes] if one_hot else np.full((12, 4), 0.5, np.float32)
    with (tmp_path / "official" / "x-rxx.labels").open("wb") as file:
        np.save(file, rows)
    images = image_sets.open_images(str(tmp_path / "official"), folder=tmp_path / "raw")
    for key, image in zip(images.keys, images.pixels, strict=True):
        np.testing.assert_array_equal(image, pixels[int(key.partition("#")[2])])
    if one_hot:
        assert images.labels.tolist() == [int(key.partition("#")[2]) % 4 for key in images.keys]
        assert images.label_names == ("label 0", "label 1", "label 2", "label 3")
    else:
        assert (images.labels, images.label_names) == (None, ())


def test_a_damaged_record_is_named(tmp_path):
    path = tmp_path / "official" / "x-r03.tfrecords"
    write_records(path, noise(6, 8))
    raw = bytearray(path.read_bytes())
    raw[2 * len(raw) // 6 + 100] ^= 1
    path.write_bytes(raw)
    with pytest.raises(RecordError, match=r"x-r03.tfrecords: record 2 is damaged"):
        image_sets.open_images(str(tmp_path / "official"), folder=tmp_path / "raw")


def test_a_record_of_another_shape_is_named(tmp_path):
    path = tmp_path / "official" / "x-r03.tfrecords"
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for side in (8, 8, 4, 8):
            writer.write(records.serialize(noise(1, side)[0]))
    with pytest.raises(RecordError, match=r"record 2 is damaged \(shape \[4, 4, 3\] where \[8, 8, 3\] is expected\)"):
        image_sets.open_images(str(tmp_path / "official"), folder=tmp_path / "raw")


@pytest.fixture(scope="module")
def generators(tmp_path_factory) -> Path:
    """A run that fades in to 32 x 32, with four bands of 16 bits and three classes, and its export."""
    folder = tmp_path_factory.mktemp("generators")
    runs.write(folder / "run", images=5250, resolution=32, channels=4, labels=3, dtype="uint16")
    saved_model.export(folder / "run", folder / "model")
    return folder


def test_a_model_gives_the_images_of_seeds(generators, tmp_path):
    images = image_sets.open_images(str(generators / "model"), num=19, seed=40, folder=tmp_path)
    loaded = tf.saved_model.load(str(generators / "model" / "1"))
    seeds = np.arange(40, 59)
    inputs = {"seed": tf.constant(seeds), "truncation": tf.ones([19]), "labels": tf.constant(seeds % 3, tf.int32)}
    wanted = loaded.signatures["from_seed"](**inputs)["images"].numpy()
    np.testing.assert_array_equal(images.pixels, wanted)
    assert images.keys == tuple(f"seed {seed}" for seed in seeds)
    assert images.labels.tolist() == (seeds % 3).tolist()
    assert (images.label_names, len(images.bands)) == (("class 0", "class 1", "class 2"), 4)
    version = image_sets.open_images(str(generators / "model" / "1"), num=2, seed=40, folder=tmp_path)
    np.testing.assert_array_equal(version.pixels, images.pixels[:2])


def test_a_run_gives_the_images_of_its_export(generators, tmp_path):
    options = {"num": 19, "seed": 40, "folder": tmp_path}
    run, model = (image_sets.open_images(str(generators / given), **options) for given in ("run", "model"))
    assert run.pixels.shape == (19, 32, 32, 4) and run.pixels.dtype == np.uint16
    assert np.abs(run.pixels.astype(int) - model.pixels).max() <= 257  # a grey level of 8 bits
    assert len({image.tobytes() for image in run.pixels}) == 19
    assert (run.keys, run.labels.tolist(), run.bands) == (model.keys, model.labels.tolist(), model.bands)
    few = image_sets.open_images(str(generators / "run"), num=4, seed=40, folder=tmp_path)
    np.testing.assert_array_equal(few.pixels, run.pixels[:4])


def test_what_is_named_is_told_by_what_is_in_it(dataset, generators, tmp_path):
    write_pngs(tmp_path / "pngs", noise(1, 8))
    write_records(tmp_path / "official" / "x-r03.tfrecords", noise(2, 8))
    told = {
        given: image_sets.kind(str(given))
        for given in (
            dataset,
            tmp_path / "official",
            generators / "model",
            generators / "model" / "1",
            tmp_path / "pngs",
        )
    }
    assert list(told.values()) == ["dataset", "dataset", "model", "model", "folder"]
    assert image_sets.kind(str(generators / "run")) == "run"
    assert image_sets.kind(str(tmp_path / "pngs" / "*.png")) == "folder"
    (tmp_path / "pngs" / "config.json").write_text('{"some": "other program"}')
    assert image_sets.kind(str(tmp_path / "pngs")) == "folder"


def test_real_and_generated_must_be_alike(generators, tmp_path):
    fields = json.loads((generators / "model" / "1" / "assets.extra" / "model.json").read_text())
    assert fields["bands"] == ["band 1", "band 2", "band 3", "band 4"]
    images = noise(3, 32, None, 4, "uint16")
    for name, bands in (("named", ["blue", "green", "red", "nir"]), ("turned", ["red", "green", "blue", "nir"])):
        for number, image in enumerate(images):
            write_tif(tmp_path / name / f"{number}.tif", image, bands)
    for number, image in enumerate(images[:, :16, :16]):
        write_tif(tmp_path / "small" / f"{number}.tif", image)
    write_pngs(tmp_path / "rgb", noise(3, 32))

    def pair(real: Path, generated: Path) -> tuple[Images, Images]:
        return image_sets.open_pair(str(real), str(generated), num_generated=2, folder=tmp_path / "raw")

    real, _ = pair(tmp_path / "named", generators / "model")  # nobody named the model's bands
    assert real.bands == ("blue", "green", "red", "nir")
    with pytest.raises(InputError, match=r"bands are blue, green, red, nir in .*named and red, green, blue, nir in"):
        pair(tmp_path / "named", tmp_path / "turned")
    with pytest.raises(InputError, match=r"rgb has images of 3 bands uint8, .*model of 4 bands uint16"):
        pair(tmp_path / "rgb", generators / "model")
    with pytest.raises(InputError, match=r"small has images of 16 pixels, .*model of 32; real images may be larger"):
        pair(tmp_path / "small", generators / "model")


def test_pixels_that_stand_for_other_values_are_not_compared(tmp_path):
    for name, high in (("a", 1.0), ("b", 2.0)):
        shard = write_records(tmp_path / name / "train" / "x-r03.tfrecords", noise(3, 8))
        scaling = Scaling("range", (0.0,) * 3, (high,) * 3).as_dict()
        bands = ("red", "green", "blue")
        splits = {"train": (shard,)}
        manifest = Manifest("x", 8, 3, "uint8", bands, (0, 1, 2), splits, scaling=scaling)
        datasets.save_manifest(manifest, tmp_path / name)
    given = [str(tmp_path / name) for name in ("a", "b")]
    with pytest.raises(InputError, match="stands for another physical value"):
        image_sets.open_pair(*given, folder=tmp_path)
    image_sets.open_pair(given[0], given[0], folder=tmp_path)


@pytest.mark.parametrize(
    "given, options, message",
    [
        ("nowhere", {}, "no images at .*nowhere: nothing is there; give a folder of images, a dataset directory"),
        ("nowhere/*.png", {}, "nothing is there"),
        ("empty", {}, "empty holds no image"),
        ("one", {}, "one holds 1 image; metrics compare sets: give two at least"),
        ("texts", {}, "texts holds no image that can be read"),
        ("texts", {"resolution": 8}, r"1 of 1 files cannot be used \(first a.png: no 8-bit PNG"),
        ("odd", {}, "odd: 000.png is 12 x 12 pixels, no square of a power of two from 8 on; give --resolution"),
        ("oblong", {}, "oblong: 000.png is 32 x 16 pixels, no square"),
        ("mixed", {}, r"images of several sizes \(a/000.png is 8 x 8, b/000.png is 16 x 16\); give --resolution"),
        ("one", {"resolution": 12}, "resolution 12 is no power of two"),
        ("one", {"resolution": 16}, "too small: 8 x 8 pixels, less than 16"),
        ("float", {"resolution": 8}, "float has float32 values; data_prep.convert"),
        ("DATASET", {"split": "test"}, "dataset small has no split 'test'; it has train"),
        ("DATASET", {"resolution": 64}, "dataset small has no images of 64 x 64"),
        ("DATASET", {"num": 1}, "holds 1 image; metrics compare sets"),
        ("MODEL", {}, "makes as many images as one likes; give a number"),
        ("MODEL", {"num": 2, "resolution": 16}, "makes images of 32 pixels, resolution 16 was asked for"),
        ("run", {"num": 2}, "has no checkpoint yet"),
        ("torn", {"num": 2}, "is damaged"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(given, options, message, dataset, generators, tmp_path):
    (tmp_path / "empty").mkdir()
    write_pngs(tmp_path / "one", noise(1, 8))
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.png").write_text("no image")
    write_pngs(tmp_path / "odd", noise(2, 12))
    write_pngs(tmp_path / "oblong", noise(2, 16, 32))
    write_pngs(tmp_path / "mixed" / "a", noise(2, 8))
    write_pngs(tmp_path / "mixed" / "b", noise(2, 16))
    write_tif(tmp_path / "float" / "a.tif", np.random.default_rng(0).random((16, 16, 2), np.float32))
    if given == "run":
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "config.json").write_bytes((generators / "run" / "config.json").read_bytes())
    if given == "torn":
        for name in ("saved_model.pb", "assets.extra/model.json"):
            path = tmp_path / "torn" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((generators / "model" / "1" / name).read_bytes()[: None if "json" in name else 50])
    path = {"DATASET": dataset, "MODEL": generators / "model"}.get(given, tmp_path / given)
    with pytest.raises(InputError, match=message) as caught:
        image_sets.open_images(str(path), folder=tmp_path / "raw", **options)
    assert "\n" not in str(caught.value)
