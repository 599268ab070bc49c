"""The FID Inception-v3 as a TensorFlow function."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from progan_tf.metrics.inception_layout import NETWORK, Branches, Chain, Convolution, Pool
from progan_tf.metrics.inception_weights import Network
from progan_tf.metrics.resizing import resize

_POOLS = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}  # neither counts the padding


def build(network: Network, how: str, dtype: str) -> Callable[[np.ndarray], tf.Tensor]:
    """The network from 8-bit RGB images [N, H, W, 3] to features float32 [N, 2048], the mean over the last 8 x 8.

    Weights are captured: as constants the graph would hold them several times over, 1.2 GB in all, and be no faster.

    Args:
        how: the resize, see `progan_tf.metrics.resizing`.
        dtype: what convolutions compute in, float32 or bfloat16.
    """
    kernels = {name: tuple(tf.constant(part, dtype) for part in network[name].folded()) for name in network}

    @tf.function(autograph=False)
    def features(images: tf.Tensor) -> tf.Tensor:
        x = (resize(images, how) - 128) / 128
        last = _chain(NETWORK, tf.cast(x, dtype), kernels)
        return tf.reduce_mean(tf.cast(last, tf.float32), axis=(1, 2))

    def run(images: np.ndarray) -> tf.Tensor:
        # One graph for every size of image, whatever the size of the batch.
        graph = features.get_concrete_function(tf.TensorSpec([None, *images.shape[1:]], tf.uint8))
        return graph(tf.constant(images))

    return run


def _chain(chain: Chain, x: tf.Tensor, kernels: Mapping[str, tuple[tf.Tensor, tf.Tensor]]) -> tf.Tensor:
    for part in chain:
        match part:
            case Convolution():
                kernel, bias = kernels[part.name]
                x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, part.stride, part.padding), bias))
            case Pool(kind, stride):
                x = _POOLS[kind](x, 3, stride, "SAME" if stride == 1 else "VALID")
            case Branches(chains):
                x = tf.concat([_chain(branch, x, kernels) for branch in chains], axis=-1)
    return x
