"""What is said of figures: every metric has a reading, values their scale and interval, and chance its width."""

import dataclasses
import math

import pytest
from scipy import stats

from progan_tf.metrics import reading, registry
from progan_tf.metrics.evaluation import Figure

KID = Figure(
    "kid", "kid", 0.0123, 0.001, -0.0001, 0.0005, 400, "inception-2015-12-05 clean f1c99d53", "red, green, blue"
)


def figure(metric: str, value: float, n: int = 100, **fields) -> Figure:
    return Figure(metric, metric, value, None, 0.0, None, n, None, None, **fields)


@pytest.mark.parametrize("name", registry.expand(["all"]))
def test_every_metric_has_a_reading(name):
    found = reading.reading(name)
    assert found.says.endswith(".") and found.trust.endswith(".") and found.title
    assert reading.trust(figure(name, 0.5)).startswith(found.trust)


def test_values_have_their_scale_and_their_interval_of_95_percent():
    assert (reading.name(KID), reading.number(KID), reading.floor(KID)) == (
        "KID x 1,000",
        "12.30 ± 1.96",
        "-0.10 ± 0.98",
    )
    part = dataclasses.replace(KID, name="kid/part", se=None)
    assert (reading.name(part), reading.number(part)) == ("kid/part", "0.0123")


@pytest.mark.parametrize("value, said", [(math.inf, "no limit"), (math.nan, "none"), (1234.5, "1,234.5")])
def test_what_is_no_number_is_said_in_words(value, said):
    assert reading.number(figure("swd", value)) == said


@pytest.mark.parametrize("value, said", [(0.0123, "differs"), (0.0015, "not told apart"), (-0.0123, "differs")])
def test_a_figure_differs_from_its_floor_where_their_errors_say_so(value, said):
    assert reading.against_floor(dataclasses.replace(KID, value=value)) == said


def test_without_errors_nothing_is_said_of_a_difference():
    assert reading.against_floor(dataclasses.replace(KID, floor_se=None)) == ""


def test_another_network_is_never_called_fid():
    assert reading.reading("fd-random").title == "fd-random"
    assert reading.reading("fd-random").says == reading.reading("fid").says


def test_fid_tells_the_rank_of_its_covariances_where_they_are_short_of_it():
    assert "At n = 100 the covariances have rank 99 at most, of 2,048" in reading.trust(figure("fid", 200.0))
    assert "rank" not in reading.trust(figure("fid", 20.0, n=10_000))


@pytest.mark.parametrize("share, n", [(0.0, 100), (0.5, 100), (0.9, 1000), (1.0, 50)])
def test_the_width_of_a_share_is_that_of_wilson(share, n):
    interval = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    half = (interval.high - interval.low) / 2
    assert f"±\u00a0{half:.2f}, at best" in reading.trust(figure("recall", share, n))
