"""The schedule, against the published formula in exact fractions, and the presets against the published table."""

import dataclasses
import itertools
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from progan_tf.config import Config, NetworkConfig, ScheduleConfig, TrainingConfig
from progan_tf.errors import InputError
from progan_tf.presets import PRESETS
from progan_tf.schedule import Phase, check, level_and_alpha, levels, phase_at, total_images, upcoming

PUBLISHED = ScheduleConfig()
FINAL_LEVELS = {256: 8, 1024: 10}


def published(resolution: int, images: int, phase_kimg: int = 600) -> tuple[int, float]:
    """Level and alpha as the published code defines them by its lod."""
    kimg, both = Fraction(images, 1000), 2 * phase_kimg
    in_phase = kimg - both * (kimg // both)
    final_lod = resolution.bit_length() - 3  # log2(R / 4)
    lod = max(Fraction(0), final_lod - kimg // both - max(in_phase - phase_kimg, Fraction(0)) / phase_kimg)
    return final_lod + 2 - floor(lod), float(1 - (lod - floor(lod)))


def boundaries(resolution: int) -> list[int]:
    """Images at which a stretch of 600 kimg ends, and two well after the last."""
    return [600_000 * stretch for stretch in range(2 * FINAL_LEVELS[resolution] - 1)] + [11_999_999, 50_000_000]


@pytest.mark.parametrize("resolution, images", [(r, images) for r in FINAL_LEVELS for images in boundaries(r)])
def test_every_boundary_is_the_published_one_to_the_image(resolution, images):
    for at in (images - 1, images, images + 1):
        if at >= 0:
            assert level_and_alpha(PUBLISHED, FINAL_LEVELS[resolution], at) == published(resolution, at)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(resolution=st.sampled_from(sorted(FINAL_LEVELS)), images=st.integers(0, 12_000_000))
def test_every_image_is_at_the_published_level_and_alpha(resolution, images):
    assert level_and_alpha(PUBLISHED, FINAL_LEVELS[resolution], images) == published(resolution, images)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(images=st.integers(0, 19_000_000))
def test_the_papers_longer_phases_follow_the_same_formula(images):
    assert level_and_alpha(PRESETS["paper"].schedule, 10, images) == published(1024, images, phase_kimg=800)


@pytest.mark.parametrize(
    "images, level, alpha",
    [
        (0, 2, 1),
        (600_000, 2, 1),
        (600_006, 3, 1e-5),
        (900_000, 3, 0.5),
        (1_200_000, 3, 1),
        (1_800_000, 3, 1),
        (2_100_000, 4, 0.5),
        (7_199_400, 8, 0.999),
        (7_200_000, 8, 1),
        (12_000_000, 8, 1),
    ],
)
def test_landmarks_of_a_run_at_256(images, level, alpha):
    assert level_and_alpha(PUBLISHED, 8, images) == (level, alpha)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    stable=st.dictionaries(st.sampled_from([8, 16, 32, 64]), st.integers(0, 50)),
    fade=st.dictionaries(st.sampled_from([8, 16, 32, 64]), st.integers(0, 50)),
    first=st.tuples(st.integers(0, 50), st.integers(0, 50)),
    images=st.integers(0, 1_000_000),
)
def test_growth_is_steady_whatever_the_lengths(stable, fade, first, images):
    schedule = ScheduleConfig(stable_kimg={4: first[0], **stable}, fade_kimg={4: first[1], **fade})
    now, then = (level_and_alpha(schedule, 6, at) for at in (images, images + 1))
    assert now <= then or (now[1] == 1 and then[0] > now[0])
    assert 2 <= now[0] <= 6
    assert 0 < now[1] <= 1


def test_batch_size_and_learning_rate_switch_at_the_start_of_a_fade():
    schedule = ScheduleConfig(batch_size={4: 64, 8: 32, 32: 16}, learning_rate={4: 0.001, 16: 0.002})
    expected = {
        600_000: Phase(2, 1.0, 64, 0.001),
        600_600: Phase(3, 0.001, 32, 0.001),
        1_800_000: Phase(3, 1.0, 32, 0.001),
        1_800_600: Phase(4, 0.001, 32, 0.002),
        2_400_000: Phase(4, 1.0, 32, 0.002),
        3_000_600: Phase(5, 0.001, 16, 0.002),
    }
    assert {images: phase_at(schedule, 5, images) for images in expected} == expected


def test_lengths_may_differ_by_resolution():
    """4 stable for 10 kimg, 8 fading for 20, stable for 30, 16 fading for 40."""
    schedule = ScheduleConfig(stable_kimg={4: 10, 8: 30}, fade_kimg={4: 5, 8: 20, 16: 40})
    expected = [(10_000, 2, 1), (20_000, 3, 0.5), (30_000, 3, 1), (60_000, 3, 1), (80_000, 4, 0.5), (100_000, 4, 1)]
    assert [(images, *level_and_alpha(schedule, 4, images)) for images, _, _ in expected] == expected


def test_a_fade_of_no_length_is_a_jump():
    schedule = ScheduleConfig(stable_kimg={4: 1}, fade_kimg={4: 0})
    assert [level_and_alpha(schedule, 4, at) for at in (0, 1000, 1001, 2000, 2001, 9999)] == [
        (2, 1), (2, 1), (3, 1), (3, 1), (4, 1), (4, 1),
    ]  # fmt: skip


def test_a_stable_stretch_of_no_length_goes_straight_on_to_the_next_fade():
    schedule = ScheduleConfig(stable_kimg={4: 0}, fade_kimg={4: 1})
    assert [level_and_alpha(schedule, 4, at) for at in (0, 500, 1000, 1500, 2000)] == [
        (2, 1), (3, 0.5), (3, 1), (4, 0.5), (4, 1),
    ]  # fmt: skip


def test_no_lengths_at_all_train_the_last_level_from_the_first_image():
    schedule = ScheduleConfig(stable_kimg={4: 0}, fade_kimg={4: 0})
    assert level_and_alpha(schedule, 5, 1) == (5, 1)


def test_fading_graph_and_stage_of_a_phase():
    assert [Phase(3, alpha, 8, 0.1).fading for alpha in (0.01, 0.99, 1.0)] == [True, True, False]
    assert Phase(3, 0.2, 8, 0.1).graph == Phase(3, 0.7, 8, 0.3).graph != Phase(3, 0.2, 4, 0.1).graph
    assert Phase(3, 0.2, 8, 0.1).stage == Phase(3, 0.7, 4, 0.3).stage != Phase(3, 1.0, 8, 0.1).stage


def small(steps_per_call: int = 12, repeats: int = 3) -> Config:
    """A run of a few hundred steps; batches do not divide the lengths."""
    return Config(
        network=NetworkConfig(resolution=16, channels=3),
        schedule=ScheduleConfig(
            stable_kimg={4: 1, 8: 1.5},
            fade_kimg={4: 0.7, 16: 1.1},
            total_kimg=6.5,
            batch_size={4: 32, 8: 12, 16: 7},
            repeats=repeats,
        ),
        training=TrainingConfig(steps_per_call=steps_per_call),
    )


def calls(config: Config) -> list[tuple[int, list[Phase]]]:
    """Images before each call of the loop, and its steps, from the first to the last."""
    images, done = 0, []
    while steps := upcoming(config, images):
        done.append((images, steps))
        images += sum(step.batch_size for step in steps)
    return [*done, (images, [])]


LOOPS = [(12, 3), (3, 3), (4, 1), (1, 1), (100, 4)]


@pytest.mark.parametrize("loop", LOOPS)
def test_steps_of_a_call_share_one_graph(loop):
    for _, steps in calls(small(*loop)):
        assert len({step.graph for step in steps}) <= 1


@pytest.mark.parametrize("loop", LOOPS)
def test_alpha_is_that_of_the_first_of_its_repeats(loop):
    config = small(*loop)
    for images, steps in calls(config):
        for number, step in enumerate(steps):
            first = number - number % config.schedule.repeats
            seen = images + sum(before.batch_size for before in steps[:first])
            assert step == phase_at(config.schedule, 4, seen)


@pytest.mark.parametrize("loop", LOOPS)
def test_calls_are_full_unless_the_graph_changes_or_the_run_ends(loop):
    config = small(*loop)
    all_calls = calls(config)
    for (_, steps), (after, following) in itertools.pairwise(all_calls):
        assert len(steps) <= config.training.steps_per_call
        if len(steps) < config.training.steps_per_call:
            assert not following or phase_at(config.schedule, 4, after).graph != steps[0].graph


@pytest.mark.parametrize("loop", LOOPS)
def test_a_run_passes_every_stage_in_order_and_ends_at_its_total(loop):
    config = small(*loop)
    all_calls = calls(config)
    stages = list(dict.fromkeys(step.stage for _, steps in all_calls for step in steps))
    assert stages == [(2, False), (3, True), (3, False), (4, True), (4, False)]
    last, steps = all_calls[-2]
    assert last < total_images(config.schedule) <= all_calls[-1][0]
    assert all_calls[-1][0] - total_images(config.schedule) < steps[0].batch_size * config.schedule.repeats


def test_steps_do_not_depend_on_how_many_a_call_takes():
    def steps(steps_per_call: int) -> list[Phase]:
        return [step for _, steps in calls(small(steps_per_call)) for step in steps]

    assert steps(3) == steps(6) == steps(300)


def test_nothing_is_upcoming_at_the_end():
    config = small()
    assert upcoming(config, 6500) == upcoming(config, 9999) == []
    assert len(upcoming(config, 6499)) == config.schedule.repeats


def at(resolution: int, config: Config) -> Config:
    return dataclasses.replace(config, network=dataclasses.replace(config.network, resolution=resolution))


def with_batches(batch_size: dict[int, int], group: int = 4) -> Config:
    return Config(
        network=NetworkConfig(resolution=32, stddev_group=group), schedule=ScheduleConfig(batch_size=batch_size)
    )


def test_a_batch_that_replicas_cannot_share_is_refused_with_its_resolution_and_the_remedy():
    with pytest.raises(InputError, match=r"batch_size is 12 at resolution 16, which 8 replicas.* a multiple of 8"):
        check(with_batches({4: 32, 16: 12}), replicas=8)


def test_a_batch_smaller_than_the_replicas_is_refused():
    with pytest.raises(InputError, match="batch_size is 2 at resolution 32, which 4 replicas"):
        check(with_batches({4: 32, 32: 2}), replicas=4)


def test_a_batch_that_groups_cannot_share_is_refused_with_its_resolution_and_the_remedy():
    with pytest.raises(InputError, match=r"batch_size is 12 at resolution 8, 6 a replica.*group = 4.* a multiple of 8"):
        check(with_batches({4: 16, 8: 12}), replicas=2)


@pytest.mark.parametrize("batch, group, replicas", [(3, 4, 1), (6, 4, 2), (1, 4, 1), (14, 16, 1), (32, 16, 2)])
def test_a_batch_of_one_smaller_group_or_of_whole_groups_is_accepted(batch, group, replicas):
    check(with_batches({4: batch}, group), replicas)


def test_batches_of_levels_beyond_the_network_do_not_matter():
    check(with_batches({4: 32, 64: 7}), replicas=2)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_runs_on_one_device(name):
    preset = PRESETS[name]
    check(preset if preset.network.resolution else at(1024, preset), replicas=1)


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_official_presets_run_on_their_number_of_devices(devices):
    for resolution in (256, 1024):
        check(at(resolution, PRESETS[f"official_{devices}gpu"]), replicas=devices)


RESOLUTIONS = [4, 8, 16, 32, 64, 128, 256, 512, 1024]
# Batch size and thousandths of learning rate at each resolution; stable and fade length, total (kimg); group.
TABLE = {
    "official_1gpu": (
        [128, 128, 128, 64, 32, 16, 8, 4, 4],
        [1, 1, 1, 1, 1, 1, 1, 1, 1.5],
        (600, 600, 12000, 4),
    ),
    "official_2gpu": (
        [256, 256, 128, 64, 32, 16, 8, 8, 8],
        [1, 1, 1, 1, 1, 1, 1, 1.5, 2],
        (600, 600, 12000, 4),
    ),
    "official_4gpu": (
        [512, 256, 128, 64, 32, 16, 16, 16, 16],
        [1, 1, 1, 1, 1, 1, 1.5, 2, 3],
        (600, 600, 12000, 4),
    ),
    "official_8gpu": (
        [512, 256, 128, 64, 32, 32, 32, 32, 32],
        [1, 1, 1, 1, 1, 1.5, 2, 3, 3],
        (600, 600, 12000, 4),
    ),
    "paper": (
        [16, 16, 16, 16, 16, 16, 14, 6, 3],
        [1, 1, 1, 1, 1, 1, 1, 1, 1],
        (800, 800, 19000, 16),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_official_presets_have_the_published_numbers(name):
    preset = PRESETS[name]
    batch_sizes, learning_rates, others = TABLE[name]
    schedule = preset.schedule
    phases = {}
    for level in range(2, 11):  # the first image of the fade, or of the run
        images = (schedule.stable_kimg[4] + schedule.fade_kimg[4]) * 1000 * (level - 2)
        phases[2**level] = phase_at(schedule, 10, images)
    assert [phases[resolution].level for resolution in RESOLUTIONS] == list(range(2, 11))
    assert [phases[resolution].batch_size for resolution in RESOLUTIONS] == batch_sizes
    assert [phases[resolution].learning_rate * 1000 for resolution in RESOLUTIONS] == pytest.approx(learning_rates)
    assert (schedule.stable_kimg, schedule.fade_kimg) == ({4: others[0]}, {4: others[1]})
    assert (schedule.total_kimg, preset.network.stddev_group, schedule.repeats) == (others[2], others[3], 4)


def test_official_presets_end_with_the_last_level_stable():
    for name in TABLE:
        assert level_and_alpha(PRESETS[name].schedule, 10, total_images(PRESETS[name].schedule) - 1) == (10, 1)


def test_the_default_configuration_is_the_published_default():
    assert Config() == PRESETS["official_1gpu"]


@pytest.mark.parametrize("total_kimg", [3, 21, 60])
@pytest.mark.parametrize("lengths", [{4: 4, 8: 7}, {4: 0}])
def test_levels_of_a_run_are_those_of_its_images(lengths, total_kimg):
    schedule = ScheduleConfig(stable_kimg=lengths, fade_kimg={4: 2, 16: 5}, total_kimg=total_kimg)
    config = Config(network=NetworkConfig(resolution=32, channels=3), schedule=schedule)
    seen = [level_and_alpha(schedule, 5, images)[0] for images in range(1, 1000 * total_kimg + 1)]
    assert {level: end - begin for level, begin, end in levels(config)} == pytest.approx(
        {level: seen.count(level) for level in sorted(set(seen))}, abs=1
    )
