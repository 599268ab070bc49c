"""Thousands of damaged files: each is read right, or refused by name; nothing hangs and nothing else is raised."""

import faulthandler
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.sources.folder import Folder
from data_prep.sources.source import Form, UnusableFile
from progan_tf.data import pipeline, reading, records
from tests import datasets
from tests.damage import damaged

RGB = Form(("red", "green", "blue"), (0, 1, 2), "uint8")
KINDS = {
    "png": {},
    "jpg": {"quality": 90},
    "tif": {},
    "webp": {"lossless": True},
    "bmp": {},
}
COMPRESSIONS = (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg")  # of TIFF


@pytest.fixture(autouse=True)
def no_hang() -> Iterator[None]:
    faulthandler.dump_traceback_later(200, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def picture(rng: np.random.Generator) -> Image.Image:
    """A small image of a random mode, smooth so that compressed files have many kinds of code."""
    mode = str(rng.choice(["RGB", "L", "P", "RGBA", "1"]))
    rough = Image.fromarray(rng.integers(0, 256, (5, 5, 3), np.uint8)).resize((24, 20), Image.Resampling.BICUBIC)
    return rough.convert(mode)


def file_content(rng: np.random.Generator, kind: str) -> bytes:
    options = dict(KINDS[kind])
    image = picture(rng)
    if kind == "tif":
        options["compression"] = COMPRESSIONS[rng.integers(len(COMPRESSIONS))]
        image = image if options["compression"] != "jpeg" else image.convert("RGB")
    if kind == "jpg":
        image = image.convert("RGB")
        options["progressive"] = bool(rng.integers(2))
    content = io.BytesIO()
    image.save(content, {"jpg": "JPEG", "tif": "TIFF"}.get(kind, kind.upper()), **options)
    return content.getvalue()


def check_damaged_images(folder: Path, seeds: range, fits: tuple[str, ...] = ("tile",)) -> tuple[int, int]:
    """Surveys and reads a damaged file a seed; returns how many were refused and how many were read."""
    refused = read = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        kind = list(KINDS)[seed % len(KINDS)]
        (folder / f"x.{kind}").write_bytes(damaged(rng, file_content(rng, kind)))
        for fit in fits:
            source = Folder(str(folder), 8, fit)
            survey = source.survey(f"x.{kind}")
            assert survey.rejected is None or survey.rejected.strip()
            try:
                for tile in source.read(f"x.{kind}", 0, RGB):
                    assert (tile.pixels.shape, tile.pixels.dtype) == ((8, 8, 3), np.uint8)
                assert survey.rejected is None
                sample = source.sample(f"x.{kind}", 2, RGB)
                assert sample.ndim == 2
                assert sample.shape[1] == 3
                read += 1
            except UnusableFile as error:
                assert str(error).strip()
                refused += 1
    return refused, read


def test_damaged_images_give_tiles_of_the_right_shape_or_a_reason(tmp_path):
    refused, read = check_damaged_images(tmp_path, range(2000))
    assert refused > 500
    assert read > 300


@pytest.mark.slow
def test_many_more_damaged_images_in_every_fit(tmp_path):
    refused, read = check_damaged_images(tmp_path, range(2000, 6000), ("tile", "crop", "resize"))
    assert min(refused, read) > 2000


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return datasets.write(tmp_path_factory.mktemp("fuzz") / "data", datasets.landscape(8, 8))


def check_damaged_records(dataset: Path, seeds: range, pipelines: int) -> int:
    """Damages the file of 8 x 8 once a seed and looks for records that are none; returns how many were found bad."""
    opened = pipeline.open_dataset(str(dataset))  # which would notice another size
    (path,) = map(Path, opened.paths(3))
    content = path.read_bytes()
    originals = [records.deserialize(record).image.tobytes() for record in _raw(path)]
    found_bad = 0
    try:
        for seed in seeds:
            rng = np.random.default_rng(seed)
            path.write_bytes(damaged(rng, content))
            good, bad = reading.scan(str(path), (8, 8, 3), "uint8")
            found_bad += bool(bad)
            for run in good:
                for record in _run(run):
                    assert records.deserialize(record).image.tobytes() in originals
            if bad and sum(run.count for run in good) >= 2 and seed - seeds.start < pipelines:
                images = pipeline.read(opened, 3, batch_size=2, seed=seed, on_error="skip")
                for _ in range(4):
                    for image in next(images)[0]:
                        assert np.ascontiguousarray(image).tobytes() in originals
    finally:
        path.write_bytes(content)
    return found_bad


def _raw(path: Path) -> list[bytes]:
    """Payloads of a whole file, by its frames."""
    content, payloads = path.read_bytes(), []
    while content:
        length = int.from_bytes(content[:8], "little")
        payloads.append(content[12 : 12 + length])
        content = content[16 + length :]
    return payloads


def _run(run: reading.Run) -> list[bytes]:
    with Path(run.file).open("rb") as file:
        file.seek(run.offset)
        payloads = []
        for _ in range(run.count):
            length = int.from_bytes(file.read(12)[:8], "little")
            payloads.append(file.read(length))
            file.read(4)
    return payloads


def test_no_damaged_record_passes_unnoticed(dataset, caplog):
    caplog.set_level(logging.ERROR)
    assert check_damaged_records(dataset, range(60), pipelines=4) > 40


@pytest.mark.slow
def test_no_damaged_record_passes_unnoticed_in_many_more(dataset, caplog):
    caplog.set_level(logging.ERROR)
    assert check_damaged_records(dataset, range(60, 1500), pipelines=60) > 1000
