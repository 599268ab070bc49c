"""Equalized learning rate (Karras et al. 2018, section 4.1): what the dense and convolution layers share."""

import math

import keras


class Equalized(keras.Layer):
    """A layer whose kernel is drawn from N(0, 1) and multiplied by `gain` / sqrt(fan-in) at every use.

    All weights then have the same dynamic range, and so the same learning speed under Adam. The bias starts at zero
    and is added as it is. Under a mixed precision weights stay float32 and are rounded once, ready for use.

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
        normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
        self.kernel = self.add_weight(name="kernel", shape=kernel_shape, initializer=normal, autocast=False)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(features,), initializer="zeros", autocast=False)

    def scaled_kernel(self):
        """The kernel as the layer's definition has it, float32."""
        return self.kernel * self.scale

    def rounded(self, x):
        """A tensor in the dtype the layer computes in."""
        return keras.ops.cast(x, self.compute_dtype)

    def add_bias(self, x):
        return x if self.bias is None else x + self.rounded(self.bias)

    def get_config(self) -> dict:
        return {**super().get_config(), "gain": self.gain, "use_bias": self.use_bias, "seed": self.seed}
