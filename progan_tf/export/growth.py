"""A block of the inference generator that doubles the size: two forms that compute the same, and where each is faster.

Both end in pixel norm after either convolution, as few passes over memory as TensorFlow makes of them. A convolution
takes its bias and leaky ReLU along; pixel norm is a pass that reads (`EuclideanNorm`) and one that multiplies.

- `transposed`: a transposed convolution with a 4 x 4 kernel. TensorFlow adds its bias and applies leaky ReLU in passes
  of their own.
- `phases`: the same by a plain convolution with a 2 x 2 kernel and four times the features, the pixels of every 2 x 2
  square, so that bias and leaky ReLU come along here too. It computes a border of one pixel besides, which pixel norm's
  factor sets to zero at no cost, and which is the next convolution's padding.
"""

import numpy as np
import tensorflow as tf

from progan_tf.export.folding import Affine

FORMS = ("transposed", "phases")
# The level from which phases are faster on two cores (experiments.benchmarks.generation --what=forms): in bfloat16 by 1
# to 10 %, and 17 at 1024 px; in float32 nothing is gained before 1024 px, and 12 % there.
_PHASES_FROM = {"float32": 10, "bfloat16": 6}


def form_at(level: int, precision: str) -> str:
    """The faster form of the block that makes images of a level."""
    return "phases" if level >= _PHASES_FROM[precision] else "transposed"


class GrowthBlock(tf.Module):
    """x [N, H, W, C] to [N, 2 H, 2 W, features], in the dtype of x.

    Args:
        up: up-scaling convolution, kernel [4, 4, features, C].
        conv: the convolution after it, kernel [3, 3, features, features].
        form: one of FORMS.
    """

    def __init__(self, up: Affine, conv: Affine, dtype: tf.DType, form: str):
        super().__init__(name="growth")
        self._form = form
        if form == "phases":
            up = Affine(phase_kernel(up.kernel), np.tile(up.bias, 4))
        self._up, self._conv = variables(up, dtype), variables(conv, dtype)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        if self._form == "phases":
            return conv_and_norm(self._phases(x), *self._conv, padding="VALID")
        return conv_and_norm(self._transposed(x), *self._conv)

    def _transposed(self, x: tf.Tensor) -> tf.Tensor:
        kernel, bias = self._up
        _, height, width, _ = x.shape
        shape = (tf.shape(x)[0], 2 * height, 2 * width, bias.shape[0])
        x = tf.nn.bias_add(tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME"), bias)
        return pixel_norm(tf.nn.leaky_relu(x, 0.2))

    def _phases(self, x: tf.Tensor) -> tf.Tensor:
        """With a border of zeros, one pixel wide: [N, 2 H + 2, 2 W + 2, features]."""
        kernel, bias = self._up
        _, height, width, _ = x.shape
        features = bias.shape[0] // 4
        x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, [[0, 0], [1, 1], [1, 1], [0, 0]]), bias)
        x = tf.reshape(tf.nn.leaky_relu(x, 0.2), (-1, height + 1, width + 1, 4, features))
        x *= tf.cast(_norm_factor(x) * _inside(height, width), x.dtype)
        x = tf.transpose(tf.reshape(x, (-1, width + 1, 2, 2 * features)), (0, 2, 1, 3))
        return tf.reshape(x, (-1, 2 * height + 2, 2 * width + 2, features))


def phase_kernel(kernel: np.ndarray) -> np.ndarray:
    """[4, 4, F, C] of a transposed convolution of stride 2 to [2, 2, C, 4 F] of a convolution that makes its phases.

    Row 2 m + a of the whole result, its border included, is x[m] k[a] + x[m - 1] k[a + 2]; columns likewise.
    """
    features, channels = kernel.shape[2:]
    taps = kernel.reshape(2, 2, 2, 2, features, channels)[::-1, :, ::-1]  # [rows, a, columns, b, F, C]
    return taps.transpose(0, 2, 5, 1, 3, 4).reshape(2, 2, channels, 4 * features)


def pixel_norm(x: tf.Tensor) -> tf.Tensor:
    """x [..., C] divided by the root mean square over C, taken in float32."""
    return x * tf.cast(_norm_factor(x), x.dtype)


def conv_and_norm(x: tf.Tensor, kernel: tf.Variable, bias: tf.Variable, padding: str = "SAME") -> tf.Tensor:
    """Convolution, leaky ReLU and pixel norm."""
    x = tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, padding), bias)
    return pixel_norm(tf.nn.leaky_relu(x, 0.2))


def variables(layer: Affine, dtype: tf.DType) -> tuple[tf.Variable, tf.Variable]:
    """Kernel and bias."""
    # Variables, not constants: a graph may not exceed 2 GB, and each signature would hold a copy of its own.
    return tuple(tf.Variable(tf.cast(array, dtype), trainable=False) for array in (layer.kernel, layer.bias))


def _norm_factor(x: tf.Tensor) -> tf.Tensor:
    """[..., 1] float32; squares and their sum are one operation, with nothing written in between."""
    norm = tf.math.reduce_euclidean_norm(tf.cast(x, tf.float32), axis=-1, keepdims=True)
    return tf.math.rsqrt(tf.square(norm) / x.shape[-1] + 1e-8)


def _inside(height: int, width: int) -> np.ndarray:
    """One where a phase lies in the image, zero on its border: [1, H + 1, W + 1, 4, 1]."""
    rows, columns = (np.pad(np.ones(2 * size, np.float32), 1).reshape(-1, 2) for size in (height, width))
    return np.einsum("ia,jb->ijab", rows, columns).reshape(1, height + 1, width + 1, 4, 1)
