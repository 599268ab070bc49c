"""Configuration: JSON there and back, overrides, and errors that name the field."""

import dataclasses
import json

import pytest

from progan_tf import presets
from progan_tf.config import (
    Config,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
    at_resolution,
    differences,
    from_dict,
    override,
    settings,
    to_dict,
)
from progan_tf.errors import InputError
from progan_tf.presets import PRESETS
from progan_tf.schedule import phase_at


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_goes_through_json_unchanged(name):
    assert from_dict(json.loads(json.dumps(to_dict(PRESETS[name])))) == PRESETS[name]


def test_resolutions_are_integers_again_after_json():
    again = from_dict(json.loads(json.dumps(to_dict(Config()))))
    assert {type(key) for key in again.schedule.batch_size} == {int}


def test_sections_left_out_have_their_defaults():
    assert from_dict({}) == Config()
    assert from_dict({"network": {"channels": 4}}) == Config(network=NetworkConfig(channels=4))


def test_presets_are_found_by_name():
    assert presets.preset("paper") is PRESETS["paper"]
    with pytest.raises(InputError, match=r"no preset 'papper'; there are .*official_1gpu.*paper"):
        presets.preset("papper")


@pytest.mark.parametrize("name", PRESETS)
def test_settings_lead_from_one_config_to_another(name):
    assert override(Config(), settings(Config(), PRESETS[name])) == PRESETS[name]
    assert settings(PRESETS[name], PRESETS[name]) == []


def test_a_shortened_preset_takes_the_same_course_in_less():
    whole = PRESETS["demo_32"]
    half = presets.shortened(whole, 0.5)
    assert half.network == whole.network
    for kimg in (0, 20, 33, 50, 60, 77, 100, 120, 134, 150, 179):
        full = phase_at(whole.schedule, 5, kimg * 1000)
        assert phase_at(half.schedule, 5, kimg * 500) == full
    assert half.schedule.total_kimg == whole.schedule.total_kimg / 2
    assert half.training.tick_kimg == {at: kimg / 2 for at, kimg in whole.training.tick_kimg.items()}


@pytest.mark.parametrize(
    "setting, value",
    [
        ("network.latent_size=64", 64),
        ("network.resolution=128", 128),
        ("network.resolution=null", None),
        ("schedule.total_kimg=12.5", 12.5),
        ("schedule.total_kimg=100", 100),
        ("training.ema_decay=0", 0),
        ("training.use_labels=true", True),
        ("training.use_labels=false", False),
        ("augmentation.symmetries=all", "all"),
        ("loss.penalty_scale=per_level", "per_level"),
        ('loss.penalty_scale="per_level"', "per_level"),
        ('schedule.batch_size={"4": 16, "64": 8}', {4: 16, 64: 8}),
        ("schedule.batch_size=32", {4: 32}),
        ("schedule.learning_rate=1e-4", {4: 0.0001}),
        ('schedule.fade_kimg={"4": 0.5}', {4: 0.5}),
    ],
)
def test_override_of_every_type(setting, value):
    section, field = setting.split("=")[0].split(".")
    changed = override(Config(), [setting])
    result = getattr(getattr(changed, section), field)
    assert result == value
    assert type(result) is type(value)
    values = getattr(Config(), section)
    assert changed == dataclasses.replace(Config(), **{section: dataclasses.replace(values, **{field: value})})


def test_the_last_of_two_overrides_holds():
    assert override(Config(), ["training.seed=1", "training.seed=2"]).training.seed == 2


def test_overrides_are_applied_together_whatever_their_order():
    for chosen in (["schedule.repeats=3", "training.steps_per_call=9"],) * 2:
        assert override(Config(), chosen).training.steps_per_call == 9
        chosen.reverse()


def test_override_leaves_the_given_config_as_it_is():
    config = Config()
    override(config, ["training.seed=5", "schedule.batch_size=8"])
    assert config == Config()


@pytest.mark.parametrize(
    "setting, named",
    [
        # No such field, or nothing set.
        ("training.sead=1", "training.sead"),
        ("trainings.seed=1", "trainings.seed"),
        ("seed=1", "seed=1"),
        ("training.seed", "training.seed"),
        ("training.seed.more=1", "training.seed.more"),
        ("=1", "--set==1"),
        ("", "--set="),
        # Another type.
        ("training.seed=1.5", "training.seed is 1.5"),
        ("training.seed=", "training.seed is ''"),
        ("training.seed=null", "training.seed is None"),
        ("training.seed=true", "training.seed is True"),
        ("training.use_labels=1", "training.use_labels is 1"),
        ("training.use_labels=yes", "training.use_labels is 'yes'"),
        ("training.ema_decay=high", "training.ema_decay is 'high'"),
        ("training.ema_decay=true", "training.ema_decay is True"),
        ("training.ema_decay=[0.9]", "training.ema_decay"),
        ("network.channels=three", "network.channels is 'three'"),
        ("network.resolution={}", "network.resolution"),
        ("loss.penalty_scale=3", "loss.penalty_scale is 3"),
        ("schedule.batch_size=many", "schedule.batch_size is 'many'"),
        ("schedule.batch_size=[4, 8]", "schedule.batch_size"),
        ("schedule.batch_size=true", "schedule.batch_size"),
        ("schedule.batch_size=null", "schedule.batch_size is None"),
        ('schedule.batch_size={"4": "8"}', "schedule.batch_size"),
        ('schedule.batch_size={"four": 8}', "schedule.batch_size"),
        # Values that make no sense.
        ("network.resolution=100", "network.resolution is 100"),
        ("network.resolution=4", "network.resolution is 4"),
        ("network.resolution=2048", "network.resolution is 2048"),
        ("network.resolution=-8", "network.resolution is -8"),
        ("network.channels=0", "network.channels is 0"),
        ("network.labels=-1", "network.labels is -1"),
        ("network.latent_size=0", "network.latent_size is 0"),
        ("network.fmap_max=0", "network.fmap_max is 0"),
        ("network.stddev_group=0", "network.stddev_group is 0"),
        ("loss.penalty_scale=none", "loss.penalty_scale is none"),
        ("loss.gradient_target=0", "loss.gradient_target is 0"),
        ("loss.gradient_weight=-1", "loss.gradient_weight is -1"),
        ("loss.name=hinge", "loss.name is hinge; it must be wgan_gp or logistic_r1 or least_squares or relativ"),
        ("loss.conditioning=concat", "loss.conditioning is concat; it must be acgan or projection"),
        ("augmentation.symmetries=turns", "augmentation.symmetries is turns; it must be none or mirror or all"),
        ("augmentation.policy=apa", "augmentation.policy is apa; it must be none or diffaugment or ada"),
        ("augmentation.ada_target=1", "augmentation.ada_target is 1"),
        ("augmentation.ada_kimg=0", "augmentation.ada_kimg is 0"),
        ("schedule.batch_size={}", "schedule.batch_size"),
        ('schedule.batch_size={"8": 16}', "schedule.batch_size"),
        ('schedule.batch_size={"4": 16, "12": 8}', "schedule.batch_size"),
        ('schedule.batch_size={"4": 16, "2": 8}', "schedule.batch_size"),
        ("schedule.batch_size=0", "schedule.batch_size"),
        ("schedule.batch_size=2.5", "schedule.batch_size"),
        ("schedule.batch_size=Infinity", "schedule.batch_size"),
        ("schedule.learning_rate=-0.1", "schedule.learning_rate"),
        ("schedule.learning_rate=NaN", "schedule.learning_rate"),
        ('schedule.learning_rate={"4": 0.1, "8": NaN}', "schedule.learning_rate"),
        ("schedule.stable_kimg=-1", "schedule.stable_kimg"),
        ("schedule.stable_kimg=Infinity", "schedule.stable_kimg"),
        ("schedule.fade_kimg=-1", "schedule.fade_kimg"),
        ("schedule.total_kimg=0", "schedule.total_kimg is 0"),
        ("schedule.total_kimg=NaN", "schedule.total_kimg"),
        ("schedule.total_kimg=Infinity", "schedule.total_kimg"),
        ("schedule.repeats=0", "schedule.repeats is 0"),
        ("training.ema_decay=1.0", "training.ema_decay is 1.0"),
        ("training.ema_decay=-0.1", "training.ema_decay is -0.1"),
        ("training.ema_half_life_kimg=NaN", "training.ema_half_life_kimg"),
        ("training.steps_per_call=6", "training.steps_per_call is 6.*multiple of schedule.repeats .4"),
        ("training.steps_per_call=0", "training.steps_per_call is 0"),
        ("training.keep_checkpoints=1", "training.keep_checkpoints is 1"),
        ("training.tick_kimg=0", "training.tick_kimg"),
        ('training.tick_kimg={"8": 10}', "training.tick_kimg"),
        ("training.grid_columns=0", "training.grid_columns"),
        ("training.grid_rows=0", "training.grid_rows"),
        ("optimizer.beta1=1", "optimizer.beta1"),
        ("optimizer.beta2=-0.5", "optimizer.beta2"),
        ("optimizer.epsilon=NaN", "optimizer.epsilon"),
    ],
)
def test_a_bad_setting_is_an_input_error_of_one_line_that_names_the_field(setting, named):
    with pytest.raises(InputError, match=named) as caught:
        override(Config(), [setting])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("loss", ["wgan_gp", "least_squares", "relativistic_r1_r2"])
def test_ada_is_refused_where_the_sign_of_a_score_says_nothing(loss):
    chosen = [f"loss.name={loss}", "augmentation.policy=ada"]
    for settings_in_order in (chosen, chosen[::-1]):
        with pytest.raises(InputError, match=f"loss.name={loss} gives that no meaning; set loss.name=logistic_r1 or"):
            override(Config(), settings_in_order)
    chosen[0] = "loss.name=logistic_r1"
    assert override(Config(), chosen).augmentation.policy == "ada"


def test_too_few_feature_maps_for_the_resolution_are_refused_with_the_least_that_do():
    with pytest.raises(InputError, match=r"network\.fmap_base is 64; it must be at least 128 at resolution 256"):
        NetworkConfig(resolution=256, fmap_base=64)
    assert NetworkConfig(resolution=256, fmap_base=128).width(7) == 1


@pytest.mark.parametrize(
    "fields, named",
    [
        ({"networks": {}}, "unknown sections.*networks"),
        ({"network": {"depth": 3}}, "section network has unknown fields.*depth"),
        ({"network": {"latent_size": "64"}}, "network.latent_size is '64'"),
        ({"network": 3}, "network"),
        ({"network": None}, "network"),
        ({"network": [["latent_size", 3]]}, "network"),
        (None, "config"),
        ([], "config"),
        ("network", "config"),
    ],
)
def test_what_is_no_config_is_an_input_error(fields, named):
    with pytest.raises(InputError, match=named):
        from_dict(fields)


def test_configs_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().training.seed = 3


def test_equal_configs_have_no_differences():
    assert differences(Config(), from_dict(json.loads(json.dumps(to_dict(Config()))))) == []


def test_differences_are_exactly_the_changed_fields_with_both_values():
    a = Config()
    b = override(a, ["training.seed=3", 'schedule.batch_size={"4": 8}', "loss.penalty_scale=per_level"])
    assert differences(a, b) == [
        "loss.penalty_scale: official against per_level",
        f"schedule.batch_size: {a.schedule.batch_size} against {{4: 8}}",
        "training.seed: 0 against 3",
    ]


@pytest.mark.parametrize("section", [field.name for field in dataclasses.fields(Config)])
def test_every_field_can_differ(section):
    defaults = to_dict(Config())
    for field, value in defaults[section].items():
        changed = to_dict(Config())
        changed[section][field] = object()
        a, b = stand_in(defaults), stand_in(changed)
        assert [line.split(":")[0] for line in differences(a, b)] == [f"{section}.{field}"], value


def stand_in(sections: dict) -> object:
    """Something with the sections and fields of a config and values that no config takes."""
    inner = {
        name: dataclasses.make_dataclass(name, list(values))(**values) for name, values in sections.items()
    }  # fmt: skip
    return dataclasses.make_dataclass("StandIn", list(inner))(**inner)


@pytest.mark.parametrize("half_life_kimg", [0.5, 5.0, 20.0])
@pytest.mark.parametrize("batch_size", [1, 8, 100])
def test_after_the_half_life_half_of_the_old_average_is_left(half_life_kimg, batch_size):
    decay = TrainingConfig(ema_half_life_kimg=half_life_kimg).ema_decay_at(batch_size)
    assert decay ** (1000 * half_life_kimg / batch_size) == pytest.approx(0.5)


def test_a_half_life_counts_images_not_steps():
    training = TrainingConfig(ema_half_life_kimg=2.0)
    assert training.ema_decay_at(8) ** 4 == pytest.approx(training.ema_decay_at(32))


def test_without_a_half_life_the_decay_is_the_same_at_every_batch_size():
    assert [TrainingConfig(ema_decay=0.99).ema_decay_at(batch) for batch in (1, 64)] == [0.99, 0.99]


@pytest.mark.parametrize("resolution, value", [(4, 1), (8, 1), (16, 2), (64, 2), (128, 3), (1024, 3)])
def test_a_value_holds_from_its_resolution_upwards(resolution, value):
    assert at_resolution({16: 2, 4: 1, 128: 3}, resolution) == value


def test_default_widths_are_the_published_ones():
    network = NetworkConfig()
    by_resolution = {2**level: network.width(level - 1) for level in range(2, 11)}
    assert by_resolution == {
        4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64, 512: 32, 1024: 16,
    }  # fmt: skip
    assert (network.width(0), network.latent_size) == (512, 512)


def test_default_loss_and_optimizer_are_the_published_ones():
    assert to_dict(Config())["loss"] == {
        "name": "wgan_gp", "gradient_weight": 10.0, "gradient_target": 1.0, "drift_weight": 0.001,
        "penalty_scale": "official", "conditioning": "acgan", "label_weight": 1.0,
    }  # fmt: skip
    assert to_dict(Config())["optimizer"] == {"beta1": 0.0, "beta2": 0.99, "epsilon": 1e-8, "reset_optimizer": True}
    assert (TrainingConfig().ema_decay, ScheduleConfig().repeats) == (0.999, 4)


def test_default_ticks_are_the_published_ones():
    assert TrainingConfig().tick_kimg == {
        4: 160, 8: 140, 16: 120, 32: 100, 64: 80, 128: 60, 256: 40, 512: 20, 1024: 10,
    }  # fmt: skip
