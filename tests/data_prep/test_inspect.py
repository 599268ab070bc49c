"""Inspection: damage is named, statistics are those of the images, and the page shows pictures that are there."""

import collections
import dataclasses
import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from data_prep import inspection, inspection_page
from data_prep.conversion import convert
from data_prep.job import Job
from progan_tf.data import manifest as manifests
from progan_tf.data import records
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError
from tests import datasets

PROJECT = Path(__file__).parents[2]
LABELS = ("bare & <dry>", "$sea$", "town")


def command(**options) -> subprocess.CompletedProcess:
    flags = [f"--{name}={value}" for name, value in options.items()]
    return subprocess.run(
        [sys.executable, "-m", "data_prep.inspect", *flags],
        cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def write_images(folder: Path, count: int = 30) -> dict[str, np.ndarray]:
    """Landscapes of 16 x 16 in a folder a label; returns them by key."""
    images = {f"{LABELS[i % 3]}/{i:02d}.png": image for i, image in enumerate(datasets.landscape(count, 16))}
    for key, image in images.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / key)
    return images


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inspect") / "places"
    write_images(folder)
    return folder


@pytest.fixture(scope="module")
def converted(images) -> Path:
    """Two splits of two shards a level, with labels."""
    output = images.parent / "dataset"
    convert(
        Job(
            str(images), str(output), resolution=16, labels="folders", shards=2, workers=1,
            splits=(("train", 70), ("test", 30)),
        )
    )  # fmt: skip
    return output


@pytest.fixture
def dataset(converted, tmp_path) -> Path:
    return shutil.copytree(converted, tmp_path / "dataset")


@pytest.fixture
def official(images, tmp_path) -> Path:
    """A folder as the official tools write it: one file a level, and labels, without manifest."""
    convert(Job(str(images), str(tmp_path / "one"), resolution=16, labels="folders", shards=1, workers=1))
    return shutil.copytree(tmp_path / "one/train", tmp_path / "official")


def damage(folder: Path, **options) -> dict[str, str]:
    found = inspection.damage(str(folder), manifests.load(str(folder)), **options)
    return {one.file: one.reason for one in found}


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def starts(path: Path) -> list[int]:
    """First byte of every record of a TFRecord file: 8 of length, 4 of its CRC, the payload, 4 of its CRC."""
    content, found = path.read_bytes(), [0]
    while found[-1] < len(content):
        found.append(found[-1] + 16 + int.from_bytes(content[found[-1] : found[-1] + 8], "little"))
    return found


def first_shard(folder: Path, level: int = 4, split: str = "train") -> Path:
    return folder / manifests.load(str(folder)).shards(split, level)[0].file


def test_a_whole_dataset_is_verified_told_and_shown(converted, tmp_path):
    done = command(data_dir=converted, output=tmp_path / "page")
    assert (done.returncode, done.stderr) == (0, "")
    manifest = manifests.load(str(converted))
    rows = {line[:18].strip(): line[19:] for line in done.stdout.splitlines()}
    assert rows["name"] == "places"
    assert rows["bands"] == "3: red, green, blue"
    assert rows["splits"] == f"train {manifest.images('train')}, test {manifest.images('test')}"
    assert rows["labels"] == "3"
    assert rows["source"] == "folder"
    assert f"verified {converted}: all 12 files are whole" in done.stdout
    assert done.stdout.endswith(f"page     {tmp_path}/page/inspection.html\n")
    names = ["histograms.png", "inspection.html", "labels.png", "mipmaps.png", "tiles_test.png", "tiles_train.png"]
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == names
    assert not (converted / "inspection").exists()


def test_a_label_file_that_is_gone_is_damage_and_repair_brings_it_back(tmp_path):
    write_images(tmp_path / "places")
    folder = tmp_path / "dataset"
    convert(Job(str(tmp_path / "places"), str(folder), resolution=16, labels="folders", shards=1, workers=1))
    path = folder / "train/places-rxx.labels"
    whole = path.read_bytes()
    path.unlink()
    failed = command(data_dir=folder)
    assert failed.returncode == 1
    assert failed.stderr == f"inspect: 1 damaged file in {folder}, first {path}: missing; repeat with --repair\n"
    done = command(data_dir=folder, repair=True, output=tmp_path / "page")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"verified {folder}: all 4 files are whole" in done.stdout
    assert path.read_bytes() == whole


def test_every_damaged_file_is_named_and_the_exit_code_is_1(dataset):
    listed = manifests.load(str(dataset)).splits
    flipped, gone = dataset / listed["train"][0].file, dataset / listed["test"][-1].file
    flip(flipped, starts(flipped)[3] + 40)
    gone.unlink()
    before = sorted(path for path in dataset.rglob("*") if path.is_file())
    failed = command(data_dir=dataset)
    assert failed.returncode == 1
    reason = "not the SHA-256 that was written; record 3 damaged"
    assert f"damaged  {flipped}: {reason}" in failed.stdout
    assert f"damaged  {gone}: missing" in failed.stdout
    assert failed.stdout.count("damaged ") - failed.stdout.count(" damaged (") == 2
    assert failed.stderr.startswith(f"inspect: 2 damaged files in {dataset}, first {flipped}: {reason}")
    assert failed.stderr.endswith("repeat with --repair\n")
    assert failed.stderr.count("\n") == 1
    assert sorted(path for path in dataset.rglob("*") if path.is_file()) == before


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def cut_off_last_record(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: starts(path)[-2]])


def flip_last_record(path: Path) -> None:
    flip(path, starts(path)[-2] + 100)


def destroy_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    begin = starts(path)[2]
    content[begin : begin + 8] = b"\xff" * 8
    path.write_bytes(content)


def swap_records(path: Path) -> None:
    content, (first, second, third, *_) = path.read_bytes(), starts(path)
    path.write_bytes(content[second:third] + content[first:second] + content[third:])


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm, reason",
    [
        (truncate, r"^[\d,]+ bytes where [\d,]+ were written; record LAST damaged \(the file ends in this record\)$"),
        (cut_off_last_record, r"were written; holds LAST records where COUNT are listed$"),
        (flip_last_record, r"^not the SHA-256 that was written; record LAST damaged \(corrupted record"),
        (destroy_header, r"^not the SHA-256 that was written; record 2 damaged"),
        (swap_records, r"^not the SHA-256 that was written; records whole, but other ones$"),
        (Path.unlink, r"^missing$"),
        (make_folder, r"^missing$"),
        (lambda path: path.write_bytes(b""), r"^0 bytes where [\d,]+ were written; holds 0 records"),
    ],
)
def test_damage_of_every_kind_is_told_from_other_damage(dataset, harm, reason):
    path = first_shard(dataset)
    count = len(starts(path)) - 1
    harm(path)
    (found,) = damage(dataset).items()
    assert found[0] == str(path.relative_to(dataset))
    assert re.search(reason.replace("LAST", str(count - 1)).replace("COUNT", str(count)), found[1])


def edit_first(folder: Path, **changes) -> str:
    """Changes what the manifest says of its first shard, and returns that shard's name."""
    manifest = manifests.load(str(folder))
    first, *others = manifest.splits["train"]
    splits = manifest.splits | {"train": (dataclasses.replace(first, **changes), *others)}
    datasets.save_manifest(dataclasses.replace(manifest, splits=splits), folder)
    return first.file


def test_a_manifest_that_counts_other_records_is_damage(dataset):
    file = edit_first(dataset, images=100)
    assert re.fullmatch(r"holds \d+ records where 100 are listed", damage(dataset)[file])


def test_images_of_another_shape_are_damage(dataset):
    manifest = manifests.load(str(dataset))
    small, large = manifest.shards("train", 2)[0], manifest.shards("train", 3)[0]
    content = (dataset / large.file).read_bytes()
    (dataset / small.file).write_bytes(content)
    file = edit_first(dataset, bytes=len(content), sha256=large.sha256)
    assert damage(dataset) == {file: "images of shape [8, 8, 3] where [4, 4, 3] is expected"}


@pytest.mark.slow
def test_more_processes_find_the_same(dataset, monkeypatch):
    monkeypatch.setattr(inspection, "_BYTES_A_PROCESS", 1)
    flip(first_shard(dataset), 30)
    first_shard(dataset, level=2, split="test").unlink()
    assert damage(dataset, cores=2) == damage(dataset, cores=1) != {}


def test_folders_of_the_official_tools_are_checked_by_their_crcs(official):
    assert inspection.unreadable(str(official)) == []
    assert damage(official) == {}
    path = official / "places-r03.tfrecords"
    for number in (1, 4, 5):
        flip(path, starts(path)[number] + 50)
    (reason,) = damage(official).values()
    assert reason.startswith("records 1, 4, 5 damaged (corrupted record")


def test_a_level_with_fewer_images_is_damage_where_nobody_wrote_down_how_many_there_were(official):
    cut_off_last_record(official / "places-r03.tfrecords")
    assert damage(official) == {"places-r03.tfrecords": "level of 29 images, another one has 30"}


def test_truncated_files_of_the_official_tools_are_told_though_nothing_can_be_counted(official):
    truncate(official / "places-r04.tfrecords")
    (official / "places-r02.tfrecords").write_bytes(b"")
    flip(official / "places-r03.tfrecords", 40)
    found = {one.file: one.reason for one in inspection.unreadable(str(official))}
    assert found == {
        "places-r02.tfrecords": "holds no record",
        "places-r03.tfrecords": "record 0 damaged (corrupted record at 12)",
        "places-r04.tfrecords": "record 29 damaged (the file ends in this record)",
    }


def test_the_page_of_an_official_folder(official, tmp_path):
    manifest = manifests.load(str(official))
    labels = inspection.label_counts(str(official), manifest)
    assert labels == {"train": [10, 10, 10]}
    (tmp_path / "page").mkdir()
    inspection_page.write(str(official), manifest, labels, tmp_path / "page")
    assert sorted(path.name for path in (tmp_path / "page").glob("*.png")) == [
        "histograms.png", "labels.png", "mipmaps.png", "tiles_train.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "--data_dir"),
        ({"data_dir": "NOWHERE"}, "no dataset at"),
        ({"data_dir": "NOWHERE", "input": "there"}, "--input=there is for --repair alone"),
        ({"data_dir": "NOWHERE", "tfds_data_dir": "there"}, "--tfds_data_dir=there is for --repair alone"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_line(tmp_path, options, message):
    wrong = command(**{name: value.replace("NOWHERE", str(tmp_path / "no")) for name, value in options.items()})
    assert wrong.returncode == 2
    assert message in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def means(images: np.ndarray, level: int) -> np.ndarray:
    """Images at a level: the rounded mean of the squares of pixels that become one."""
    count, side, _, channels = images.shape
    factor = side >> level
    squares = images.reshape(count, 2**level, factor, 2**level, factor, channels)
    return np.rint(squares.mean(axis=(2, 4))).astype(images.dtype)


@pytest.mark.parametrize("dtype, step", [("uint8", 1), ("uint16", 256)])
def test_histograms_count_every_pixel_of_every_band(tmp_path, dtype, step):
    top = np.iinfo(dtype).max
    images = np.random.default_rng(0).beta(0.3, 0.6, (20, 8, 8, 4)) * top
    images = np.rint(images).astype(dtype)
    folder = datasets.write(tmp_path / "data", images, shards=3)
    manifest = manifests.load(str(folder))
    for level in (2, 3):
        found = inspection.histograms(str(folder), manifest, "train", level)
        for band in range(4):
            edges = np.arange(257) * step - 0.5
            expected, _ = np.histogram(means(images, level)[..., band].astype(float), edges)
            np.testing.assert_array_equal(found[band], expected)
    np.testing.assert_array_equal(inspection.bin_centres(manifest)[0], np.arange(256) * step + step // 2)


def test_the_axis_of_scaled_bands_is_physical(tmp_path):
    folder = datasets.write(tmp_path / "data", np.zeros((2, 8, 8, 2), np.uint8))
    scaling = Scaling("bands", (-1.0, 100.0), (1.0, 3000.0)).as_dict()
    manifest = dataclasses.replace(manifests.load(str(folder)), scaling=scaling)
    centres = inspection.bin_centres(manifest)
    np.testing.assert_allclose(centres[0], np.linspace(-1, 1, 256), atol=1e-6)
    np.testing.assert_allclose(centres[1], np.linspace(100, 3000, 256), rtol=1e-6)


def test_labels_are_counted_in_every_split(converted):
    manifest = manifests.load(str(converted))
    found = inspection.label_counts(str(converted), manifest)
    for split in ("train", "test"):
        paths = [str(converted / shard.file) for shard in manifest.shards(split, 4)]
        keys = [records.deserialize(raw).key for raw in tf.data.TFRecordDataset(paths).as_numpy_iterator()]
        counted = collections.Counter(key.split("/")[0] for key in keys)
        assert dict(zip(manifest.labels, found[split], strict=True)) == {label: counted[label] for label in LABELS}


def test_random_tiles_are_distinct_images_of_the_split_and_depend_on_the_seed(tmp_path):
    images = datasets.landscape(24, 8)
    folder = str(datasets.write(tmp_path / "data", images, shards=3))
    manifest = manifests.load(folder)
    first, again, other = (inspection.random_tiles(folder, manifest, "train", 3, 10, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    known = {image.tobytes() for image in images}
    assert len({image.tobytes() for image in first} & known) == 10
    assert len(inspection.random_tiles(folder, manifest, "train", 3, 99, 0)) == 24


def test_the_strip_shows_one_image_at_all_levels_each_pixel_as_a_square(tmp_path):
    images = datasets.landscape(12, 32)
    folder = str(datasets.write(tmp_path / "data", images))
    inspection_page._strip(folder, manifests.load(folder), tmp_path)
    strip = np.asarray(Image.open(tmp_path / "mipmaps.png"))
    assert strip.shape == (130, 4 * 130, 3)
    liveliest = images[[int(np.argmax(images.std(axis=(1, 2, 3))))]]
    for number, level in enumerate((2, 3, 4, 5)):
        shown = strip[1:129, number * 130 + 1 : number * 130 + 129]
        square = np.ones((2 ** (7 - level), 2 ** (7 - level), 1))
        np.testing.assert_array_equal(shown, np.kron(means(liveliest, level)[0], square))


def test_the_sheet_shows_tiles_in_display_bands(tmp_path):
    images = np.random.default_rng(1).integers(0, 65536, (3, 64, 64, 5), np.uint16)
    folder = str(datasets.write(tmp_path / "data", images))
    manifest = dataclasses.replace(manifests.load(folder), display_bands=(4, 2, 0))
    inspection_page._sheet(folder, manifest, "train", tmp_path, seed=0)
    sheet = np.asarray(Image.open(tmp_path / "tiles_train.png"))
    assert sheet.shape == (66, 3 * 66, 3)
    shown = {sheet[1:65, 66 * i + 1 : 66 * i + 65].tobytes() for i in range(3)}
    assert shown == {(image[..., [4, 2, 0]] // 256).astype(np.uint8).tobytes() for image in images}


@pytest.mark.parametrize("side, channels, dtype", [(8, 1, "uint8"), (16, 4, "uint8"), (128, 13, "uint16")])
def test_every_picture_of_the_page_is_there_and_decodes(tmp_path, side, channels, dtype):
    images = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, (9, side, side, channels), dtype)
    folder = datasets.write(tmp_path / "data", images, labels=[0, 1, 2] * 3)
    manifest = dataclasses.replace(manifests.load(str(folder)), name="<i>tiles</i>", labels=LABELS)
    labels = inspection.label_counts(str(folder), manifest)
    page = inspection_page.write(str(folder), manifest, labels, tmp_path)
    text = page.read_text()
    shown = re.findall(r'<img[^>]* src="([^"]+)"[^>]* alt="[^"]+"', text)
    assert len(shown) == text.count("<img") == 4
    for name in shown:
        with Image.open(tmp_path / name) as picture:
            picture.load()
            assert min(picture.size) >= 64
    assert "<i>" not in text
    assert all(f"<th>  {html.escape(label)}</th><td>train 3</td>" in text for label in LABELS)


def test_tiles_with_places_are_drawn_on_a_map(tmp_path):
    tiles = [(x, y) for x in (2200, 2201) for y in (1343, 1344, 1345)]
    for (x, y), image in zip(tiles, datasets.landscape(6, 16), strict=True):
        (tmp_path / f"in/12/{x}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / f"in/12/{x}/{y}.png")
    output = tmp_path / "out"
    convert(Job(str(tmp_path / "in"), str(output), resolution=16, grid_pattern="{z}/{x}/{y}.png", workers=1))
    manifest = manifests.load(str(output))
    (found,) = inspection.footprints(str(output), manifest, "train").values()
    half = np.pi * 6378137  # the web's map is a square of this half side, in metres; 2^12 tiles from the upper left
    size = 2 * half / 4096
    expected = [(x * size - half, half - (y + 1) * size, (x + 1) * size - half, half - y * size) for x, y in tiles]
    np.testing.assert_allclose(sorted(map(tuple, found)), sorted(expected), atol=1e-3)
    page = inspection_page.write(str(output), manifest, {}, tmp_path)
    assert 'src="footprints.png"' in page.read_text()
    assert "coloured by split; 6 of 6 tiles have a place" in page.read_text()
    with Image.open(tmp_path / "footprints.png") as picture:
        assert np.asarray(picture).std() > 1


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_map_of_scenes_with_and_without_a_place_shows_those_with_one(tmp_path):
    rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")
    (tmp_path / "in").mkdir()
    options = {"driver": "GTiff", "width": 32, "height": 32, "count": 3, "dtype": "uint8", "photometric": "rgb"}
    known = {"crs": "EPSG:32618", "transform": rasterio.transform.from_origin(500_000, 4_000_000, 10, 10)}
    tiles = datasets.landscape(2, 32).transpose(0, 3, 1, 2)
    for name, pixels, place in (("a_nowhere", tiles[0], {}), ("b_somewhere", tiles[1], known)):
        with rasterio.open(tmp_path / f"in/{name}.tif", "w", **options, **place) as file:
            file.write(pixels)
    output = tmp_path / "out"
    convert(Job(str(tmp_path / "in"), str(output), resolution=8, workers=1))
    manifest = manifests.load(str(output))
    (found,) = inspection.footprints(str(output), manifest, "train").values()
    assert found.shape == (16, 4)
    page = inspection_page.write(str(output), manifest, {}, tmp_path)
    assert "16 of 32 tiles have a place" in page.read_text()


def test_the_map_is_in_degrees_of_longitude_and_latitude_where_rasterio_is_there():
    pytest.importorskip("rasterio", reason="rasterio is not installed; without it maps are in the scene's own units")
    # Half the way round the equator is 180 degrees; 85.0511 degrees north is where the web's map ends.
    corners, degrees = inspection_page._corners("EPSG:3857", np.array([[0.0, 0.0, 20037508.34, 20037508.34]]))
    assert degrees
    np.testing.assert_allclose(corners[0], [(0, 0), (180, 0), (180, 85.0511), (0, 85.0511)], atol=1e-4)


def test_coordinates_nobody_knows_are_drawn_as_they_are():
    corners, degrees = inspection_page._corners("unknown coordinates", np.array([[1.0, 2.0, 3.0, 4.0]]))
    assert not degrees
    assert corners.tolist() == [[[1, 2], [3, 2], [3, 4], [1, 4]]]


@pytest.mark.parametrize("name", ["places-r03.tfrecords", "places-rxx.labels"])
def test_what_cannot_be_read_in_an_official_folder_is_damage(official, name):
    make_folder(official / name)
    (found,) = inspection.unreadable(str(official))
    assert (found.file, found.reason[:15]) == (name, "cannot be read ")


def test_a_label_file_cut_short_is_damage_in_an_official_folder(official):
    truncate(official / "places-rxx.labels")
    (found,) = inspection.unreadable(str(official))
    assert found.file == "places-rxx.labels"


def test_an_official_folder_may_have_any_name(official, tmp_path):
    official.rename(tmp_path / "[ab]*?")
    assert damage(tmp_path / "[ab]*?") == {}
    truncate(tmp_path / "[ab]*?/places-r04.tfrecords")
    assert [one.file for one in inspection.unreadable(str(tmp_path / "[ab]*?"))] == ["places-r04.tfrecords"]


def test_a_manifest_that_cannot_be_read_is_exit_code_2_and_one_line(dataset):
    make_folder(dataset / "dataset.json")
    wrong = command(data_dir=dataset)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith(f"inspect: dataset {dataset} cannot be read ({dataset}/dataset.json")


def test_a_manifest_that_is_no_json_is_bad_input(dataset):
    (dataset / "dataset.json").write_text(json.dumps({"name": "x"}))
    with pytest.raises(InputError, match="not a dataset manifest"):
        damage(dataset)
