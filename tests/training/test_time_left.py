"""Time left: levels to come cost more than the one now in training."""

import pytest

from progan_tf.config import Config, NetworkConfig, ScheduleConfig
from progan_tf.training.time_left import duration, seconds_left


def test_at_the_last_level_it_is_images_by_rate():
    config = Config(
        network=NetworkConfig(resolution=8, channels=3),
        schedule=ScheduleConfig(stable_kimg={4: 1}, fade_kimg={4: 1}, total_kimg=10),
    )
    assert seconds_left(config, 4000, 50) == pytest.approx(6000 / 50)
    assert seconds_left(config, 10000, 50) == 0
    assert seconds_left(config, 4000, 0) == float("inf")


def test_levels_to_come_are_counted_at_their_own_cost():
    config = Config(
        network=NetworkConfig(resolution=8, channels=3, fmap_base=64, fmap_max=16),  # 16 features at 4 and at 8 pixels
        schedule=ScheduleConfig(stable_kimg={4: 1}, fade_kimg={4: 1}, total_kimg=3),
    )
    # Multiplications layer by layer: 4 x 4 and 8 x 8 with 16 features, 512 latents.
    dense, conv, colours = 512 * 16 * 16, 16 * 9 * 16 * 16, 16 * 16 * 3
    scores = 16 * 9 * 17 * 16 + 16 * 16 * 16 + 16
    block = 4 * conv + 16 * 16 * 16 * 16  # a convolution at 8 x 8, and a fused one to or from it
    small = 4 * (dense + conv + colours) + 14 * (colours + scores)
    large = 4 * (dense + conv + block + 4 * colours) + 14 * (4 * colours + block + scores)
    assert seconds_left(config, 0, 100) == pytest.approx((1000 + 2000 * large / small) / 100)
    assert seconds_left(config, 500, 100) == pytest.approx((500 + 2000 * large / small) / 100)
    assert seconds_left(config, 1500, 100) == pytest.approx(1500 / 100)


def test_durations_read_as_people_say_them():
    said = [duration(seconds) for seconds in (0, 59.4, 60, 3599, 3600, 86399, 90000, float("inf"))]
    assert said == ["0s", "59s", "1m 00s", "59m 59s", "1h 00m", "23h 59m", "1d 01h", "?"]
