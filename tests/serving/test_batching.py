"""Batches of requests, with a signature whose time and failures are known."""

import asyncio
import dataclasses
import threading
import time

import numpy as np
import pytest

from progan_tf.serving.batching import Batcher
from progan_tf.serving.limits import Limits
from progan_tf.serving.monitoring import Monitoring
from progan_tf.serving.refusal import Refusal, invalid


@dataclasses.dataclass(eq=False)
class Doubler:
    """Doubles x, `seconds` a row; refuses negative numbers, and notes the rows of every call."""

    seconds: float = 0.0
    calls: list[list[float]] = dataclasses.field(default_factory=list)
    inputs = {"x": None}  # noqa: RUF012

    def rows(self, arrays):
        return len(arrays["x"]) if arrays["x"].ndim else None

    def run(self, arrays):
        assert threading.current_thread() is not threading.main_thread()
        self.calls.append(arrays["x"].tolist())
        time.sleep(self.seconds * max(1, arrays["x"].size))
        if (arrays["x"] < 0).any():
            raise invalid("negative")
        return {"y": 2 * arrays["x"]}


def run(ask, limits: Limits | None = None, signatures: int = 1, seconds: float = 0.0):
    """What `ask`, given a batcher's `run` for numbers of a signature, comes to; and the signatures."""
    limits, doublers = limits or Limits(), [Doubler(seconds) for _ in range(signatures)]

    async def main():
        async with Batcher(limits, Monitoring.new()) as batcher:

            async def double(*numbers: float, of: int = 0, within: float = 10.0) -> list[float]:
                deadline = asyncio.get_running_loop().time() + within
                outputs = await batcher.run(doublers[of], "model", {"x": np.array(numbers)}, deadline)
                return outputs["y"].tolist()

            return await ask(double)

    return asyncio.run(main()), doublers


def test_what_comes_together_is_computed_together_and_each_gets_its_own():
    async def ask(double):
        return await asyncio.gather(*(double(number, number + 0.5) for number in range(20)))

    answers, (doubler,) = run(ask, Limits(rows=16))
    assert answers == [[2 * number, 2 * number + 1] for number in range(20)]
    assert [len(call) for call in doubler.calls] == [16, 16, 8]
    assert [number for call in doubler.calls for number in call[::2]] == list(range(20))  # first come, first served


def test_signatures_do_not_mix_and_take_turns():
    async def ask(double):
        return await asyncio.gather(*(double(number, of=number % 2) for number in range(8)))

    answers, doublers = run(ask, signatures=2)
    assert answers == [[2 * number] for number in range(8)]
    assert [doubler.calls for doubler in doublers] == [[[0, 2, 4, 6]], [[1, 3, 5, 7]]]


def test_rows_of_another_shape_go_on_their_own():
    async def ask(double):
        return await asyncio.gather(double([1.0, 2.0]), double([3.0]), double([4.0, 5.0]))

    answers, (doubler,) = run(ask)
    assert answers == [[[2, 4]], [[6]], [[8, 10]]]
    assert doubler.calls == [[[1, 2], [4, 5]], [[3]]]


def test_one_that_fails_spoils_no_other():
    async def ask(double):
        return await asyncio.gather(*(double(number) for number in (1, -2, 3)), return_exceptions=True)

    answers, (doubler,) = run(ask)
    assert (answers[0], answers[2]) == ([2], [6])
    assert isinstance(answers[1], Refusal) and answers[1].message == "negative"
    assert doubler.calls == [[1, -2, 3], [1], [-2], [3]]


def test_nobody_waits_for_others_longer_than_told():
    async def ask(double):
        begin = time.perf_counter()
        await double(1.0)
        return time.perf_counter() - begin

    taken, _ = run(ask, Limits(gather_seconds=0.1))
    assert 0.1 <= taken < 0.3


def test_batches_of_slow_rows_are_short():
    async def ask(double):
        await double(0.0)  # from which it knows how long a row takes
        return await asyncio.gather(*(double(number) for number in range(9)))

    _, (doubler,) = run(ask, seconds=0.06)
    assert max(len(call) for call in doubler.calls) <= 4  # of 0.25 seconds
    assert sum(len(call) for call in doubler.calls) == 10


def test_a_full_queue_refuses_and_tells_when_to_come_back():
    async def ask(double):
        first = asyncio.create_task(double(0.0))
        await asyncio.sleep(0.1)  # it is at work
        waiting = [asyncio.create_task(double(number)) for number in (1.0, 2.0)]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as refused:
            await double(3.0)
        return refused.value, await first, await asyncio.gather(*waiting)

    (refusal, first, rest), (doubler,) = run(ask, Limits(queue=2), seconds=0.4)
    assert (refusal.status, first, rest) == (429, [0], [[2], [4]])
    assert int(refusal.headers["Retry-After"]) >= 1
    assert 3.0 not in [number for call in doubler.calls for number in call]


def test_what_is_too_late_is_not_computed():
    async def ask(double):
        first = asyncio.create_task(double(0.0))
        await asyncio.sleep(0.05)
        with pytest.raises(Refusal) as refused:
            await double(1.0, within=0.1)
        await first
        return refused.value, await double(2.0)

    (refusal, last), (doubler,) = run(ask, seconds=0.3)
    assert (refusal.status, last) == (504, [4])
    assert doubler.calls == [[0], [2]]


def test_too_many_rows_are_refused():
    async def ask(double):
        with pytest.raises(Refusal, match="Task size 3 is larger than maximum input batch size 2"):
            await double(1.0, 2.0, 3.0)
        return await double(1.0, 2.0)

    assert run(ask, Limits(rows=2))[0] == [2, 4]


def test_none_at_all_is_an_answer_too():
    async def ask(double):
        return await asyncio.gather(double(), double(1.0))

    assert run(ask)[0] == [[], [2]]
