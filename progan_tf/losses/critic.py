"""What a discriminator says of labelled images, in float32 whatever it computes in."""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from progan_tf.config import LossConfig

# Images [N, H, W, C] to scores [N, 1] and label logits [N, L].
Discriminator = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class Verdict(NamedTuple):
    """Of each image, float32 [N]: how real it is found, and how far off its label, 0 where that is in the score."""

    score: tf.Tensor
    label_loss: tf.Tensor


def judge(config: LossConfig, discriminator: Discriminator, images: tf.Tensor, labels: tf.Tensor) -> Verdict:
    """The verdict on images [N, H, W, C] of one-hot labels [N, L].

    One last layer serves both kinds of conditioning: an auxiliary classifier (AC-GAN; Odena et al. 2017) reads its
    label outputs as logits and adds the cross-entropy; a projection discriminator (Miyato & Koyama 2018, eq. 8), whose
    inner product of features and embedded label that output is, adds the one of the label to the score.
    """
    scores, logits = discriminator(images)
    score, logits = tf.cast(scores[:, 0], tf.float32), tf.cast(logits, tf.float32)
    if logits.shape[-1] == 0:
        return Verdict(score, tf.zeros_like(score))
    if config.conditioning == "projection":
        return Verdict(score + tf.reduce_sum(labels * logits, axis=1), tf.zeros_like(score))
    cross_entropy = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
    return Verdict(score, cross_entropy * config.label_weight)


def judge_steepness(
    config: LossConfig, discriminator: Discriminator, images: tf.Tensor, labels: tf.Tensor, factor: tf.Tensor | float
) -> tuple[Verdict, tf.Tensor]:
    """The verdict, and the squared norm [N] of the gradient of each image's score with respect to the image.

    The score is multiplied by `factor` while it is differentiated, so that float16 keeps small gradients.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(images)
        verdict = judge(config, discriminator, images, labels)
        scaled = verdict.score * factor
    gradients = tf.cast(tape.gradient(scaled, images), tf.float32) / factor
    return verdict, tf.reduce_sum(tf.square(gradients), axis=[1, 2, 3])
