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
from data_prep.sources import IMAGE_SUFFIXES, SCENE_SUFFIXES, grids, inputs
from data_prep.sources.file_grid import FileGrid, GridPlace, check_sizes, tiles_a_side
from data_prep.sources.grids import MOST_BYTES, Grid, Pixels
from data_prep.sources.raster_bands import ALPHA, Bands, choose
from data_prep.sources.source import NO_MEMORY, Form, Listing, Survey, Tile, UnusableFile
from progan_tf.data.bands import display_bands
from progan_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class Rasters:
    """Scenes that `given` names, cut to tiles of `resolution` pixels, `step` from one to the next; see data_prep.job.

    Tiles are counted from the top left corner, what is left at the right and the bottom is not used. Their key is
    `path#row_column`, the scene is the path, unless `grid` says where the file lies among the others.
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
    grid: FileGrid | None = None
    kind = "raster"

    @classmethod
    def of(cls, job: Job) -> "Rasters":
        """Raises InputError where rasterio is missing, or the grid pattern cannot be used."""
        try:
            import rasterio  # noqa: F401
        except ImportError as error:
            raise InputError(
                "raster input needs rasterio; pip install 'progan-tf[geo]', or --source=folder for plain 8-bit images"
            ) from error
        mask = (job.mask, job.mask_exclude)
        how = (job.resolution_m, job.labels == "folders", FileGrid.of(job))
        return cls(job.input, job.resolution, job.step, job.bands, job.nodata, *mask, *how)

    def listing(self) -> Listing:
        """As any source. PNG and the like beside scenes are previews; where there is nothing else, they are read."""
        found = inputs.listing(self.given, SCENE_SUFFIXES)
        if not found.files:
            found = inputs.listing(self.given, IMAGE_SUFFIXES)
        masks = {self._mask_of(file) for file, _ in found.files} if self.mask else ()
        return dataclasses.replace(
            found, beside=tuple(files.checksum(path) for path in sorted(masks) if files.is_file(path))
        )

    def survey(self, file: str) -> Survey:
        """As any source; `bands` are all that `file` has, `agree` chooses.

        Raises:
            InputError: the mask or resolution_m does not go with this file.
        """
        try:
            self._label(file)
            with self._opened(file) as dataset:
                bands = Bands.of(dataset, self.bands)
                native, grid = self._grids(file, dataset)
                if min(grid.size) < self.resolution:
                    metres = f" of {self.resolution_m:g} m" if self.resolution_m else ""
                    raise UnusableFile(
                        f"too small: {grid.width} x {grid.height} pixels{metres}, less than {self.resolution}"
                    )
                self._place(file, grid)
                with self._masked(file, native, grid):
                    tiling = self._tiling(native, grid, bands)
                    tiles, pixels = tiling.rows * tiling.columns, native.width * native.height
                    return Survey(file, tiling.parts, tiles, bands.names, bands.dtype.name, pixels)
        except UnusableFile as error:
            return Survey(file, rejected=str(error))

    def agree(self, surveys: Sequence[Survey]) -> Form:
        if self.grid:
            check_sizes(surveys)
        first = surveys[0]
        for other in surveys[1:]:
            if other.dtype != first.dtype:
                raise InputError(
                    f"{first.file} is {first.dtype} and {other.file} is {other.dtype}; convert them one kind at a time"
                )
            ours, theirs = ([name for name in survey.bands if name != ALPHA] for survey in (first, other))
            if not self.bands and ours != theirs:
                raise InputError(
                    f"{first.file} has {len(ours)} bands ({', '.join(ours)}) and {other.file} has {len(theirs)} "
                    f"({', '.join(theirs)}); choose with --bands, or convert them separately"
                )
        for survey in surveys:
            choose(survey.bands, self.bands, survey.file)
        bands = tuple(first.bands[number] for number in choose(first.bands, self.bands, first.file))
        return Form(bands, display_bands(bands), first.dtype)

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile]:
        label = self._label(file)
        with self._opened(file) as dataset:
            native, grid = self._grids(file, dataset)
            bands = Bands.of(dataset, self.bands)
            tiling, crs, place = self._tiling(native, grid, bands), grid.crs_name, self._place(file, grid)
            with self._masked(file, native, grid) as masked:
                read = self._reader(dataset, bands, native, grid, masked)
                for rows, columns in tiling.blocks(part):
                    window = tiling.window(rows, columns)
                    pixels, valid = read(window)
                    for row, column in itertools.product(rows, columns):
                        x, y = column * self.step, row * self.step
                        here = tiling.inside(window, x, y)
                        where = place.within(row, column) if place else {"scene": file, "row": row, "column": column}
                        if crs:
                            bounds = grid.bounds(x, y, self.resolution, self.resolution)
                            where |= {"bounds": bounds, "crs": crs}
                        yield Tile(
                            f"{file}#{row}_{column}",
                            pixels[:, *here].transpose(1, 2, 0),
                            label=label,
                            valid=None if valid is None else valid[here],
                            **where,
                        )

    def sample(self, file: str, every: int, form: Form) -> np.ndarray:
        with self._opened(file) as dataset:
            native = Grid.of(dataset)
            shape = tuple(math.ceil(length / every) for length in (native.height, native.width))
            with self._masked(file, native, native) as masked:
                pixels, valid = self._read(dataset, Bands.of(dataset, self.bands), None, shape)
                valid = _both(valid, masked(out_shape=shape) if masked else None)
            return (pixels if valid is None else pixels[:, valid]).reshape(len(pixels), -1).T

    def _label(self, file: str) -> str | None:
        return inputs.label_of(file) if self.labels else None

    def _place(self, file: str, grid: Grid) -> GridPlace | None:
        """Where the grid pattern says that a file lies; None without one."""
        return self.grid.place(file, tiles_a_side(*grid.size, self.resolution)) if self.grid else None

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
        except (UnusableFile, InputError, GeneratorExit):
            raise
        except MemoryError as error:
            raise UnusableFile(NO_MEMORY) from error
        except UnicodeEncodeError as error:
            raise UnusableFile("its name is not UTF-8") from error
        except Exception as error:  # damaged headers make errors of every kind
            name = PurePosixPath(file).name
            said = grids.reason(error).replace(path, name)
            for beginning in (f"'{name}' ", f"{name}: ", f"{name}, "):
                said = said.removeprefix(beginning)
            raise UnusableFile(said) from error

    def _grids(self, file: str, dataset: Any) -> tuple[Grid, Grid]:
        """The scene's own grid, and the one it is cut on."""
        native = Grid.of(dataset)
        if not self.resolution_m:
            return native, native
        try:
            return native, grids.in_metres(native, self.resolution_m)
        except InputError as error:
            raise InputError(f"{file} {error}") from error

    def _tiling(self, native: Grid, grid: Grid, bands: Bands) -> "_Tiling":
        read = max(1.0, native.width * native.height / (grid.width * grid.height))  # pixels for one that is resampled
        pixel_bytes = math.ceil(read * len(bands.numbers) * bands.dtype.itemsize)
        return _Tiling.of(grid, self.resolution, self.step, pixel_bytes)

    def _masked(self, file: str, native: Grid, grid: Grid) -> Any:
        """A context that gives a function from a window to where the mask raster lets pixels through; None: no mask."""
        if not self.mask:
            return contextlib.nullcontext()
        return self._open_mask(file, native, grid)

    def _mask_of(self, file: str) -> str:
        return self.mask.replace("{scene}", PurePosixPath(file).stem)

    @contextlib.contextmanager
    def _open_mask(self, file: str, native: Grid, grid: Grid) -> Iterator[Callable[..., np.ndarray]]:
        with grids.opened_mask(self._mask_of(file), file, native, grid) as read:

            def lets_through(**where: Any) -> np.ndarray:
                values, known = read(**where)
                return _both(~np.isin(values[0], self.mask_exclude), known)

            yield lets_through

    def _reader(
        self, dataset: Any, bands: Bands, native: Grid, grid: Grid, masked: Callable | None
    ) -> Callable[[Any], Pixels]:
        """What reads a window of `grid`."""
        read = functools.partial(self._read, dataset, bands)
        form = (len(bands.numbers), bands.dtype)

        def read_all(window: Any) -> Pixels:
            pixels, valid = read(window) if grid is native else grids.resample(read, native, grid, window, form)
            valid = _both(valid, masked(window=window) if masked else None)
            return pixels, None if valid is None or valid.all() else valid

        return read_all

    def _read(self, dataset: Any, bands: Bands, window: Any, shape: tuple[int, int] | None = None) -> Pixels:
        """Pixels of a window, or of all decimated to `shape`, and which hold data, but for the mask raster."""
        from rasterio.enums import MaskFlags

        size = {"out_shape": shape} if shape else {}
        numbers, alpha = list(bands.numbers), bands.transparency
        together = [number for number in alpha if bands.dtypes[number - 1] == bands.dtype]  # decoded once
        pixels = dataset.read(numbers + together, window=window, **size)
        pixels, opaque = pixels[: len(numbers)], [pixels[len(numbers) :] > 0]
        opaque += [dataset.read([number], window=window, **size) > 0 for number in alpha if number not in together]
        valid = np.concatenate(opaque).all(axis=0) if alpha else None
        if bands.dtype.kind == "f":
            valid = _both(valid, np.isfinite(pixels).all(axis=0))
        if self.nodata is not None:
            valid = _both(valid, _differs(pixels, [self.nodata] * len(numbers)))
        if all(found == [MaskFlags.nodata] for found in bands.flags):  # as GDAL's mask is, without reading all again
            valid = _both(valid, _differs(pixels, bands.nodata))
        elif not any({MaskFlags.all_valid, MaskFlags.alpha} & set(found) for found in bands.flags):
            shared = all(MaskFlags.per_dataset in found for found in bands.flags)
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
