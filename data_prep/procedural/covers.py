"""What covers the land, painted layer over layer on a picture: float32 [size, size, 3], R, G, B from 0 to 255.

A cover is a share of the ground, float32 [size, size] from 0 to 1. Lengths are pixels of roughly 5-10 m.
"""

import numpy as np
from scipy import ndimage

from data_prep.procedural import palettes
from data_prep.procedural.palettes import Region
from data_prep.procedural.shapes import (
    Generator,
    Parcels,
    coordinates,
    fractal_noise,
    hillshade,
    mean_of,
    nearest,
    patchwork,
    smoothstep,
)


def paint(picture: np.ndarray, colour: np.ndarray, cover: np.ndarray | float) -> np.ndarray:
    """The picture with `colour` ([3] or [size, size, 3]) laid over it where `cover` is."""
    cover = np.asarray(cover, np.float32)
    return picture + (colour - picture) * (cover[..., None] if cover.ndim else cover)


def plain(size: int, colour: np.ndarray) -> np.ndarray:
    """A picture of one colour."""
    return np.broadcast_to(np.float32(colour), (size, size, 3))


def mottle(picture: np.ndarray, tone: np.ndarray, strength: float) -> np.ndarray:
    """The picture made lighter and darker by `tone` (mean 0, deviation 1)."""
    return picture * (1 + np.float32(strength) * tone)[..., None]


def lit(picture: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """The picture under `hillshade`; what the sun does not reach is lit by the sky, which is bluer."""
    sky = np.array([0.28, 0.32, 0.40], np.float32)
    return picture * (sky + (1 - sky) * shade[..., None].astype(np.float32))


def pick(rng: Generator, colours: np.ndarray, count: int, spread: float) -> np.ndarray:
    """`count` of the colours [count, 3], some more often than others, each varied a little in tone and hue."""
    chance = rng.dirichlet(np.full(len(colours), 1.2))
    chosen = colours[rng.choice(len(colours), count, p=chance)]
    return (chosen * (1 + rng.normal(0, spread, (count, 1))) + rng.normal(0, 60 * spread, (count, 3))).astype(
        np.float32
    )


def canopy(rng: Generator, size: int, wood: np.ndarray) -> np.ndarray:
    """A picture of closed forest: crowns of 2-4 pixels lit from one side, in stands of different age and kind."""
    crowns = fractal_noise(rng, size, 1.0, 5.0, 2.5)
    stands = fractal_noise(rng, size, 2.6, 150, 6.0)
    hue = np.stack([stands * 5, stands * 4, stands * 1], -1)
    return lit(plain(size, wood) + hue, 0.35 + 0.65 * hillshade(0.48 * crowns)) * 1.12


def fields(rng: Generator, size: int, region: Region, plots: Parcels) -> np.ndarray:
    """A picture of farmland: a crop on each plot with the lines of the machines, bare patches, hedges and tracks."""
    crop = pick(rng, region.crops, plots.count, 0.06)[plots.label]
    # Machines follow the longer side of the plot.
    lengthwise = plots.length >= plots.depth
    lane = np.where(lengthwise, plots.across, plots.along)
    lines = rng.standard_normal(4096).astype(np.float32)[(lane * 0.8 + 37 * plots.label).astype(int) % 4096]
    strength = (rng.uniform(0, 1, plots.count) ** 2 * 0.11).astype(np.float32)[plots.label]
    moisture = fractal_noise(rng, size, 2.2, 40)
    patchy = (rng.uniform(0, 1, plots.count) ** 2 * 0.10).astype(np.float32)[plots.label]
    picture = mottle(crop, lines * strength + moisture * patchy, 1.0)

    edge = plots.edge()
    border = rng.choice([0.0, 0.25, 0.8], plots.count, p=[0.3, 0.35, 0.35])[plots.label]
    hedge = smoothstep(fractal_noise(rng, size, 1.5, 20), 0.0, 0.8) * (border > 0.5)
    picture = paint(picture, region.grass * 0.85, border * smoothstep(edge, 1.0, 0.3))
    return paint(picture, region.wood * 0.9, hedge * smoothstep(edge, 2.6, 1.2))


def wooded_plots(rng: Generator, size: int, plots: Parcels, share: float) -> np.ndarray:
    """Cover of the woods among fields: whole plots where `share` of the land is wooded, with ragged outlines."""
    place = fractal_noise(rng, size, 3.2, 200)
    wood = 0.75 * mean_of(place, plots)[plots.label] + 0.25 * place + 0.05 * fractal_noise(rng, size, 2.0, 24, 6.0)
    limit = np.quantile(wood, 1 - share)
    return smoothstep(wood, limit, limit + 0.06)


def farmland(rng: Generator, size: int, region: Region, woods: float) -> np.ndarray:
    """A picture of fields in districts of different layout, with `woods` (0-1) of it wooded, on gently lit ground."""
    length, depth = np.exp(rng.uniform(np.log([16, 12]), np.log([48, 34])))
    plots = patchwork(rng, size, rng.uniform(120, 240), length, depth, rng.uniform(1, 6))
    picture = fields(rng, size, region, plots)
    lanes = rng.uniform(0.2, 0.8) * smoothstep(np.minimum(plots.across, plots.depth - plots.across), 1.1, 0.4)
    picture = paint(picture, palettes.TRACK, lanes)
    wood = wooded_plots(rng, size, plots, woods)
    picture = paint(picture, palettes.SHADOW, 0.5 * np.maximum(ndimage.shift(wood, 2, order=0) - wood, 0))
    picture = paint(picture, canopy(rng, size, region.wood), wood)
    return lit(picture, hillshade(rng.uniform(1, 4) * fractal_noise(rng, size, 4.0, 200, 36)))


def pivots(rng: Generator, size: int, region: Region, ground: np.ndarray) -> np.ndarray:
    """A picture of circles watered by turning booms (centre pivots) on a square grid in dry country."""
    apart = rng.uniform(38, 88)
    angle = rng.choice([0.0, rng.uniform(-0.3, 0.3)])
    along, across = coordinates(size, angle)
    origin = rng.uniform(0, apart, 2)
    column, row = np.floor((along + origin[0]) / apart), np.floor((across + origin[1]) / apart)
    label = (column * 613 + row * 37).astype(int) % 1024  # into tables of what differs from circle to circle
    x, y = (along + origin[0]) % apart - apart / 2, (across + origin[1]) % apart - apart / 2
    radius, turn = np.hypot(x, y), np.arctan2(y, x)

    corner = plain(size, region.soil * rng.uniform(0.85, 1.05))
    picture = paint(ground, mottle(corner, fractal_noise(rng, size, 2.0, 30), 0.05), 0.45)
    side = apart / 2 - np.maximum(abs(x), abs(y))
    picture = paint(picture, palettes.TRACK, 0.7 * smoothstep(side, 1.0, 0.3))
    # A boom may water two crops, in sectors.
    sectors = rng.choice([0.0, np.pi, np.pi / 2, 4.0], 1024)[label]
    second = (turn - rng.uniform(-np.pi, np.pi, 1024)[label]) % (2 * np.pi) < sectors
    crop = pick(rng, region.crops, 2048, 0.07)[label + 1024 * second]
    rings = rng.standard_normal(256).astype(np.float32)[(radius * 0.9 + 31 * label).astype(int) % 256]
    age = (turn - rng.uniform(-np.pi, np.pi, 1024)[label]) % (2 * np.pi) / np.pi - 1  # since the boom passed
    tone = 0.05 * rings + 0.05 * age + 0.04 * fractal_noise(rng, size, 2.0, 30)
    used = (rng.uniform(0, 1, 1024) < rng.uniform(0.65, 0.95))[label]
    full = apart * rng.choice([0.47, 0.47, 0.47, 0.4], 1024)[label]
    picture = paint(picture, mottle(crop, tone, 1.0), used * smoothstep(radius, full + 0.5, full - 0.5))
    return paint(picture, palettes.TRACK, 0.6 * used * smoothstep(abs(radius - full), 1.2, 0.4))


def roads(picture: np.ndarray, lines: list[np.ndarray], width: float, colour: np.ndarray) -> np.ndarray:
    """The picture crossed by roads along `lines` (each [m, 2]), with a verge on both sides."""
    distance, _ = nearest(np.concatenate(lines), len(picture))
    half = width / 2
    picture = paint(picture, palettes.SHADOW, 0.25 * smoothstep(distance, half + 2.0, half + 0.7))
    return paint(picture, colour, smoothstep(distance, half + 0.6, half - 0.5))


def settlement(
    rng: Generator, picture: np.ndarray, region: Region, centre: tuple[float, float], reach: float
) -> np.ndarray:
    """The picture with a town: quarters with streets bent by the ground, blocks of one kind of building each.

    It lies about `centre` (row, column), is densest there and ends, raggedly, about `reach` pixels away.
    """
    # Only the part of the picture where the town can be; chance sprawl reaches little beyond 1.6 times its reach.
    size = min(len(picture), round(3.2 * reach))
    top, left = (int(np.clip(place - size / 2, 0, len(picture) - size)) for place in centre)
    part = picture[top : top + size, left : left + size]
    row, column = np.ogrid[top : top + size, left : left + size]
    sprawl = 0.25 * fractal_noise(rng, size, 3.0, 120, 20)
    distance = np.hypot(row - centre[0], column - centre[1]) / reach + sprawl
    length, depth = rng.uniform(26, 38), rng.uniform(13, 18)
    blocks = patchwork(rng, size, rng.uniform(110, 260), length, depth, rng.uniform(3, 9))
    remote = mean_of(distance, blocks) + rng.normal(0, 0.10, blocks.count)

    # Kinds of block: houses with gardens, terraces, flats, works; yards and parks have nothing on them.
    likely = np.where(remote[:, None] < 0.4, [[0.1, 0.5, 0.28, 0.06, 0.06]], [[0.64, 0.12, 0.08, 0.09, 0.07]])
    place = mean_of(fractal_noise(rng, size, 3.0, 120, 30), blocks) + 0.45 * rng.standard_normal(blocks.count)
    rank = place.argsort().argsort() / blocks.count  # like stands by like
    kind = (rank[:, None] > np.cumsum(likely, 1)).sum(1).clip(0, 4)
    built = (remote < 1)[blocks.label].astype(np.float32)
    kinds = kind[blocks.label]
    edge = blocks.edge()

    ground = np.array([[98, 108, 84], [126, 120, 108], [110, 116, 100], [146, 142, 136], [86, 104, 70]], np.float32)
    ground[[0, 4]] = 0.5 * ground[[0, 4]] + 0.5 * region.grass
    yard = (ground * rng.uniform(0.9, 1.1, (5, 1)).astype(np.float32))[kinds]
    green = smoothstep(fractal_noise(rng, size, 1.2, 8), 0.2, 0.9)
    planted = np.array([0.6, 0.35, 0.6, 0.15, 0.85])[kinds]
    town = paint(mottle(yard, fractal_noise(rng, size, 1.0, 10), 0.05), region.wood * 1.1, green * planted)

    roof, label = _houses(rng, blocks, kinds)
    colours = pick(rng, region.roofs, 1024, 0.09)
    works = np.array([[206, 206, 206], [176, 180, 186], [232, 232, 230], [150, 156, 168], [190, 180, 168]], np.float32)
    hall = pick(rng, works, 1024, 0.05)
    # Shadows of one storey or of several fall to the south-east.
    tall = np.array([1, 1, 2, 2, 0])[kinds]
    shadow = np.maximum(ndimage.shift(roof * (tall > 0), 1, order=0), ndimage.shift(roof * (tall > 1), 2, order=0))
    town = paint(town, palettes.SHADOW, 0.7 * shadow)
    # The side of a roof that faces the sun is brighter.
    ridge = 1 + 0.10 * np.clip(2 * np.add(*np.gradient(ndimage.gaussian_filter(roof, 0.7))), -1, 1)
    colour = np.where((kinds == 3)[..., None], hall[label % 1024], 1.06 * colours[label % 1024]) * ridge[..., None]
    town = paint(town, colour, roof)

    street = palettes.ROAD * rng.uniform(0.85, 1.1)
    town = paint(town, street, smoothstep(edge, 1.3, 0.5))
    settled = picture.copy()
    settled[top : top + size, left : left + size] = paint(part, town, built)
    return settled


def _houses(rng: Generator, blocks: Parcels, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Roofs on lots that share each block out evenly: their cover, and a label for the lot of every pixel."""
    lot = np.array([5.0, 4.2, 9.0, 13.0, 99.0])[kinds]
    filled = np.array([0.88, 0.95, 0.8, 0.85, 0.0])[kinds]
    margin = np.array([0.75, 0.35, 1.8, 1.3, 0.0])[kinds]
    label, inside = blocks.label * 7919, []
    for place, extent in ((blocks.along - 1.5, blocks.length - 3), (blocks.across - 1.5, blocks.depth - 3)):
        step = extent / np.maximum(np.round(extent / lot), 1)
        number = np.floor(place / step)
        label = label * 31 + number.astype(int) + 3
        inside.append(step / 2 - np.abs(place - (number + 0.5) * step))
    # Houses differ in size.
    chance, smaller = rng.uniform(0, 1, 4096), rng.uniform(0, 0.9, (2, 4096))
    roof = np.minimum(inside[0] - smaller[0][label % 4096], inside[1] - smaller[1][label % 4096]) - margin
    within = blocks.edge() > 1.5
    return (np.clip(roof + 0.5, 0, 1) * within * (chance[label % 4096] < filled)).astype(np.float32), label


def water(
    rng: Generator, picture: np.ndarray, region: Region, depth: np.ndarray, shelf: float, foam: float
) -> np.ndarray:
    """The picture with water where `depth` (pixels from the shore, land negative) is positive.

    Shallow colour turns to deep over `shelf` pixels; `foam` (0-1) is how white the shore breaks.
    """
    size = len(picture)
    deep = smoothstep(depth * (1 + 0.15 * fractal_noise(rng, size, 2.5, 60, 8)), 0, shelf)
    swell = fractal_noise(rng, size, 1.0, 12, 3.0)
    body = mottle(region.shallow + (region.deep - region.shallow) * np.sqrt(deep)[..., None], swell, 0.012)
    breaking = foam * smoothstep(abs(depth - 1.5 - 0.7 * fractal_noise(rng, size, 1.5, 20)), 1.4, 0.2)
    picture = paint(picture, body, smoothstep(depth, -0.6, 0.6))
    return paint(picture, palettes.FOAM, breaking)
