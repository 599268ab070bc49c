"""Minibatch standard deviation (Karras et al. 2018, section 3)."""

import keras
from keras import ops


class MinibatchStddev(keras.Layer):
    """Appends one feature map that tells how much the images of a group differ from each other.

    Groups are strided: with N images in groups of G, image n belongs to group n mod (N / G). Per group the standard
    deviation over its images (biased variance, + 1e-8) is averaged over all positions and features, in float32.

    Args:
        group_size: images a group; a batch that is smaller is one group.

    Input shape: [N, H, W, C], N a multiple of the group. Output shape: [N, H, W, C + 1].
    """

    def __init__(self, group_size: int = 4, **kwargs):
        super().__init__(**kwargs)
        self.group_size = group_size

    def call(self, x):
        batch, height, width, channels = ops.shape(x)
        group = ops.minimum(self.group_size, batch)  # static where the batch is
        grouped = ops.reshape(ops.cast(x, "float32"), (group, -1, height, width, channels))  # [G, N/G, H, W, C]
        deviation = ops.sqrt(ops.var(grouped, axis=0) + 1e-8)  # [N/G, H, W, C]
        statistic = ops.mean(deviation, axis=(1, 2, 3), keepdims=True)  # [N/G, 1, 1, 1]
        feature = ops.tile(statistic, (group, height, width, 1))  # [N, H, W, 1]
        return ops.concatenate([x, ops.cast(feature, x.dtype)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)

    def get_config(self) -> dict:
        return {**super().get_config(), "group_size": self.group_size}
