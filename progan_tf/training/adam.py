"""Adam that can leave out a step altogether, and start over."""

import keras
import tensorflow as tf
from keras import ops

from progan_tf.config import OptimizerConfig


class SkippingAdam(keras.optimizers.Adam):
    """Adam (Kingma & Ba 2015, with epsilon outside the bias correction) whose step is nothing where told so.

    A skipped step changes neither weights, moments nor the step counter. It is masked, not branched: under
    tf.distribute the updates of all replicas must run in any case.
    """

    def __init__(self, config: OptimizerConfig, name: str):
        super().__init__(
            learning_rate=0.001, beta_1=config.beta1, beta_2=config.beta2, epsilon=config.epsilon, name=name
        )
        self._proceed = True

    def apply_if(self, proceed: tf.Tensor, gradients: list[tf.Tensor], variables: list[keras.Variable]) -> None:
        """One step where `proceed` (bool []) is true. Gradients are summed over replicas."""
        self._proceed = proceed
        self.apply(gradients, variables)
        self.iterations.assign_sub(tf.cast(tf.logical_not(proceed), self.iterations.dtype))
        self._proceed = True

    def assign_add(self, variable, value):
        super().assign_add(variable, ops.where(self._proceed, value, ops.zeros_like(value)))

    def assign_sub(self, variable, value):
        super().assign_sub(variable, ops.where(self._proceed, value, ops.zeros_like(value)))

    def reset(self) -> None:
        """Forgets all moments and the step counter, keeps the learning rate."""
        for variable in (*self._momentums, *self._velocities, self.iterations):
            variable.assign(tf.zeros_like(variable.value))

    def named_state(self, variables: dict[str, keras.Variable]) -> dict[str, keras.Variable]:
        """Moments and step counter by name; `variables` are those the optimizer was built on, in the same order."""
        named = {"step": self.iterations}
        for name, momentum, velocity in zip(variables, self._momentums, self._velocities, strict=True):
            named |= {f"m/{name}": momentum, f"v/{name}": velocity}
        return named
