"""The augmentations once more, an image at a time, in double precision with NumPy and SciPy: slow and plain.

Of every transformation the numbers that say how come first, the one that says whether comes last.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
from scipy import ndimage
from scipy.interpolate import CubicHermiteSpline
from scipy.spatial.transform import Rotation
from scipy.stats import norm


def images(count: int, size: int, channels: int, seed: int = 0) -> np.ndarray:
    """Random images in [-1, 1], float32 [count, size, size, channels]."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, size, size, channels)).astype(np.float32)


def draws(count: int, numbers: int, seed: int = 1) -> np.ndarray:
    """Uniform numbers as training draws them: multiples of 2^-23 in [0, 1), float32 [count, numbers]."""
    return (np.random.default_rng(seed).integers(0, 2**23, (count, numbers)) / 2**23).astype(np.float32)


def ada(image: np.ndarray, numbers: np.ndarray, p: float) -> np.ndarray:
    """An image [H, H, C] through ADA's pipeline, by the numbers [28] of that image."""
    each = iter(numbers.astype(np.float64))
    image = recolour(move(blit(image.astype(np.float64), each, p), each, p), each, p)
    assert not list(each)
    return image


def blit(image: np.ndarray, numbers: Iterator[float], p: float) -> np.ndarray:
    size = len(image)
    mirrored, coin = take(numbers, 2)
    if coin < p and mirrored >= 0.5:
        image = image[:, ::-1]
    turns, coin = take(numbers, 2)
    if coin < p:
        image = np.rot90(image, -int(turns * 4))  # clockwise
    down, right, coin = take(numbers, 3)
    if coin < p:
        down, right = (round((number * 2 - 1) * size / 8) for number in (down, right))
        rows, columns = (np.arange(size) - by + size for by in (down, right))
        image = np.pad(image, ((size, size), (size, size), (0, 0)), mode="symmetric")[rows][:, columns]
    return image


def move(image: np.ndarray, numbers: Iterator[float], p: float) -> np.ndarray:
    p_turn = 1 - math.sqrt(1 - p)
    matrix = np.eye(3)  # from where something is to where it goes, x and y
    amount, coin = take(numbers, 2)
    if coin < p:
        matrix = np.diag([2 ** (0.2 * norm.ppf(amount))] * 2 + [1]) @ matrix
    matrix = turn(*take(numbers, 2), p_turn) @ matrix
    amount, coin = take(numbers, 2)
    if coin < p:
        stretch = 2 ** (0.2 * norm.ppf(amount))
        matrix = np.diag([stretch, 1 / stretch, 1]) @ matrix
    matrix = turn(*take(numbers, 2), p_turn) @ matrix
    right, down, coin = take(numbers, 3)
    if coin < p:
        shift = np.eye(3)
        shift[:2, 2] = 0.125 * norm.ppf(right), 0.125 * norm.ppf(down)
        matrix = shift @ matrix
    return image if (matrix == np.eye(3)).all() else warp(image, np.linalg.inv(matrix))


def turn(amount: float, coin: float, p: float) -> np.ndarray:
    matrix = np.eye(3)
    if coin < p:
        matrix[:2, :2] = Rotation.from_euler("z", (amount * 2 - 1) * math.pi).as_matrix()[:2, :2]
    return matrix


def warp(image: np.ndarray, source: np.ndarray) -> np.ndarray:
    """The place (x, y) of the result shows source @ (x, y, 1), in sides from the middle; read at 4 places a pixel."""
    size, channels = len(image), image.shape[2]
    fine = upscaled(upscaled(image).swapaxes(0, 1)).swapaxes(0, 1)
    middles = (np.arange(2 * size) + 0.5) / (2 * size) - 0.5
    x, y = np.meshgrid(middles, middles)
    across, down, _ = np.tensordot(source, np.stack([x, y, np.ones_like(x)]), 1)
    places = [(at + 0.5) * 2 * size - 0.5 for at in (down, across)]
    read = [ndimage.map_coordinates(fine[..., band], places, order=1, mode="reflect") for band in range(channels)]
    return np.stack(read, axis=-1).reshape(size, 2, size, 2, channels).mean(axis=(1, 3))


def upscaled(image: np.ndarray) -> np.ndarray:
    """Twice as many rows: the Hermite spline with central differences as slopes (Catmull-Rom), mirrored outside."""
    size = len(image)
    rows = np.pad(image, ((3, 3), (0, 0), (0, 0)), mode="symmetric")
    slopes = np.zeros_like(rows)
    slopes[1:-1] = (rows[2:] - rows[:-2]) / 2
    spline = CubicHermiteSpline(np.arange(-3, size + 3), rows, slopes)
    return spline((np.arange(2 * size) + 0.5) / 2 - 0.5)


def recolour(image: np.ndarray, numbers: Iterator[float], p: float) -> np.ndarray:
    channels = image.shape[2]
    luma = np.full(channels, channels**-0.5)
    amount, coin = take(numbers, 2)
    if coin < p:
        image = image + 0.2 * norm.ppf(amount)
    amount, coin = take(numbers, 2)
    if coin < p:
        image = image * 2 ** (0.5 * norm.ppf(amount))
    negative, coin = take(numbers, 2)
    if coin < p and negative >= 0.5:
        image = image @ (np.eye(channels) - 2 * np.outer(luma, luma))
    amount, coin = take(numbers, 2)
    if coin < p:
        image = hue(image, (amount * 2 - 1) * math.pi)
    amount, coin = take(numbers, 2)
    if coin < p:
        grey = np.outer(luma, luma)
        image = image @ (grey + 2 ** norm.ppf(amount) * (np.eye(channels) - grey))
    return image


def hue(image: np.ndarray, angle: float) -> np.ndarray:
    """Phases of the discrete Fourier transform over channels moved by an angle, but for the mean and alternation."""
    channels = image.shape[2]
    waves = np.fft.rfft(image, axis=2)
    turned = [wave for wave in range(1, waves.shape[2]) if 2 * wave != channels]
    waves[..., turned] *= np.exp(-1j * angle)
    return np.fft.irfft(waves, channels, axis=2)


def diffaugment(image: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """An image [H, H, C] through DiffAugment, by the numbers [7] of that image."""
    brightness, saturation, contrast, *places = numbers.astype(np.float64)
    size = len(image)
    image = image.astype(np.float64) + brightness - 0.5
    image = scaled(image, image.mean(axis=2, keepdims=True), 2 * saturation)
    image = scaled(image, image.mean(), 0.5 + contrast)
    most = math.floor(size / 8 + 0.5)
    down, right = (int(number * (2 * most + 1)) - most for number in places[:2])
    moved = np.zeros_like(image)
    for row, column in itertools.product(range(size), repeat=2):
        if 0 <= row + down < size and 0 <= column + right < size:
            moved[row + down, column + right] = image[row, column]
    top, left = (int(number * (size + 1)) - size // 4 for number in places[2:])
    for row, column in itertools.product(range(size // 2), repeat=2):
        if 0 <= top + row < size and 0 <= left + column < size:
            moved[top + row, left + column] = 0
    return moved


def scaled(image: np.ndarray, middle: np.ndarray, factor: float) -> np.ndarray:
    return middle + factor * (image - middle)


def take(numbers: Iterator[float], count: int) -> list[float]:
    return list(itertools.islice(numbers, count))
