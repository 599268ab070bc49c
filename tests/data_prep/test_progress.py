"""Plain lines of progress where there is no terminal, on a clock of the test's own."""

import pytest

from data_prep import progress
from data_prep.progress import Progress, Silent, track


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr(progress.time, "monotonic", lambda: Clock.now)
    return Clock


def test_the_rate_is_that_of_work_and_not_of_start_up(clock, capsys):
    with Progress("write", 1000, "images") as shown:
        clock.now += 60  # processes start
        shown.advance(100)
        assert capsys.readouterr().out == ""
        clock.now += 20
        shown.advance(200)
        assert capsys.readouterr().out == "write: 300 of 1,000 images, 10.0 a second, 70 s left\n"
        clock.now += 9
        shown.advance(100)
        assert capsys.readouterr().out == ""
        clock.now += 1
        shown.advance(600)
        assert capsys.readouterr().out == "write: 1,000 of 1,000 images, 30.0 a second, 0 s left\n"


def test_what_is_quick_says_nothing(clock, capsys):
    assert list(track(range(5), "cut", 5, "parts")) == [0, 1, 2, 3, 4]
    with Silent("cut", 5, "parts") as silent:
        clock.now += 100
        silent.advance(5)
    assert capsys.readouterr().out == ""
