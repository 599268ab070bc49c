"""Convolutions with equalized learning rate: plain, fused with 2x up-scaling, fused with 2x down-scaling.

The fused forms do in one strided convolution with a 4 x 4 kernel what a nearest up-scaling followed by a 3 x 3
convolution, or a 3 x 3 convolution followed by a 2 x 2 mean, do in two, at 4/9 of the multiplications.
"""

import keras

from progan_tf.layers.borders import cropped, mirrored
from progan_tf.layers.equalized import Equalized


class _EqualizedConv2D(Equalized):
    """Kernel of odd size `kernel_size` squared to `filters` feature maps; what the three forms below share.

    Beyond the image are zeros, as published, or with `padding` "mirror" its mirror image, which does not tell the
    network where the border is.
    """

    def __init__(self, filters: int, kernel_size: int = 3, padding: str = "zeros", **kwargs):
        super().__init__(**kwargs)
        if padding not in ("zeros", "mirror"):
            raise ValueError(f"padding {padding!r}; must be zeros or mirror")
        self.filters = filters
        self.kernel_size = kernel_size
        self.padding = padding
        mirror = padding == "mirror"
        self._beyond = kernel_size // 2 if mirror else 0  # pixels put on at every side
        self._zeros = "valid" if mirror else "same"  # what the convolution pads by itself, none or as many

    def build(self, input_shape):
        channels, k = input_shape[-1], self.kernel_size
        self.add_weights(self._kernel_shape(channels), fan_in=k * k * channels, features=self.filters)

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        return (self.kernel_size, self.kernel_size, channels, self.filters)

    def get_config(self) -> dict:
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "padding": self.padding}
        return {**super().get_config(), **own}


class EqualizedConv2D(_EqualizedConv2D):
    """Convolution of stride 1, same size. Input [N, H, W, C], output [N, H, W, filters]."""

    def call(self, x):
        kernel = self.rounded(self.scaled_kernel())
        x = mirrored(x, self._beyond)
        return self.add_bias(keras.ops.conv(x, kernel, padding=self._zeros, data_format="channels_last"))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)


class EqualizedUpConv2D(_EqualizedConv2D):
    """Nearest 2x up-scaling and convolution in one. Input [N, H, W, C], output [N, 2H, 2W, filters].

    A transposed convolution: the kernel is stored [k, k, filters, C], and the result is that of the up-scaled image
    convolved with the kernel flipped in both axes.
    """

    def call(self, x):
        kernel = self.rounded(spread(self.scaled_kernel()))
        x = mirrored(x, self._beyond)
        x = keras.ops.conv_transpose(x, kernel, strides=2, padding="same", data_format="channels_last")
        return self.add_bias(cropped(x, 2 * self._beyond, 2 * self._beyond))

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, 2 * height, 2 * width, self.filters)

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        return (self.kernel_size, self.kernel_size, self.filters, channels)


class EqualizedDownConv2D(_EqualizedConv2D):
    """Convolution and 2 x 2 mean in one. Input [N, 2H, 2W, C], output [N, H, W, filters]."""

    def call(self, x):
        kernel = self.rounded(spread(self.scaled_kernel()) * 0.25)
        x = mirrored(x, self._beyond)
        return self.add_bias(keras.ops.conv(x, kernel, strides=2, padding=self._zeros, data_format="channels_last"))

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (batch, height // 2, width // 2, self.filters)


def spread(kernel):
    """Sum of a kernel [k, k, ., .] over its four shifts by one pixel: [k + 1, k + 1, ., .]."""
    # Padded on each side in turn: the gradient of a pad is a cheap slice, that of a slice is costly on a CPU.
    before, after = (1, 0), (0, 1)
    return sum(
        keras.ops.pad(kernel, (vertical, horizontal, (0, 0), (0, 0)))
        for vertical in (before, after)
        for horizontal in (before, after)
    )
