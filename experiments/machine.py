"""How fast this machine is at what training spends its time on."""

import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def convolution(
    size: int, channels: int, batch: int, dtype: str = "float32", gradients: bool = True
) -> Callable[[], float]:
    """A 3 x 3 convolution, with both of its gradients or alone: every call runs it and returns operations a second.

    Images are [batch, size, size, channels]. A multiplication and an addition count as two.
    """
    import tensorflow as tf

    images = tf.cast(tf.random.stateless_normal((batch, size, size, channels), seed=(0, 0)), dtype)
    kernel = tf.cast(tf.random.stateless_normal((3, 3, channels, channels), seed=(0, 1)), dtype)

    @tf.function
    def passes() -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            tape.watch((images, kernel))
            result = tf.nn.conv2d(images, kernel, strides=1, padding="SAME")
        if not gradients:
            return (result[0, 0],)
        # The result itself is asked for too: the gradients do not need it, and TensorFlow leaves out what nobody needs.
        return tuple(values[0, 0] for values in (result, *tape.gradient(result, (images, kernel))))

    operations = (3 if gradients else 1) * 2 * batch * size**2 * 9 * channels**2

    def run() -> float:
        begin = time.perf_counter()
        passes()[0].numpy()
        return operations / (time.perf_counter() - begin)

    run()  # compiles
    return run


def convolution_rate(size: int = 32, channels: int = 64, batch: int = 16, seconds: float = 2.0) -> float:
    """Floating-point operations a second of such a convolution in float32: the median over `seconds`."""
    run = convolution(size, channels, batch)
    rates, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        rates.append(run())
    return statistics.median(rates)


class Others:
    """How many cores other processes, or other machines on the same hardware, keep busy: Linux alone tells."""

    def __init__(self, ours: Sequence[int]):
        self._ours = (os.getpid(), *ours)
        self._begin = self._seconds()

    def cores(self) -> float | None:
        """The mean since this was made; None where the system does not tell."""
        if self._begin is None:
            return None
        clock, others = (now - then for now, then in zip(self._seconds(), self._begin, strict=True))
        return max(0.0, others / clock)

    def _seconds(self) -> tuple[float, float] | None:
        """The clock, and what others have computed; time taken away from this machine is theirs."""
        if not Path("/proc/stat").exists():
            return None
        user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
        own = 0
        for process in self._ours:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            own += int(fields[11]) + int(fields[12])
        ticks = user + nice + system + irq + softirq + steal - own
        return time.monotonic(), ticks / os.sysconf("SC_CLK_TCK")
