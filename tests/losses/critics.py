"""Images and critics whose scores and gradients are known by pencil and paper."""

import numpy as np
import tensorflow as tf

from progan_tf.config import LossConfig
from progan_tf.losses import registry
from progan_tf.losses.loss import DiscriminatorLoss

N, SHAPE, LABELS = 5, (4, 4, 3), 3
RNG = np.random.default_rng(0)
REALS = RNG.uniform(-1, 1, (N, *SHAPE)).astype(np.float32)
FAKES = RNG.uniform(-1, 1, (N, *SHAPE)).astype(np.float32)
MIX = RNG.uniform(0, 1, N).astype(np.float32)
WEIGHTS = RNG.normal(size=SHAPE).astype(np.float32)
LABEL_WEIGHTS = RNG.normal(size=(*SHAPE, LABELS)).astype(np.float32)
CLASSES = np.array([0, 2, 1, 1, 0])
ONE_HOT = np.eye(LABELS, dtype=np.float32)[CLASSES]
REAL_CLASSES = np.array([1, 1, 0, 2, 0])  # where the reals have labels of their own
REAL_ONE_HOT = np.eye(LABELS, dtype=np.float32)[REAL_CLASSES]
NO_LABELS = np.zeros((N, 0), np.float32)


def linear(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Score <w, x>: its gradient is w, whatever the image. No label logits."""
    return tf.tensordot(images, WEIGHTS, 3)[:, None], tf.zeros([tf.shape(images)[0], 0])


def quadratic(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Score <w, x^2> / 2: its gradient is w x, so it tells where it was taken."""
    return linear(images**2 / 2)


def labelling(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The linear critic, with logits linear in the image."""
    return linear(images)[0], tf.tensordot(images, LABEL_WEIGHTS, 3)


def half(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The labelling critic in 8 bits of mantissa."""
    scores, logits = labelling(images)
    return tf.cast(scores, tf.bfloat16), tf.cast(logits, tf.bfloat16)


class Recorder:
    """A linear critic that keeps what it is shown."""

    def __init__(self):
        self.seen: list[np.ndarray] = []

    def __call__(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        self.seen.append(images.numpy())
        return linear(images)


def d_loss(
    name: str, critic=linear, labels=NO_LABELS, mix=MIX, norm_scale=1.0, factor=1.0, **settings
) -> DiscriminatorLoss:
    loss = registry.make(LossConfig(name, **settings))
    arguments = (tf.constant(values) for values in (REALS, FAKES, labels, mix))
    return loss.d_loss(critic, *arguments, norm_scale, factor)


def g_loss(name: str, critic=linear, labels=NO_LABELS, real_labels=NO_LABELS, **settings) -> tf.Tensor:
    loss = registry.make(LossConfig(name, **settings))
    return loss.g_loss(critic, *(tf.constant(values) for values in (FAKES, labels, REALS, real_labels)))


def score(images: np.ndarray) -> np.ndarray:
    return (images.astype(np.float64) * WEIGHTS).sum(axis=(1, 2, 3))


def norm(gradient: np.ndarray) -> np.ndarray:
    return (gradient.astype(np.float64) ** 2).sum(axis=(-3, -2, -1)) ** 0.5


def logits(images: np.ndarray) -> np.ndarray:
    return np.tensordot(images.astype(np.float64), LABEL_WEIGHTS, 3)


def cross_entropy(images: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the softmax at the right class."""
    return np.log(np.exp(logits(images)).sum(axis=1)) - logits(images)[np.arange(N), CLASSES]


def close(actual, expected) -> None:
    np.testing.assert_allclose(actual, np.broadcast_to(expected, np.shape(actual)), rtol=1e-5, atol=1e-5)
