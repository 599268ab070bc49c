"""What each part of scene extension is worth: variants that differ from the default in one setting, trained alike.

  python -m experiments.benchmarks.extension_ablation --data_dir=data/windows --real=held_out.tif --output=ablation

Every variant is trained for --kimg, from nothing or going on from one run, exported, and measured on the same windows;
the two best are trained once more with another seed. OUTPUT/VARIANT-seed-N holds run, model and evaluation of one,
OUTPUT/table.md and table.json all of them. What is done is not done again, and what was stopped goes on, when the same
command is started again.
"""

from pathlib import Path

from absl import flags

from data_prep import command_line
from data_prep.progress import Progress
from experiments.extension_evaluation import ablation
from progan_tf import presets

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Dataset directory to train on.", required=True)
_REAL = flags.DEFINE_string("real", None, "Held-out scenes or dataset to measure on.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for everything; made if new.", required=True)
_PRESET = flags.DEFINE_string("preset", "extension_64", "Preset that all variants start from.")
_PRECISION = flags.DEFINE_string("precision", "float32", "Precision that all variants are trained in.")
_INIT_FROM = flags.DEFINE_string(
    "init_from", "", "Run folder that all variants go on from, their last --kimg of the schedule; empty: from nothing."
)
_KIMG = flags.DEFINE_float("kimg", 100.0, "Thousand windows that each variant is trained on.", lower_bound=0.001)
_NUM = flags.DEFINE_integer("num", 200, "Windows to measure on.", lower_bound=2)
_SAMPLES = flags.DEFINE_integer("samples", 10, "Images made of each.", lower_bound=2)
_METRICS = flags.DEFINE_string("metrics", "all", "As of experiments.evaluate_extension.")


def main() -> None:
    output = Path(_OUTPUT.value)
    flags_of = (_DATA_DIR, _REAL, _PRESET, _PRECISION, _INIT_FROM, _KIMG, _NUM, _SAMPLES, _METRICS)
    common = ablation.Common(**{flag.name: flag.value for flag in flags_of})
    planned = ablation.variants(presets.preset(common.preset))
    with Progress("ablation", len(planned) + 2, "variants") as progress:
        ablation.ablate(planned, common, output, ablation.run, progress.advance)
    print((output / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    command_line.run(main)
