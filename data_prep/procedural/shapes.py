"""Geometry of a landscape: noise, light, drainage, winding lines, parcels. Nothing here knows a colour.

Lengths are pixels, rows grow southwards and columns eastwards; fields are float32 [size, size] unless said otherwise.
"""

from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage, sparse
from scipy.sparse import csgraph

Generator = np.random.Generator


def fractal_noise(rng: Generator, size: int, beta: float, longest: float, shortest: float = 2.0) -> np.ndarray:
    """Gaussian noise of mean 0 and deviation 1, with power 1/f^beta between wavelengths `shortest` and `longest`.

    Spectral synthesis: Saupe, "Algorithms for random fractals", in The Science of Fractal Images (1988). beta 0 is
    white, 2 rugged, 4 smooth; features longer than `longest` pixels are no stronger than that length.
    """
    across, down = fft.rfftfreq(size).astype(np.float32), fft.fftfreq(size).astype(np.float32)
    frequency = np.hypot(across, down[:, None])
    # A sharp cut at the shortest wavelength would ring.
    soft_cut = np.exp(-np.square(np.square(0.75 * shortest * frequency)))
    amplitude = np.maximum(frequency, 1 / longest) ** (-beta / 2) * soft_cut
    amplitude[0, 0] = 0
    phases = rng.standard_normal((2, *amplitude.shape), np.float32)
    noise = fft.irfft2((phases[0] + 1j * phases[1]) * amplitude, s=(size, size))
    return noise / noise.std()


def coordinates(size: int, angle: float, warp: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Position along and across the direction `angle` (radians, from east towards south), both moved by `warp`."""
    row, column = np.ogrid[:size, :size]
    along = np.float32(np.cos(angle)) * column + np.float32(np.sin(angle)) * row
    across = np.float32(np.cos(angle)) * row - np.float32(np.sin(angle)) * column
    return (along + warp).astype(np.float32), (across + warp).astype(np.float32)


def smoothstep(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below `low`, 1 above `high`, and a smooth rise between; turn `low` and `high` round for a fall."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def hillshade(height: np.ndarray) -> np.ndarray:
    """Lambertian light from the north-west, 45 degrees high: 1 on flat ground, 0 in shade, 1.41 at most.

    `height` is in pixels too, so a difference of 1 between neighbours is a slope of 45 degrees.
    """
    south, east = np.gradient(height)
    return np.maximum(1 + (south + east) * np.sqrt(0.5), 0) / np.sqrt(1 + south**2 + east**2)


class Drainage(NamedTuple):
    """Eroded land on a grid of `cells` x `cells`, flattened; `receiver` is the cell that a cell's water flows to."""

    height: np.ndarray  # a rise of 1 over one cell is the slope of a stream that drains one cell
    area: np.ndarray  # cells drained through each cell, at least 1
    receiver: np.ndarray  # an outlet is its own receiver


def drainage(rng: Generator, cells: int, hillside: float, rounds: int = 6) -> Drainage:
    """Ridges and dendritic valleys: the steady state of uplift against erosion by streams on `cells` x `cells`.

    The slope of a stream is area^-0.5 (Flint's law). The first network is the tree of cheapest paths through random
    ground; then heights and steepest descent take turns (after Cordonnier et al., "Large scale terrain generation from
    tectonic uplift and fluvial erosion", 2016).
    Where fewer than `hillside` cells drain, the slope is that of `hillside` cells: plain slopes between the streams.
    Every cell starts above its receiver and each round keeps that, so there are never pits to fill.
    """
    uplift = np.exp(0.35 * fractal_noise(rng, cells, 3.0, cells / 2)).ravel().astype(np.float64)
    rim = np.flatnonzero(np.pad(np.zeros((cells - 2, cells - 2), bool), 1, constant_values=True))
    # Water leaves where the rim is low, mostly on one side.
    angle = rng.uniform(0, 2 * np.pi)
    low = coordinates(cells, angle)[0] / cells + 0.25 * fractal_noise(rng, cells, 3.0, cells / 2)
    outlets = rim[low.ravel()[rim] <= np.quantile(low.ravel()[rim], 0.3)]

    height, receiver = _cheapest_paths(rng.exponential(1.0, cells**2) + 0.2, outlets)
    row, column = np.divmod(np.arange(cells**2), cells)
    for _ in range(rounds):
        length = np.hypot(row - row[receiver], column - column[receiver])
        order = np.argsort(height).tolist()
        area, downhill = [1.0] * cells**2, receiver.tolist()
        for cell in reversed(order):
            if downhill[cell] != cell:
                area[downhill[cell]] += area[cell]
        rise = (length * uplift / np.sqrt(np.maximum(area, hillside))).tolist()
        heights = [0.0] * cells**2
        for cell in order:
            heights[cell] = heights[downhill[cell]] + rise[cell]
        height = np.array(heights)
        receiver = _steepest_descent(height.reshape(cells, cells), outlets)
    return Drainage(height, np.array(area), np.array(downhill))


def _cheapest_paths(resistance: np.ndarray, outlets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every cell, the cost of its cheapest path to an outlet and the next cell on it."""
    cells = round(len(resistance) ** 0.5)
    number = np.arange(cells**2).reshape(cells, cells)
    starts, ends, lengths = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = number[: cells - down, max(0, -right) : cells - max(0, right)].ravel()
        starts.append(here)
        ends.append(here + down * cells + right)
        lengths.append(np.full(here.size, np.hypot(down, right)))
    starts, ends, lengths = map(np.concatenate, (starts, ends, lengths))
    costs = lengths * (resistance[starts] + resistance[ends])
    graph = sparse.csr_array((costs, (starts, ends)), (cells**2, cells**2))
    cost, following, _ = csgraph.dijkstra(
        graph, directed=False, indices=outlets, min_only=True, return_predecessors=True
    )
    return cost, np.where(following < 0, number.ravel(), following)


def _steepest_descent(height: np.ndarray, outlets: np.ndarray) -> np.ndarray:
    cells = len(height)
    walled = np.pad(height, 1, constant_values=np.inf)
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
    slopes = [
        (height - walled[1 + down : 1 + down + cells, 1 + right : 1 + right + cells]) / np.hypot(down, right)
        for down, right in steps
    ]
    best = np.argmax(slopes, axis=0).ravel()
    receiver = np.arange(cells * cells) + np.array([down * cells + right for down, right in steps])[best]
    receiver[outlets] = outlets
    return receiver


def enlarge(field: np.ndarray, size: int) -> np.ndarray:
    """A square field resampled with cubic splines to [size, size]."""
    return ndimage.zoom(field.astype(np.float32), size / len(field), order=3, mode="nearest", grid_mode=True)


def channels(rng: Generator, water: Drainage, cell: float, least_area: float) -> tuple[np.ndarray, np.ndarray]:
    """The streams that drain at least `least_area` cells: points [m, 2] (row, column), pixels, and their areas [m].

    `cell` is the side of a cell in pixels.
    """
    cells = round(len(water.area) ** 0.5)
    place = np.stack(np.divmod(np.arange(cells**2), cells), -1) + rng.uniform(0.1, 0.9, (cells**2, 2))
    following = place[water.receiver]
    place = (place + 2 * following + following[water.receiver]) / 4  # rounds the corners of the grid
    streams = np.flatnonzero(water.area >= least_area)
    along = np.linspace(0, 1, 8, endpoint=False)[:, None, None]
    points = place[streams] + along * (place[water.receiver[streams]] - place[streams])
    return points.reshape(-1, 2) * cell, np.tile(water.area[streams], len(along))


def winding_line(
    rng: Generator, size: int, through: tuple[float, float], angle: float, bend: float, wavelength: float
) -> np.ndarray:
    """Points [m, 2] (row, column) about half a pixel apart of a line that leaves the picture on both sides.

    A sine-generated curve, as rivers make it (Langbein and Leopold, "River meanders", 1966): its heading swings by
    about `bend` radians round `angle` every `wavelength` pixels; roads are the same with a small bend.
    """
    step, count = 0.5, 8 * size
    place = (np.arange(count) - count / 2) * step
    # Phase and swing wander, so that no two bends are alike.
    knots = np.linspace(place[0], place[-1], int(count * step / wavelength) + 4)
    phase = np.interp(place, knots, rng.normal(0, 0.9, len(knots))) + rng.uniform(0, 2 * np.pi)
    swing = np.interp(place, knots, rng.uniform(0.4, 1.2, len(knots)))
    heading = angle + bend * ndimage.gaussian_filter1d(
        swing * np.sin(2 * np.pi * place / wavelength + phase), wavelength / 12 / step
    )
    line = np.cumsum(np.stack([np.sin(heading), np.cos(heading)], -1), 0) * step
    return (line - line[count // 2] + np.asarray(through)).astype(np.float32)


def nearest(points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Distance of every pixel to the nearest of `points` [m, 2], and the index int [size, size] of that point.

    Points outside the picture do not count; with none inside, the distance is infinite and the index 0.
    """
    pixel = np.floor(points).astype(int)
    inside = np.flatnonzero(((pixel >= 0) & (pixel < size)).all(1))
    if not len(inside):
        return np.full((size, size), np.inf, np.float32), np.zeros((size, size), int)
    owner = np.full((size, size), -1)
    owner[pixel[inside, 0], pixel[inside, 1]] = inside
    found = ndimage.distance_transform_edt(owner < 0, return_distances=False, return_indices=True)
    index = owner[found[0], found[1]]
    row, column = np.ogrid[:size, :size]
    # Measured to the point itself rather than to its pixel, which keeps thin lines smooth.
    exact = points[index]
    return np.hypot(row + 0.5 - exact[..., 0], column + 0.5 - exact[..., 1]).astype(np.float32), index


class Parcels(NamedTuple):
    """A division into blocks: for every pixel its block and where it lies in it."""

    label: np.ndarray  # int, 0 ... count - 1
    count: int
    along: np.ndarray  # distance from the block's first side, along its rows
    across: np.ndarray  # the same, across
    length: np.ndarray  # the block's extent along
    depth: np.ndarray  # the block's extent across

    def edge(self) -> np.ndarray:
        """Distance to the nearest side."""
        return np.minimum(
            np.minimum(self.along, self.length - self.along), np.minimum(self.across, self.depth - self.across)
        )


def parcels(rng: Generator, along: np.ndarray, across: np.ndarray, length: float, depth: float) -> Parcels:
    """Rows of about `depth`, each cut into blocks of about `length`, in the given (possibly bent) coordinates."""
    row, row_start, row_depth = _cut(across, across.min() + _breaks(rng, np.ptp(across), depth))
    rows = int(row.max()) + 1
    # The rows are laid end to end, so that one search finds the block of every pixel.
    span = float(np.ptp(along)) + 3 * length
    lengths = length * np.exp(rng.normal(0, 0.35, rows))  # a row of strips lies beside a row of broad fields
    cuts = [start + _breaks(rng, span, mean) for start, mean in zip(span * np.arange(rows), lengths, strict=True)]
    cuts = [cut[(cut >= span * i) & (cut < span * (i + 1))] for i, cut in enumerate(cuts)]
    place = (along - along.min()).astype(np.float64) + 1.5 * length + row * span
    label, start, extent = _cut(place, np.concatenate([[0.0], *cuts, [span * rows]]))
    return Parcels(label, int(label.max()) + 1, place - start, across - row_start, extent, row_depth)


def patchwork(rng: Generator, size: int, apart: float, length: float, depth: float, bend: float) -> Parcels:
    """Parcels in districts about `apart` pixels wide, each laid out along a direction of its own."""
    district = districts(rng, size, apart)
    angles = rng.uniform(0, np.pi) + rng.choice([0, 0.25, 0.6, np.pi / 2, 2.0], district.max() + 1)
    along, across = coordinates(size, 0.0, bend * fractal_noise(rng, size, 3.5, 300, 70) - size / 2)
    cos, sin = np.cos(angles).astype(np.float32)[district], np.sin(angles).astype(np.float32)[district]
    # Far enough apart across the rows that no two districts share one.
    return parcels(rng, cos * along + sin * across, cos * across - sin * along + 2 * size * district, length, depth)


def _breaks(rng: Generator, span: float, mean: float) -> np.ndarray:
    """Increasing numbers about `mean` apart, from below 0 to beyond `span`."""
    return np.cumsum(mean * rng.uniform(0.55, 1.45, int(1.5 * span / mean) + 9)) - 2 * mean


def _cut(value: np.ndarray, breaks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The interval of every value among increasing `breaks`: its index, its start and its length."""
    index = np.clip(np.searchsorted(breaks, value.ravel()).reshape(value.shape) - 1, 0, len(breaks) - 2)
    return index, breaks[index], np.diff(breaks)[index]


def mean_of(value: np.ndarray, plots: Parcels) -> np.ndarray:
    """The mean of a field over each parcel, [count]; 0 for one outside the picture."""
    label = plots.label.ravel()
    total = np.bincount(label, value.ravel(), plots.count)
    return (total / np.maximum(np.bincount(label, minlength=plots.count), 1)).astype(np.float32)


def distance_inside(mask: np.ndarray) -> np.ndarray:
    """Distance to the outline of a bool [size, size] mask: positive inside it, negative outside."""
    inside, outside = ndimage.distance_transform_edt(mask), ndimage.distance_transform_edt(~mask)
    return ndimage.gaussian_filter((inside - outside).astype(np.float32), 0.8)


def districts(rng: Generator, size: int, apart: float) -> np.ndarray:
    """Voronoi cells of random points about `apart` pixels apart, as labels int [size, size]."""
    centres = rng.uniform(-0.1, 1.1, (max(2, round((size / apart) ** 2)), 2)) * size
    row, column = np.ogrid[:size, :size]
    label, least = np.zeros((size, size), int), np.full((size, size), np.inf, np.float32)
    for number, (y, x) in enumerate(centres.astype(np.float32)):
        distance = (row - y) ** 2 + (column - x) ** 2
        label[distance < least] = number
        least = np.minimum(least, distance)
    return label
