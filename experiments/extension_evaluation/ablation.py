"""Variants of an extension that differ in one setting: trained, exported and measured alike, and their table."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from data_prep import command_line
from progan_tf import config as configs
from progan_tf import presets
from progan_tf.atomic import replacing
from progan_tf.config import Config, ExtensionConfig
from progan_tf.errors import Failed, InputError, Stopped

Run = Callable[[Sequence[str]], None]  # a module and its flags, as `python -m` takes them


@dataclasses.dataclass(frozen=True)
class Variant:
    """A name, the configuration to train, and the seed of it."""

    name: str
    extension: ExtensionConfig
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Common:
    """What all variants share, and what a result depends on beside its variant.

    Where `init_from` is a grown run, variants go on from it for the last `kimg` of the preset's schedule; where it is
    empty, they begin anew and pass through the whole schedule, its lengths brought to `kimg` in proportion.
    """

    data_dir: str
    real: str
    preset: str
    precision: str
    init_from: str
    kimg: float
    num: int
    samples: int
    metrics: str

    def settings(self, variant: Variant) -> list[str]:
        """How a variant's configuration differs from the preset."""
        preset = presets.preset(self.preset)
        total = preset.schedule.total_kimg
        if self.init_from:
            start = max(0.0, total - self.kimg)
            shorter = dataclasses.replace(preset, schedule=dataclasses.replace(preset.schedule, start_kimg=start))
        else:
            shorter = presets.shortened(preset, self.kimg / total)
        training = dataclasses.replace(shorter.training, seed=variant.seed, precision=self.precision)
        return configs.settings(preset, dataclasses.replace(shorter, training=training, extension=variant.extension))


def variants(preset: Config) -> list[Variant]:
    """The default, and what differs from it in one factor."""
    default = preset.extension
    changes = {
        "no reconstruction": {"reconstruction_weight": 0.0},
        **{f"gamma {value:g}": {"gamma": value} for value in (0.9, 0.97, 1.0)},
        **{f"attention {kind}": {"attention": kind} for kind in ("off", "plain", "gated")},
        "no seam critic": {"seam_weight": 0.0},
    }
    changed = {name: dataclasses.replace(default, **fields) for name, fields in changes.items()}
    seed = preset.training.seed
    others = [Variant(name, extension, seed) for name, extension in changed.items() if extension != default]
    return [Variant("default", default, seed), *others]


def ablate(
    planned: Sequence[Variant],
    common: Common,
    output: Path,
    run: Run,
    advance: Callable[[], None] = lambda: None,
) -> None:
    """Measures all variants, and the two best with the next seed; the tables grow with every one.

    Args:
        run: starts a command and returns when it is done.

    Raises:
        InputError: the folder cannot be made, or holds an ablation of other settings.
        Failed, Stopped: a command did not end well.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error
    _keep_settings(common, output)
    measured: dict[Variant, dict[str, Any]] = {}

    def add(variant: Variant) -> None:
        measured[variant] = measure(variant, common, output, run)
        write(output, measured)
        advance()

    for variant in planned:
        add(variant)
    for variant in best(measured, 2):
        add(dataclasses.replace(variant, seed=variant.seed + 1))


def measure(variant: Variant, common: Common, output: Path, run: Run) -> dict[str, Any]:
    """The evaluation of a variant; what of it is there already is not made again."""
    folder = output / f"{variant.name.replace(' ', '-')}-seed-{variant.seed}"
    trained, model, result = folder / "run", folder / "model", folder / "evaluation" / "metrics.json"
    if not result.exists():
        if not any(model.glob("*/saved_model.pb")):
            told = [f"--set={setting}" for setting in common.settings(variant)]
            where = [f"--data_dir={common.data_dir}", f"--run_dir={trained}", f"--preset={common.preset}"]
            begin = [f"--init_from={common.init_from}"] if common.init_from else []
            run(["experiments.train", "--task=extension", *where, *begin, *told])
            run(["experiments.export", f"--run_dir={trained}", f"--output={model}"])
        how = [f"--num={common.num}", f"--samples={common.samples}", f"--metrics={common.metrics}"]
        where = [f"--model={model}", f"--real={common.real}", f"--output={result.parent}"]
        run(["experiments.evaluate_extension", *where, *how])
    return json.loads(result.read_text(encoding="utf-8"))


def best(measured: Mapping[Variant, dict[str, Any]], count: int) -> list[Variant]:
    """The variants that meet most goals; of those that meet as many, the ones with the least error near the join."""

    def rank(variant: Variant) -> tuple[int, float]:
        found = measured[variant]
        error = found["methods"]["model"]["errors"].get("0-16")
        return -sum(bool(goal["met"]) for goal in found["goals"]), error["l1"] if error else 0.0

    return sorted(measured, key=rank)[:count]


def table(measured: Mapping[Variant, dict[str, Any]]) -> str:
    """The ablation as markdown, a row a variant."""
    heads = ["variant", "seed", *_CELLS, "goals met"]
    rows = [heads, ["---"] * len(heads)]
    for variant, found in measured.items():
        cells = [_said(cell, found) for cell in _CELLS.values()]
        met = [goal["met"] for goal in found["goals"]]
        rows.append([variant.name, str(variant.seed), *cells, f"{sum(map(bool, met))} of {len(met)}"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


_CELLS: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "seam ratio (real)": lambda model, real: f"{model['seam']['mean']:.2f} ({real['seam']['mean']:.2f})",
    "p95 (real)": lambda model, real: f"{model['seam']['p95']:.2f} ({real['seam']['p95']:.2f})",
    "AUC (real)": lambda model, real: f"{model['area']:.2f} ({real['area']:.2f})",
    "L1 <16 px": lambda model, real: f"{model['errors']['0-16']['l1']:.2f}",
    "L1 all": lambda model, real: f"{model['errors']['all']['l1']:.2f}",
    "diversity": lambda model, real: f"{model['diversity']['all'] / real['diversity']['all']:.0%}",
    "energy ring 8": lambda model, real: (
        f"{model['rings'][-1]['gradient_energy'] / model['rings'][0]['gradient_energy']:.0%}"
    ),
    "colour drift": lambda model, real: f"{model['colour_drift']['value']:.1f}",
}


def _said(cell: Callable[[dict[str, Any], dict[str, Any]], str], found: dict[str, Any]) -> str:
    """A cell of the table, empty where its metric was left out."""
    try:
        return cell(found["methods"]["model"], found["real"])
    except (KeyError, TypeError, IndexError):
        return ""


def write(output: Path, measured: Mapping[Variant, dict[str, Any]]) -> None:
    """Writes the table as markdown and, with all figures, as JSON."""
    rows = [{**dataclasses.asdict(variant), "measured": found} for variant, found in measured.items()]
    for name, content in (("table.md", table(measured)), ("table.json", json.dumps(rows, indent=1) + "\n")):
        with replacing(output / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def run(command: Sequence[str]) -> None:
    """Runs a module with flags as a process of its own. Raises Failed or Stopped as that ends."""
    code = subprocess.run([sys.executable, "-m", *command], check=False).returncode
    if code == command_line.RESUMABLE:
        raise Stopped(f"{command[0]} was stopped; the same command takes the ablation up again")
    if code:
        raise Failed(f"`python -m {' '.join(command)}` ended with exit code {code}; what it said stands above")


def _keep_settings(common: Common, output: Path) -> None:
    """Raises InputError where the folder holds an ablation of other settings, whose results would pass for these."""
    path, wanted = output / "settings.json", dataclasses.asdict(common)
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        changed = [name for name in wanted if kept.get(name) != wanted[name]]
        if changed:
            raise InputError(f"{output} holds an ablation with another {', '.join(changed)}; choose a new --output")
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
