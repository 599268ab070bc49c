"""The pixel grid of a scene on the ground, and how pixels of another grid come onto it."""

import contextlib
import dataclasses
import itertools
import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from data_prep import files
from data_prep.sources.remote_file import RemoteFile
from data_prep.sources.source import NO_MEMORY
from progan_tf.errors import InputError

MOST_BYTES = 32 << 20  # of pixels held at once

Pixels = tuple[np.ndarray, np.ndarray | None]  # values [C, H, W], and which of them hold data [H, W], None: all


@dataclasses.dataclass(frozen=True)
class Grid:
    """`width` x `height` pixels; the affine `transform` takes column and row to coordinates of `crs`.

    `crs` is None where nobody knows the place on the ground.
    """

    width: int
    height: int
    transform: Any
    crs: Any | None

    @classmethod
    def of(cls, dataset: Any) -> "Grid":
        """The grid of an open rasterio dataset."""
        known = dataset.crs and not dataset.transform.is_identity
        return cls(dataset.width, dataset.height, dataset.transform, dataset.crs if known else None)

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def crs_name(self) -> str | None:
        """`EPSG:n`, or else the whole definition as WKT."""
        if self.crs is None:
            return None
        code = self.crs.to_epsg()
        return f"EPSG:{code}" if code else self.crs.to_wkt()

    def corners(self, column: float, row: float, width: float, height: float) -> tuple[list[float], list[float]]:
        """x and y of the corners of a window, from the first one round."""
        return _applied(
            self.transform, [column, column + width, column + width, column], [row, row, row + height, row + height]
        )

    def bounds(self, column: float, row: float, width: float, height: float) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of a window."""
        xs, ys = self.corners(column, row, width, height)
        return min(xs), min(ys), max(xs), max(ys)

    def whole(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top of all of it."""
        return self.bounds(0, 0, self.width, self.height)


def open_raster(path: str) -> Any:
    """An open rasterio dataset, of this machine or behind an address. Raises rasterio's errors."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        # By TensorFlow's way to an address: GDAL's own knows fewer kinds, and other credentials.
        return rasterio.open(path, opener=_opened_remotely) if files.is_remote(path) else rasterio.open(path)


def _opened_remotely(path: str, mode: str = "rb") -> RemoteFile:
    return RemoteFile(path)


def in_metres(grid: Grid, metres: float) -> Grid:
    """The grid of pixels of `metres` over the same ground: in its own coordinates where those are metres, else in UTM.

    Raises:
        InputError: nobody knows where the grid lies.
    """
    from rasterio.warp import calculate_default_transform

    if grid.crs is None:
        raise InputError("has no place on the ground, so resolution_m cannot resample it; leave resolution_m out")
    own = grid.crs.is_projected and grid.crs.linear_units_factor[1] == 1
    crs = grid.crs if own else _utm(grid)
    transform, width, height = calculate_default_transform(
        grid.crs, crs, grid.width, grid.height, *grid.whole(), resolution=metres
    )
    return Grid(width, height, transform, crs)


def _utm(grid: Grid) -> Any:
    """The UTM zone of the centre of a grid; near the poles, where there is none, polar stereographic coordinates."""
    from rasterio.crs import CRS
    from rasterio.warp import transform

    xs, ys = grid.corners(grid.width / 2, grid.height / 2, 0, 0)
    (longitude,), (latitude,) = transform(grid.crs, "EPSG:4326", xs[:1], ys[:1])
    north = latitude >= 0
    if not -80 <= latitude <= 84:
        return CRS.from_epsg(32661 if north else 32761)
    return CRS.from_epsg((32600 if north else 32700) + min(60, int((longitude + 180) % 360 // 6) + 1))


def resample(
    read: Callable[..., Pixels], source: Grid, target: Grid, window: Any, form: tuple[int, np.dtype]
) -> Pixels:
    """A window of the `target` grid, bilinear, from pixels that `read` gives for windows of the `source` grid.

    A pixel holds data where all that had a share in it do. `form` is the number of bands and their type. The source is
    read piece by piece, MOST_BYTES at once, whatever the ratio of the pixels is.
    """
    from rasterio.windows import Window

    bands, dtype = form
    scales = _scales(source, target)
    values = np.zeros((bands, window.height, window.width), dtype)
    valid = np.zeros((window.height, window.width), bool)
    side = max(1, int(math.sqrt(MOST_BYTES / ((bands + 1) * dtype.itemsize)) * min(1, *scales) / 2))
    for row, column in itertools.product(range(0, window.height, side), range(0, window.width, side)):
        here = np.s_[row : row + side, column : column + side]
        height, width = valid[here].shape
        piece = Window(window.col_off + column, window.row_off + row, width, height)
        values[:, *here], valid[here] = _warped(read, source, target, piece, scales, form)
    return values, valid


def _warped(
    read: Callable[..., Pixels], source: Grid, target: Grid, piece: Any, scales: tuple[float, float], form: tuple
) -> tuple[np.ndarray, np.ndarray]:
    import rasterio.windows
    from rasterio.warp import Resampling, reproject

    bands, dtype = form
    warped = np.zeros((bands + 1, piece.height, piece.width), dtype)
    window = _shadow(source, target, piece, scales)
    if window is not None:
        pixels, valid = read(window)
        given = np.full((bands + 1, *pixels.shape[1:]), 255, dtype)  # the last band tells where there is data
        given[:-1] = pixels
        if valid is not None:
            given[:, ~valid] = 0
        reproject(
            given,
            warped,
            src_transform=rasterio.windows.transform(window, source.transform),
            src_crs=source.crs,
            dst_transform=rasterio.windows.transform(piece, target.transform),
            dst_crs=target.crs,
            resampling=Resampling.bilinear,
            num_threads=1,
            XSCALE=scales[0],  # else GDAL works them out from each piece, and pieces do not fit together
            YSCALE=scales[1],
        )
    return warped[:-1], warped[-1] > 254.5


def _shadow(source: Grid, target: Grid, piece: Any, scales: tuple[float, float]) -> Any | None:
    """The window of the source that a piece of the target is made of, with a margin; None: they do not meet."""
    from rasterio.warp import transform_bounds
    from rasterio.windows import Window

    ground = transform_bounds(
        target.crs, source.crs, *target.bounds(piece.col_off, piece.row_off, piece.width, piece.height)
    )
    columns, rows = _applied(~source.transform, np.take(ground, [0, 2, 2, 0]), np.take(ground, [1, 1, 3, 3]))
    across, down = (2 * math.ceil(max(1, 1 / scale)) + 2 for scale in scales)
    left, top = max(0, math.floor(min(columns)) - across), max(0, math.floor(min(rows)) - down)
    right, bottom = min(source.width, math.ceil(max(columns)) + across), min(source.height, math.ceil(max(rows)) + down)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _scales(source: Grid, target: Grid) -> tuple[float, float]:
    """Pixels of the target that one of the source is wide and high, at its centre."""
    from rasterio.warp import transform

    corners = source.corners(source.width / 2, source.height / 2, 1, 1)
    at = list(zip(*_applied(~target.transform, *transform(source.crs, target.crs, *corners)), strict=True))
    return math.dist(at[0], at[1]), math.dist(at[0], at[3])


def _applied(affine: Any, xs: Sequence[float], ys: Sequence[float]) -> tuple[list[float], list[float]]:
    """Points through an affine transform."""
    a, b, c, d, e, f = affine[:6]
    points = list(zip(xs, ys, strict=True))
    return [a * x + b * y + c for x, y in points], [d * x + e * y + f for x, y in points]


@contextlib.contextmanager
def opened_mask(path: str, scene: str, native: Grid, grid: Grid) -> Iterator[Callable[..., Pixels]]:
    """Yields a function that reads the first band of a raster on `grid`, nearest; it takes what `rasterio.read` does.

    It gives values [1, H, W] and where the raster has any. `native` is the scene's own grid: a raster of that size
    needs no place on the ground.

    Raises:
        InputError: the raster cannot be read, or does not show the ground of `scene`.
    """
    with contextlib.ExitStack() as stack:
        with _blamed_on(path, scene):
            dataset = stack.enter_context(open_raster(path))
            own = Grid.of(dataset)
            if (own.crs is None or native.crs is None) and own.size != native.size:
                raise InputError(
                    f"mask {path} ({own.width} x {own.height}) or scene {scene} ({native.width} x {native.height}) has "
                    "no place on the ground; give both a place, or make them equal in size"
                )
            if native.crs is not None:
                own = native if own.crs is None else own
                _check_overlap(path, scene, own, native)
                dataset = stack.enter_context(_placed(dataset, own, grid))

        def read(**where: Any) -> Pixels:
            with _blamed_on(path, scene):
                known = dataset.read(dataset.count, **where) > 0 if native.crs is not None else None
                return dataset.read([1], **where), known

        yield read


@contextlib.contextmanager
def _blamed_on(path: str, scene: str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged headers make errors of every kind
        raise InputError(f"mask {path} of scene {scene} cannot be read ({reason(error)}); look at --mask") from error


def _placed(dataset: Any, own: Grid, grid: Grid) -> Any:
    """The dataset on another grid; its last band is 0 where it does not reach."""
    from rasterio.enums import ColorInterp, Resampling
    from rasterio.vrt import WarpedVRT

    return WarpedVRT(
        dataset,
        src_crs=own.crs,
        src_transform=own.transform,
        crs=grid.crs,
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=Resampling.nearest,
        src_nodata=None,  # what to exclude is the user's to say
        nodata=None,
        add_alpha=ColorInterp.alpha not in dataset.colorinterp,
    )


def _check_overlap(path: str, scene: str, own: Grid, native: Grid) -> None:
    from rasterio.coords import disjoint_bounds
    from rasterio.warp import transform_bounds

    if disjoint_bounds(transform_bounds(native.crs, own.crs, *native.whole()), own.whole()):
        raise InputError(
            f"mask {path} lies elsewhere than scene {scene}; look at --mask and at both coordinate systems"
        )


def reason(error: BaseException) -> str:
    """What GDAL says: rasterio may only point to the error before, and call a file by a name of its own."""
    said = NO_MEMORY if isinstance(error, MemoryError) else str(error.__cause__ or error)
    return re.sub(r"/vsiriopener_\w+/", "", said)
