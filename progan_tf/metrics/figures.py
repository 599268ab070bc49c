"""Plots of two sets of images, real and generated, each drawn once for light and once for dark pages."""

import dataclasses
import io
from collections.abc import Callable

import matplotlib
import matplotlib.figure
import matplotlib.style
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from scipy.sparse import linalg

from progan_tf.metrics.bands import BandStatistics
from progan_tf.metrics.batches import batches
from progan_tf.metrics.images import Images
from progan_tf.metrics.memorization import Distances
from progan_tf.metrics.spectrum import Spectrum

_COLOURS = {"default": ("#1f6feb", "#c2570c"), "dark_background": ("#6cabff", "#f0a267")}  # real, generated
_DARK_GROUND = "#14171a"
_BINS = 96
_FREQUENCIES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
EMBEDDED_SIDE = 16


@dataclasses.dataclass(frozen=True)
class Plot:
    """A plot as two PNG files. `alt` says what it shows to whom cannot see it; `name` is its file's stem.

    `wide` ones have several panels side by side.
    """

    name: str
    alt: str
    caption: str
    light: bytes
    dark: bytes
    wide: bool = False


def spectra(real: Spectrum, generated: Spectrum, bands: tuple[str, ...]) -> Plot:
    """Mean radial power spectra with their deviation over images, a panel a band."""

    def draw(axes: list[Axes], colours: tuple[str, str]) -> None:
        for band, axis in enumerate(axes):
            for found, colour, label in zip((real, generated), colours, ("real", "generated"), strict=True):
                mean, deviation = found.decibels[band], found.deviation[band]
                axis.plot(found.frequency, mean, color=colour, label=f"{label}, slope {found.slope[band]:.2f}")
                axis.fill_between(found.frequency, mean - deviation, mean + deviation, color=colour, alpha=0.15)
            axis.set_xscale("log")
            axis.set_xticks([tick for tick in _FREQUENCIES if tick >= real.frequency[0]])
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
            axis.legend(fontsize=8)

    said = ", ".join(
        f"{name} slope {real.slope[band]:.2f} real, {generated.slope[band]:.2f} generated"
        for band, name in enumerate(bands)
    )
    light, dark = _drawn(draw, bands, "cycles a pixel", "power, dB")
    caption = (
        "Radial power spectra: mean and standard deviation over images. Where the generated line ends lower, fine "
        "detail is missing."
    )
    return Plot("spectra", f"Power over frequency, by band: {said}", caption, light, dark, wide=len(bands) > 1)


def histograms(real: BandStatistics, generated: BandStatistics) -> Plot:
    """Share of pixels by value, a panel a band; the outermost thousandth of the real ones is cut off."""

    def draw(axes: list[Axes], colours: tuple[str, str]) -> None:
        for band, axis in enumerate(axes):
            first, last = _shown_values(real.counts[band])
            edges = np.unique(np.linspace(first, last + 1, min(_BINS, last + 1 - first) + 1).astype(int))
            for found, colour, label in zip((real, generated), colours, ("real", "generated"), strict=True):
                below = np.concatenate([[0], np.cumsum(found.counts[band])]) / found.counts[band].sum()
                axis.stairs(
                    100 * np.diff(below[edges]) / np.diff(edges),
                    real.low[band] + real.step[band] * edges,
                    color=colour,
                    label=label,
                )
            axis.set_ylim(0)
            axis.margins(x=0)
            axis.legend(fontsize=8)

    unit = "physical value" if real.physical else "grey level of 255"
    said = ", ".join(
        f"{name} mean {real.mean[band]:.4g} real, {generated.mean[band]:.4g} generated"
        for band, name in enumerate(real.bands)
    )
    light, dark = _drawn(draw, real.bands, unit, "% of pixels a value")
    alt, caption = f"Histograms of pixel values, by band: {said}", "Values of the pixels, band by band."
    return Plot("bands", alt, caption, light, dark, wide=len(real.bands) > 1)


def distances(found: Distances, unit: str) -> Plot:
    """Distances of generated and of held-out real images to the nearest training image; there are some of both."""

    def draw(axes: list[Axes], colours: tuple[str, str]) -> None:
        edges = np.histogram_bin_edges(np.concatenate([found.generated, found.held_out]), bins=40)
        shown = (("held-out real", found.held_out, colours[0]), ("generated", found.generated, colours[1]))
        for label, values, colour in shown:
            share = 100 * np.histogram(values, edges)[0] / len(values)
            axes[0].stairs(share, edges, color=colour, label=f"{label}, median {np.median(values):.3g}")
        axes[0].axvline(found.limit, color="grey", linestyle="--", linewidth=0.9, label="nearest 1 % of held-out real")
        axes[0].set_ylim(0)
        axes[0].legend(fontsize=8)

    light, dark = _drawn(draw, ("to the nearest training image",), unit, "% of images")
    alt = (
        f"Histogram of distances to the nearest training image: median {np.median(found.generated):.3g} generated, "
        f"{np.median(found.held_out):.3g} held-out real; {100 * found.share:.1f} % of generated images are within the "
        f"nearest hundredth of held-out ones"
    )
    caption = "Copies would pile up left of the dashed line. It is passed by 1 % of held-out real images."
    return Plot("distances", alt, caption, light, dark)


def embedding(real: np.ndarray, generated: np.ndarray, space: str) -> Plot:
    """Both sets [N, D] and [M, D] on their two principal components; `space` names what D is."""
    flat, share = principal_components(np.concatenate([real, generated]))

    def draw(axes: list[Axes], colours: tuple[str, str]) -> None:
        parts = ((flat[: len(real)], colours[0], "real"), (flat[len(real) :], colours[1], "generated"))
        for points, colour, label in parts:
            axes[0].scatter(*points.T, s=7, alpha=0.5, linewidths=0, color=colour, label=label)
        axes[0].legend(fontsize=8)

    light, dark = _drawn(draw, (space,), f"first component, {100 * share[0]:.0f} %", f"second, {100 * share[1]:.0f} %")
    alt = f"Scatter plot of {len(real)} real and {len(generated)} generated images on two principal components"
    caption = (
        "Every point is an image. Where one colour lies alone, the other set has nothing like it. Two of many "
        f"dimensions are seen, with {100 * share.sum():.0f} % of the variance."
    )
    return Plot("embedding", alt, caption, light, dark)


def principal_components(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, D] on their first two principal components, [N, 2], and the shares [2] of the variance there."""
    centred = points - points.mean(axis=0)
    total = float(np.square(centred).sum(dtype=np.float64))
    if total == 0 or min(centred.shape) < 3:
        return np.zeros((len(points), 2)), np.zeros(2)
    left, values, _ = linalg.svds(centred, k=2, v0=np.ones(min(centred.shape)))
    order = np.argsort(-values)
    return (left * values)[:, order], np.square(values[order]) / total


def coarse(images: Images) -> np.ndarray:
    """Images as vectors float32 [N, D] of their means over squares, 16 or fewer a side: a space without a network."""
    factor = max(1, images.pixels.shape[1] // EMBEDDED_SIDE)
    found = [shrink(batch, factor).reshape(len(batch), -1) for batch in batches(images.pixels)]
    return np.concatenate(found) / np.float32(images.top)


def shrink(images: np.ndarray, factor: int) -> np.ndarray:
    """Means float32 of squares of `factor` pixels a side of images [N, H, W, C]; what is left over is cut off."""
    count, height, width, channels = images.shape
    rows, columns = height // factor, width // factor
    whole = images[:, : rows * factor, : columns * factor]
    return whole.reshape(count, rows, factor, columns, factor, channels).mean(axis=(2, 4), dtype=np.float32)


def _shown_values(counts: np.ndarray) -> tuple[int, int]:
    """The first and the last value between which all but a thousandth of the pixels lie."""
    shares = np.cumsum(counts) / counts.sum()
    return int(np.searchsorted(shares, 0.0005)), int(np.searchsorted(shares, 0.9995))


def _drawn(
    draw: Callable[[list[Axes], tuple[str, str]], None], titles: tuple[str, ...], x: str, y: str
) -> tuple[bytes, bytes]:
    """A light and a dark PNG of panels with titles, three in a row, that `draw` fills in two colours."""
    columns = min(len(titles), 3)
    rows = -(-len(titles) // columns)
    files = []
    for style, colours in _COLOURS.items():
        with matplotlib.style.context(style):
            figure = matplotlib.figure.Figure(
                figsize=(7.5, 4.2) if columns == 1 else (10, 0.8 + 2.9 * rows), layout="constrained"
            )
            panels = figure.subplots(rows, columns, squeeze=False).ravel()
            for panel in panels[len(titles) :]:
                panel.set_visible(False)
            axes = list(panels[: len(titles)])
            for axis, title in zip(axes, titles, strict=True):
                axis.set_title(title, fontsize=10, parse_math=False)
                axis.tick_params(labelsize=8)
                axis.grid(alpha=0.3)
            draw(axes, colours)
            figure.supxlabel(x, fontsize=9)
            figure.supylabel(y, fontsize=9)
            ground = _DARK_GROUND if style == "dark_background" else "white"
            for axis in axes:
                axis.set_facecolor(ground)
            file = io.BytesIO()
            figure.savefig(file, format="png", dpi=110, facecolor=ground)
            files.append(file.getvalue())
    light, dark = files
    return light, dark
