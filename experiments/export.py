"""Exports the averaged generator of a run as a model that needs nothing of this project to run.

  python -m experiments.export --run_dir=run --output=model

The newest whole checkpoint is taken, at the level where the run stands, or with --checkpoint=best the one that training
kept as its best. What is written is the next numbered version of the model folder: model/1, model/2 and so on. It is a
SavedModel, or with --format=keras, onnx or openvino a file of that kind, beside its description.
"""

from pathlib import Path

from absl import flags

from data_prep import command_line, quietly
from progan_tf.export import formats
from progan_tf.training import run_directory

_RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of the run, as experiments.train makes it.", required=True)
_FORMAT = flags.DEFINE_enum(
    "format",
    "saved_model",
    list(formats.FORMATS),
    "Of the file; all but saved_model hold images of latents alone. onnx and openvino need the extra of that name.",
)
_OUTPUT = flags.DEFINE_string("output", None, "Model folder; the export is its next version.", required=True)
_CHECKPOINT = flags.DEFINE_enum(
    "checkpoint", "newest", ["newest", "best"], "Which one; best: that of evaluation.best, see experiments.train."
)
_PRECISION = flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "bfloat16"],
    "Of hidden layers and their weights; bfloat16 halves the size, for hardware that computes in it; pixels are a few "
    "grey levels off then.",
)


def main() -> None:
    config = run_directory.read_config(Path(_RUN_DIR.value))  # a mistyped folder is told before TensorFlow is loaded
    formats.require(_FORMAT.value, _PRECISION.value, config.training.task)
    formats.require_same(Path(_OUTPUT.value), _FORMAT.value)
    quietly.import_tensorflow()
    import tensorflow as tf

    # Exact float32, which GPUs round off for speed, and no memory taken from a training run there.
    tf.config.set_visible_devices([], "GPU")
    from progan_tf.export import saved_model

    exported = saved_model.export(
        Path(_RUN_DIR.value),
        Path(_OUTPUT.value),
        _PRECISION.value,
        best=_CHECKPOINT.value == "best",
        form=_FORMAT.value,
        told=lambda stage: print(f"export   {stage}", flush=True),
    )
    model, difference = exported.description, exported.difference
    size = sum(file.stat().st_size for file in exported.path.rglob("*") if file.is_file())
    print(
        f"model    {exported.path}: {model.resolution} x {model.resolution} x {model.channels} {model.dtype}, "
        f"{model.growth}, {model.kimg:,.1f} kimg, {size / 1e6:,.1f} MB"
    )
    if model.labels:
        print(f"labels   {len(model.labels)}: {', '.join(model.labels)}")
    print(
        f"checked  against {difference.reference} in float32: {difference.largest:.1f} grey levels of 255 "
        f"apart at most, 99.9 % within {difference.most:.1f}, {difference.mean:.4f} in the mean"
    )
    if model.precision == "bfloat16" and (difference.mean >= 1 or difference.most >= 8):
        print("note     bfloat16 is to be nearer on a trained model: a mean below 1, 99.9 % below 8; float32 is exact")
    if _FORMAT.value != "saved_model":
        return
    if model.task == "extension":
        print(f"next     python -m experiments.extend --model={_OUTPUT.value} --input=IMAGE --output=FILE --right=4")
    else:
        print(f"next     python -m experiments.generate --model={_OUTPUT.value} --output=IMAGE_FOLDER --grid")


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
