"""How fast this machine is at what training spends its time on."""

import statistics
import time


def convolution_rate(size: int = 32, channels: int = 64, batch: int = 16, seconds: float = 2.0) -> float:
    """Floating-point operations a second of a 3 x 3 convolution and its gradients: the median over `seconds`.

    Images are [batch, size, size, channels] float32. A multiplication and an addition count as two.
    """
    import tensorflow as tf

    images = tf.random.stateless_normal((batch, size, size, channels), seed=(0, 0))
    kernel = tf.random.stateless_normal((3, 3, channels, channels), seed=(0, 1))

    @tf.function
    def step() -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch((images, kernel))
            result = tf.nn.conv2d(images, kernel, strides=1, padding="SAME")
        gradients = tape.gradient(result, (images, kernel))
        return tuple(tf.reduce_sum(values) for values in gradients)

    step()
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.perf_counter()
        step()[0].numpy()
        times.append(time.perf_counter() - begin)
    operations = 3 * 2 * batch * size**2 * 9 * channels**2  # forward, gradient of the images, gradient of the kernel
    return operations / statistics.median(times)
