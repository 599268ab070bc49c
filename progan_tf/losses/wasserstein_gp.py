"""WGAN-GP with drift, the published loss (Karras et al. 2018, appendix A.1; penalty: Gulrajani et al. 2017)."""

import tensorflow as tf

from progan_tf.losses.critic import Discriminator, judge, judge_steepness
from progan_tf.losses.loss import DiscriminatorLoss, Loss


class WassersteinGP(Loss):
    """D(fake) - D(real), a penalty on the gradient's norm between real and fake, and drift; against -D(fake)."""

    def d_loss(self, discriminator, reals, fakes, labels, mix, norm_scale, factor=1.0) -> DiscriminatorLoss:
        real, fake = (judge(self.config, discriminator, images, labels) for images in (reals, fakes))
        norm = self._gradient_norm(discriminator, reals, fakes, labels, mix, factor) * norm_scale
        drift = tf.square(real.score) * self.config.drift_weight
        label_loss = real.label_loss + fake.label_loss
        loss = fake.score - real.score + self._penalty(norm) + drift + label_loss
        return DiscriminatorLoss(loss, real.score, fake.score, norm)

    def g_loss(self, discriminator, fakes, labels, reals, real_labels) -> tf.Tensor:
        fake = judge(self.config, discriminator, fakes, labels)
        return fake.label_loss - fake.score

    def _gradient_norm(
        self,
        discriminator: Discriminator,
        reals: tf.Tensor,
        fakes: tf.Tensor,
        labels: tf.Tensor,
        mix: tf.Tensor,
        factor: tf.Tensor | float,
    ) -> tf.Tensor:
        mixed = reals + (fakes - reals) * tf.reshape(mix, [-1, 1, 1, 1])
        _, squares = judge_steepness(self.config, discriminator, mixed, labels, factor)
        return tf.sqrt(squares)

    def _penalty(self, norm: tf.Tensor) -> tf.Tensor:
        target = self.config.gradient_target
        return tf.square(norm - target) * (self.config.gradient_weight / target**2)
