"""Radial power spectrum: how much there is of which size, band by band, and what generated images lack of it.

Networks that grow images by up-scaling often get the fine end of the spectrum wrong (Durall et al. 2020, Dzanic et al.
2020). Every band of an image loses its mean, is faded out towards its borders (Hann window), and the squares of its
Fourier transform are averaged over rings around the centre, one pixel wide, up to half the side. Power is scaled so
that white noise of variance v has power v at every frequency, in 8-bit grey levels squared, and is told in decibels.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from scipy import fft

from progan_tf.metrics.batches import batches, require_side
from progan_tf.metrics.images import Images

_FIRST_FITTED = 2  # the window smears the ring before it


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """The radial power spectra of a set, rings 1 to R in order of frequency.

    `frequency` [R] is in cycles a pixel, up to 0.5. `decibels` [C, R] is the mean over images of the logarithm,
    `deviation` [C, R] its standard deviation over images. `power` [C, R] is the mean over images of the power itself,
    grey levels squared; `size` [R] counts the frequencies of a ring.
    """

    frequency: np.ndarray
    decibels: np.ndarray
    deviation: np.ndarray
    power: np.ndarray
    size: np.ndarray

    @property
    def slope(self) -> np.ndarray:
        """Exponent [C] of frequency that power falls by: 0 for white noise, -2 for a 1/f field; least squares."""
        fitted = slice(_FIRST_FITTED - 1, None)
        return np.polyfit(np.log10(self.frequency[fitted]), self.decibels[:, fitted].T / 10, 1)[0]

    @property
    def high_frequency_ratio(self) -> np.ndarray:
        """Share [C] of the power that lies at more than a quarter cycle a pixel: waves shorter than four pixels."""
        total = self.power * self.size
        return total[:, self.frequency > 0.25].sum(axis=1) / total.sum(axis=1)


@dataclasses.dataclass(frozen=True)
class PowerSpectrum:
    """`spectrum` is the log-spectral distance of two sets in decibels.

    `spectrum/slope` and `spectrum/high_frequency_ratio` are those of generated images, means over the bands;
    `spectrum/slope_gap` is generated less real, below 0 where fine detail is missing.
    """

    name = "spectrum"
    smallest = 2
    extractor = None

    def run(self, real: Images, generated: Images) -> Iterator[tuple[str, float]]:
        ours, theirs = spectrum(real.pixels), spectrum(generated.pixels)
        yield self.name, log_spectral_distance(ours, theirs)
        yield f"{self.name}/slope", float(theirs.slope.mean())
        yield f"{self.name}/slope_gap", float(theirs.slope.mean() - ours.slope.mean())
        yield f"{self.name}/high_frequency_ratio", float(theirs.high_frequency_ratio.mean())


def log_spectral_distance(a: Spectrum, b: Spectrum) -> float:
    """Root mean square, over bands and rings, of the difference of the mean logarithms of power, in decibels."""
    return float(np.sqrt(np.mean((a.decibels - b.decibels) ** 2)))


def spectrum(pixels: np.ndarray) -> Spectrum:
    """The spectra of images [N, S, S, C], uint8 or uint16.

    Power below 1/12 of a squared step of the dtype counts as that: it is what rounding to whole numbers adds anyway,
    and a flat image has a logarithm then.

    Raises:
        InputError: images are no squares of a power of two, or smaller than 8 pixels.
    """
    side = require_side(pixels, 8, PowerSpectrum.name, "a slope needs three rings")
    step = 255 / np.iinfo(pixels.dtype).max
    rings = _Rings(side)
    decibels, squares, power = (np.zeros((pixels.shape[-1], side // 2)) for _ in range(3))
    for batch in batches(pixels):
        found = np.maximum(rings.means(batch * np.float32(step)), step**2 / 12)
        logarithms = 10 * np.log10(found)
        decibels += logarithms.sum(axis=0)
        squares += (logarithms**2).sum(axis=0)
        power += found.sum(axis=0)
    decibels, squares, power = (total / len(pixels) for total in (decibels, squares, power))
    deviation = np.sqrt(np.maximum(squares - decibels**2, 0))
    return Spectrum(np.arange(1, side // 2 + 1) / side, decibels, deviation, power, rings.size)


class _Rings:
    """The rings 1 to S / 2 of the half plane that the transform of real numbers has, of S x S pixels."""

    def __init__(self, side: int):
        rows, columns = np.fft.fftfreq(side, 1 / side)[:, None], np.arange(side // 2 + 1)
        radius = np.rint(np.hypot(rows, columns)).astype(int)
        # Columns that the half plane leaves out mirror those inside, but for the first and the last.
        times = np.broadcast_to(np.where((columns == 0) | (columns == side // 2), 1, 2), radius.shape)
        inside = (radius >= 1) & (radius <= side // 2)
        order = np.argsort(radius[inside], kind="stable")
        self._places = np.flatnonzero(inside)[order]
        self._times = times[inside][order].astype(np.float32)
        self._starts = np.searchsorted(radius[inside][order], np.arange(1, side // 2 + 1))
        self.size = np.add.reduceat(times[inside][order], self._starts)
        hann = np.hanning(side + 1)[:-1]  # periodic
        self._window = np.outer(hann, hann).astype(np.float32)[:, :, None]

    def means(self, images: np.ndarray) -> np.ndarray:
        """Power float64 [N, C, S / 2] of images float32 [N, S, S, C]."""
        faded = (images - images.mean(axis=(1, 2), keepdims=True)) * self._window
        transform = fft.rfft2(np.moveaxis(faded, -1, 1))  # [N, C, S, S / 2 + 1]
        power = (transform.real**2 + transform.imag**2).reshape(*transform.shape[:2], -1)[..., self._places]
        sums = np.add.reduceat((power * self._times).astype(np.float64), self._starts, axis=-1)
        return sums / self.size / np.sum(self._window.astype(np.float64) ** 2)
