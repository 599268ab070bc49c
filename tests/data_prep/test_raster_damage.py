"""Scenes that are damaged: read, or refused with a reason."""

import itertools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data_prep.sources import grids
from data_prep.sources.raster import Rasters
from data_prep.sources.source import Survey, UnusableFile
from tests.damage import damaged
from tests.data_prep.rasters import LAYOUTS, noise, source, write

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

PROJECT = Path(__file__).parents[2]


def outcome(rasters: Rasters, file: str) -> str | None:
    """Why a file cannot be used, None: it can."""
    survey = rasters.survey(file)
    if survey.rejected:
        return survey.rejected
    form = rasters.agree([survey])
    reasons = set()
    for use in (lambda: list(rasters.read(file, 0, form)), lambda: rasters.sample(file, 1, form)):
        try:
            use()
        except UnusableFile as error:
            reasons.add(str(error))
    return min(reasons, default=None)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_cut_short_are_unusable_and_nothing_is_printed(tmp_path, capfd, layout):
    whole = write(tmp_path / "x.tif", noise("uint16"), **LAYOUTS[layout]).read_bytes()
    for size in (0, 1, 8, 100, len(whole) // 3, len(whole) // 2, len(whole) * 9 // 10, len(whole) - 1):
        (tmp_path / "cut.tif").write_bytes(whole[:size])
        reason = outcome(source(tmp_path), "cut.tif")
        assert reason
        assert "cut.tif" not in reason
        assert "previous exception" not in reason
    assert capfd.readouterr() == ("", "")


def check_damaged_scenes(folder: Path, seeds: range) -> tuple[int, int]:
    """Surveys, reads and samples a damaged scene a seed; returns how many were refused and how many were read."""
    kinds = [
        write(folder / f"whole/{number}.tif", noise(dtype, bands), **options).read_bytes()
        for number, (options, dtype, bands) in enumerate(
            itertools.product(LAYOUTS.values(), ("uint8", "uint16", "int16", "float32"), (1, 3, 4))
        )
    ]
    reasons = []
    for seed in seeds:
        (folder / "x.tif").write_bytes(damaged(np.random.default_rng(seed), kinds[seed % len(kinds)]))
        reasons.append(outcome(source(folder), "x.tif"))
    assert "" not in reasons
    return sum(reason is not None for reason in reasons), reasons.count(None)


def test_damaged_scenes_are_read_or_refused_with_a_reason(tmp_path):
    refused, read = check_damaged_scenes(tmp_path, range(400))
    assert refused > 100
    assert read > 60


@pytest.mark.slow
def test_many_more_damaged_scenes(tmp_path):
    refused, read = check_damaged_scenes(tmp_path, range(400, 6400))
    assert min(refused, read) > 1000


@pytest.mark.parametrize("bands", [4000, 4097, 65535])
def test_a_header_that_tells_of_thousands_of_bands_is_dealt_with_at_once(tmp_path, bands):
    path = write(tmp_path / "x.tif", noise("uint8", 1))
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:8], "little") + 2  # of the tags, 12 bytes each
    tags = [data[at : at + 2] for at in range(first, len(data) - 12, 12)]
    at = first + 12 * tags.index((277).to_bytes(2, "little")) + 8  # SamplesPerPixel
    data[at : at + 2] = bands.to_bytes(2, "little")
    path.write_bytes(data)
    begun = time.process_time()
    reason = outcome(source(tmp_path), "x.tif")
    assert time.process_time() - begun < 10
    assert reason == (f"{bands} bands; 4096 at most are read" if bands > 4096 else reason)
    assert reason


def test_a_scene_for_which_memory_does_not_suffice_is_refused(tmp_path, monkeypatch):
    write(tmp_path / "x.tif", noise("uint8"))
    rasters = source(tmp_path)
    form = rasters.agree([rasters.survey("x.tif")])

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Rasters, "_read", fail)
    with pytest.raises(UnusableFile, match="needs more memory than there is"):
        rasters.sample("x.tif", 1, form)
    monkeypatch.setattr(grids, "open_raster", fail)
    assert rasters.survey("x.tif").rejected == "needs more memory than there is"


def test_what_is_no_raster_is_rejected(tmp_path):
    (tmp_path / "x.tif").write_text("not a raster")
    (tmp_path / "link.tif").symlink_to(tmp_path / "nothing.tif")
    (tmp_path / "folder.tif").mkdir()
    for name, reason in (("x.tif", "not recognized"), ("link.tif", "No such file"), ("folder.tif", "")):
        survey = source(tmp_path).survey(name)
        assert isinstance(survey, Survey)
        assert survey.rejected
        assert reason in survey.rejected


def convert(folder: Path, output: Path, *flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "data_prep.convert", f"--input={folder}", f"--output={output}", "--resolution=16"]
    return subprocess.run(
        [*command, "--workers=1", *flags], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_scene_cut_short_is_one_line_of_the_command_and_is_passed_over_where_that_is_allowed(tmp_path):
    for name in ("cut.tif", "whole.tif"):
        path = write(tmp_path / "in" / name, noise("uint8"), **LAYOUTS["tiled"])
    (tmp_path / "in/cut.tif").write_bytes(path.read_bytes()[:-2000])
    wrong = convert(tmp_path / "in", tmp_path / "strict")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert wrong.stderr.startswith("convert: 1 of 2 files cannot be used")
    assert "first cut.tif: " in wrong.stderr
    assert sorted(path.name for path in (tmp_path / "strict").rglob("*.tfrecords")) == []
    done = convert(tmp_path / "in", tmp_path / "out", "--max_bad_fraction=0.5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 images of 16 x 16 x 3 uint8" in done.stdout
    assert '{"file": "cut.tif", "reason": ' in (tmp_path / "out/rejected.jsonl").read_text()
