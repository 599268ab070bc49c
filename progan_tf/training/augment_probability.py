"""The probability of ADA's transformations, steered by how sure the discriminator is of the reals."""

import tensorflow as tf

from progan_tf.augmentation import ada
from progan_tf.config import AugmentationConfig


class AugmentProbability:
    """The probability, 0 at first, and what the steps since its last adjustment saw. Make it in a strategy's scope."""

    def __init__(self, config: AugmentationConfig):
        self._target, self._images = config.ada_target, 1000 * config.ada_kimg
        names = ("augment_p", "augment_signs", "augment_steps")
        self.variables = {
            name: tf.Variable(
                0.0, trainable=False, name=name, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
            )
            for name in names
        }  # fmt: skip

    def value(self) -> tf.Tensor:
        """The probability now, float32 []."""
        return tf.convert_to_tensor(self.variables["augment_p"])

    def update(self, real_scores: tf.Tensor, skipped: tf.Tensor, batch_size: int) -> None:
        """Notes the scores [N] that this replica's reals got in a step of `batch_size` images, unless it was skipped.

        Every fourth time the probability goes up or down.
        """
        p, signs, steps = self.variables.values()
        sign = tf.distribute.get_replica_context().all_reduce("mean", tf.reduce_mean(tf.sign(real_scores)))
        noted = tf.equal(skipped, 0.0) & tf.math.is_finite(sign)
        total, count = signs + tf.where(noted, sign, 0.0), steps + tf.where(noted, 1.0, 0.0)
        due = count >= ada.INTERVAL
        part = ada.INTERVAL * batch_size / self._images
        p.assign(tf.where(due, ada.adjusted(p, total / ada.INTERVAL, self._target, part), p))
        signs.assign(tf.where(due, 0.0, total))
        steps.assign(tf.where(due, 0.0, count))
