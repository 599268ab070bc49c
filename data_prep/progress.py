"""Progress with rate and time left: a bar on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts `total` units of work of one name. Use as a context manager and call `advance`."""

    def __init__(self, name: str, total: int, unit: str):
        self._name, self._total, self._unit = name, total, unit
        self._bar = tqdm(total=total, desc=name, unit=f" {unit}", delay=1.0) if sys.stdout.isatty() else None
        self._done, self._timed_from, self._begun = 0, 0, None
        self._next_line = time.monotonic() + _SECONDS_BETWEEN_LINES

    def advance(self, units: int = 1) -> None:
        self._done += units
        if self._bar is not None:
            self._bar.update(units)
            return
        now = time.monotonic()
        if self._begun is None:  # the first units had to wait for processes to start: they tell no rate
            self._timed_from, self._begun = self._done, now
        elif now >= self._next_line:
            self._next_line = now + _SECONDS_BETWEEN_LINES
            rate = (self._done - self._timed_from) / (now - self._begun)
            left = (self._total - self._done) / rate if rate else float("inf")
            done = f"{self._done:,} of {self._total:,} {self._unit}"
            print(f"{self._name}: {done}, {rate:,.1f} a second, {left:,.0f} s left", flush=True)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.close()


class Silent(Progress):
    """Shows nothing: the choice of library code that nobody told how to show progress."""

    def __init__(self, name: str, total: int, unit: str):
        self._bar = None

    def advance(self, units: int = 1) -> None:
        pass


def track(items: Iterable[Item], name: str, total: int, unit: str) -> Iterator[Item]:
    """Yields `items`, showing how many of `total` are through."""
    with Progress(name, total, unit) as progress:
        for item in items:
            yield item
            progress.advance()
