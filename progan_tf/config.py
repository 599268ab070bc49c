"""Every setting of a run and its default, as frozen dataclasses; JSON in and out.

Settings that depend on the resolution are mappings from a resolution to the value that holds from there upwards:
`{4: 128, 32: 64}` is 128 at 4, 8 and 16 pixels and 64 from 32 on.
"""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Iterable
from typing import Any

from progan_tf.errors import InputError

ByResolution = dict[int, float]


def _require(condition: bool, name: str, value: Any, wanted: str) -> None:
    if not condition:
        raise InputError(f"{name} is {value}; it must be {wanted}")


def _require_one_of(choices: tuple[str, ...], name: str, value: str) -> None:
    _require(value in choices, name, value, " or ".join(choices))


def _require_by_resolution(name: str, values: ByResolution, least: float) -> None:
    _require(4 in values, name, values, "a value from resolution 4 on, such as {4: ...}")
    _require(min(values.values()) >= least, name, values, f"values of {least} or more")
    powers = all(key >= 4 and key & (key - 1) == 0 for key in values)
    _require(powers, name, values, "powers of two from 4 on as resolutions")


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """Generator and discriminator; the defaults are the published network (Karras et al. 2018, appendix A)."""

    resolution: int | None = None  # pixels a side, a power of two from 8 to 1024; None: the dataset's
    channels: int | None = None  # None: the dataset's
    labels: int = 0  # classes of a conditional network, 0: unconditional
    latent_size: int = 512
    fmap_base: int = 8192  # feature maps are fmap_base / 2^(level - 1), at most fmap_max
    fmap_max: int = 512
    stddev_group: int = 4  # images a group of the minibatch standard deviation

    def __post_init__(self):
        if self.resolution is not None:
            _require(
                8 <= self.resolution <= 1024 and self.resolution & (self.resolution - 1) == 0,
                "network.resolution",
                self.resolution,
                "a power of two from 8 to 1024",
            )
        for name in ("latent_size", "fmap_base", "fmap_max", "stddev_group"):
            _require(getattr(self, name) >= 1, f"network.{name}", getattr(self, name), "1 or more")
        _require(self.labels >= 0, "network.labels", self.labels, "0 or more")
        _require(self.channels is None or self.channels >= 1, "network.channels", self.channels, "1 or more")
        if self.resolution is not None:
            _require(
                self.width(self.final_level - 1) >= 1,
                "network.fmap_base",
                self.fmap_base,
                f"at least {self.resolution // 2} at resolution {self.resolution}, or the last level has no features",
            )

    @property
    def final_level(self) -> int:
        """log2 of the resolution."""
        return self.resolution.bit_length() - 1

    def width(self, stage: int) -> int:
        """Feature maps of a stage; the block of a level ends at stage level - 1."""
        return min(self.fmap_base >> stage, self.fmap_max)


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What the networks minimise; by default WGAN-GP with drift and AC-GAN (Karras et al. 2018, appendix A.1)."""

    name: str = "wgan_gp"  # wgan_gp, logistic_r1, least_squares, relativistic_r1_r2
    gradient_weight: float = 10.0  # lambda of wgan_gp, gamma of R1 and R2; least_squares has no penalty
    gradient_target: float = 1.0  # of wgan_gp; that of R1 and R2 is 0
    drift_weight: float = 0.001  # of wgan_gp
    penalty_scale: str = "official"  # official: norm of the gradient at full image size; per_level: at the level's own
    conditioning: str = "acgan"  # how labels are judged, where there are any: acgan, or in the score: projection
    label_weight: float = 1.0  # of acgan

    def __post_init__(self):
        names = ("wgan_gp", "logistic_r1", "least_squares", "relativistic_r1_r2")
        _require_one_of(names, "loss.name", self.name)
        _require_one_of(("official", "per_level"), "loss.penalty_scale", self.penalty_scale)
        _require_one_of(("acgan", "projection"), "loss.conditioning", self.conditioning)
        _require(self.gradient_weight >= 0, "loss.gradient_weight", self.gradient_weight, "0 or more")
        _require(self.gradient_target > 0, "loss.gradient_target", self.gradient_target, "more than 0")


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """What is done to images before the discriminator sees them."""

    symmetries: str = "none"  # of the reals, as more data: none, mirror (left to right), all (the 8 of the square)
    policy: str = "none"  # of reals and fakes alike: none, diffaugment, ada
    ada_target: float = 0.6  # the mean sign of the reals' scores that ADA's probability is steered to
    ada_kimg: float = 500.0  # in which that probability can go from 0 to 1

    def __post_init__(self):
        _require_one_of(("none", "mirror", "all"), "augmentation.symmetries", self.symmetries)
        _require_one_of(("none", "diffaugment", "ada"), "augmentation.policy", self.policy)
        _require(0 < self.ada_target < 1, "augmentation.ada_target", self.ada_target, "between 0 and 1")
        _require(self.ada_kimg > 0, "augmentation.ada_kimg", self.ada_kimg, "more than 0")


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam, of generator and discriminator alike."""

    beta1: float = 0.0
    beta2: float = 0.99
    epsilon: float = 1e-8
    reset_optimizer: bool = True  # moments and step counters at the start and the end of each fade

    def __post_init__(self):
        for name in ("beta1", "beta2"):
            _require(0 <= getattr(self, name) < 1, f"optimizer.{name}", getattr(self, name), "from 0 to below 1")
        _require(self.epsilon >= 0, "optimizer.epsilon", self.epsilon, "0 or more")


@dataclasses.dataclass(frozen=True)
class ScheduleConfig:
    """How the network grows; lengths in thousands of real images shown to the discriminator (kimg)."""

    stable_kimg: ByResolution = dataclasses.field(default_factory=lambda: {4: 600})
    fade_kimg: ByResolution = dataclasses.field(default_factory=lambda: {4: 600})
    start_kimg: float | None = None  # None: 0, or where the run that this one starts from stands
    total_kimg: float = 12000
    batch_size: ByResolution = dataclasses.field(
        default_factory=lambda: {4: 128, 32: 64, 64: 32, 128: 16, 256: 8, 512: 4}
    )
    learning_rate: ByResolution = dataclasses.field(default_factory=lambda: {4: 0.001, 1024: 0.0015})
    repeats: int = 4  # steps taken at one value of alpha

    def __post_init__(self):
        _require(self.repeats >= 1, "schedule.repeats", self.repeats, "1 or more")
        _require(self.total_kimg > 0, "schedule.total_kimg", self.total_kimg, "more than 0")
        _require(
            self.start_kimg is None or 0 <= self.start_kimg < self.total_kimg,
            "schedule.start_kimg",
            self.start_kimg,
            f"from 0 to below schedule.total_kimg ({self.total_kimg})",
        )
        for name, least in (("stable_kimg", 0), ("fade_kimg", 0), ("batch_size", 1), ("learning_rate", 0)):
            _require_by_resolution(f"schedule.{name}", getattr(self, name), least)
        whole = all(size % 1 == 0 for size in self.batch_size.values())
        _require(whole, "schedule.batch_size", self.batch_size, "whole numbers")


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """The loop around the steps."""

    task: str = "images"  # what is learnt: images from nothing, or the extension of known ones
    seed: int = 0
    precision: str = "float32"  # mixed_bfloat16, mixed_float16, or auto: what suits the device
    xla: str = "off"  # whether XLA compiles the networks: on, off, or auto: what suits the device
    microbatch: ByResolution = dataclasses.field(default_factory=lambda: {4: 0})  # images at once, 0: a replica's all
    use_labels: bool = False  # condition on the dataset's labels
    ema_decay: float = 0.999  # of the averaged generator, per step
    ema_half_life_kimg: float = 0.0  # over 0: replaces ema_decay by a half-life in images
    freeze_levels: int = 0  # levels of the grown discriminator nearest the image that do not learn
    steps_per_call: int = 4  # steps inside one call of the compiled loop, a multiple of schedule.repeats
    tick_kimg: ByResolution = dataclasses.field(
        default_factory=lambda: {4: 160, 8: 140, 16: 120, 32: 100, 64: 80, 128: 60, 256: 40, 512: 20, 1024: 10}
    )
    shuffle_mb: int = 1024  # of the shuffle buffer, at full resolution
    on_error: str = "raise"  # damaged records end the run, or "skip": they are left out
    checkpoint_minutes: float = 10.0  # besides one every tick
    keep_checkpoints: int = 2
    grid_columns: int = 8
    grid_rows: int = 4

    def __post_init__(self):
        _require(0 <= self.ema_decay < 1, "training.ema_decay", self.ema_decay, "from 0 to below 1")
        _require(self.ema_half_life_kimg >= 0, "training.ema_half_life_kimg", self.ema_half_life_kimg, "0 or more")
        _require(self.freeze_levels >= 0, "training.freeze_levels", self.freeze_levels, "0 or more")
        for name in ("steps_per_call", "grid_columns", "grid_rows"):
            _require(getattr(self, name) >= 1, f"training.{name}", getattr(self, name), "1 or more")
        _require(self.keep_checkpoints >= 2, "training.keep_checkpoints", self.keep_checkpoints, "2 or more")
        _require_one_of(("raise", "skip"), "training.on_error", self.on_error)
        _require(4 in self.tick_kimg, "training.tick_kimg", self.tick_kimg, "a value from resolution 4 on")
        _require(min(self.tick_kimg.values()) > 0, "training.tick_kimg", self.tick_kimg, "lengths over 0")

        _require(
            self.precision in ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
            "training.precision",
            self.precision,
            "auto, float32, mixed_bfloat16 or mixed_float16",
        )
        _require_one_of(("images", "extension"), "training.task", self.task)
        _require(self.xla in ("auto", "on", "off"), "training.xla", self.xla, "auto, on or off")
        _require_by_resolution("training.microbatch", self.microbatch, 0)
        whole = all(size % 1 == 0 for size in self.microbatch.values())
        _require(whole, "training.microbatch", self.microbatch, "whole numbers")

    def ema_decay_at(self, batch_size: int) -> float:
        """Weight of the old average in one step of `batch_size` images."""
        if self.ema_half_life_kimg > 0:
            return 0.5 ** (batch_size / (1000 * self.ema_half_life_kimg))
        return self.ema_decay


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """Metrics of the averaged generator while it trains; what is learnt does not depend on them."""

    every_kimg: float = 0.0  # 0: never
    metrics: str = "swd,ms_ssim"  # names with commas between them, those of experiments.evaluate
    num: int = 2000  # images a side at most; half of the split where that is less
    best: str = ""  # the figure whose best checkpoint is kept, such as swd or fid; empty: none is

    def __post_init__(self):
        _require(self.every_kimg >= 0, "evaluation.every_kimg", self.every_kimg, "0 or more")
        _require(self.num >= 2, "evaluation.num", self.num, "2 or more")
        _require(
            not self.best or (self.every_kimg > 0 and self.best.split("/")[0] in self.names),
            "evaluation.best",
            self.best,
            f"empty, or a figure of evaluation.metrics ({self.metrics}) with evaluation.every_kimg over 0",
        )

    @property
    def names(self) -> list[str]:
        """The metrics one by one."""
        return [name.strip() for name in self.metrics.split(",") if name.strip()]


@dataclasses.dataclass(frozen=True)
class ExtensionConfig:
    """How a window is continued, where training.task is extension; network.resolution is the window."""

    tile: int = 0  # pixels that a roll-out goes on by, 0: half the window
    attention: str = "gated"  # contextual attention: off, plain, or gated by features and distance
    attention_resolution: int = 32  # at which it looks for what to copy
    gamma: float = 0.97  # discount of the reconstruction loss, per pixel of a grown window from what is known
    reconstruction_weight: float = 20.0
    seam_weight: float = 0.5  # of the seam critic, the window critic having 1
    seam_crops: int = 4  # that it sees of a window, each of a quarter of its side
    diversity_weight: float = 0.1
    rollouts: bool = True  # a grown network also learns to continue its own output, in one window of every group

    def __post_init__(self):
        _require_one_of(("off", "plain", "gated"), "extension.attention", self.attention)
        name, attends = "extension.attention_resolution", self.attention_resolution
        _require(attends in (8, 16, 32, 64), name, attends, "8, 16, 32 or 64, as memory grows with its fourth power")
        _require(self.tile >= 0, "extension.tile", self.tile, "0 or more")
        _require(0 < self.gamma <= 1, "extension.gamma", self.gamma, "over 0 and at most 1")
        _require(self.seam_crops >= 1, "extension.seam_crops", self.seam_crops, "1 or more")
        for name in ("reconstruction_weight", "seam_weight", "diversity_weight"):
            _require(getattr(self, name) >= 0, f"extension.{name}", getattr(self, name), "0 or more")


@dataclasses.dataclass(frozen=True)
class Config:
    """All of a run."""

    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    extension: ExtensionConfig = ExtensionConfig()

    def __post_init__(self):
        _require(
            self.training.steps_per_call % self.schedule.repeats == 0,
            "training.steps_per_call",
            self.training.steps_per_call,
            f"a multiple of schedule.repeats ({self.schedule.repeats})",
        )
        if self.training.task == "extension":
            self._check_extension()
        # Only the logistic loss puts the border between real and fake at a score of 0.
        if self.augmentation.policy == "ada" and self.loss.name != "logistic_r1":
            raise InputError(
                f"augmentation.policy is ada, which goes by the sign of the scores, and loss.name={self.loss.name} "
                f"gives that no meaning; set loss.name=logistic_r1 or augmentation.policy=diffaugment"
            )

    def _check_extension(self) -> None:
        window = self.network.resolution
        _require(
            window is None or window >= 32, "network.resolution", window, "32 or more, being the window of an extension"
        )
        _require(
            window is None or self.extension.tile < window, "extension.tile", self.extension.tile, f"under {window}"
        )
        for name, value, wanted in (
            ("training.use_labels", self.training.use_labels, False),
            ("augmentation.policy", self.augmentation.policy, "none"),
        ):
            _require(value == wanted, name, value, f"{wanted} where training.task is extension")


def at_resolution(values: ByResolution, resolution: int) -> float:
    """The value that holds at `resolution`: that of the largest key not above it."""
    return values[max(key for key in values if key <= resolution)]


def override(config: Config, settings: Iterable[str]) -> Config:
    """The config with settings of the form `section.field=value` applied; values are JSON, or plain words.

    Raises:
        InputError: a setting is malformed, names no field, or has a value the field cannot take.
    """
    fields = to_dict(config)
    for setting in settings:
        path, equals, text = setting.partition("=")
        section, dot, field = path.partition(".")
        if not (equals and dot) or section not in fields or field not in fields[section]:
            known = ", ".join(f"{name}.{field}" for name, values in fields.items() for field in values)
            raise InputError(f"--set={setting} is not section.field=value; the fields are {known}")
        try:
            fields[section][field] = json.loads(text)
        except ValueError:
            fields[section][field] = text
        if isinstance(fields[section][field], int | float) and _is_mapping(section, field):
            fields[section][field] = {4: fields[section][field]}
    return from_dict(fields)


def to_dict(config: Config) -> dict[str, dict[str, Any]]:
    """The config as plain nested dictionaries, ready for JSON."""
    return dataclasses.asdict(config)


def from_dict(fields: dict[str, Any]) -> Config:
    """The inverse of `to_dict`. Raises InputError at an unknown section or field, or a value of the wrong type."""
    sections = {field.name: field.type for field in dataclasses.fields(Config)}
    _require(isinstance(fields, dict), "config", repr(fields), "a mapping from sections to their fields")
    if unknown := set(fields) - set(sections):
        raise InputError(f"config has unknown sections {sorted(unknown)}; there are {', '.join(sections)}")
    return Config(**{name: _section(name, sections[name], values) for name, values in fields.items()})


def settings(base: Config, config: Config) -> list[str]:
    """What `override` needs to make `config` of `base`."""
    before, after = to_dict(base), to_dict(config)
    return [
        f"{section}.{field}={json.dumps(value)}"
        for section, fields in after.items()
        for field, value in fields.items()
        if value != before[section][field]
    ]


def differences(a: Config, b: Config) -> list[str]:
    """`section.field: value in a, value in b` for every field in which two configs differ."""
    left, right = to_dict(a), to_dict(b)
    return [
        f"{section}.{field}: {left[section][field]} against {right[section][field]}"
        for section in left
        for field in left[section]
        if left[section][field] != right[section][field]
    ]


def _section(name: str, cls: type, values: dict[str, Any]) -> Any:
    hints = typing.get_type_hints(cls)
    _require(isinstance(values, dict), f"config section {name}", repr(values), "a mapping from fields to values")
    if unknown := set(values) - set(hints):
        raise InputError(f"config section {name} has unknown fields {sorted(unknown)}; there are {', '.join(hints)}")
    return cls(**{field: _cast(f"{name}.{field}", hints[field], value) for field, value in values.items()})


def _is_mapping(section: str, field: str) -> bool:
    return typing.get_type_hints(typing.get_type_hints(Config)[section])[field] == ByResolution


def _cast(name: str, hint: Any, value: Any) -> Any:
    """The value as the field's type; JSON knows no integer keys and no difference of 1 and 1.0."""
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = typing.get_args(hint)[0]
    try:
        if hint == ByResolution:
            return {int(key): _number(item) for key, item in value.items()}
        if hint is float:
            return _number(value)
        if type(value) is hint:
            return value
    except (TypeError, ValueError, AttributeError):
        pass
    if hint == ByResolution:
        wanted = "a mapping from resolutions to finite numbers"
    else:
        wanted = "a finite number" if hint is float else f"a value of type {hint.__name__}"
    raise InputError(f"{name} is {value!r}, which is not {wanted}")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(value)
    return value
