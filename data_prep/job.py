"""What one conversion is asked to do, and the checks that need no file opened."""

import dataclasses
import json
import math
import os
import re
from typing import Any

from progan_tf.errors import InputError

SOURCES = ("auto", "folder", "raster", "tfds", "tfrecords")
FITS = ("tile", "crop", "resize")
LABELS = ("none", "folders", "source")
DTYPES = ("uint8", "uint16")
SCALINGS = ("auto", "none", "bands", "joint")
NEAR_DUPLICATES = ("keep", "drop")
ENCODINGS = ("raw", "png")
ENGINES = ("local", "beam")
SPLITS = ("train", "validation", "test")

# What says how and where the work is done, not what comes out.
_HOW = ("input", "output", "tfds_data_dir", "name", "max_bad_fraction", "workers", "engine", "beam_args")


@dataclasses.dataclass(frozen=True)
class Job:
    """Images of `input` to a dataset directory `output`; the place for every default.

    What is taken:
        input: a folder, a file, a pattern of file names, or `tfds:NAME[:VERSION]`.
        source: who reads it; `auto` tells by what is there.
        fit: makes squares of `resolution` pixels: `tile` cuts all that fit side by side, `crop` the central one,
            `resize` shrinks the largest central square.
        stride: pixels from one tile to the next, 0: `resolution`, or with `stitch` the side of the tiles it takes.
        labels: `none`, `folders` (the first sub-folder's name) or `source` (what the source itself says).
        bands: names or numbers from 1, in the order wanted; none: all of them.
        nodata: a pixel is empty where all bands have this value, besides where the file says so; None: no such value.
        min_valid_fraction: least share of pixels with data, in [0, 1].
        mask, mask_exclude: a raster over the same ground, and its values that make a pixel empty; `{scene}` in the
            path stands for the name of the scene's file without its suffix.
        resolution_m: metres a pixel to resample scenes to; 0: as they are.
        stitch: tiles of a dataset, in both directions, that one image is put together from; 1: each is one.
        grid_pattern: how file names tell neighbours, as in `{scene}_r{row}_c{column}.png` or `{z}/{x}/{y}.png`.
        tfds_split, tfds_data_dir: what to take of a TensorFlow dataset (its slicing syntax), and where it lies.

    What becomes of values: `dtype` on disk; `scaling` `none`, `bands` (each by its own range), `joint` (all by one)
    or `auto` (`none` for uint8 that stays uint8, and for pixels of a dataset that keep their dtype, else `bands`); the
    range is `value_range` (a low and a high value, or a pair a band) or else the `percentiles` of the whole dataset.

    What is left out: tiles with a standard deviation below `min_std` (in 8-bit grey levels), exact copies, and with
    `near_duplicates=drop` what looks the same. `max_tiles` 0 takes all.

    How it is laid out: `splits` maps split names to shares, by cells of `split_cell_km` on the ground; none: all is
    `train`. `shards` 0 lets the amount of data decide. `encoding` of the pixels in a record is `raw` or `png`.

    `max_bad_fraction` in [0, 1] is the share of unusable files up to which a conversion goes on; `workers` 0 uses all
    cores; `beam_args` are options of the Beam runner.

    Raises:
        InputError: a value out of its range, or values that contradict each other.
    """

    input: str
    output: str
    source: str = "auto"
    resolution: int = 256
    fit: str = "tile"
    stride: int = 0
    stitch: int = 1
    labels: str = "none"
    bands: tuple[str, ...] = ()
    nodata: float | None = None
    min_valid_fraction: float = 1.0
    mask: str = ""
    mask_exclude: tuple[int, ...] = ()
    resolution_m: float = 0.0
    grid_pattern: str = ""
    tfds_split: str = "train"
    tfds_data_dir: str = ""
    dtype: str = "uint8"
    scaling: str = "auto"
    percentiles: tuple[float, float] = (2.0, 98.0)
    value_range: tuple[float, ...] = ()
    min_std: float = 0.0
    near_duplicates: str = "keep"
    max_tiles: int = 0
    splits: tuple[tuple[str, float], ...] = ()
    split_cell_km: float = 10.0
    name: str = ""
    shards: int = 0
    encoding: str = "raw"
    seed: int = 0
    max_bad_fraction: float = 0.05
    workers: int = 0
    engine: str = "local"
    beam_args: str = ""

    def __post_init__(self) -> None:
        if self.resolution not in (8, 16, 32, 64, 128, 256, 512, 1024):
            raise InputError(f"resolution {self.resolution} is no power of two from 8 to 1024; 256 is usual")
        for field, choices in (
            ("source", SOURCES),
            ("fit", FITS),
            ("labels", LABELS),
            ("dtype", DTYPES),
            ("scaling", SCALINGS),
            ("near_duplicates", NEAR_DUPLICATES),
            ("encoding", ENCODINGS),
            ("engine", ENGINES),
        ):
            if getattr(self, field) not in choices:
                raise InputError(f"{field} {getattr(self, field)!r} is unknown; choose {', '.join(choices)}")
        for field in ("max_bad_fraction", "min_valid_fraction"):
            if not 0 <= getattr(self, field) <= 1:
                raise InputError(f"{field} {getattr(self, field)} is no fraction; choose one from 0 to 1")
        for field in ("stride", "resolution_m", "min_std", "shards", "seed", "max_tiles", "workers"):
            if not 0 <= getattr(self, field) < math.inf:
                raise InputError(f"{field} {getattr(self, field)} is negative or no number; choose 0 or more")
        if not re.fullmatch(r"[\w.-]*", self.name, re.ASCII):
            raise InputError(f"name {self.name!r} becomes part of file names; use letters, digits, '.', '_' and '-'")
        self._check_stitch()
        self._check_values()
        self._check_splits()
        if self.mask and not self.mask_exclude:
            raise InputError(f"mask {self.mask} without mask_exclude; name the values that make a pixel empty")
        if self.mask_exclude and not self.mask:
            raise InputError("mask_exclude without mask; name the raster that holds these values")
        if self.stride and self.fit != "tile":
            raise InputError(f"stride {self.stride} has no meaning with fit {self.fit}; leave one of them out")
        if self.grid_pattern and (self.fit == "crop" or self.step != self.resolution or self.resolution_m):
            raise InputError("with grid_pattern images touch each other; leave out stride, resolution_m, and fit crop")
        if self.beam_args and self.engine != "beam":
            raise InputError(f"beam_args {self.beam_args} without engine beam; set --engine=beam, or leave them out")

    def _check_stitch(self) -> None:
        if self.stitch < 1 or self.stitch.bit_count() > 1 or self.resolution // self.stitch < 8:
            raise InputError(
                f"stitch {self.stitch} is no power of two that leaves tiles of 8 pixels or more of resolution "
                f"{self.resolution}; 2 is usual"
            )
        if self.stitch > 1:
            if self.labels != "none":
                raise InputError("with stitch an image has several tiles, so it has no label; leave labels out")
            if self.splits:
                raise InputError(
                    "with stitch images stay in the splits their tiles have; leave splits out, or set them where the "
                    "tiles are made"
                )

    def _check_values(self) -> None:
        low, high = self.percentiles if len(self.percentiles) == 2 else (1.0, 0.0)
        if not 0 <= low < high <= 100:
            raise InputError(f"percentiles {self.percentiles} are no rising pair from 0 to 100; 2,98 is usual")
        pairs = zip(self.value_range[::2], self.value_range[1::2], strict=False)
        if len(self.value_range) % 2 or not all(-math.inf < low < high < math.inf for low, high in pairs):
            raise InputError(f"value_range {self.value_range} is no pair low,high with low < high, nor one a band")
        if self.value_range and self.scaling == "none":
            raise InputError("value_range has no meaning with scaling none; leave one of them out")
        if len(self.value_range) > 2 and self.scaling == "joint":
            raise InputError("value_range has a pair a band, scaling joint one range; give one pair, or scaling bands")

    def _check_splits(self) -> None:
        names = [name for name, _ in self.splits]
        if len(set(names)) < len(names) or not set(names) <= set(SPLITS):
            raise InputError(f"splits {names} are not {', '.join(SPLITS)}, each once")
        if not all(0 <= share < math.inf for _, share in self.splits):
            raise InputError("splits have a share that is negative or no number; write them like train:80,test:20")
        if self.splits and dict(self.splits).get("train", 0) == 0:
            raise InputError("splits leave training empty; give it a share, as in train:80,validation:10,test:10")
        if not 0 < self.split_cell_km < math.inf:
            raise InputError(f"split_cell_km {self.split_cell_km} is no size; choose some kilometres, 10 is usual")

    @property
    def dataset_name(self) -> str:
        """`name`, or else the input's own, with what does not belong into file names replaced by `_`."""
        given = self.input.removeprefix("tfds:folder=")
        if given.startswith("tfds:"):
            given = given.split(":")[1].replace("/", "_")
        if not self.name and given in ("", ".", ".."):
            given = os.path.realpath(given)
        last = given.rstrip("/").rpartition("/")[2].rpartition("\\")[2]
        stem = re.sub(r"\.[A-Za-z]\w*$", "", last)
        return self.name or re.sub(r"[^\w.-]+", "_", stem, flags=re.ASCII).strip("_") or "images"

    @property
    def step(self) -> int:
        """Pixels from one tile to the next."""
        return self.stride or self.resolution // self.stitch

    @property
    def processes(self) -> int:
        """Number of worker processes: `workers`, or else the cores this process may use."""
        if self.workers:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def recipe(self) -> dict[str, Any]:
        """The flags that decide what comes out, but for names of places; plain JSON."""
        asked = {key: value for key, value in dataclasses.asdict(self).items() if key not in _HOW}
        return json.loads(json.dumps(asked | {"name": self.dataset_name}))
