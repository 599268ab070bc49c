"""The non-saturating logistic loss (Goodfellow et al. 2014) with R1 (Mescheder et al. 2018, eq. 9)."""

import tensorflow as tf

from progan_tf.losses.critic import judge, judge_steepness
from progan_tf.losses.loss import DiscriminatorLoss, Loss


class LogisticR1(Loss):
    """-log of the probability of being right, which is sigmoid(D), and gamma / 2 |grad D|^2 at the reals."""

    def d_loss(self, discriminator, reals, fakes, labels, mix, norm_scale, factor=1.0) -> DiscriminatorLoss:
        real, squares = judge_steepness(self.config, discriminator, reals, labels, factor)
        fake = judge(self.config, discriminator, fakes, labels)
        squares *= norm_scale**2
        label_loss = real.label_loss + fake.label_loss
        penalty = squares * (self.config.gradient_weight / 2)
        loss = tf.nn.softplus(-real.score) + tf.nn.softplus(fake.score) + penalty + label_loss
        return DiscriminatorLoss(loss, real.score, fake.score, tf.sqrt(squares))

    def g_loss(self, discriminator, fakes, labels, reals, real_labels) -> tf.Tensor:
        fake = judge(self.config, discriminator, fakes, labels)
        return tf.nn.softplus(-fake.score) + fake.label_loss
