"""Named configurations: the published ones and ours."""

import dataclasses

from progan_tf.config import (
    AugmentationConfig,
    ByResolution,
    Config,
    ExtensionConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from progan_tf.errors import InputError


def _official(batch_size: ByResolution, learning_rate: ByResolution) -> Config:
    return Config(schedule=ScheduleConfig(batch_size=batch_size, learning_rate=learning_rate))


_SATELLITE = TrainingConfig(precision="auto", xla="auto")
_MIRROR = AugmentationConfig(symmetries="mirror")
_ALL_SIDES = AugmentationConfig(symmetries="all")

PRESETS: dict[str, Config] = {
    # The published configurations, one device to eight; resolution and channels are the dataset's.
    "official_1gpu": Config(),
    "official_2gpu": _official(
        {4: 256, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8}, {4: 0.001, 512: 0.0015, 1024: 0.002}
    ),
    "official_4gpu": _official(
        {4: 512, 8: 256, 16: 128, 32: 64, 64: 32, 128: 16}, {4: 0.001, 256: 0.0015, 512: 0.002, 1024: 0.003}
    ),
    "official_8gpu": _official(
        {4: 512, 8: 256, 16: 128, 32: 64, 64: 32}, {4: 0.001, 128: 0.0015, 256: 0.002, 512: 0.003}
    ),
    # The paper's own run: larger groups, longer phases.
    "paper": Config(
        network=NetworkConfig(stddev_group=16),
        schedule=ScheduleConfig(
            stable_kimg={4: 800},
            fade_kimg={4: 800},
            total_kimg=19000,
            batch_size={4: 16, 256: 14, 512: 6, 1024: 3},
            learning_rate={4: 0.001},
        ),
    ),
    # The published network and schedule on views from above, which may be mirrored.
    "satellite_256": Config(network=NetworkConfig(resolution=256), augmentation=_MIRROR, training=_SATELLITE),
    "satellite_1024": Config(network=NetworkConfig(resolution=1024), augmentation=_MIRROR, training=_SATELLITE),
    # A quarter of the width, for a small GPU or a patient CPU.
    "lite_64": Config(
        network=NetworkConfig(resolution=64, latent_size=128, fmap_base=2048, fmap_max=128),
        schedule=ScheduleConfig(
            stable_kimg={4: 100, 16: 200},
            fade_kimg={4: 100, 16: 200},
            total_kimg=2000,
            batch_size={4: 64, 32: 32, 64: 16},
            learning_rate={4: 0.001},
        ),
        augmentation=_MIRROR,
        training=dataclasses.replace(
            _SATELLITE, ema_half_life_kimg=5.0, tick_kimg={4: 50, 16: 40, 32: 20, 64: 10}, grid_columns=12, grid_rows=8
        ),
    ),
    # Four levels in eight minutes on two CPU cores of 2025; experiments.demo shortens it where they are slower.
    "demo_32": Config(
        network=NetworkConfig(resolution=32, latent_size=64, fmap_base=512, fmap_max=64),
        schedule=ScheduleConfig(
            stable_kimg={4: 50, 8: 30, 16: 20},
            fade_kimg={4: 20, 16: 15},
            total_kimg=180,
            batch_size={4: 64, 16: 32, 32: 16},
            learning_rate={4: 0.002},
        ),
        augmentation=_MIRROR,
        training=dataclasses.replace(
            _SATELLITE,
            ema_half_life_kimg=2.0,
            steps_per_call=16,
            tick_kimg={4: 20, 8: 12, 16: 8, 32: 4},
            grid_columns=8,
            grid_rows=6,
        ),
    ),
    # Windows that are continued: the published width and schedule for a GPU, and what two CPU cores can do.
    "extension_256": Config(
        network=NetworkConfig(resolution=256, fmap_base=4096, fmap_max=256),
        augmentation=_ALL_SIDES,
        training=dataclasses.replace(_SATELLITE, task="extension"),
    ),
    "extension_64": Config(
        network=NetworkConfig(resolution=64, latent_size=64, fmap_base=1024, fmap_max=64),
        schedule=ScheduleConfig(
            stable_kimg={4: 10, 8: 10, 16: 20},
            fade_kimg={4: 10, 32: 15},
            total_kimg=170,
            batch_size={4: 64, 8: 32, 16: 16, 32: 8},
            learning_rate={4: 0.002, 64: 0.0015},
        ),
        augmentation=_ALL_SIDES,
        training=dataclasses.replace(
            _SATELLITE,
            task="extension",
            ema_half_life_kimg=2.0,
            steps_per_call=16,
            tick_kimg={4: 10, 64: 8},
            grid_columns=12,
            grid_rows=6,
        ),
        extension=ExtensionConfig(gamma=0.9, reconstruction_weight=4.0, seam_weight=1.0, diversity_weight=0.05),
    ),
}


def preset(name: str) -> Config:
    """The preset of a name. Raises InputError where there is none."""
    if name not in PRESETS:
        raise InputError(f"no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]


def shortened(config: Config, factor: float) -> Config:
    """The same course of training with all its lengths, which are in kimg, multiplied by `factor`."""

    def times(values: ByResolution) -> ByResolution:
        return {resolution: round(kimg * factor, 3) for resolution, kimg in values.items()}

    schedule, augmentation, training = config.schedule, config.augmentation, config.training
    return dataclasses.replace(
        config,
        schedule=dataclasses.replace(
            schedule,
            stable_kimg=times(schedule.stable_kimg),
            fade_kimg=times(schedule.fade_kimg),
            start_kimg=schedule.start_kimg and round(schedule.start_kimg * factor, 3),
            total_kimg=round(schedule.total_kimg * factor, 3),
        ),
        augmentation=dataclasses.replace(augmentation, ada_kimg=round(augmentation.ada_kimg * factor, 3)),
        training=dataclasses.replace(
            training,
            ema_half_life_kimg=round(training.ema_half_life_kimg * factor, 3),
            tick_kimg=times(training.tick_kimg),
        ),
    )
