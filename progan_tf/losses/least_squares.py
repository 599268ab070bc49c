"""Least squares (LSGAN; Mao et al. 2017, eq. 9): reals are to score 1, fakes 0."""

import tensorflow as tf

from progan_tf.losses.critic import judge, judge_steepness
from progan_tf.losses.loss import DiscriminatorLoss, Loss


class LeastSquares(Loss):
    """Half the squared distance to the score that is to be. Nothing holds the gradient; it is taken for the log."""

    def d_loss(self, discriminator, reals, fakes, labels, mix, norm_scale, factor=1.0) -> DiscriminatorLoss:
        real, squares = judge_steepness(self.config, discriminator, reals, labels, factor)
        fake = judge(self.config, discriminator, fakes, labels)
        label_loss = real.label_loss + fake.label_loss
        loss = (tf.square(real.score - 1) + tf.square(fake.score)) / 2 + label_loss
        return DiscriminatorLoss(loss, real.score, fake.score, tf.sqrt(squares) * norm_scale)

    def g_loss(self, discriminator, fakes, labels, reals, real_labels) -> tf.Tensor:
        fake = judge(self.config, discriminator, fakes, labels)
        return tf.square(fake.score - 1) / 2 + fake.label_loss
