"""Dynamic loss scaling, which keeps small gradients of float16 from becoming zero (Micikevicius et al. 2018)."""

import tensorflow as tf

_START, _UP, _DOWN = 64.0, 0.0005, 1.0  # log2, as published for ProGAN (Karras et al. 2018, official code)


class LossScale:
    """The factor a loss is multiplied by before it is differentiated: 2^64 at first, halved where gradients overflow.

    Every good step raises it by 2^0.0005.
    """

    def __init__(self, name: str):
        self.log2 = tf.Variable(
            _START, trainable=False, name=name, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )

    def factor(self) -> tf.Tensor:
        """By what the loss is multiplied now, float32 []."""
        return tf.pow(2.0, self.log2)

    def update(self, finite: tf.Tensor) -> None:
        """Notes whether a step's gradients were finite (bool [])."""
        self.log2.assign_add(tf.where(finite, _UP, -_DOWN))

    def searching(self) -> tf.Tensor:
        """Whether a gradient that overflows now is a matter of the factor, bool []: it is over 1 still."""
        return self.log2 > 0.0
