"""Noise added to feature maps (Karras et al. 2019, section 2)."""

import keras


class NoiseInjection(keras.Layer):
    """Adds noise [N, H, W, 1] to features [N, H, W, C], each feature with a strength of its own, learnt from 0 on.

    `seed` is there for the growing networks, whose layers all have one; nothing here is drawn.
    """

    def __init__(self, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def build(self, x_shape, noise_shape=None):
        self.strength = self.add_weight(name="strength", shape=(x_shape[-1],), initializer="zeros", autocast=False)

    def call(self, x, noise):
        return x + keras.ops.cast(noise * self.strength, x.dtype)

    def compute_output_shape(self, x_shape, noise_shape):
        return x_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "seed": self.seed}
