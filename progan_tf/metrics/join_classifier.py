"""Can a network that was told to find joins find them? The area under its ROC curve; 0.5: it cannot.

It learns to tell squares with a join down their middle from squares of the same images whose middle has the same phase
(see `joins`) and no join, then is asked about images it has not seen. Every half of the images serves for learning
once and for asking once. It is small, one convolution and what it saw along each column, and is made anew from
seeds, so the same images give the same figure.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from scipy import stats

from progan_tf.errors import InputError
from progan_tf.metrics.grey import grey_levels
from progan_tf.metrics.joins import PHASE, joins, like_places

_LARGEST = 64
_FEATURES, _STEPS, _BATCH, _RATE, _DECAY = 32, 200, 64, 2e-3, 1e-2
LEAST_IMAGES = 8  # with a join that squares fit around


@dataclasses.dataclass(frozen=True, eq=False)
class Squares:
    """Squares `pixels` [M, S, S, C] of images; those `joined` [M] have a join down their middle. `image` [M] is whose
    they are."""

    pixels: np.ndarray
    joined: np.ndarray
    image: np.ndarray


def squares(images: np.ndarray, known: np.ndarray) -> Squares:
    """All squares side by side along the joins of images [N, H, W, C] under masks [N, H, W], turned so that joins run
    down, and as many without a join.

    They are half as large as images, 64 pixels at most. Of the places like a join those to either side take turns.
    """
    side = min(_LARGEST, images.shape[1] // 2)
    half, pixels, joined, owners = side // 2, [], [], []
    for number, (image, mask) in enumerate(zip(images, known, strict=True)):
        for join in joins(mask):
            places = [place for place in like_places(join, mask, half) if abs(place - join.place) >= max(half, PHASE)]
            size = images.shape[2] if join.upright else images.shape[1]
            if not places or not half <= join.place <= size - half:
                continue
            lines = join.lines(image)
            for turn, top in enumerate(range(0, join.length - side + 1, side)):
                for place in (join.place, places[(number + turn) % len(places)]):
                    pixels.append(lines[top : top + side, place - half : place + half])
                    joined.append(place == join.place)
                    owners.append(number)
    shape = (len(pixels), side, side, images.shape[-1])
    stacked = np.stack(pixels) if pixels else np.empty(shape, images.dtype)
    return Squares(stacked, np.array(joined, bool), np.array(owners, int))


def area(images: np.ndarray, known: np.ndarray, seed: int = 0) -> float:
    """Area under the ROC curve on images not learnt from, the mean of both halves.

    Args:
        images: [N, H, W, C], uint8 or uint16, in random order.
        known: masks [N, H, W], true where a pixel was known.

    Raises:
        InputError: there are fewer than 8 images with a join that squares fit around.
    """
    found = squares(images, known)
    owners = np.unique(found.image)
    if len(owners) < LEAST_IMAGES:
        raise InputError(
            f"a classifier needs {LEAST_IMAGES} windows with a straight join half a window long, and as much of the "
            f"window to either side; there are {len(owners)}: give more windows, or leave the classifier out"
        )
    first = np.isin(found.image, owners[: len(owners) // 2])
    areas = []
    for learnt in (first, ~first):
        score = _learn(found.pixels[learnt], found.joined[learnt], seed)
        areas.append(area_under_curve(score(found.pixels[~learnt]), found.joined[~learnt]))
    return float(np.mean(areas))


def area_under_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive scores above a negative, ties by half: the rank sum of Mann and Whitney (1947)."""
    positives, total = int(positive.sum()), len(positive)
    ranks = stats.rankdata(scores)[positive].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * (total - positives)))


def _learn(pixels: np.ndarray, joined: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function from squares [M, S, S, C] to scores [M], higher where a join is seen."""
    import keras

    layers, seeds = keras.layers, iter(np.random.SeedSequence(seed).generate_state(3).tolist())

    def weights() -> keras.initializers.Initializer:
        return keras.initializers.HeNormal(seed=next(seeds))

    shown = keras.Input(pixels.shape[1:])
    x = layers.Conv2D(_FEATURES, 3, activation="relu", kernel_initializer=weights())(shown)
    x = layers.Flatten()(keras.ops.mean(x, axis=1))  # along the join
    x = layers.Dense(_FEATURES, activation="relu", kernel_initializer=weights())(x)
    network = keras.Model(shown, layers.Dense(1, kernel_initializer=weights())(x))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.AdamW(_RATE, weight_decay=_DECAY), loss)
    rng = np.random.default_rng(seed)
    for _ in range(_STEPS):
        rows = rng.integers(len(pixels), size=_BATCH)
        mirrored = rng.random((_BATCH, 1, 1, 1)) < 0.5  # what is known may lie on either side
        chosen = np.where(mirrored, pixels[rows, :, ::-1], pixels[rows])
        network.train_on_batch(_standardised(chosen), joined[rows, np.newaxis].astype(np.float32))
    return lambda others: network(_standardised(others), training=False).numpy()[:, 0]


def _standardised(pixels: np.ndarray) -> np.ndarray:
    """Squares float32 [M, S, S, C] with mean 0 and deviation 1 each, but for flat ones, whose deviation is less."""
    levels = grey_levels(pixels)
    centred = levels - levels.mean(axis=(1, 2), keepdims=True)
    return centred / np.maximum(centred.std(axis=(1, 2, 3), keepdims=True), 1)
