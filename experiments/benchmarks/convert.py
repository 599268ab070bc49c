"""How fast images become a dataset, how much memory that takes, and how fast the dataset is read back.

  python -m experiments.benchmarks.convert --what=tiles --images=2000
  python -m experiments.benchmarks.convert --what=scene --side=20000

`tiles` converts 256 x 256 PNG files with 1, 2, ... processes, beside a plain single loop over the same files (decode,
halve, write: what the published tool does) and beside the rate at which the disk takes the same bytes. `stages` tells
what a tile costs a process once it has started, `plan` what planning costs in memory and time. `read` passes the
datasets of `tiles`, raw and PNG, through the input pipeline from a warm cache. `scene` cuts a GeoTIFF of uint16,
beside a bare windowed read of the same pixels, and a sparse one of `side` x `side` for the memory. Rounds alternate
between the contestants; medians are printed. Peak memory is the sum over all processes of their largest resident size.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags

from data_prep import command_line, quietly

_WHAT = flags.DEFINE_list(
    "what", ["tiles", "stages", "plan", "read", "scene"], "Parts to run: tiles, stages, plan, read, scene."
)
_IMAGES = flags.DEFINE_integer("images", 2000, "PNG files of 256 x 256 to convert.")
_SIDE = flags.DEFINE_integer("side", 20000, "Side of the sparse scene in pixels.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Times each contestant runs.")
_FOLDER = flags.DEFINE_string("folder", "", "Where to work; empty: a temporary folder.")

_RESOLUTION = 256
_AS_IT_IS = ("--dtype=uint16", "--scaling=none")  # what a bare read gives


def main() -> None:
    quietly.import_tensorflow()
    with tempfile.TemporaryDirectory(dir=_FOLDER.value or None) as folder:
        for what in _WHAT.value:
            {"tiles": _tiles, "stages": _stages, "plan": _plan, "read": _read, "scene": _scene}[what](Path(folder))


def _tiles(folder: Path) -> None:
    images = _pngs(folder)
    size = sum(path.stat().st_size for path in images.iterdir())
    print(f"{_IMAGES.value:,} PNG files of 256 x 256 x 3, {size / 1e6:,.1f} MB")
    contestants: dict[str, Callable[[], tuple[float, float]]] = {
        "plain loop, 1 process": lambda: (_timed(lambda: _plain_loop(images, folder / "plain.tfrecords")), 0.0)
    }
    for workers in (1, 2):
        contestants[f"data_prep.convert, {workers} processes"] = lambda workers=workers: _convert(
            images, folder / f"out{workers}", f"--workers={workers}"
        )
    contestants["data_prep.convert, 2 processes, png"] = lambda: _convert(
        images, folder / "out-png", "--workers=2", "--encoding=png"
    )
    rounds = _compare(contestants)
    slowest = statistics.median(seconds for seconds, _ in rounds["plain loop, 1 process"])
    for name, runs in rounds.items():
        seconds = statistics.median(seconds for seconds, _ in runs)
        memory = max(peak for _, peak in runs)
        print(
            f"  {name:38} {_IMAGES.value / seconds:8,.1f} images/s  {slowest / seconds:5.2f} x"
            + (f"  {memory / 1e6:7,.0f} MB at most" if memory else "")
        )
    written = sum(path.stat().st_size for path in (folder / "out2").rglob("*.tfrecords"))
    packed = sum(path.stat().st_size for path in (folder / "out-png").rglob("*.tfrecords"))
    print(f"  raw {written / 1e6:,.1f} MB, png {packed / 1e6:,.1f} MB")
    seconds = _timed(lambda: _write_bytes(folder / "bytes", written))
    print(f"  the disk takes as many bytes in {seconds:.2f} s: {_IMAGES.value / seconds:,.0f} images/s")


def _stages(folder: Path) -> None:
    """Milliseconds a tile in one process, start not counted: decoding alone, all of cutting, writing."""
    from PIL import Image

    from data_prep import conversion
    from data_prep.job import Job
    from data_prep.sources import decoding, open_source

    images = _pngs(folder)
    job = Job(str(images), str(folder / "stages"), workers=1)
    source = open_source(job)

    def decode() -> None:
        for path in sorted(images.iterdir()):
            with Image.open(path) as image:
                decoding.pixels(image, "RGB")

    begin = time.perf_counter()
    prepared = conversion.prepare(job, source, source.listing())
    cut = time.perf_counter() - begin
    written = _timed(lambda: conversion.write(job, prepared, prepared.plan.shards()))
    for name, seconds in (("decode", _timed(decode)), ("survey and cut", cut), ("write", written)):
        print(f"{name:16} {1000 * seconds / _IMAGES.value:5.2f} ms a tile")


def _plan(folder: Path) -> None:
    """Memory and time of a plan, on tiles that were never cut."""
    import tracemalloc

    from data_prep import cutting, plan
    from data_prep.job import Job

    count = 200_000
    for near in ("keep", "drop"):
        job = Job("scenes", "dataset", near_duplicates=near)
        rng = np.random.default_rng(0)
        tracemalloc.start()
        tiles = tuple(
            cutting.CutTile(
                *(
                    number // 256,
                    number % 256,
                    "archive/scene.tif",
                    f"archive/scene.tif#{number // 500}_{number % 500}",
                ),
                *("archive/scene.tif", number // 500, number % 500, None, (float(number), 0.0, 1.0, 1.0), "EPSG:32633"),
                *(f"{number:032x}", rng.bytes(71).hex() if near == "drop" else None),
            )
            for number in range(count)
        )
        cuts = [cutting.Cut(0, tiles, {}, {})]
        plan.make(job, cuts, {}, 196608)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        seconds = _timed(lambda job=job, cuts=cuts: plan.make(job, cuts, {}, 196608))
        print(f"plan of {count:,} tiles, near_duplicates={near}: {peak / count:.0f} bytes a tile, {seconds:.1f} s")


def _read(folder: Path) -> None:
    from progan_tf.data import pipeline

    for encoding, name in (("raw", "out2"), ("png", "out-png")):
        if not (folder / name).exists():
            _convert(_pngs(folder), folder / name, "--workers=2", f"--encoding={encoding}")
        dataset = pipeline.open_dataset(str(folder / name))
        for level in (8, 5):
            rates = []
            for _ in range(_ROUNDS.value + 1):
                batches = pipeline.batches(dataset, level, 64).as_numpy_iterator()
                next(batches)
                read, begin = 0, time.perf_counter()
                while time.perf_counter() - begin < 5:
                    read += next(batches)[0].nbytes
                rates.append(read / (time.perf_counter() - begin))
            rate = statistics.median(rates[1:]) / 1e9
            print(f"{encoding} read back at {2**level} px: {rate:.2f} GB of pixels a second")


def _scene(folder: Path) -> None:
    import rasterio

    dense = _dense_scene(folder / "dense.tif", 6144)
    windows = (6144 // _RESOLUTION) ** 2

    def bare() -> None:
        with rasterio.open(dense) as scene:
            for row in range(0, scene.height, _RESOLUTION):
                scene.read(window=((row, row + _RESOLUTION), (0, scene.width)))

    rounds = _compare(
        {
            "bare windowed read": lambda: (_timed(bare), 0.0),
            "cutting alone, 1 process": lambda: (_cut(dense, folder / "cut"), 0.0),
            "data_prep.convert, 1 process": lambda: _convert(dense, folder / "s1", "--workers=1", *_AS_IT_IS),
            "data_prep.convert, 2 processes": lambda: _convert(dense, folder / "s2", "--workers=2", *_AS_IT_IS),
        }
    )
    base = statistics.median(seconds for seconds, _ in rounds["bare windowed read"])
    print(f"scene of 6144 x 6144 x 3 uint16, deflate, blocks of 512: {windows} tiles")
    for name, runs in rounds.items():
        seconds = statistics.median(seconds for seconds, _ in runs)
        print(f"  {name:38} {seconds:6.2f} s  {seconds / base:5.2f} x  {max(peak for _, peak in runs) / 1e6:7,.0f} MB")
    sparse = _sparse_scene(folder / "sparse.tif", _SIDE.value)
    seconds, peak = _convert(sparse, folder / "sparse", "--workers=2", *_AS_IT_IS, "--nodata=0")
    print(f"sparse scene of {_SIDE.value:,} x {_SIDE.value:,} uint16: {seconds:.1f} s, {peak / 1e6:,.0f} MB at most")


def _pngs(folder: Path) -> Path:
    """PNG files as real ones are: shaded relief with fine grain, about 120 kB each; 16 scenes, turned and regrained."""
    from PIL import Image

    from data_prep import procedural

    images = folder / "images"
    if images.exists():
        return images
    images.mkdir()
    scenes = [procedural.scene(number, size=1024) for number in range(16)]
    rng = np.random.default_rng(0)
    for number in range(_IMAGES.value):
        row, column = rng.integers(0, 1024 - _RESOLUTION, 2)
        tile = scenes[number % 16][row : row + _RESOLUTION, column : column + _RESOLUTION]
        grain = rng.integers(-1, 2, tile.shape)
        Image.fromarray(np.clip(tile + grain, 0, 255).astype(np.uint8)).save(images / f"{number:06d}.png")
    return images


def _plain_loop(images: Path, output: Path) -> None:
    """One file after the other: decode, write every level as the mean of the one above."""
    import tensorflow as tf
    from PIL import Image

    writers = [tf.io.TFRecordWriter(f"{output}-{level}") for level in range(8, 1, -1)]
    for path in sorted(images.iterdir()):
        pixels = np.asarray(Image.open(path)).transpose(2, 0, 1)
        for number, writer in enumerate(writers):
            if number:
                pixels = pixels.astype(np.float32)
                pixels = (
                    pixels[:, 0::2, 0::2] + pixels[:, 0::2, 1::2] + pixels[:, 1::2, 0::2] + pixels[:, 1::2, 1::2]
                ) * 0.25
            data = np.rint(pixels).clip(0, 255).astype(np.uint8)
            features = {
                "shape": tf.train.Feature(int64_list=tf.train.Int64List(value=data.shape)),
                "data": tf.train.Feature(bytes_list=tf.train.BytesList(value=[data.tobytes()])),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    for writer in writers:
        writer.close()


def _dense_scene(path: Path, side: int) -> Path:
    import rasterio

    rng = np.random.default_rng(0)
    coarse = rng.normal(2000, 600, (3, side // 64, side // 64))
    with rasterio.open(path, "w", **_profile(side, bands=3)) as scene:
        for band in range(3):
            smooth = np.kron(coarse[band], np.ones((64, 64)))
            scene.write(np.clip(smooth + rng.normal(0, 20, (side, side)), 1, 65535).astype(np.uint16), band + 1)
    return path


def _sparse_scene(path: Path, side: int) -> Path:
    """A scene of which one corner holds data; the blocks of all the rest are not even in the file."""
    import rasterio

    with rasterio.open(path, "w", SPARSE_OK=True, **_profile(side, bands=1)) as scene:
        values = np.random.default_rng(0).integers(1, 4000, (2048, 2048), np.uint16)
        scene.write(values, 1, window=((0, 2048), (0, 2048)))
    return path


def _profile(side: int, bands: int) -> dict:
    from rasterio.transform import from_origin

    return {
        "driver": "GTiff",
        "width": side,
        "height": side,
        "count": bands,
        "dtype": "uint16",
        "crs": "EPSG:32633",
        "transform": from_origin(500000, 5000000, 10, 10),
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
    }


def _cut(scene: Path, output: Path) -> float:
    """Seconds of what the converter does before anything is written as a record."""
    from data_prep import cutting, work_folder
    from data_prep.job import Job
    from data_prep.sources import open_source

    subprocess.run(["rm", "-rf", str(output)], check=True)  # to write over 200 MB costs more than to write them
    begin = time.perf_counter()
    job = Job(input=str(scene), output=str(output), dtype="uint16")
    source = open_source(job)
    survey = source.survey(scene.name)
    form = source.agree([survey])
    work_folder.make_output(job.output)
    work_folder.begin(job.output, "benchmark")
    rules = cutting.Rules("uint16", None, 1.0, 0.0, hash_looks=False)
    for part in cutting.parts([survey], _RESOLUTION**2 * 6):
        cutting.cut(part, source, form, rules, job.output)
    return time.perf_counter() - begin


def _convert(source: Path, output: Path, *options: str) -> tuple[float, float]:
    """Seconds of the command, and the peak of its memory in bytes."""
    subprocess.run(["rm", "-rf", str(output)], check=True)
    command = [sys.executable, "-m", "data_prep.convert", f"--input={source}", f"--output={output}", *options]
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peaks: dict[int, int] = {}
    watcher = threading.Thread(target=_watch, args=(process, peaks))
    watcher.start()
    _, complaint = process.communicate()
    seconds = time.perf_counter() - begin
    watcher.join()
    if process.returncode:
        raise RuntimeError(complaint.decode())
    return seconds, float(sum(peaks.values()))


def _watch(process: subprocess.Popen, peaks: dict[int, int]) -> None:
    while process.poll() is None:
        for pid in _family(process.pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            peak = [line for line in status.splitlines() if line.startswith("VmHWM")]
            if peak:
                peaks[pid] = int(peak[0].split()[1]) * 1024
        time.sleep(0.05)


def _family(pid: int) -> list[int]:
    found = [pid]
    for member in found:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found += map(int, Path(f"/proc/{member}/task/{member}/children").read_text().split())
    return found


def _compare(contestants: dict[str, Callable[[], tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(_ROUNDS.value):
        for name, contestant in contestants.items():
            os.sync()  # nobody waits for what another one left to be written
            rounds[name].append(contestant())
    print(json.dumps({name: [round(seconds, 2) for seconds, _ in runs] for name, runs in rounds.items()}))
    return rounds


def _timed(function: Callable[[], None]) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def _write_bytes(path: Path, count: int) -> None:
    block = np.random.default_rng(0).bytes(1 << 22)
    with path.open("wb") as file:
        for _ in range(-(-count // len(block))):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    command_line.run(main)
