"""The kinds of landscape, each composed of shapes and covers.

Every function takes a generator and the size in pixels (256 or more) and returns a picture, float32 [size, size, 3],
R, G, B on the ground, roughly 0 to 255, before the air and the camera.
"""

import numpy as np
from scipy import ndimage

from data_prep.procedural import covers, palettes, shapes
from data_prep.procedural.palettes import Region
from data_prep.procedural.shapes import Generator

_MARGIN = 4  # cells of eroded land beyond each side of the picture


def _region(rng: Generator, regions: tuple[Region, ...]) -> Region:
    return regions[rng.integers(len(regions))]


def _point(rng: Generator, size: int) -> tuple[float, float]:
    return tuple(size * rng.uniform(0.25, 0.75, 2))


def _road(rng: Generator, size: int, through: tuple[float, float], angle: float) -> np.ndarray:
    return shapes.winding_line(rng, size, through, angle, rng.uniform(0.1, 0.35), 220)


def _eroded(rng: Generator, size: int, cell: int, hillside: float) -> tuple[shapes.Drainage, np.ndarray]:
    """Drained land and its height enlarged to the picture; one unit of height per pixel is the slope of a hillside.

    The land reaches `_MARGIN` cells beyond the picture on each side, which keeps its artificial rim out of sight.
    """
    cells = -(-size // cell) + 2 * _MARGIN
    water = shapes.drainage(rng, cells, hillside)
    height = cell * np.sqrt(hillside) * water.height.reshape(cells, cells)
    height = shapes.enlarge(ndimage.gaussian_filter(height, 0.9), cells * cell)
    return water, height[_MARGIN * cell :, _MARGIN * cell :][:size, :size]


def mountains(rng: Generator, size: int) -> np.ndarray:
    """Ridges and valleys with meadow, forest, rock and snow by height and slope."""
    region = _region(rng, palettes.ALL)
    _, height = _eroded(rng, size, 5, 16)
    rough = shapes.fractal_noise(rng, size, 2.2, 30)
    shade = shapes.hillshade(rng.uniform(0.55, 0.85) * height + 0.7 * rough)
    tone = shapes.fractal_noise(rng, size, 2.2, 50)
    slope = np.hypot(*np.gradient(ndimage.gaussian_filter(height, 2)))
    level = height / height.std() + 0.12 * tone

    # Upwards: meadows in the valleys, forest, pasture, scree and rock, snow.
    picture = covers.mottle(covers.plain(size, region.grass), tone, 0.06)
    treeline, bareline, snowline = np.quantile(level, np.sort(rng.uniform(0, 1.3, 3)).clip(max=1))
    wood = shapes.smoothstep(level, treeline + 0.15, treeline - 0.15)
    wood = wood * shapes.smoothstep(slope + 0.15 * tone, 0.15, 0.4)
    picture = covers.paint(picture, covers.canopy(rng, size, region.wood), wood)
    bare = shapes.smoothstep(level + 0.8 * (slope - 0.7), bareline - 0.1, bareline + 0.4)
    picture = covers.paint(picture, covers.mottle(covers.plain(size, region.rock), rough, 0.07), bare)
    snow = shapes.smoothstep(level - 0.5 * (slope - 0.7) + 0.06 * rough, snowline, snowline + 0.2)
    return covers.lit(covers.paint(picture, palettes.SNOW, snow), shade)


def dunes(rng: Generator, size: int) -> np.ndarray:
    """A sand desert: linear dunes where sand is plentiful, barchans on hard ground where it is scarce; one wind."""
    sand, ground = palettes.SANDS[rng.integers(len(palettes.SANDS))]
    spacing, supply = rng.uniform(16, 34), rng.uniform(-0.6, 1.4)
    downwind, _ = shapes.coordinates(size, rng.uniform(0, 2 * np.pi))
    height = np.zeros((size, size), np.float32)
    for share in (1.0, 0.6):
        reach = spacing * share
        amount = shapes.smoothstep(supply + shapes.fractal_noise(rng, size, 3.0, 5 * reach, 1.6 * reach), -1.0, 1.5)
        bend = 0.6 * reach * shapes.fractal_noise(rng, size, 3.8, 10 * reach, 3.5 * reach)
        # Low dunes travel faster, which draws the ends of a crest downwind into horns (Bagnold, 1941).
        phase = (downwind + bend - 0.7 * reach * (1 - amount)) / reach % 1
        # Sand climbs gently and falls down a slip face at its angle of repose.
        profile = np.minimum(phase / 0.8, (1 - phase) / 0.2)
        height = np.maximum(height, 0.2 * reach * amount * profile)
    rolling = shapes.fractal_noise(rng, size, 3.6, 200, 30)
    ripples = shapes.fractal_noise(rng, size, 1.5, 6)
    cover = shapes.smoothstep(height, 0.02 * spacing, 0.10 * spacing)
    height = ndimage.gaussian_filter(height, 0.8)
    floor = covers.mottle(covers.plain(size, ground), shapes.fractal_noise(rng, size, 1.8, 30), 0.05)
    picture = covers.paint(floor, covers.mottle(covers.plain(size, sand), rolling, 0.03), cover)
    picture = covers.mottle(picture, height / height.max() - 0.3, 0.12)
    return covers.lit(picture, shapes.hillshade(height + 2.0 * rolling + 0.04 * ripples))


def wadis(rng: Generator, size: int) -> np.ndarray:
    """Stony desert, darkened by varnish, cut by dry rivers that carry bright sediment."""
    stone, sediment = palettes.STONES[rng.integers(len(palettes.STONES))]
    water, height = _eroded(rng, size, 4, 6)
    points, area = shapes.channels(rng, water, 4, 10)
    points = points - 4 * _MARGIN
    bank = np.full((size, size), np.inf, np.float32)  # distance to the nearest bank, negative in the bed
    for least in (10, 120):  # the trunks once more by themselves: their banks run on past the mouths of side channels
        distance, index = shapes.nearest(points[area >= least], size)
        bank = np.minimum(bank, distance - 0.1 - 0.14 * np.sqrt(area[area >= least])[index])
    rough = shapes.fractal_noise(rng, size, 2.0, 30)
    picture = covers.mottle(covers.plain(size, stone), rough, 0.07)
    picture = covers.mottle(picture, shapes.fractal_noise(rng, size, 3.0, 120), 0.06)
    relief = rng.uniform(0.15, 0.4)
    picture = covers.lit(picture, shapes.hillshade(relief * height + 0.5 * rough))
    apron = shapes.smoothstep(bank + 0.8 * rough, 7.0, 0.0)
    picture = covers.paint(picture, 0.5 * (stone + sediment), 0.45 * apron)
    bed = covers.mottle(covers.plain(size, sediment), shapes.fractal_noise(rng, size, 1.5, 12), 0.06)
    picture = covers.paint(picture, bed, shapes.smoothstep(bank, 0.7, -0.7))
    shrubs = shapes.smoothstep(shapes.fractal_noise(rng, size, 0.5, 6), 2.0, 2.6)
    picture = covers.paint(picture, palettes.DRY.wood * 0.8, 0.7 * shrubs * shapes.smoothstep(bank, 2.5, 0.5))
    track = _road(rng, size, _point(rng, size), rng.uniform(0, np.pi))
    return covers.roads(picture, [track], 1.0, palettes.TRACK)


def river(rng: Generator, size: int) -> np.ndarray:
    """A meandering river with sandbanks and groves through farmland, and a road that crosses it."""
    region = _region(rng, palettes.SETTLED)
    picture = covers.farmland(rng, size, region, rng.uniform(0.05, 0.4))
    angle, through = rng.uniform(0, np.pi), _point(rng, size)
    width, wavelength = rng.uniform(12, 32), rng.uniform(130, 260)
    line = shapes.winding_line(rng, size, through, angle, rng.uniform(0.9, 1.6), wavelength)
    distance, index = shapes.nearest(line, size)
    tangent = np.gradient(line, axis=0)
    heading = np.unwrap(np.arctan2(tangent[:, 0], tangent[:, 1]))
    curve = ndimage.gaussian_filter1d(np.gradient(heading), 20) * 2 * wavelength / 6  # about 1 in a bend
    row, column = np.ogrid[:size, :size]
    side = np.sign(
        tangent[index, 1] * (row + 0.5 - line[index, 0]) - tangent[index, 0] * (column + 0.5 - line[index, 1])
    )
    # Sand settles on the inner bank of a bend.
    inner = np.clip(side * curve[index], 0, 1.2)
    ragged = shapes.fractal_noise(rng, size, 2.0, 30)
    half = width / 2
    bank = shapes.smoothstep(distance + 3 * ragged, half * 2.4 + 6, half * 1.6)
    meadow = covers.mottle(covers.plain(size, region.grass * 0.95), ragged, 0.05)
    picture = covers.paint(picture, meadow, bank * 0.9)
    grove = shapes.smoothstep(distance + 4 * ragged, half + 8, half + 5) * shapes.smoothstep(ragged, -0.6, 0.0)
    picture = covers.paint(picture, covers.canopy(rng, size, region.wood), grove * (inner < 0.5))
    sand = shapes.smoothstep(distance - half * (0.9 + 0.6 * inner) + 0.5 * ragged, 1.0, -0.5) * (inner > 0.12)
    picture = covers.paint(picture, covers.mottle(covers.plain(size, region.sediment), ragged, 0.04), sand)
    turbid = rng.uniform(0, 0.45)
    region = region._replace(deep=region.deep + turbid * (0.8 * region.shallow - region.deep))
    depth = half * (1 - 0.55 * inner) - distance + 0.4 * ragged
    picture = covers.water(rng, picture, region, depth, half * 1.4, 0.0)
    crossing = angle + np.pi / 2 + rng.uniform(-0.4, 0.4)
    return covers.roads(picture, [_road(rng, size, through, crossing)], 1.8, palettes.ROAD * 1.08)


def lakes(rng: Generator, size: int) -> np.ndarray:
    """Lakes among woods and fields."""
    region = _region(rng, palettes.TEMPERATE)
    ground = shapes.fractal_noise(rng, size, 3.8, 190, 20)
    picture = covers.farmland(rng, size, region, rng.uniform(0.2, 0.7))
    outline = shapes.distance_inside(ground < np.quantile(ground, rng.uniform(0.25, 0.45)))
    ragged = shapes.fractal_noise(rng, size, 2.0, 20)
    picture = covers.paint(picture, region.grass * 0.9, 0.9 * shapes.smoothstep(outline + 2 * ragged, -9, -4))
    picture = covers.paint(picture, region.wood * 0.95, shapes.smoothstep(outline + 3 * ragged, -5, -3))
    return covers.water(rng, picture, region, outline, 18, 0.0)


def coast(rng: Generator, size: int) -> np.ndarray:
    """A coast with beach, surf and shallows, fields and a town behind it."""
    region = _region(rng, palettes.ALL)
    seaward, _ = shapes.coordinates(size, rng.uniform(0, 2 * np.pi))
    seaward = seaward - seaward.mean() + rng.uniform(-0.2, 0.08) * size
    outline = shapes.distance_inside(seaward > 0.10 * size * shapes.fractal_noise(rng, size, 3.5, 300, 10))
    picture = covers.farmland(rng, size, region, rng.uniform(0.1, 0.6))
    inland = np.argwhere(abs(outline + 40) < 6)
    harbour = inland[rng.integers(len(inland))] if len(inland) else _point(rng, size)
    picture = covers.settlement(rng, picture, region, harbour, rng.uniform(40, 120))
    ragged = shapes.fractal_noise(rng, size, 2.0, 30)
    beach = rng.uniform(3, 10)
    picture = covers.paint(
        picture, region.grass, shapes.smoothstep(outline + 2 * ragged, -2.4 * beach - 4, -1.8 * beach)
    )
    picture = covers.paint(picture, region.sediment, shapes.smoothstep(outline + ragged, -beach - 1, -beach + 1))
    return covers.water(rng, picture, region, outline, rng.uniform(30, 110), rng.uniform(0.2, 0.8))


def farmland(rng: Generator, size: int) -> np.ndarray:
    """Fields and woods with a village where two roads cross."""
    region = _region(rng, palettes.SETTLED)
    picture = covers.farmland(rng, size, region, rng.uniform(0.0, 0.25))
    village, angle = _point(rng, size), rng.uniform(0, np.pi)
    picture = covers.settlement(rng, picture, region, village, rng.uniform(16, 45))
    lines = [_road(rng, size, village, angle), _road(rng, size, village, angle + rng.uniform(0.9, 2.0))]
    return covers.roads(picture, lines, 1.5, palettes.ROAD)


def pivots(rng: Generator, size: int) -> np.ndarray:
    """Circles of irrigated crops in dry country."""
    sand = palettes.SANDS[rng.integers(len(palettes.SANDS)), 1]
    rolling = shapes.fractal_noise(rng, size, 2.6, 150)
    gravel = shapes.fractal_noise(rng, size, 1.6, 12)
    ground = covers.mottle(covers.plain(size, 0.5 * (sand + palettes.DRY.soil)), rolling + 0.5 * gravel, 0.06)
    return covers.pivots(rng, size, palettes.DRY, ground)


def forest(rng: Generator, size: int) -> np.ndarray:
    """Closed forest over gentle valleys, with clearings of several ages and forest roads."""
    region = _region(rng, palettes.SETTLED)
    _, height = _eroded(rng, size, 7, 10)
    picture = covers.canopy(rng, size, region.wood)
    plots = shapes.patchwork(rng, size, 200, 30, 26, 3.0)
    cleared = 1 - covers.wooded_plots(rng, size, plots, rng.uniform(0.8, 0.95))
    stage = covers.pick(rng, np.stack([region.grass, region.soil, region.wood * 1.5]), plots.count, 0.05)[plots.label]
    stage = covers.mottle(stage, shapes.fractal_noise(rng, size, 1.2, 12), 0.07)
    picture = covers.paint(picture, stage, cleared)
    lines = [_road(rng, size, _point(rng, size), rng.uniform(0, np.pi)) for _ in range(2)]
    picture = covers.roads(picture, lines, 1.1, palettes.TRACK * 0.9)
    return covers.lit(picture, shapes.hillshade(rng.uniform(0.1, 0.4) * height))


def town(rng: Generator, size: int) -> np.ndarray:
    """A town, its main roads and the farmland round it."""
    region = _region(rng, palettes.ALL)
    centre, angle = _point(rng, size), rng.uniform(0, np.pi)
    picture = covers.farmland(rng, size, region, rng.uniform(0.05, 0.4))
    picture = covers.settlement(rng, picture, region, centre, size * rng.uniform(0.4, 0.75))
    lines = [_road(rng, size, centre, angle + turn) for turn in (0.0, np.pi / 2, rng.uniform(0.5, 1.1))]
    return covers.roads(picture, lines, 2.4, palettes.ROAD * 0.92)
