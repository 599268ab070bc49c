"""Requests of the same signature that come close together are computed as one batch.

One thread computes, batch after batch: TensorFlow uses all cores for each. While it is at work requests gather by
themselves; where it is idle the first one waits a few milliseconds for others. The signature of the oldest request
goes next.
"""

import asyncio
import collections
import dataclasses
import math
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from progan_tf.serving.limits import Limits
from progan_tf.serving.model import Arrays, Signature
from progan_tf.serving.monitoring import Monitoring
from progan_tf.serving.refusal import Code, Refusal, invalid

_BATCH_SECONDS = 0.25  # by then a call's own cost is nothing beside its rows


@dataclasses.dataclass(frozen=True, eq=False)
class _Waiting:
    signature: Signature
    model: str
    arrays: Arrays
    rows: int
    alone: bool  # shares its batch with nobody
    arrived: float
    answer: asyncio.Future


class Batcher:
    """Computes what requests ask for, many at once where it can. Use it in one event loop, as a context manager."""

    def __init__(self, limits: Limits, monitoring: Monitoring):
        self._limits, self._monitoring = limits, monitoring
        self._queues: dict[object, collections.deque[_Waiting]] = {}
        self._count = 0
        self._arrival = asyncio.Event()
        # What a row of a signature took of late; of a version that is gone, nothing is kept.
        self._row_seconds: weakref.WeakKeyDictionary[Signature, float] = weakref.WeakKeyDictionary()
        self._thread = ThreadPoolExecutor(1, "batches")
        self._task: asyncio.Task | None = None
        monitoring.waiting.set_function(lambda: self._count)

    async def __aenter__(self) -> "Batcher":
        self._task = asyncio.create_task(self._work())
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._task.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def run(self, signature: Signature, model: str, arrays: Arrays, deadline: float) -> Arrays:
        """The outputs of a signature for arrays that it takes.

        Args:
            deadline: in the time of the event loop.

        Raises:
            Refusal: 400 too many rows, 429 too many requests wait, 504 too late, or of the code of TensorFlow's error.
        """
        rows = signature.rows(arrays)
        if rows is not None and rows > self._limits.rows:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {self._limits.rows}")
        if self._count >= self._limits.queue:
            raise Refusal(
                Code.RESOURCE_EXHAUSTED,
                f"{self._count} requests wait already; try again later",
                headers={"Retry-After": str(self._seconds_to_drain())},
            )
        now = asyncio.get_running_loop().time()
        answer = asyncio.get_running_loop().create_future()
        waiting = _Waiting(signature, model, arrays, rows or 1, not rows, now, answer)
        shapes = tuple(array.shape[1:] for array in arrays.values()) if rows else waiting
        self._queues.setdefault((signature, shapes), collections.deque()).append(waiting)
        self._count += 1
        self._arrival.set()
        try:
            async with asyncio.timeout_at(deadline):
                return await answer
        except TimeoutError as error:
            raise Refusal(
                Code.DEADLINE_EXCEEDED,
                f"no answer within {self._limits.seconds:g} seconds; ask for less at once, or again when the server is "
                "less busy",
            ) from error

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._arrival.clear()
            if not self._queues:
                await self._arrival.wait()
                continue
            key = min(self._queues, key=lambda key: self._queues[key][0].arrived)
            queue = self._queues[key]
            full_at = queue[0].arrived + self._limits.gather_seconds
            rows = sum(one.rows for one in queue)
            if not queue[0].alone and rows < self._most_rows(queue[0].signature) and loop.time() < full_at:
                try:
                    async with asyncio.timeout_at(full_at):
                        await self._arrival.wait()
                except TimeoutError:
                    pass
                continue
            batch = self._take(key)
            if batch:
                await loop.run_in_executor(self._thread, self._compute, batch, loop)

    def _take(self, key: object) -> list[_Waiting]:
        """The next requests of a queue, as many as a batch holds; those whose time is over fall away.

        One whose client hung up stays: the end of what it sends is all that is seen of that, and a client may well send
        no more and wait for its answer.
        """
        queue, batch, rows = self._queues[key], [], 0
        most = self._most_rows(queue[0].signature)
        while queue and (not batch or rows + queue[0].rows <= most):
            one = queue.popleft()
            self._count -= 1
            if not one.answer.done():
                batch.append(one)
                rows += one.rows
        if not queue:
            del self._queues[key]
        return batch

    def _compute(self, batch: list[_Waiting], loop: asyncio.AbstractEventLoop) -> None:
        """In the thread: computes a batch and hands out the answers."""
        started = time.perf_counter()
        for one, result in zip(batch, _results(batch), strict=True):
            loop.call_soon_threadsafe(_settle, one.answer, result)
        seconds, rows = time.perf_counter() - started, sum(one.rows for one in batch)
        before = self._row_seconds.get(batch[0].signature, seconds / rows)
        self._row_seconds[batch[0].signature] = before + 0.2 * (seconds / rows - before)
        self._monitoring.batch_rows.labels(batch[0].model).observe(rows)
        self._monitoring.batch_seconds.labels(batch[0].model).observe(seconds)

    def _most_rows(self, signature: Signature) -> int:
        """Rows of a batch that takes no longer than it gains by: the first of it waits for the last."""
        row_seconds = self._row_seconds.get(signature, 0.0)
        return max(1, min(self._limits.rows, int(_BATCH_SECONDS / max(row_seconds, 1e-6))))

    def _seconds_to_drain(self) -> int:
        waiting = (one for queue in self._queues.values() for one in queue)
        seconds = sum(one.rows * self._row_seconds.get(one.signature, 0.0) for one in waiting)
        return max(1, min(60, math.ceil(seconds)))


def _results(batch: list[_Waiting]) -> list[Arrays | Exception]:
    """What each request of a batch gets. Where a batch fails each is tried alone, since one may spoil it for all."""
    if len(batch) == 1:
        try:
            return [batch[0].signature.run(batch[0].arrays)]
        except Exception as error:
            return [error]
    signature, ends = batch[0].signature, np.cumsum([one.rows for one in batch])
    try:
        outputs = signature.run(
            {name: np.concatenate([one.arrays[name] for one in batch]) for name in signature.inputs}
        )
    except Exception:
        outputs = {}
    if not outputs or any(len(output) != ends[-1] for output in outputs.values()):
        return [_results([one])[0] for one in batch]
    return [
        {name: output[end - one.rows : end] for name, output in outputs.items()}
        for one, end in zip(batch, ends, strict=True)
    ]


def _settle(answer: asyncio.Future, result: Arrays | Exception) -> None:
    if answer.done():  # its time was over before
        return
    if isinstance(result, Exception):
        answer.set_exception(result)
    else:
        answer.set_result(result)
