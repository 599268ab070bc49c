"""What generator and discriminator are trained on: WGAN-GP with drift, AC-GAN where there are labels.

(Karras et al. 2018, appendix A.1; gradient penalty: Gulrajani et al. 2017; AC-GAN: Odena et al. 2017.)
"""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from progan_tf.config import LossConfig

# Images [N, H, W, C] to scores [N, 1] and label logits [N, L].
Discriminator = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class DiscriminatorLoss(NamedTuple):
    """Per image, float32 [N]: the loss, and what it was made of, for the log."""

    loss: tf.Tensor
    real_score: tf.Tensor
    fake_score: tf.Tensor
    gradient_norm: tf.Tensor


@dataclasses.dataclass(frozen=True)
class WassersteinGP:
    """Wasserstein loss with gradient penalty and drift.

    `norm_scale` multiplies the norm of the gradient with respect to an image: 2^-(levels still to come) gives the norm
    that the published code takes on images up-scaled to the full size, 1 that on images of the current level.
    """

    config: LossConfig

    def d_loss(
        self,
        discriminator: Discriminator,
        reals: tf.Tensor,
        fakes: tf.Tensor,
        labels: tf.Tensor,
        mix: tf.Tensor,
        norm_scale: float,
    ) -> DiscriminatorLoss:
        """D(fake) - D(real) + penalty + drift, per image.

        Args:
            reals, fakes: [N, H, W, C], about in [-1, 1].
            labels: [N, L] one-hot; of the reals, and what the fakes were made for.
            mix: [N] in [0, 1], where between real and fake the gradient is taken.
            norm_scale: see the class.
        """
        # Three calls, so that the minibatch statistics of reals, fakes and mixtures never mix.
        real_scores, real_logits = discriminator(reals)
        fake_scores, fake_logits = discriminator(fakes)
        real_score, fake_score = tf.cast(real_scores[:, 0], tf.float32), tf.cast(fake_scores[:, 0], tf.float32)
        norm = self._gradient_norm(discriminator, reals, fakes, mix) * norm_scale

        drift = tf.square(real_score) * self.config.drift_weight
        label_loss = self._label_loss(labels, real_logits) + self._label_loss(labels, fake_logits)
        loss = fake_score - real_score + self._penalty(norm) + drift + label_loss
        return DiscriminatorLoss(loss, real_score, fake_score, norm)

    def g_loss(self, discriminator: Discriminator, fakes: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """-D(fake), and the labels' cross-entropy, per image: float32 [N]."""
        scores, logits = discriminator(fakes)
        return self._label_loss(labels, logits) - tf.cast(scores[:, 0], tf.float32)

    def _gradient_norm(
        self, discriminator: Discriminator, reals: tf.Tensor, fakes: tf.Tensor, mix: tf.Tensor
    ) -> tf.Tensor:
        mixed = reals + (fakes - reals) * tf.reshape(mix, [-1, 1, 1, 1])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(mixed)
            scores, _ = discriminator(mixed)
        gradients = tf.cast(tape.gradient(scores, mixed), tf.float32)
        return tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3]))

    def _penalty(self, norm: tf.Tensor) -> tf.Tensor:
        target = self.config.gradient_target
        return tf.square(norm - target) * (self.config.gradient_weight / target**2)

    def _label_loss(self, labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if labels.shape[-1] == 0:
            return tf.constant(0.0)
        cross_entropy = tf.nn.softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
        return cross_entropy * self.config.label_weight
