"""The processes that train one run together: what they agree on, and what becomes of one that lost another."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import tensorflow as tf
from tensorflow.python.eager import context  # TensorFlow publishes no way to ask whether a worker is alive

from progan_tf.errors import InputError, Stopped
from progan_tf.training import cluster

_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_TO_ANSWER = 5.0
_LOOKS = 3  # without an answer, one after the other: a worker is lost within 30 seconds

# What a collective operation raises where a worker is gone, or has come back as another process.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


class Lost(Stopped):
    """Another worker is gone, and with it what was done since the last checkpoint."""


class Workers:
    """All workers of a strategy, of which this process is one.

    What is agreed on is agreed on by collective operations: all workers must ask the same things in the same order, and
    each waits for the slowest. One worker alone agrees with itself.
    """

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy, self._cluster = strategy, cluster.of(strategy)
        self._sum = tf.function(self._sum_of_all, input_signature=[tf.TensorSpec([], tf.int64)])

    @property
    def count(self) -> int:
        return len(self._cluster.tasks)

    @property
    def index(self) -> int:
        return self._cluster.index

    @property
    def chief(self) -> bool:
        """Whether this is the worker that writes."""
        return self._cluster.chief

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true on any worker."""
        return flag if self.count == 1 else self._total(int(flag)) > 0

    def from_chief(self, work: Callable[[], int | None]) -> int:
        """What `work` returns on the chief, the only one to do it, 0 for None; the others wait for it.

        Raises:
            InputError: on the others, where it raised anything on the chief, which leaves with that itself.
        """
        result, failure = 0, None
        if self.chief:
            try:
                result = work() or 0
            except Exception as error:
                failure = error
        if self.any(failure is not None):
            raise failure or InputError(f"{self._cluster.name(0)} cannot go on; its own message says why")
        return result if self.count == 1 else self._total(result)

    @contextlib.contextmanager
    def together(self, leave: Callable[[Lost], None]) -> Iterator[None]:
        """The work of all workers, which none of them goes on with once another is lost.

        A collective operation notices that by itself. A worker that is busy with something else, minutes of metrics or
        of compiling, is told by a thread that looks after the others and calls `leave`, which must end the process.

        At the end all wait for the chief, whose work is not done before.

        Raises:
            Lost: another worker is gone.
        """
        if self.count == 1:
            yield
            return
        done = threading.Event()
        threading.Thread(target=self._watch, args=(done, leave), daemon=True).start()
        try:
            yield
        except tf.errors.OpError as error:
            self._raise_lost(error)
            raise
        except Stopped as reason:
            if not isinstance(reason, Lost):
                self._part()
            raise
        else:
            self._part()
        finally:
            done.set()

    def lost(self, error: tf.errors.OpError) -> Lost | None:
        """What to leave with, if an error came of the loss of a worker; None if not."""
        gone = [index for index in self._others() if not self._answers(index)]
        return self._lost(gone) if gone or (self.count > 1 and isinstance(error, _LOST)) else None

    def _part(self) -> None:
        try:
            self.any(False)
        except tf.errors.OpError as error:
            if self.chief:  # which has nothing to wait for: who was here in time may be gone by now
                return
            self._raise_lost(error)
            raise

    def _raise_lost(self, error: tf.errors.OpError) -> None:
        if lost := self.lost(error):
            raise lost from error

    def _watch(self, done: threading.Event, leave: Callable[[Lost], None]) -> None:
        while not done.wait(_SECONDS_BETWEEN_LOOKS):
            for index in self._others():
                if not any(self._answers(index) or done.wait(_SECONDS_BETWEEN_LOOKS) for _ in range(_LOOKS)):
                    leave(self._lost([index]))
                    return

    def _others(self) -> list[int]:
        return [index for index in range(self.count) if index != self.index]

    def _answers(self, index: int) -> bool:
        task = self._cluster.tasks[index].replace("/task:", "/replica:0/task:")
        try:
            context.context().check_collective_ops_peer_health(task, timeout_in_ms=int(1000 * _SECONDS_TO_ANSWER))
        except tf.errors.OpError:
            return False
        return True

    def _lost(self, gone: list[int]) -> Lost:
        names = " and ".join(map(self._cluster.name, gone)) or "another worker"
        return Lost(f"lost {names}; the same command on all workers goes on from the last checkpoint")

    def _total(self, value: int) -> int:
        replicas = self._strategy.num_replicas_in_sync // self.count  # each of this worker's adds the value
        return int(self._sum(tf.constant(value, tf.int64))) // replicas

    def _sum_of_all(self, value: tf.Tensor) -> tf.Tensor:
        return self._strategy.reduce("sum", self._strategy.run(lambda: tf.identity(value)), axis=None)
