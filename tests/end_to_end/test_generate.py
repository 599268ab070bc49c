"""From a run folder to images on the command line, by the two commands as their users meet them."""

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import rasterio
import tensorflow as tf
from PIL import Image, ImageSequence

from progan_tf.data import manifest as manifests
from progan_tf.data import records as parsed
from progan_tf.export import description as descriptions
from progan_tf.export.description import Description
from tests import runs

PROJECT = Path(__file__).parents[2]


def run(command: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    return run_module(f"experiments.{command}", *arguments, **options)


def run_module(module: str, *arguments: str, **options) -> subprocess.CompletedProcess:
    flags = [f"--{name}={value}" for name, value in options.items()]
    return subprocess.run(
        [sys.executable, "-m", module, *arguments, *flags],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A labelled model, exported by the command."""
    folder = tmp_path_factory.mktemp("model")
    runs.write(folder / "run", images=3500, labels=3)
    done = run("export", run_dir=folder / "run", output=folder / "fields")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{folder / 'fields' / '1'}: 16 x 16 x 3 uint8, mid-fade: 16 x 16 at weight 0.500" in done.stdout
    assert "0.0 grey levels of 255 apart at most" in done.stdout
    assert f"next     python -m experiments.generate --model={folder / 'fields'}" in done.stdout
    return folder / "fields"


@pytest.fixture(scope="module")
def five(model, tmp_path_factory) -> Path:
    """Images of five seeds and their grid."""
    output = tmp_path_factory.mktemp("five") / "images"
    done = run("generate", "--grid", model=model, output=output, num=5, seed=40)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 of 16 x 16, synthetic, of model fields (3.5 kimg)" in done.stdout
    return output


@pytest.fixture(scope="module")
def scaled(tmp_path_factory) -> Path:
    """A model of blue, green, red and near infrared, of 16 bits, which stand for physical values."""
    folder = tmp_path_factory.mktemp("scaled")
    runs.write(folder / "run", images=10000, channels=4, dtype="uint16")
    config = folder / "run" / "config.json"
    fields = json.loads(config.read_text())
    fields["data"] |= {"bands": ["blue", "green", "red", "nir"], "display_bands": [2, 1, 0]}
    fields["data"]["scaling"] = {"mode": "range", "low": [0, 0, 0, -0.5], "high": [0.25, 0.5, 1, 1.5]}
    config.write_text(json.dumps(fields))
    done = run("export", run_dir=folder / "run", output=folder / "model")
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "model"


def describe(folder: Path, labels: list[str]) -> Path:
    """A version folder that is enough to check flags against: described, but without a graph."""
    folder.mkdir()
    (folder / "saved_model.pb").touch()
    facts = dict.fromkeys(field.name for field in dataclasses.fields(Description))
    descriptions.write(folder, Description(**{**facts, "name": "mine", "labels": labels}))
    return folder


def test_files_and_grid(five):
    names = [f"seed_{seed:06d}.png" for seed in range(40, 45)]
    assert sorted(path.name for path in five.iterdir()) == ["generated.json", "grid.png", *names]
    assert json.loads((five / "generated.json").read_text())["synthetic"].startswith("SYNTHETIC: ")
    images = [np.asarray(Image.open(five / name)) for name in names]
    assert all(image.shape == (16, 16, 3) for image in images)
    grid = np.asarray(Image.open(five / "grid.png"))
    assert grid.shape == (2 * 16, 3 * 16, 3)
    np.testing.assert_array_equal(grid[:16, 16:32], images[1])


def test_every_image_says_that_it_is_synthetic(five):
    for path, seed in ((five / "seed_000042.png", "42"), (five / "grid.png", "40 to 44")):
        text = Image.open(path).text
        assert text["SYNTHETIC"].startswith("SYNTHETIC: ")
        assert (text["Model"], text["Version"], text["Seed"]) == ("fields", "1", seed)
        assert text.get("Class") == ("class 0" if path.name != "grid.png" else None)  # of classes in turn: seed 42 % 3


def test_an_image_is_the_same_however_it_is_asked_for(model, five, tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    # Classes go round by seed, so seed 42 is of class 0; here it is asked for by name.
    done = run("generate", model=model / "1", output=tmp_path, num=1, seed=42, label="class 0")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generated.json", "mine.txt", "seed_000042.png"]
    assert (tmp_path / "seed_000042.png").read_bytes() == (five / "seed_000042.png").read_bytes()


def test_interpolation_goes_from_seed_to_seed(model, five, tmp_path):
    done = run("generate", model=model, output=tmp_path, num=3, seed=41, label=0, interpolate=4, format="npy")
    assert done.returncode == 0, done.stderr
    frames = sorted(tmp_path.glob("*.npy"))
    assert [path.name for path in frames] == [f"frame_{number:04d}.npy" for number in range(9)]
    images = [np.load(path).astype(int) for path in frames]
    seed_42 = np.asarray(Image.open(five / "seed_000042.png")).astype(int)
    assert np.abs(images[4] - seed_42).max() <= 1
    step = np.abs(images[1] - images[0]).mean()
    assert 0 < step < np.abs(images[4] - images[0]).mean()


def test_what_is_there_is_kept_and_what_is_of_another_kind_refused(model, five, tmp_path):
    shutil.copytree(five, tmp_path / "images")
    (tmp_path / "images" / "seed_000043.png").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "images").iterdir()}
    done = run("generate", model=model, output=tmp_path / "images", num=6, seed=40)
    assert (done.returncode, done.stderr) == (0, "")
    assert "kept     4 that were there" in done.stdout
    for name, changed in before.items():
        assert (tmp_path / "images" / name).stat().st_mtime_ns == changed
    assert (tmp_path / "images" / "seed_000043.png").read_bytes() == (five / "seed_000043.png").read_bytes()
    assert (tmp_path / "images" / "seed_000045.png").exists()
    done = run("generate", model=model, output=tmp_path / "images", num=6, seed=40, truncation=0.5)
    assert done.returncode == 2
    assert "holds images of another kind (truncation 1.0); choose another folder" in done.stderr


@pytest.mark.parametrize(("name", "content"), [("seed_000007.png", "old"), ("generated.json", "{")])
def test_images_of_which_nothing_is_known_are_neither_kept_nor_overwritten(tmp_path, name, content):
    model, output = describe(tmp_path / "plain", labels=[]), tmp_path / "images"
    output.mkdir()
    (output / name).write_text(content)
    done = run("generate", model=model, output=output, num=3, seed=6)
    assert done.returncode == 2 and name in done.stderr and "choose another folder" in done.stderr
    assert {path.name: path.read_text() for path in output.iterdir()} == {name: content}


def test_the_way_from_seed_to_seed_as_a_moving_picture(model, tmp_path):
    frames, moving = tmp_path / "frames", tmp_path / "moving"
    way = {"model": model, "num": 3, "seed": 41, "label": 0, "interpolate": 4}
    for output, form in ((frames, "png"), (moving, "webp"), (tmp_path / "mp4", "mp4")):
        done = run("generate", output=output, format=form, **way)
        assert (done.returncode, done.stderr) == (0, "")
    single = np.stack([np.asarray(Image.open(path)) for path in sorted(frames.glob("frame_*.png"))]).astype(float)
    assert single.shape == (9, 16, 16, 3)

    with Image.open(moving / "interpolation.webp") as webp:
        said = webp.getexif()[0x010E]
        assert webp.info["loop"] == 0
        assert all(words in said for words in ("SYNTHETIC: ", "; Version: 1; ", "; Class: class 0"))
        shown = np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(webp)])
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "mp4" / "interpolation.mp4"))
    told = next(reader)
    played = np.stack([np.frombuffer(frame, np.uint8).reshape(16, 16, 3) for frame in reader])
    assert (told["size"], told["fps"]) == ((16, 16), 24)
    assert b"SYNTHETIC: " in (tmp_path / "mp4" / "interpolation.mp4").read_bytes()
    # Both halve the resolution of colour, so that brightness is what can be compared.
    brightness = np.array([0.299, 0.587, 0.114])
    for decoded in (shown, played):
        assert np.abs((decoded - single) @ brightness).mean() < 8
    assert np.abs((single[0] - single[-1]) @ brightness).mean() > 16


def test_many_images_go_to_a_dataset_and_a_killed_run_goes_on(model, five, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    many = {"model": model, "num": 600, "seed": 0, "format": "tfrecord"}
    done = run("generate", output=whole, **many)
    assert (done.returncode, done.stderr) == (0, "")
    dataset = manifests.load(str(whole))
    assert (dataset.images("train"), dataset.levels, dataset.labels) == (
        600,
        (2, 3, 4),
        ("class 0", "class 1", "class 2"),
    )
    records = [
        parsed.deserialize(serialized.numpy(), "uint8", "raw")
        for shard in dataset.shards("train", 4)
        for serialized in tf.data.TFRecordDataset(str(whole / shard.file))
    ]
    assert [record.key for record in records] == [f"seed_{seed:06d}" for seed in range(600)]
    assert [record.label for record in records] == [seed % 3 for seed in range(600)]
    np.testing.assert_array_equal(records[42].image, np.asarray(Image.open(five / "seed_000042.png")))
    assert run_module("data_prep.inspect", data_dir=whole).returncode == 0

    flags = [f"--{name}={value}" for name, value in {**many, "output": killed}.items()]
    process = subprocess.Popen([sys.executable, "-m", "experiments.generate", *flags], cwd=PROJECT)
    deadline = time.monotonic() + 100
    while not list((killed / "train").glob("*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (killed / "dataset.json").exists()
    done = run("generate", output=killed, **many)
    assert (done.returncode, done.stderr) == (0, "")
    files = sorted(
        path.relative_to(whole) for path in whole.rglob("*") if path.is_file() and "inspection" not in path.parts
    )
    assert files == sorted(path.relative_to(killed) for path in killed.rglob("*") if path.is_file())
    assert all((whole / file).read_bytes() == (killed / file).read_bytes() for file in files)
    missing = killed / dataset.shards("train", 3)[0].file
    missing.rename(tmp_path / "away")
    done = run("generate", output=killed, **many)
    assert done.returncode == 2 and f"{missing} is missing or damaged" in done.stderr
    done = run("generate", output=killed, **{**many, "num": 601})
    assert done.returncode == 2 and "holds another dataset" in done.stderr


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_sixteen_bits_in_every_format(scaled, tmp_path):
    outputs = {name: tmp_path / name for name in ("png", "geotiff", "npy")}
    done = run("generate", "--grid", model=scaled, output=outputs["png"], num=2, seed=7)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bands    red, green, blue of 4; --format=geotiff, npy or tfrecord writes all" in done.stdout
    done = run("generate", "--grid", model=scaled, output=outputs["geotiff"], num=1, seed=8, format="geotiff")
    assert (done.returncode, done.stderr) == (0, "")
    done = run("generate", "--physical", model=scaled, output=outputs["npy"], num=2, seed=7, format="npy")
    assert (done.returncode, done.stderr) == (0, "")
    names = {name: sorted(path.name for path in output.glob("[!g]*")) for name, output in outputs.items()}
    assert names["png"] == ["seed_000007.png", "seed_000008.png"]
    assert names["geotiff"] == ["seed_000008.tif"]
    assert names["npy"] == ["seed_000007.npy", "seed_000008.npy"]

    png = outputs["png"] / "seed_000008.png"
    shown = tf.io.decode_png(png.read_bytes(), dtype=tf.uint16).numpy()
    with rasterio.open(outputs["geotiff"] / "seed_000008.tif") as file:
        pixels, physical = file.read(), np.load(outputs["npy"] / "seed_000008.npy")
        assert (file.count, set(file.dtypes), file.crs) == (4, {"uint16"}, None)
        assert file.descriptions == ("blue", "green", "red", "nir")
        assert file.tags()["SYNTHETIC"] == Image.open(png).text["SYNTHETIC"]
        np.testing.assert_array_equal(shown, np.moveaxis(pixels[[2, 1, 0]], 0, -1))
        assert physical.dtype == np.float32
        for band, (low, high) in enumerate([(0, 0.25), (0, 0.5), (0, 1), (-0.5, 1.5)]):
            np.testing.assert_allclose(physical[..., band], low + pixels[band] * (high - low) / 65535, atol=1e-6)
            np.testing.assert_allclose(
                physical[..., band], pixels[band] * file.scales[band] + file.offsets[band], atol=1e-6
            )
    assert np.unique(pixels & 255).size > 200  # more than eight bits shifted up
    grid = np.asarray(Image.open(outputs["png"] / "grid.png"))
    np.testing.assert_array_equal(grid[:, 16:], shown >> 8)
    np.testing.assert_array_equal(Image.open(outputs["geotiff"] / "grid.png"), shown >> 8)


def test_the_model_tells_others_how_to_come_to_physical_values(scaled):
    told = json.loads((scaled / "1" / "assets.extra" / "model.json").read_text())
    assert told["physical_values"].startswith("value = low + pixel * (high - low) / 65535; ")
    assert len(told["bands"]) == len(told["scaling"]["low"]) == len(told["scaling"]["high"]) == 4


@pytest.mark.parametrize(
    "options, message",
    [
        ({"model": "/nowhere"}, "no model at /nowhere; give a folder that experiments.export made"),
        ({"model": "EMPTY"}, "holds no SavedModel"),
        ({"model": "FOREIGN"}, "is no model of this project"),
        ({"num": 0}, "--num"),
        ({"seed": -1}, "--seed"),
        ({"truncation": 0}, "--truncation=0.0 is not over 0 and at most 2"),
        ({"truncation": 2.5}, "--truncation=2.5"),
        ({"truncation": "nan"}, "--truncation=nan"),
        ({"label": "sea"}, "--label=sea: model mine has no classes"),
        ({"label": "sea", "model": "LABELLED"}, "give one of field, town or an index from 0 to 1"),
        ({"label": "2", "model": "LABELLED"}, "--label=2 is no class of model mine"),
        ({"interpolate": 5, "num": 1}, "--num=2 or more"),
        ({"interpolate": 5, "truncation": 0.5}, "--truncation=1 only"),
        ({"interpolate": 5, "model": "LABELLED"}, "needs one --label for all frames; there are field, town"),
        ({"output": "FILE"}, "cannot be made"),
        ({"format": "jpeg"}, "--format"),
        ({"physical": "true"}, "give --format=geotiff or --format=npy"),
        ({"physical": "true", "format": "tfrecord"}, "--physical values do not fit into tfrecord"),
        ({"format": "mp4"}, "--format=mp4 shows the way between seeds; give --interpolate=24"),
        ({"format": "tfrecord", "interpolate": 5}, "leave --interpolate out"),
        ({"format": "tfrecord", "grid": "true"}, "--grid goes with images in files"),
        ({"physical": "true", "format": "npy"}, "--physical: model mine has no scaling"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(options, message, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "saved_model.pb").touch()
    describe(tmp_path / "plain", labels=[])
    describe(tmp_path / "labelled", labels=["field", "town"])
    places = {path.name.upper(): path for path in tmp_path.iterdir()}
    options = {"model": "PLAIN", "output": tmp_path / "out", **options}
    done = run("generate", **{name: places.get(value, value) for name, value in options.items()})
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_export_of_what_is_no_run_is_wrong_input(tmp_path):
    done = run("export", run_dir=tmp_path, output=tmp_path / "model")
    assert done.returncode == 2
    assert "no run at" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("command", ["export", "generate"])
def test_help_answers_at_once(command):
    started = time.monotonic()
    done = run(command, "--help")
    assert done.returncode == 0 and "--output" in done.stdout
    assert time.monotonic() - started < 5, "TensorFlow was imported for --help"
