"""Pixelwise feature vector normalisation (Karras et al. 2018, section 4.2)."""

import keras


class PixelNorm(keras.Layer):
    """Divides the feature vector of every pixel by its root mean square: x / sqrt(mean(x^2) + epsilon).

    Input and output shape: [..., C]. Statistics are taken in float32 whatever the compute dtype.
    """

    def __init__(self, epsilon: float = 1e-8, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, x):
        square = keras.ops.square(keras.ops.cast(x, "float32"))
        factor = keras.ops.rsqrt(keras.ops.mean(square, axis=-1, keepdims=True) + self.epsilon)
        return x * keras.ops.cast(factor, x.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "epsilon": self.epsilon}
