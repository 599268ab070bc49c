"""The relativistic pairing loss (Jolicoeur-Martineau 2019) with R1 and R2 (R3GAN; Huang et al. 2024, section 2)."""

import tensorflow as tf

from progan_tf.losses.critic import judge, judge_steepness
from progan_tf.losses.loss import DiscriminatorLoss, Loss


class RelativisticR1R2(Loss):
    """Each real is to score above the fake it is paired with; gamma / 2 |grad D|^2 at reals and at fakes."""

    def d_loss(self, discriminator, reals, fakes, labels, mix, norm_scale, factor=1.0) -> DiscriminatorLoss:
        (real, at_reals), (fake, at_fakes) = (
            judge_steepness(self.config, discriminator, images, labels, factor) for images in (reals, fakes)
        )
        at_reals, at_fakes = (squares * norm_scale**2 for squares in (at_reals, at_fakes))
        label_loss = real.label_loss + fake.label_loss
        penalty = (at_reals + at_fakes) * (self.config.gradient_weight / 2)
        loss = tf.nn.softplus(fake.score - real.score) + penalty + label_loss
        return DiscriminatorLoss(loss, real.score, fake.score, (tf.sqrt(at_reals) + tf.sqrt(at_fakes)) / 2)

    def g_loss(self, discriminator, fakes, labels, reals, real_labels) -> tf.Tensor:
        real = judge(self.config, discriminator, reals, real_labels)
        fake = judge(self.config, discriminator, fakes, labels)
        return tf.nn.softplus(real.score - fake.score) + fake.label_loss
