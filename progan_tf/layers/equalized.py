"""Equalized learning rate (Karras et al. 2018, section 4.1): what the dense and convolution layers share."""

import math

import keras


class Equalized(keras.Layer):
    """A layer whose kernel is drawn from N(0, 1) and multiplied by `gain` / sqrt(fan-in) at every use.

    All weights then have the same dynamic range, and so the same learning speed under Adam. The bias starts at zero
    and is added as it is.

    Args:
        gain: of the He initializer, sqrt(2) before a leaky ReLU, 1 before nothing.
        use_bias: whether a bias per output feature is added.
        seed: of the kernel's initial values.
    """

    def __init__(self, *, gain: float = math.sqrt(2), use_bias: bool = True, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.gain = gain
        self.use_bias = use_bias
        self.seed = seed

    def add_weights(self, kernel_shape: tuple[int, ...], fan_in: int, features: int) -> None:
        """Makes the kernel and the bias; `fan_in` is the number of inputs that one output sums over."""
        self.scale = self.gain / math.sqrt(fan_in)
        self.kernel = self.add_weight(
            name="kernel", shape=kernel_shape, initializer=keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
        )
        self.bias = self.add_weight(name="bias", shape=(features,), initializer="zeros") if self.use_bias else None

    def scaled_kernel(self):
        """The kernel as it is used, in the layer's compute dtype."""
        return self.kernel * keras.ops.cast(self.scale, self.compute_dtype)

    def add_bias(self, x):
        return x if self.bias is None else x + self.bias

    def get_config(self) -> dict:
        return {**super().get_config(), "gain": self.gain, "use_bias": self.use_bias, "seed": self.seed}
