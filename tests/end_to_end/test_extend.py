"""Images continued on the command line, with a small stand-in for a trained model."""

import contextlib
import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from progan_tf.export import description as descriptions
from tests.extension import stand_in

PROJECT = Path(__file__).parents[2]
ROTATED = rasterio.Affine(2.0, 0.5, 500_000, 0.5, -2.0, 4_000_000)


def command(*arguments: str, name: str = "extend", **options) -> list[str]:
    return [sys.executable, "-m", f"experiments.{name}", *arguments, *(f"--{key}={options[key]}" for key in options)]


def run(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments, **options), cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return stand_in.save(tmp_path_factory.mktemp("plain"))


def picture(path: Path, height: int = 20, width: int = 30, bands: int = 3) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(1, 256, (height, width, bands), np.uint8)
    Image.fromarray(pixels.squeeze()).save(path)
    return pixels


def scene(path: Path, pixels: np.ndarray, **facts) -> None:
    height, width, bands = pixels.shape
    layout = {"height": height, "width": width, "count": bands, "dtype": pixels.dtype, "driver": "GTiff"}
    with rasterio.open(path, "w", **layout, **{"crs": "EPSG:32640", "transform": ROTATED, **facts}) as file:
        file.write(np.moveaxis(pixels, -1, 0))


def test_a_picture_goes_on_in_two_ways(model, tmp_path):
    pixels = picture(tmp_path / "town.png")
    sides = {"top": "5px", "left": 1, "right": "20px", "bottom": 2}
    done = run(
        *("--outline", "--order=wavefront", "--variants=2", "--blend=2"),
        **{"model": model, "input": tmp_path / "town.png", "output": tmp_path / "new" / "large.png", **sides},
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = "large_2.png: 58 x 41 x 3, 74.8% of it synthetic (1,778 pixels in 3 rings), of model stand-in (1.5 kimg)"
    assert said in done.stdout
    names = [f"large_{variant}{kind}.png" for variant in (1, 2) for kind in ("", "_outline", "_provenance")]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == names
    real = np.zeros((41, 58), bool)
    real[5:25, 8:38] = True
    found = []
    for variant in (1, 2):
        with Image.open(tmp_path / "new" / f"large_{variant}.png") as file:
            text, image = file.text, np.asarray(file)
        assert text["SYNTHETIC"].startswith("SYNTHETIC: 74.8% ")
        assert text["SYNTHETIC"].endswith(f"large_{variant}_provenance.png tells which")
        np.testing.assert_array_equal(image[real].reshape(pixels.shape), pixels)
        provenance = np.asarray(Image.open(tmp_path / "new" / f"large_{variant}_provenance.png"))
        np.testing.assert_array_equal(provenance == 1, real)
        assert provenance.min() == 1 and provenance.max() == 4
        outline = np.asarray(Image.open(tmp_path / "new" / f"large_{variant}_outline.png"))
        rim = real.copy()
        rim[6:24, 9:37] = False
        assert np.all(outline[rim] == (255, 255, 0))
        np.testing.assert_array_equal(outline[~rim], image[~rim])
        found.append(image)
    assert (found[0] != found[1])[~real].mean() > 0.9


def test_a_rotated_scene_keeps_its_place_and_its_holes_are_filled(model, tmp_path):
    pixels = np.random.default_rng(0).integers(1, 256, (30, 40, 3), np.uint8)
    pixels[3:9, 30:] = 0  # no data
    scene(tmp_path / "scene.tif", pixels, nodata=0)
    mask = np.zeros((30, 40), np.uint8)
    mask[20:25, 2:12] = 255
    Image.fromarray(mask).save(tmp_path / "holes.png")
    done = run(
        "--fill_nodata",
        **{"model": model, "input": tmp_path / "scene.tif", "holes": tmp_path / "holes.png"},
        **{"output": tmp_path / "wide.tif", "top": "7px", "left": 2},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holes.png", "scene.tif", "wide.tif"]
    with rasterio.open(tmp_path / "wide.tif") as file:
        made, transform = np.moveaxis(file.read(), 0, -1), file.transform
        assert (file.count, file.crs.to_epsg(), file.nodata) == (4, 32640, 0)
        assert file.profile["tiled"] and (file.width, file.height) == (56, 37)
        assert file.descriptions[3].startswith("provenance: 0 unknown, 1 real")
        assert file.tags()["SYNTHETIC"].endswith("the last band tells which")
        assert not any("alpha" in str(colour) for colour in file.colorinterp)
    rows, columns = np.array([0, 29, 0, 29]), np.array([0, 0, 39, 39])
    now = rasterio.transform.xy(transform, rows + 7, columns + 16)
    np.testing.assert_allclose(now, rasterio.transform.xy(ROTATED, rows, columns), rtol=1e-12)
    real = np.zeros((37, 56), bool)
    real[7:, 16:] = (mask == 0) & (pixels[..., 0] > 0)
    np.testing.assert_array_equal(made[..., 3] == 1, real)
    np.testing.assert_array_equal(made[7:, 16:, :3][real[7:, 16:]], pixels[real[7:, 16:]])
    assert made.min() > 0  # what was generated is not taken for missing


def test_sixteen_bits_by_the_scaling_of_the_model(tmp_path):
    scaling = {"mode": "range", "low": [100, 0, 200, 50], "high": [4100, 2000, 3000, 9000]}
    names = ["blue", "green", "red", "nir"]
    model = stand_in.save(tmp_path / "model", channels=4, scaling=scaling, bands=names, display_bands=[2, 1, 0])
    pixels = np.random.default_rng(0).integers(0, 10_000, (20, 20, 4)).astype(np.uint16)
    scene(tmp_path / "scene.tif", pixels)
    done = run(model=model, input=tmp_path / "scene.tif", output=tmp_path / "wide.tif", size="31x20", seed=3)
    assert (done.returncode, done.stderr) == (0, "")
    with rasterio.open(tmp_path / "wide.tif") as file:
        made = np.moveaxis(file.read(), 0, -1)
        assert (set(file.dtypes), file.descriptions[:4]) == ({"uint16"}, tuple(names))
    np.testing.assert_array_equal(made[:, 5:25, :4], pixels)
    generated = np.concatenate([made[:, :5, :4], made[:, 25:, :4]], axis=1)
    low, high = np.array(scaling["low"]), np.array(scaling["high"])
    steps = np.rint(low + np.arange(256)[:, np.newaxis] * (high - low) / 255)
    for band in range(4):
        assert set(generated[..., band].ravel()) <= set(steps[:, band])
        assert np.ptp(generated[..., band]) > 0.9 * (high - low)[band]


def test_from_nothing(model, tmp_path):
    done = run(model=model, output=tmp_path / "land.png", size="50x33")
    assert (done.returncode, done.stderr) == (0, "")
    assert "50 x 33 x 3, 100.0% of it synthetic (1,650 pixels in 4 rings)" in done.stdout
    land, provenance = (np.asarray(Image.open(tmp_path / name)) for name in ("land.png", "land_provenance.png"))
    assert land.shape == (33, 50, 3) and len(np.unique(land.reshape(-1, 3), axis=0)) > 1000
    assert provenance.min() == 2 == provenance[16, 25]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_killed_and_stopped_on_the_way_it_ends_with_the_same_bytes(model, tmp_path):
    picture(tmp_path / "town.png")
    options = {"model": model, "input": tmp_path / "town.png", "size": "160x170", "order": "raster", "blend": 2}
    whole = run(**options, output=tmp_path / "whole.tif")
    assert (whole.returncode, whole.stderr) == (0, "")
    output, work = tmp_path / "part.tif", tmp_path / "part.tif.work"
    for number, how in enumerate((signal.SIGKILL, signal.SIGTERM), 1):
        process = subprocess.Popen(command(**options, output=output), cwd=PROJECT, stderr=subprocess.PIPE, text=True)
        while steps(work) < 60 * number:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.005)
        process.send_signal(how)
        complaint = process.communicate(timeout=60)[1]
        assert process.returncode == {signal.SIGKILL: -9, signal.SIGTERM: 75}[how]
        assert complaint == ("" if number == 1 else "extend: interrupted; the same command takes the work up again\n")
        assert not output.exists() and steps(work) < 400
    refused = run(**options, output=output, seed=9)
    assert refused.returncode == 2 and "with seed 0, now it is 9; repeat that" in refused.stderr
    done = run(**options, output=output)
    assert (done.returncode, done.stderr) == (0, "")
    assert not work.exists()
    with rasterio.open(tmp_path / "whole.tif") as first, rasterio.open(output) as second:
        np.testing.assert_array_equal(first.read(), second.read())


def test_variants_that_are_done_are_not_made_again(model, tmp_path):
    picture(tmp_path / "town.png")
    options = {"model": model, "input": tmp_path / "town.png", "size": "160x170", "order": "raster", "variants": 2}
    assert run(**options, output=tmp_path / "whole.png").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == []
    process = subprocess.Popen(command(**options, output=tmp_path / "part.png"), cwd=PROJECT)
    while steps(tmp_path / "part_2.png.work") < 60:
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    before = (tmp_path / "part_1.png").stat()
    refused = run(**options, output=tmp_path / "part.png", seed=9)
    assert refused.returncode == 2 and "with seed 0, now it is 9" in refused.stderr
    done = run(**options, output=tmp_path / "part.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert "part_1.png: made before" in done.stdout and "part_2.png: 160 x 170" in done.stdout
    assert (tmp_path / "part_1.png").stat() == before
    assert not list(tmp_path.glob("*.work"))
    for number in (1, 2):
        made, wanted = (np.asarray(Image.open(tmp_path / f"{name}_{number}.png")) for name in ("part", "whole"))
        np.testing.assert_array_equal(made, wanted)


def steps(work: Path) -> int:
    """How many steps of a work folder are done."""
    with contextlib.suppress(OSError, ValueError):
        if (work / "settings.json").exists():
            return int(np.fromfile(work / "done.raw", np.int64)[0])
    return 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "nothing to extend: input"),
        ({"top": 0, "left": "0px"}, "give --top, --left, --right or --bottom, --size or --holes"),
        ({"size": "30x20"}, "nothing to extend"),
        ({"left": 1, "holes": "SMALL"}, "has 5 x 5 pixels where the image has 30 x 20; draw it over the image"),
        ({"left": 1, "input": "GREY"}, "has 1 bands where model stand-in has 3 (red, green, blue)"),
        ({"left": 1, "input": "GAPS"}, "has 6 pixels without data"),
        ({"left": 1, "input": "TORN"}, "cannot be read"),
        ({"left": 1, "blend": 5}, "blend 5 does not fit: a window of 16 around cells of 8"),
        ({"left": 1, "model": "IMAGES"}, "extends none; use experiments.generate"),
        ({"left": 1, "output": "INPUT"}, "which is read; choose another name"),
        ({"left": 1, "output": "BELOW"}, "cannot be made"),
        ({"left": 1, "order": "zigzag"}, "--order"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(options, message, model, tmp_path):
    picture(tmp_path / "in.png")
    picture(tmp_path / "small.png", 5, 5)
    picture(tmp_path / "grey.png", bands=1)
    picture(tmp_path / "whole.png", 200, 200)
    (tmp_path / "torn.png").write_bytes((tmp_path / "whole.png").read_bytes()[:20000])
    gaps = np.ones((20, 30, 3), np.uint8)
    gaps[0, :6] = 0
    scene(tmp_path / "gaps.tif", gaps, nodata=0)
    fields = dataclasses.asdict(descriptions.read(model / "1")) | {"task": "images"}
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "saved_model.pb").touch()
    descriptions.write(tmp_path / "images", descriptions.Description(**fields))
    places = {path.stem.upper(): path for path in tmp_path.iterdir()}
    places |= {"INPUT": tmp_path / "in.png", "BELOW": tmp_path / "in.png" / "out.png"}
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    options = {"model": model, "input": tmp_path / "in.png", "output": tmp_path / "out.png", **options}
    done = run(**{name: places.get(value, value) for name, value in options.items()})
    assert done.returncode == 2
    assert message in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert not list(tmp_path.glob("*.work"))


def test_generate_refuses_a_model_that_extends(model, tmp_path):
    done = run(name="generate", model=model, output=tmp_path / "images")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "model stand-in continues images and draws none alone; use experiments.extend" in done.stderr
    assert not (tmp_path / "images").exists()


def test_help_answers_at_once():
    started = time.monotonic()
    done = run("--help")
    assert done.returncode == 0 and "--fill_nodata" in done.stdout
    assert time.monotonic() - started < 5, "TensorFlow was imported for --help"


def test_a_picture_has_the_colours_it_had_whatever_the_order_of_the_models_bands(tmp_path):
    model = stand_in.save(tmp_path / "bgr", bands=["blue", "green", "red"], display_bands=[2, 1, 0])
    pixels = picture(tmp_path / "town.png")
    done = run(model=model, input=tmp_path / "town.png", output=tmp_path / "large.png", right=1)
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "large.png"))[:, :30], pixels)


@pytest.mark.parametrize(
    ("read", "name", "output", "more"),
    [
        ("input", "a_provenance.png", "a.png", ()),
        ("input", "a_outline.png", "a.png", ("--outline",)),
        ("input", "a_2.png", "a.png", ("--variants=2",)),
        ("holes", "a.png", "a.png", ()),
    ],
)
def test_nothing_that_is_read_is_written_over(model, tmp_path, read, name, output, more):
    picture(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    others = {} if read == "input" else {"input": tmp_path / "town.png"}
    picture(tmp_path / "town.png")
    done = run(*more, model=model, output=tmp_path / output, right=1, **{read: tmp_path / name}, **others)
    assert done.returncode == 2
    assert f"would write over {tmp_path / name}, which is read" in done.stderr
    assert (tmp_path / name).read_bytes() == before


def test_a_value_without_data_that_is_a_provenance_too_is_not_written(model, tmp_path):
    pixels = np.random.default_rng(0).integers(2, 256, (16, 16, 3), np.uint8)
    scene(tmp_path / "scene.tif", pixels, nodata=1)
    done = run(model=model, input=tmp_path / "scene.tif", output=tmp_path / "wide.tif", right=1)
    assert (done.returncode, done.stderr) == (0, "")
    with rasterio.open(tmp_path / "wide.tif") as file:
        assert file.nodata is None
        assert (file.read(4)[:, :16] == 1).all() and (file.dataset_mask() == 255).all()
