"""What a loss is."""

import abc
import dataclasses
from typing import NamedTuple

import tensorflow as tf

from progan_tf.config import LossConfig
from progan_tf.losses.critic import Discriminator


class DiscriminatorLoss(NamedTuple):
    """Per image, float32 [N]: the loss, and for the log the scores and how steep the discriminator is."""

    loss: tf.Tensor
    real_score: tf.Tensor
    fake_score: tf.Tensor
    gradient_norm: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Loss(abc.ABC):
    """What discriminator and generator minimise, per image."""

    config: LossConfig

    @abc.abstractmethod
    def d_loss(
        self,
        discriminator: Discriminator,
        reals: tf.Tensor,
        fakes: tf.Tensor,
        labels: tf.Tensor,
        mix: tf.Tensor,
        norm_scale: float,
        factor: tf.Tensor | float = 1.0,
    ) -> DiscriminatorLoss:
        """What the discriminator minimises. Reals and fakes are judged apart: their minibatch statistics do not mix.

        Args:
            reals, fakes: [N, H, W, C], about in [-1, 1].
            labels: [N, L] one-hot; of the reals, and what the fakes were made for.
            mix: [N] in [0, 1], where between real and fake a loss may look.
            norm_scale: multiplies the norm of the gradient with respect to an image: 2^-(levels still to come) gives
                the norm with respect to the image up-scaled to the full size, 1 that at the current level.
            factor: multiplies scores while they are differentiated with respect to images, and is undone after.
        """

    @abc.abstractmethod
    def g_loss(
        self,
        discriminator: Discriminator,
        fakes: tf.Tensor,
        labels: tf.Tensor,
        reals: tf.Tensor,
        real_labels: tf.Tensor,
    ) -> tf.Tensor:
        """What the generator minimises, float32 [N]; reals are judged only where fakes are compared with them."""
