"""Fully connected layer with equalized learning rate."""

import math

import keras

from progan_tf.layers.equalized import Equalized


class EqualizedDense(Equalized):
    """Matrix product to an output of any shape, bias along its last axis.

    An output shape of (4, 4, C) is the generator's first layer: a dense layer whose bias is one number a feature map.

    Args:
        output_shape: shape of one output, such as (512,) or (4, 4, 512).

    Input shape: [N, inputs]. Output shape: [N, *output_shape].
    """

    def __init__(self, output_shape: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)
        self.output_features = tuple(output_shape)

    def build(self, input_shape):
        inputs = input_shape[-1]
        self.add_weights((inputs, math.prod(self.output_features)), fan_in=inputs, features=self.output_features[-1])

    def call(self, x):
        x = keras.ops.matmul(x, self.rounded(self.scaled_kernel()))
        return self.add_bias(keras.ops.reshape(x, (-1, *self.output_features)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *self.output_features)

    def get_config(self) -> dict:
        return {**super().get_config(), "output_shape": self.output_features}
