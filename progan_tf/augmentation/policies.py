"""Augmentation by the name it has in `augmentation.policy`."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from progan_tf.augmentation import ada, diffaugment


@dataclasses.dataclass(frozen=True)
class Policy:
    """What changes images before the discriminator sees them.

    `apply` takes images [N, H, H, C], about in [-1, 1], uniform numbers [N, draws] in [0, 1), and the probability []
    that ADA has come to, which others leave alone.
    """

    draws: int
    apply: Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


POLICIES = {
    "none": Policy(0, lambda images, draws, p: images),
    "diffaugment": Policy(diffaugment.DRAWS, lambda images, draws, p: diffaugment.diffaugment(images, draws)),
    "ada": Policy(ada.DRAWS, ada.augment),
}
