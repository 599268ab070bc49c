"""Places on the ground in longitude and latitude, whatever the coordinates of a scene."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from progan_tf.errors import InputError

_RADIUS = 6378137.0  # of the sphere that the web's map projection is of, in metres

Bounds = tuple[float, float, float, float]  # left, bottom, right, top


def to_lon_lat(crs: str, xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of `crs` as degrees of WGS 84, in the shape given; NaN where there is no such place on the earth.

    Raises:
        InputError: nobody knows `crs`, or rasterio is missing and it is not the web's map projection.
    """
    if crs == "EPSG:3857":  # of tiles whose place their file names tell, which needs no rasterio
        return np.degrees(xs / _RADIUS), np.degrees(np.arctan(np.sinh(ys / _RADIUS)))
    try:
        from rasterio.crs import CRS
        from rasterio.errors import CRSError
    except ImportError as error:
        raise InputError("places on the ground need rasterio; pip install 'progan-tf[geo]'") from error
    try:
        known = CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(f"nobody knows the coordinates {crs} ({error}); give the scenes others") from error
    longitudes, latitudes = _transformed(known, xs.ravel(), ys.ravel())
    return longitudes.reshape(xs.shape), latitudes.reshape(xs.shape)


def _transformed(crs: Any, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Degrees [2, N]. One point that has none makes all fail, so those are searched for by halves."""
    from rasterio.warp import transform

    try:
        return np.array(transform(crs, "EPSG:4326", xs.tolist(), ys.tolist()), float)
    except Exception:  # of PROJ, GDAL and rasterio, with no ancestor in common
        if len(xs) == 1:
            return np.full((2, 1), np.nan)
        half = len(xs) // 2
        return np.concatenate([_transformed(crs, xs[part], ys[part]) for part in (np.s_[:half], np.s_[half:])], axis=1)


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
    middle = longitudes[:, 4:5]
    longitudes = middle + (longitudes - middle + 180) % 360 - 180
    west, east = longitudes.min(axis=1), longitudes.max(axis=1)
    south, north = latitudes.min(axis=1), latitudes.max(axis=1)
    polar = east - west > 180
    west, east = np.where(polar, -180, west), np.where(polar, 180, east)
    north, south = np.where(polar & (north > 0), 90, north), np.where(polar & (south < 0), -90, south)
    turns = 360 * np.floor((west + 180) / 360)
    return np.stack([west - turns, south, east - turns, north], axis=1)


def overlapping(footprints: Sequence[tuple[str, str, Bounds]]) -> list[tuple[str, str]]:
    """Pairs of scenes whose footprints share ground; `footprints` are (scene, crs, bounds in it)."""
    found = []  # boxes with the numbers of their scenes
    for number, (_, crs, bounds) in enumerate(footprints):
        west, south, east, north = boxes(crs, np.array([bounds]))[0].tolist()
        found.append((west, south, east, north, number))
        if east > 180:
            found.append((west - 360, south, east - 360, north, number))
    pairs, open_ones = set(), []
    for west, south, east, north, number in sorted(box for box in found if box[0] == box[0]):
        open_ones = [other for other in open_ones if other[2] > west]
        pairs |= {(other[4], number) for other in open_ones if other[1] < north and south < other[3]}
        open_ones.append((west, south, east, north, number))
    return sorted({tuple(sorted((footprints[a][0], footprints[b][0]))) for a, b in pairs if a != b})
