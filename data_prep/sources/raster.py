"""Scenes in any format GDAL reads: GeoTIFF and others, 8 and 16 bits and float, any bands, with their place.

A pixel is empty where the file says so (nodata tags of all bands taken, alpha, mask bands), where a band is not finite,
where all bands taken have the value `nodata`, and where the `mask` raster has an excluded value or does not reach.
Alpha is a band like others where it has another name, or is asked for.
"""

import contextlib
import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from data_prep import files
from data_prep.job import Job
from data_prep.sources import RASTER_SUFFIXES, grids, inputs
from data_prep.sources.grids import MOST_BYTES, Grid, Pixels
from data_prep.sources.source import Form, Listing, Survey, Tile, UnusableFile
from progan_tf.data.bands import display_bands
from progan_tf.errors import InputError

_DTYPES = ("uint8", "uint16", "int16", "float32")
_ALPHA = "alpha"
_COLOURS = (
    *("red", "green", "blue", "cyan", "magenta", "yellow", "black"),
    *("pan", "coastal", "rededge", "nir", "swir", "mwir", "lwir", "tir"),
    _ALPHA,
)


@dataclasses.dataclass(frozen=True)
class Rasters:
    """Scenes that `given` names, cut to tiles of `resolution` pixels, `step` from one to the next; see data_prep.job.

    Tiles are counted from the top left corner, what is left at the right and the bottom is not used. Their key is
    `path#row_column`, the scene is the path.
    """

    given: str
    resolution: int
    step: int
    bands: tuple[str, ...] = ()
    nodata: float | None = None
    mask: str = ""
    mask_exclude: tuple[int, ...] = ()
    resolution_m: float = 0.0
    labels: bool = False
    kind = "raster"

    @classmethod
    def of(cls, job: Job) -> "Rasters":
        """Raises InputError where rasterio is missing."""
        try:
            import rasterio  # noqa: F401
        except ImportError as error:
            raise InputError(
                "raster input needs rasterio; pip install 'progan-tf[geo]', or --source=folder for plain 8-bit images"
            ) from error
        mask = (job.mask, job.mask_exclude)
        labels = job.labels == "folders"
        return cls(job.input, job.resolution, job.step, job.bands, job.nodata, *mask, job.resolution_m, labels)

    def listing(self) -> Listing:
        return inputs.listing(self.given, RASTER_SUFFIXES)

    def survey(self, file: str) -> Survey:
        """As any source; `bands` are all that `file` has, `agree` chooses.

        Raises:
            InputError: the mask or resolution_m does not go with this file.
        """
        try:
            self._label(file)
            with self._opened(file) as dataset:
                dtype = _dtype(dataset, self._numbers(dataset))
                native, grid = self._grids(file, dataset)
                if min(grid.size) < self.resolution:
                    metres = f" of {self.resolution_m:g} m" if self.resolution_m else ""
                    raise UnusableFile(
                        f"too small: {grid.width} x {grid.height} pixels{metres}, less than {self.resolution}"
                    )
                with self._masked(file, native, grid):
                    tiling = self._tiling(native, grid, dataset)
                    tiles, pixels = tiling.rows * tiling.columns, native.width * native.height
                    return Survey(file, tiling.parts, tiles, _names(dataset), dtype.name, pixels)
        except UnusableFile as error:
            return Survey(file, rejected=str(error))

    def agree(self, surveys: Sequence[Survey]) -> Form:
        first = surveys[0]
        for other in surveys[1:]:
            if other.dtype != first.dtype:
                raise InputError(
                    f"{first.file} is {first.dtype} and {other.file} is {other.dtype}; convert them one kind at a time"
                )
            ours, theirs = ([name for name in survey.bands if name != _ALPHA] for survey in (first, other))
            if not self.bands and ours != theirs:
                raise InputError(
                    f"{first.file} has {len(ours)} bands ({', '.join(ours)}) and {other.file} has {len(theirs)} "
                    f"({', '.join(theirs)}); choose with --bands, or convert them separately"
                )
        for survey in surveys:
            _choose(survey.bands, self.bands, survey.file)
        bands = tuple(first.bands[number] for number in _choose(first.bands, self.bands, first.file))
        return Form(bands, display_bands(bands), first.dtype)

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile]:
        label = self._label(file)
        with self._opened(file) as dataset:
            native, grid = self._grids(file, dataset)
            tiling, crs = self._tiling(native, grid, dataset), grid.crs_name
            with self._masked(file, native, grid) as masked:
                read = self._reader(dataset, native, grid, masked)
                for rows, columns in tiling.blocks(part):
                    window = tiling.window(rows, columns)
                    pixels, valid = read(window)
                    for row, column in itertools.product(rows, columns):
                        x, y = column * self.step, row * self.step
                        here = tiling.inside(window, x, y)
                        yield Tile(
                            f"{file}#{row}_{column}",
                            pixels[:, *here].transpose(1, 2, 0),
                            file,
                            row,
                            column,
                            label,
                            None if valid is None else valid[here],
                            grid.bounds(x, y, self.resolution, self.resolution) if crs else None,
                            crs,
                        )

    def sample(self, file: str, every: int, form: Form) -> np.ndarray:
        with self._opened(file) as dataset:
            native = Grid.of(dataset)
            shape = tuple(math.ceil(length / every) for length in (native.height, native.width))
            with self._masked(file, native, native) as masked:
                pixels, valid = self._read(dataset, self._numbers(dataset), None, shape)
                valid = _both(valid, masked(out_shape=shape) if masked else None)
            return (pixels if valid is None else pixels[:, valid]).reshape(len(pixels), -1).T

    def _label(self, file: str) -> str | None:
        return inputs.label_of(file) if self.labels else None

    @contextlib.contextmanager
    def _opened(self, file: str) -> Iterator[Any]:
        """The open dataset. Whatever goes wrong with it, here or in the body, becomes UnusableFile."""
        import rasterio

        path = files.join(inputs.root(self.given), file)
        try:
            file.encode()
            few = rasterio.Env(
                GDAL_NUM_THREADS=1, GDAL_CACHEMAX=MOST_BYTES
            )  # in bytes: rasterio takes 64 for 64 of them
            with few, grids.open_raster(path) as dataset:
                yield dataset
        except (UnusableFile, InputError, MemoryError, GeneratorExit):
            raise
        except UnicodeEncodeError as error:
            raise UnusableFile("its name is not UTF-8") from error
        except Exception as error:  # damaged headers make errors of every kind
            name = PurePosixPath(file).name
            said = grids.reason(error).replace(path, name)
            for beginning in (f"'{name}' ", f"{name}: ", f"{name}, "):
                said = said.removeprefix(beginning)
            raise UnusableFile(said) from error

    def _numbers(self, dataset: Any) -> list[int]:
        """GDAL's numbers, from 1, of the bands to take; the first where those asked for are not there."""
        try:
            chosen = _choose(_names(dataset), self.bands, dataset.name)
        except InputError:  # `agree` tells
            chosen = range(min(1, dataset.count))
        return [position + 1 for position in chosen]

    def _grids(self, file: str, dataset: Any) -> tuple[Grid, Grid]:
        """The scene's own grid, and the one it is cut on."""
        native = Grid.of(dataset)
        if not self.resolution_m:
            return native, native
        try:
            return native, grids.in_metres(native, self.resolution_m)
        except InputError as error:
            raise InputError(f"{file} {error}") from error

    def _tiling(self, native: Grid, grid: Grid, dataset: Any) -> "_Tiling":
        numbers = self._numbers(dataset)
        read = max(1.0, native.width * native.height / (grid.width * grid.height))  # pixels for one that is resampled
        pixel_bytes = math.ceil(read * len(numbers) * _dtype(dataset, numbers).itemsize)
        return _Tiling.of(grid, self.resolution, self.step, pixel_bytes)

    def _masked(self, file: str, native: Grid, grid: Grid) -> Any:
        """A context that gives a function from a window to where the mask raster lets pixels through; None: no mask."""
        if not self.mask:
            return contextlib.nullcontext()
        return self._open_mask(file, native, grid)

    @contextlib.contextmanager
    def _open_mask(self, file: str, native: Grid, grid: Grid) -> Iterator[Callable[..., np.ndarray]]:
        path = self.mask.replace("{scene}", PurePosixPath(file).stem)
        with grids.opened_mask(path, file, native, grid) as read:

            def lets_through(**where: Any) -> np.ndarray:
                values, known = read(**where)
                return _both(~np.isin(values[0], self.mask_exclude), known)

            yield lets_through

    def _reader(self, dataset: Any, native: Grid, grid: Grid, masked: Callable | None) -> Callable[[Any], Pixels]:
        """What reads a window of `grid`."""
        numbers = self._numbers(dataset)
        read = functools.partial(self._read, dataset, numbers)
        form = (len(numbers), _dtype(dataset, numbers))

        def read_all(window: Any) -> Pixels:
            pixels, valid = read(window) if grid is native else grids.resample(read, native, grid, window, form)
            valid = _both(valid, masked(window=window) if masked else None)
            return pixels, None if valid is None or valid.all() else valid

        return read_all

    def _read(self, dataset: Any, numbers: list[int], window: Any, shape: tuple[int, int] | None = None) -> Pixels:
        """Pixels of a window, or of all decimated to `shape`, and which hold data, but for the mask raster."""
        from rasterio.enums import MaskFlags

        size = {"out_shape": shape} if shape else {}
        dtype = _dtype(dataset, numbers)
        alpha = [number for number, name in enumerate(_names(dataset), 1) if name == _ALPHA and number not in numbers]
        together = [number for number in alpha if dataset.dtypes[number - 1] == dtype]  # decoded once
        pixels = dataset.read(numbers + together, window=window, **size)
        pixels, opaque = pixels[: len(numbers)], [pixels[len(numbers) :] > 0]
        opaque += [dataset.read([number], window=window, **size) > 0 for number in alpha if number not in together]
        valid = np.concatenate(opaque).all(axis=0) if alpha else None
        if dtype.kind == "f":
            valid = _both(valid, np.isfinite(pixels).all(axis=0))
        if self.nodata is not None:
            valid = _both(valid, _differs(pixels, [self.nodata] * len(numbers)))
        flags = [dataset.mask_flag_enums[number - 1] for number in numbers]
        if all(found == [MaskFlags.nodata] for found in flags):  # as GDAL's mask is, without reading all again
            valid = _both(valid, _differs(pixels, [dataset.nodatavals[number - 1] for number in numbers]))
        elif not any({MaskFlags.all_valid, MaskFlags.alpha} & set(found) for found in flags):
            shared = all(MaskFlags.per_dataset in found for found in flags)
            masks = dataset.read_masks(numbers[:1] if shared else numbers, window=window, **size)
            valid = _both(valid, (masks > 0).any(axis=0))
        return pixels, valid


@dataclasses.dataclass(frozen=True)
class _Tiling:
    """How a scene is cut: `rows` x `columns` tiles of `side` pixels, `step` apart, and how much is read at once.

    A part is `part_rows` rows of tiles, MOST_BYTES of tiles or a single row; a read is `read_rows` x `read_columns`
    tiles and all between them.
    """

    side: int
    step: int
    rows: int
    columns: int
    part_rows: int
    read_rows: int
    read_columns: int

    @classmethod
    def of(cls, grid: Grid, side: int, step: int, pixel_bytes: int) -> "_Tiling":
        rows, columns = ((length - side) // step + 1 for length in (grid.height, grid.width))
        fit = MOST_BYTES // (max(1, columns) * side**2 * pixel_bytes)
        part_rows = 1 << max(0, fit.bit_length() - 1)  # powers of two, to end where blocks of the file do
        across = max(side, MOST_BYTES // (side * pixel_bytes))
        read_columns = min(columns, (across - side) // step + 1)
        if step > side:  # nothing between tiles is wanted
            read_columns = 1
        read_rows = part_rows if read_columns == columns and step <= side else 1
        return cls(side, step, rows, columns, part_rows, read_rows, read_columns)

    @property
    def parts(self) -> int:
        return -(-self.rows // self.part_rows)

    def blocks(self, part: int) -> Iterator[tuple[range, range]]:
        """Rows and columns of the tiles read at once, one after the other."""
        end = min(self.rows, (part + 1) * self.part_rows)
        for row in range(part * self.part_rows, end, self.read_rows):
            for column in range(0, self.columns, self.read_columns):
                yield (
                    range(row, min(end, row + self.read_rows)),
                    range(column, min(self.columns, column + self.read_columns)),
                )

    def inside(self, window: Any, x: int, y: int) -> tuple[slice, slice]:
        """Where the tile at pixel (x, y) of the scene lies in a window that was read."""
        top, left = y - window.row_off, x - window.col_off
        return slice(top, top + self.side), slice(left, left + self.side)

    def window(self, rows: range, columns: range) -> Any:
        from rasterio.windows import Window

        height, width = ((len(tiles) - 1) * self.step + self.side for tiles in (rows, columns))
        return Window(columns[0] * self.step, rows[0] * self.step, width, height)


def _names(dataset: Any) -> tuple[str, ...]:
    """Names of the bands: as described, or a colour, or the number."""
    found = []
    for number, (described, colour) in enumerate(zip(dataset.descriptions, dataset.colorinterp, strict=True), 1):
        described, colour = (described or "").strip(), colour.name
        if colour == _ALPHA and _ALPHA in described.casefold():
            described = _ALPHA
        found.append(described or (colour if colour in _COLOURS else f"band {number}"))
    twice = {name for name in found if found.count(name) > 1} - {_ALPHA}
    return tuple(f"band {number}" if name in twice else name for number, name in enumerate(found, 1))


def _choose(names: Sequence[str], wanted: Sequence[str], file: str) -> list[int]:
    """Positions of the `wanted` bands, by name or number from 1; of all but alpha where none are.

    Raises:
        InputError: `file` has no such band, or one is wanted twice.
    """
    known = [name.casefold() for name in names]
    numbers = [str(number) for number in range(1, len(names) + 1)]
    found = []
    for band in wanted:
        key = band.strip().casefold()
        position = known.index(key) if key in known else numbers.index(key) if key in numbers else None
        if position is None:
            raise InputError(f"{file} has no band {band}; it has {', '.join(names)} (or 1 to {len(names)})")
        if position in found:
            raise InputError(f"bands {','.join(wanted)} name {names[position]} of {file} twice; name each once")
        found.append(position)
    return found or [position for position, name in enumerate(names) if name != _ALPHA]


def _dtype(dataset: Any, numbers: list[int]) -> np.dtype:
    """The number type of some bands. Raises UnusableFile where it is none of ours."""
    from rasterio.enums import ColorInterp

    if not numbers:
        raise UnusableFile("holds no band of its own; name one of its datasets, or make a GeoTIFF of it")
    if ColorInterp.palette in [dataset.colorinterp[number - 1] for number in numbers]:
        raise UnusableFile("its numbers stand for colours of a palette; gdal_translate -expand rgb makes them colours")
    found = sorted({dataset.dtypes[number - 1] for number in numbers})
    if len(found) > 1 or found[0] not in _DTYPES:
        raise UnusableFile(f"{' and '.join(found)} values; {', '.join(_DTYPES)} are read, one type a file")
    return np.dtype(found[0])


def _differs(pixels: np.ndarray, values: Sequence[float]) -> np.ndarray | None:
    """Where not all bands [C, H, W] have these values, one a band; None: everywhere."""
    equal = None
    for band, value in zip(pixels, values, strict=True):
        if pixels.dtype.kind != "f":
            limits = np.iinfo(pixels.dtype)
            if not (limits.min <= value <= limits.max and value == int(value)):
                return None
        here = band == pixels.dtype.type(value)
        equal = here if equal is None else equal & here
        if not equal.any():
            return None
    return ~equal


def _both(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    """Where both hold; None stands for everywhere."""
    if first is None or second is None:
        return second if first is None else first
    return first & second
