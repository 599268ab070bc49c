"""Large scenes are never in memory as a whole: what all processes of a conversion held at most."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio", reason="scenes are read by rasterio")

from rasterio.transform import from_origin  # noqa: E402
from rasterio.windows import Window  # noqa: E402

PROJECT = Path(__file__).parents[2]
SIDE, BANDS = 8000, 3  # 384 MB of uint16


def sparse_scene(path: Path, **layout) -> Path:
    """A scene with one block of data, which takes some kilobytes of disk."""
    options = {
        "dtype": "uint16",
        "nodata": 0,
        "crs": "EPSG:32633",
        "transform": from_origin(500_000, 5_000_000, 10, 10),
    }
    options |= {"width": SIDE, "height": SIDE, "count": BANDS, "compress": "deflate", "sparse_ok": True} | layout
    with rasterio.open(path, "w", driver="GTiff", **options) as file:
        pixels = np.random.default_rng(0).integers(1, 2**16, (BANDS, 512, 512), np.uint16)
        file.write(pixels, window=Window(512, 512, 512, 512))
    return path


def family(pid: int) -> list[int]:
    """A process and all that come from it."""
    found = [pid]
    for member in found:
        with contextlib.suppress(OSError):  # it has ended meanwhile
            found += map(int, Path(f"/proc/{member}/task/{member}/children").read_text().split())
    return found


def most_held(pid: int) -> int:
    """Bytes that a process held at most until now; 0 where it has ended."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return 0


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="memory of processes is told by /proc")
def test_two_workers_hold_less_than_600_mb_of_a_large_scene(tmp_path):
    scene = sparse_scene(tmp_path / "scene.tif", tiled=True, blockxsize=512, blockysize=512)
    flags = [f"--input={scene}", f"--output={tmp_path / 'out'}", "--dtype=uint16", "--workers=2"]
    command = [sys.executable, "-m", "data_prep.convert", *flags]
    peaks: dict[int, int] = {}
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            for pid in family(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), most_held(pid))
            time.sleep(0.02)
        printed = process.stdout.read()
    assert process.returncode == 0
    assert "4 images of 256 x 256 x 3 uint16" in printed
    assert f"of {(SIDE // 256) ** 2} tiles: {(SIDE // 256) ** 2 - 4} nodata" in printed
    assert 100e6 < sum(peaks.values()) < 600e6
    assert len(peaks) >= 3
