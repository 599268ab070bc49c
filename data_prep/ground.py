"""Places on the ground in longitude and latitude, whatever the coordinates of a scene."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from progan_tf.errors import InputError

_RADIUS = 6378137.0  # of the sphere that the web's map projection is of, in metres
_WEB_MAP = "EPSG:3857"  # of tiles whose place their file names tell, which needs no rasterio
_STEPS = 32  # an edge becomes so many straight pieces in other coordinates

Bounds = tuple[float, float, float, float]  # left, bottom, right, top


def to_lon_lat(crs: str, xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of `crs` as degrees of WGS 84, in the shape given; NaN where there is no such place on the earth.

    Raises:
        InputError: nobody knows `crs`, or rasterio is missing and it is not the web's map projection.
    """
    if crs == _WEB_MAP:
        return np.degrees(xs / _RADIUS), np.degrees(np.arctan(np.sinh(ys / _RADIUS)))
    longitudes, latitudes = _transformed(_known(crs), "EPSG:4326", xs.ravel(), ys.ravel())
    return longitudes.reshape(xs.shape), latitudes.reshape(xs.shape)


@functools.cache
def _known(crs: str) -> Any:
    """rasterio's coordinate system of this name."""
    try:
        from rasterio.crs import CRS
        from rasterio.errors import CRSError
    except ImportError as error:
        raise InputError("places on the ground need rasterio; pip install 'progan-tf[geo]'") from error
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(f"nobody knows the coordinates {crs} ({error}); give the scenes others") from error


def _transformed(crs: Any, target: Any, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Points of `crs` in `target` [2, N]. One that has no place there makes all fail: those are searched by halves."""
    from rasterio.warp import transform

    try:
        return np.array(transform(crs, target, xs.tolist(), ys.tolist()), float)
    except Exception:  # of PROJ, GDAL and rasterio, with no ancestor in common
        if len(xs) == 1:
            return np.full((2, 1), np.nan)
        half = len(xs) // 2
        parts = (np.s_[:half], np.s_[half:])
        return np.concatenate([_transformed(crs, target, xs[part], ys[part]) for part in parts], axis=1)


def boxes(crs: str, bounds: np.ndarray, margin: float = 0.0) -> np.ndarray:
    """West, south, east, north [N, 4] in degrees of places with `bounds` [N, 4], widened by `margin` of their size.

    East is past 180 where a place lies on both sides of the date line; a place around a pole has all longitudes. What
    is not on the earth is NaN.
    """
    steps = np.array([-margin, 0.5, 1 + margin])
    xs = bounds[:, :1] + (bounds[:, 2:3] - bounds[:, :1]) * steps
    ys = bounds[:, 1:2] + (bounds[:, 3:] - bounds[:, 1:2]) * steps
    longitudes, latitudes = to_lon_lat(crs, np.tile(xs, (1, 3)), np.repeat(ys, 3, axis=1))
    known = np.isfinite(longitudes).all(axis=1) & np.isfinite(latitudes).all(axis=1)
    longitudes, latitudes = (np.where(known[:, None], degrees, np.nan) for degrees in (longitudes, latitudes))
    rows = np.unwrap(longitudes.reshape(-1, 3, 3), period=360)  # from the left to the right
    rows = rows + 360 * np.round((rows[:, 1:2, 1:2] - rows[:, :, 1:2]) / 360)
    longitudes = rows.reshape(-1, 9)
    west, east = longitudes.min(axis=1), longitudes.max(axis=1)
    south, north = latitudes.min(axis=1), latitudes.max(axis=1)
    polar = east - west > 180
    west, east = np.where(polar, -180, west), np.where(polar, 180, east)
    north, south = np.where(polar & (north > 0), 90, north), np.where(polar & (south < 0), -90, south)
    turns = 360 * np.floor((west + 180) / 360)
    return np.stack([west - turns, south, east - turns, north], axis=1)


def overlapping(footprints: Sequence[tuple[str, str, Bounds]]) -> list[tuple[str, str]]:
    """Pairs of scenes whose footprints share ground; `footprints` are (scene, crs, bounds in it)."""
    around = [boxes(crs, np.array([bounds]))[0].tolist() for _, crs, bounds in footprints]
    sizes = [(east - west) * (north - south) for west, south, east, north in around]
    found = []
    for pair in _near(around):
        larger, smaller = (footprints[number] for number in sorted(pair, key=sizes.__getitem__, reverse=True))
        if _share_ground(*larger[1:], *smaller[1:]):
            found.append(tuple(sorted((larger[0], smaller[0]))))
    return sorted(found)


def _near(around: Sequence[Sequence[float]]) -> set[tuple[int, int]]:
    """Pairs of numbers of boxes in degrees that overlap: a few more than the places in them, told at once for all."""
    found = []
    for number, (west, south, east, north) in enumerate(around):
        found.append((west, south, east, north, number))
        if east > 180:
            found.append((west - 360, south, east - 360, north, number))
    pairs, open_ones = set(), []
    for west, south, east, north, number in sorted(box for box in found if box[0] == box[0]):
        open_ones = [other for other in open_ones if other[2] > west]
        pairs |= {(other[4], number) for other in open_ones if other[1] < north and south < other[3]}
        open_ones.append((west, south, east, north, number))
    return {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}


def _share_ground(larger_crs: str, larger: Bounds, smaller_crs: str, smaller: Bounds) -> bool:
    """Whether two rectangles do: the smaller one is cut by the edges of the larger one, in the coordinates of that.

    What has no place in those coordinates counts as shared.
    """
    left, bottom, right, top = larger
    xs, ys = _outline(smaller)
    if smaller_crs != larger_crs:
        xs, ys = _transformed(_known(smaller_crs), _known(larger_crs), xs, ys)
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        return True
    if turn := _turn(larger_crs):
        xs = np.unwrap(xs, period=turn)
        xs = xs + turn * np.round(((left + right) / 2 - xs.mean()) / turn)
    points = np.stack([xs, ys], axis=1)
    for axis, sign, edge in ((0, 1, left), (0, -1, right), (1, 1, bottom), (1, -1, top)):
        points = _cut(points, sign * (points[:, axis] - edge))
    return len(points) > 2


def _outline(bounds: Bounds) -> tuple[np.ndarray, np.ndarray]:
    """x and y of points all around a rectangle."""
    left, bottom, right, top = bounds
    there, back = np.arange(_STEPS) / _STEPS, 1 - np.arange(_STEPS) / _STEPS
    along_x = np.concatenate([there, np.ones(_STEPS), back, np.zeros(_STEPS)])
    return left + (right - left) * along_x, bottom + (top - bottom) * np.roll(along_x, _STEPS)


def _turn(crs: str) -> float:
    """After how many units of x the earth begins anew; 0: nowhere."""
    if crs == _WEB_MAP:
        return 2 * np.pi * _RADIUS
    return 360.0 if _known(crs).is_geographic else 0.0


def _cut(points: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The part of a polygon [N, 2] where `inside` [N], linear along its edges, is positive (Sutherland, Hodgman)."""
    following, there = np.roll(points, -1, axis=0), np.roll(inside, -1)
    crosses = (inside > 0) != (there > 0)
    share = np.divide(inside, inside - there, out=np.zeros_like(inside), where=crosses)
    crossings = points + (following - points) * share[:, None]
    return np.stack([points, crossings], axis=1)[np.stack([inside > 0, crosses], axis=1)]
