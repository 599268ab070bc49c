"""The ablation with a stand-in for its commands: what is trained, what is not done twice, and what its table says."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from experiments.extension_evaluation import ablation
from progan_tf import config as configs
from progan_tf import presets
from progan_tf.errors import InputError, Stopped

PRESET = presets.preset("extension_64")
COMMON = ablation.Common(
    "data", "scene", "extension_64", "mixed_bfloat16", init_from="", kimg=80.0, num=20, samples=3, metrics="all"
)


class Commands:
    """Does what the commands leave behind: folders and figures; stops before its `last` + 1st command."""

    def __init__(self, last: int = 1000):
        self.ran: list[list[str]] = []
        self._last = last

    def __call__(self, command: Sequence[str]) -> None:
        if len(self.ran) == self._last:
            raise Stopped("stopped")
        self.ran.append(list(command))
        given = dict(flag.removeprefix("--").split("=", 1) for flag in command[1:] if not flag.startswith("--set"))
        if command[0] == "experiments.export":
            assert Path(given["run_dir"]).is_dir()
        folder = Path(given["run_dir" if command[0] == "experiments.train" else "output"])
        folder.mkdir(parents=True, exist_ok=True)
        if command[0] == "experiments.export":
            (folder / "1").mkdir()
            (folder / "1" / "saved_model.pb").touch()
        if command[0] == "experiments.evaluate_extension":
            # The fewer letters, the better.
            error = len(folder.parent.name)
            model = {"seam": {"mean": 1.25, "p95": 2.5}, "errors": {"0-16": {"l1": error}, "all": {"l1": 2 * error}}}
            real = {"seam": {"mean": 1.0, "p95": 1.5}}
            goals = [{"name": "seam ratio", "met": "gated" not in folder.parent.name}]
            found = {"methods": {"model": model}, "real": real, "goals": goals}
            (folder / "metrics.json").write_text(json.dumps(found))

    def of(self, module: str) -> list[list[str]]:
        return [command for command in self.ran if command[0] == f"experiments.{module}"]


def test_variants_differ_from_the_default_in_one_setting():
    default, *others = ablation.variants(PRESET)
    assert default.extension == PRESET.extension
    assert len(others) == 6 and len({variant.name for variant in others}) == 6
    for variant in others:
        before, after = dataclasses.asdict(default.extension), dataclasses.asdict(variant.extension)
        assert sum(before[name] != after[name] for name in before) == 1


def test_the_settings_make_what_training_would_take():
    variant = next(one for one in ablation.variants(PRESET) if one.name == "attention off")
    made = configs.override(PRESET, COMMON.settings(dataclasses.replace(variant, seed=3)))
    shorter = 80 / PRESET.schedule.total_kimg
    assert made.schedule.total_kimg == 80
    assert made.schedule.stable_kimg[4] == pytest.approx(PRESET.schedule.stable_kimg[4] * shorter, abs=1e-3)
    assert made.extension.attention == "off" and made.training.seed == 3
    assert made.training.precision == "mixed_bfloat16"
    assert made.extension.gamma == PRESET.extension.gamma and made.network == PRESET.network


def test_variants_that_go_on_from_a_run_take_the_end_of_the_schedule(tmp_path):
    common, commands = dataclasses.replace(COMMON, init_from="grown", kimg=6.0), Commands()
    made = configs.override(PRESET, common.settings(ablation.variants(PRESET)[0]))
    total = PRESET.schedule.total_kimg
    assert (made.schedule.start_kimg, made.schedule.total_kimg) == (total - 6, total)
    assert made.schedule.stable_kimg == PRESET.schedule.stable_kimg and made.extension == PRESET.extension
    ablation.ablate(ablation.variants(PRESET)[:1], common, tmp_path / "out", commands)
    assert all("--init_from=grown" in command for command in commands.of("train"))


def test_every_variant_is_trained_exported_and_measured_and_the_best_two_again(tmp_path):
    commands, planned = Commands(), ablation.variants(PRESET)
    ablation.ablate(planned, COMMON, tmp_path / "out", commands)
    for module in ("train", "export", "evaluate_extension"):
        assert len(commands.of(module)) == len(planned) + 2
    again = [command for command in commands.of("train") if "--set=training.seed=1" in command]
    assert [Path(command[3].split("=")[1]).parent.name for command in again] == ["default-seed-1", "gamma-1-seed-1"]
    lines = (tmp_path / "out" / "table.md").read_text().splitlines()
    assert len(lines) == 2 + len(planned) + 2 and lines[2].startswith("| default | 0 | 1.25 (1.00) | 2.50 (1.50) |  |")
    rows = json.loads((tmp_path / "out" / "table.json").read_text())
    assert [row["seed"] for row in rows[-2:]] == [1, 1] and rows[0]["measured"]["real"]["seam"]["mean"] == 1.0


def test_what_was_done_is_not_done_again(tmp_path):
    planned, stopped = ablation.variants(PRESET), Commands(last=5)  # after the second variant's export
    with pytest.raises(Stopped):
        ablation.ablate(planned, COMMON, tmp_path, stopped)
    rest = Commands()
    ablation.ablate(planned, COMMON, tmp_path, rest)
    assert len(rest.of("train")) == len(planned) and len(rest.of("evaluate_extension")) == len(planned) + 1
    nothing = Commands()
    ablation.ablate(planned, COMMON, tmp_path, nothing)
    assert nothing.ran == []


def test_results_of_other_settings_are_not_mixed_in(tmp_path):
    ablation.ablate(ablation.variants(PRESET)[:2], COMMON, tmp_path, Commands())
    with pytest.raises(InputError, match="another kimg"):
        ablation.ablate(ablation.variants(PRESET), dataclasses.replace(COMMON, kimg=1.0), tmp_path, Commands())
