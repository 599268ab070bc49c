"""Pictures of extension: windows and what was made of them, marches, and curves by distance and by ring."""

import io
from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.figure
import numpy as np
from PIL import Image, ImageDraw

from experiments.extension_evaluation.goals import PUBLISHED_2019
from experiments.extension_evaluation.measures import Result
from progan_tf import imaging
from progan_tf.metrics.distance import ALL, NEAR
from progan_tf.metrics.joins import joins

_LINE = (255, 64, 160)  # around what is known; rare on the ground
_GAP, _HEAD = 4, 16
_SIDE = 128  # pixels a window has in a picture, about


def contexts(
    windows: np.ndarray, known: np.ndarray, columns: Mapping[str, np.ndarray], display_bands: tuple[int, ...]
) -> np.ndarray:
    """A row a window: what is known, outlined, then images [N, W, W, C] of every column under its name; RGB."""
    factor = max(1, _SIDE // windows.shape[1])
    given = np.where(known[..., np.newaxis], windows, np.iinfo(windows.dtype).max // 2)
    outlined = np.stack([_outlined(*pair, factor) for pair in zip(_rgb(given, display_bands), known, strict=True)])
    shown = {"known": outlined}
    shown |= {name: imaging.enlarge(_rgb(images, display_bands), factor) for name, images in columns.items()}
    cells = np.stack(list(shown.values()), axis=1)
    rows = [_in_a_row(row) for row in cells]
    side = cells.shape[2] + _GAP
    head = _text(rows[0].shape[1], [(number * side, name) for number, name in enumerate(shown)])
    return np.concatenate([head, *rows])


def marches(strips: Mapping[str, np.ndarray], known: int, display_bands: tuple[int, ...]) -> np.ndarray:
    """Strips [N, H, W, C] under the names of the methods, a line after the `known` columns; uint8 RGB."""
    parts = []
    for name, images in strips.items():
        shown = _rgb(images, display_bands).copy()
        shown[:, :, known] = _LINE
        framed = np.pad(shown, ((0, 0), (0, _GAP), (0, 0), (0, 0)), constant_values=255)
        parts += [_text(shown.shape[2], [(0, name)]), *framed]
    return np.concatenate(parts)


def curves(real: Result, results: Sequence[Result]) -> bytes | None:
    """A PNG of L1 and diversity by distance and of gradient energy and deviation by ring, whichever were measured."""
    panels = []
    if results[0].errors:
        panels.append(("L1 to the truth, grey levels", "pixels from the known part", _bands(results, "errors")))
    if real.diversity:
        panels.append(
            ("difference between samples", "pixels from the known part", _bands([real, *results], "diversity"))
        )
    marched = [result for result in results if result.rings]
    if marched:
        for field, title in (("gradient_energy", "gradient energy"), ("deviation", "standard deviation")):
            lines = {result.name: [getattr(ring, field) for ring in result.rings] for result in marched}
            lines["real"] = [getattr(real.rings[0], field)] * len(marched[0].rings)
            if field == "gradient_energy":
                lines["2019 roll-out (other imagery)"] = PUBLISHED_2019[field]
            panels.append((f"{title}, grey levels", "ring", (list(range(1, len(marched[0].rings) + 1)), lines)))
    if not panels:
        return None
    figure = matplotlib.figure.Figure(figsize=(5.2 * len(panels), 4.2), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, label, (places, lines)) in zip(axes, panels, strict=True):
        for name, values in lines.items():
            style = {"color": "black", "linestyle": "--"} if name == "real" else {}
            axis.plot(range(len(values)), values, marker=".", label=name, **style)
        axis.set_xticks(range(len(places)), [str(place) for place in places], fontsize=7)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel(label, fontsize=9)
        axis.set_ylim(0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _bands(results: Sequence[Result], field: str) -> tuple[list[str], dict[str, list[float]]]:
    bands = [band for band in getattr(results[0], field) if band not in (NEAR, ALL)]
    lines = {}
    for result in results:
        values = [getattr(result, field)[band] for band in bands]
        lines[result.name] = [value.l1 if field == "errors" else value for value in values]
    return [band.name for band in bands], lines


def _outlined(image: np.ndarray, known: np.ndarray, factor: int) -> np.ndarray:
    """An image [W, W, 3], enlarged, with lines along the joins of its mask."""
    large = imaging.enlarge(image[np.newaxis], factor)[0].copy()
    for join in joins(known):
        place, along = join.place * factor, slice(join.start * factor, join.stop * factor)
        turned = large if join.upright else large.swapaxes(0, 1)
        turned[along, place - 1 : place + 1] = _LINE
    return large


def _rgb(images: np.ndarray, display_bands: tuple[int, ...]) -> np.ndarray:
    shown = imaging.to_display(images, display_bands)
    return np.repeat(shown, 3, axis=-1) if shown.shape[-1] == 1 else shown


def _in_a_row(cells: np.ndarray) -> np.ndarray:
    """Cells [M, H, W, 3] side by side, with gaps."""
    framed = np.pad(cells, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=255)
    return imaging.grid(framed, len(framed))


def _text(width: int, said: Sequence[tuple[int, str]]) -> np.ndarray:
    """A white strip [16, width, 3] with words from given columns on."""
    strip = Image.new("RGB", (width, _HEAD), "white")
    for column, words in said:
        ImageDraw.Draw(strip).text((column + 2, 2), words, fill="black")
    return np.asarray(strip)
