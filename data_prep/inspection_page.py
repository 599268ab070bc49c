"""Pictures of what a dataset holds, and one page that shows them all."""

import dataclasses
import html
import os
from pathlib import Path

import matplotlib.figure
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection

from data_prep import ground, inspection
from progan_tf import imaging
from progan_tf.data.manifest import Manifest
from progan_tf.errors import InputError

PAGE = "inspection.html"
_TILES, _COLUMNS, _TILE_SIDE = 64, 8, 64
_STRIP_SIDE = 128  # at least
_COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c")
_MOST_LABELS = 100

_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>progan-tf: dataset {name}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem; }}
h1, h2 {{ line-height: 1.2; overflow-wrap: anywhere; }}
h2 {{ margin-top: 2.5rem; }}
figure {{ margin: 0; }}
figcaption {{ color: GrayText; font-size: 0.9rem; }}
img {{ max-width: 100%; }}
.pixels {{ image-rendering: pixelated; width: 100%; }}
.pair {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }}
.strip, .plot {{ overflow-x: auto; }}
.strip img {{ image-rendering: pixelated; height: 10rem; max-width: none; }}
.plot img {{ min-width: 38rem; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; overflow-wrap: anywhere; }}
th {{ white-space: pre-wrap; font-weight: 600; }}
</style>
</head>
<body>
<h1>Dataset {name}: {images:,} images of {resolution} x {resolution}</h1>
{sections}
<h2>Manifest</h2>
<table>{rows}</table>
</body>
</html>
"""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG beside the page. `style` is its class there: `pixels` fills its width, `strip` and `plot` may scroll."""

    file: str
    title: str
    caption: str
    style: str = "plot"


def write(directory: str, manifest: Manifest, labels: dict[str, list[int]], output: Path, seed: int = 0) -> Path:
    """Draws all pictures of an undamaged dataset into the folder `output`; returns the path of the page there.

    `labels` are inspection.label_counts; `seed` draws the tiles that are shown.
    """
    pictures = [_sheet(directory, manifest, split, output, seed) for split in manifest.splits]
    pictures.append(_strip(directory, manifest, output))
    pictures.append(_histograms(directory, manifest, output))
    if labels:
        pictures.append(_labels(manifest, labels, output))
    footprints = {split: inspection.footprints(directory, manifest, split) for split in manifest.splits}
    if any(footprints.values()):
        pictures.append(_map(manifest, footprints, output))
    rows = inspection.table(manifest, labels)
    page = _HTML.format(
        name=html.escape(manifest.name),
        images=sum(map(manifest.images, manifest.splits)),
        resolution=manifest.resolution,
        sections=_sections(pictures),
        rows="".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>" for name, text in rows),
    )
    path = output / PAGE
    temporary = output / f"{PAGE}.{os.getpid()}"
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(path)
    return path


def _sections(pictures: list[Picture]) -> str:
    """Pictures under their titles; those of one title stand side by side."""
    titles = dict.fromkeys(picture.title for picture in pictures)
    sections = []
    for title in titles:
        figures = [_figure(picture) for picture in pictures if picture.title == title]
        shown = f'<div class="pair">{"".join(figures)}</div>' if len(figures) > 1 else figures[0]
        sections.append(f"<h2>{html.escape(title)}</h2>\n{shown}")
    return "\n".join(sections)


def _figure(picture: Picture) -> str:
    caption = html.escape(picture.caption)
    pixels = ' class="pixels"' if picture.style == "pixels" else ""
    image = f'<img{pixels} src="{html.escape(picture.file)}" alt="{caption}">'
    image = image if pixels else f'<div class="{picture.style}">{image}</div>'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _sheet(directory: str, manifest: Manifest, split: str, output: Path, seed: int) -> Picture:
    """Random tiles of a split side by side."""
    level = inspection.level_nearest(manifest, _TILE_SIDE)
    tiles = inspection.random_tiles(directory, manifest, split, level, _TILES, seed)
    shown = imaging.to_display(tiles, manifest.display_bands)
    shown = _framed(imaging.enlarge(shown, max(1, _TILE_SIDE >> level)))
    file = f"tiles_{split}.png"
    imaging.write_png(output / file, imaging.grid(shown, columns=min(_COLUMNS, len(shown))))
    caption = f"{split}: {len(tiles)} of {manifest.images(split):,} images, at {2**level} x {2**level}"
    return Picture(file, "Random tiles", caption, "pixels")


def _strip(directory: str, manifest: Manifest, output: Path) -> Picture:
    """One tile at all levels, every pixel enlarged to the same size."""
    images = inspection.mipmap_strip(directory, manifest)
    side = max(_STRIP_SIDE, manifest.resolution)
    shown = [imaging.to_display(image[np.newaxis], manifest.display_bands) for image in images]
    enlarged = np.concatenate([imaging.enlarge(image, side // image.shape[1]) for image in shown])
    imaging.write_png(output / "mipmaps.png", imaging.grid(_framed(enlarged), columns=len(enlarged)))
    sides = ", ".join(str(2**level) for level in manifest.levels)
    return Picture("mipmaps.png", "One tile at all levels", f"{sides} pixels a side", "strip")


def _framed(images: np.ndarray) -> np.ndarray:
    """Images [N, H, W, C] with a white edge, or tiles of one colour would run into each other."""
    return np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=255)


def _histograms(directory: str, manifest: Manifest, output: Path) -> Picture:
    """A panel a band: how often a value occurs, and how much is black or saturated."""
    level = manifest.levels[len(manifest.levels) // 2]
    counts = {split: inspection.histograms(directory, manifest, split, level) for split in manifest.splits}
    centres = inspection.bin_centres(manifest)
    columns = min(manifest.channels, 3)
    rows = -(-manifest.channels // columns)
    figure = matplotlib.figure.Figure(figsize=(10, 0.6 + 2.4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in panels[manifest.channels :]:
        axis.set_visible(False)
    for band, name in enumerate(manifest.bands):
        axis = panels[band]
        highest = 0.0
        for (split, count), colour in zip(counts.items(), _colours(counts), strict=True):
            share = 100 * count[band] / count[band].sum()
            axis.plot(centres[band], share, drawstyle="steps-mid", color=colour, linewidth=1.2, label=split)
            highest = max(highest, share[1:-1].max())  # black and saturated pixels would flatten the rest
        total = sum(count[band] for count in counts.values())
        ends = 100 * total[[0, -1]] / total.sum()
        axis.set_title(f"{name}   (lowest {ends[0]:.1f} %, highest {ends[1]:.1f} %)", fontsize=9, parse_math=False)
        axis.set_ylim(0, 1.1 * highest or None)
        axis.margins(x=0)
        axis.grid(alpha=0.3)
        axis.tick_params(labelsize=8)
    panels[0].legend(fontsize=8)
    figure.supxlabel("physical value" if manifest.scaling else f"pixel, {manifest.dtype}", fontsize=9)
    figure.supylabel("% of pixels", fontsize=9)
    _save(figure, output / "histograms.png")
    caption = f"Pixels of {2**level} x {2**level}; in brackets the share of the lowest and the highest value"
    return Picture("histograms.png", "Histograms", caption)


def _labels(manifest: Manifest, labels: dict[str, list[int]], output: Path) -> Picture:
    """Bars of images a label, the splits on top of each other."""
    shown = range(len(manifest.labels))[:_MOST_LABELS]
    figure = matplotlib.figure.Figure(figsize=(10, 1.0 + 0.28 * len(shown)), layout="constrained")
    axis = figure.subplots()
    left = np.zeros(len(shown))
    for (split, counts), colour in zip(labels.items(), _colours(labels), strict=True):
        axis.barh(shown, counts[: len(shown)], left=left, color=colour, label=split)
        left += counts[: len(shown)]
    axis.set_yticks(shown, manifest.labels[: len(shown)], parse_math=False, fontsize=9)
    axis.set_ylim(len(shown) - 0.5, -0.5)
    axis.set_xlim(0, 1.03 * max(1, left.max()))
    axis.set_xlabel("images")
    axis.grid(axis="x", alpha=0.3)
    if len(labels) > 1:
        figure.legend(loc="outside upper center", ncols=len(labels))
    _save(figure, output / "labels.png")
    more = f"the first {len(shown)} of {len(manifest.labels):,} labels" if len(shown) < len(manifest.labels) else ""
    return Picture("labels.png", "Labels", f"Images a label{more and ': '}{more}")


def _map(manifest: Manifest, footprints: dict[str, dict[str, np.ndarray]], output: Path) -> Picture:
    """A panel a coordinate system, tiles coloured by split."""
    systems = sorted({crs for found in footprints.values() for crs in found})
    figure = matplotlib.figure.Figure(figsize=(10, 7 * len(systems)), layout="constrained")
    for axis, crs in zip(figure.subplots(len(systems), squeeze=False)[:, 0], systems, strict=True):
        for (split, found), colour in zip(footprints.items(), _colours(footprints), strict=True):
            if crs in found:
                corners, degrees = _corners(crs, found[crs])
                axis.add_collection(
                    PolyCollection(corners, facecolor=colour, edgecolor=colour, alpha=0.5, linewidth=0.6, label=split)
                )
        axis.autoscale_view()
        _scale(axis, degrees)
        axis.set_title(crs if len(crs) < 60 else f"{crs[:57]}...", parse_math=False)
        axis.legend(loc="best")
        axis.grid(alpha=0.3)
    _save(figure, output / "footprints.png")
    placed = sum(len(bounds) for found in footprints.values() for bounds in found.values())
    looked_at = sum(min(inspection.MOST_IMAGES, manifest.images(split)) for split in manifest.splits)
    caption = f"Where the tiles lie, coloured by split; {placed:,} of {looked_at:,} tiles have a place"
    return Picture("footprints.png", "Footprints", caption)


def _corners(crs: str, bounds: np.ndarray) -> tuple[np.ndarray, bool]:
    """Corners [N, 4, 2] of tiles in degrees of longitude and latitude, or else as they are, and whether in degrees."""
    xs, ys = bounds[:, [0, 2, 2, 0]], bounds[:, [1, 1, 3, 3]]
    try:
        return np.stack(ground.to_lon_lat(crs, xs, ys), axis=-1), True
    except InputError:  # no rasterio, or nothing it can convert
        return np.stack([xs, ys], axis=-1), False


def _scale(axis: Axes, degrees: bool) -> None:
    """Makes a kilometre as long in both directions, and names the units."""
    if degrees:
        axis.set_aspect(1 / max(0.05, np.cos(np.radians(np.mean(axis.get_ylim())))), adjustable="datalim")
        axis.set_xlabel("longitude, degrees")
        axis.set_ylabel("latitude, degrees")
    else:
        axis.set_aspect("equal", adjustable="datalim")
    axis.ticklabel_format(useOffset=False, style="plain")


def _colours(splits: dict) -> tuple[str, ...]:
    return tuple(_COLOURS[number % len(_COLOURS)] for number in range(len(splits)))


def _save(figure: matplotlib.figure.Figure, path: Path) -> None:
    """Writes a figure as PNG, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    figure.savefig(temporary, format="png", dpi=100)
    temporary.replace(path)
