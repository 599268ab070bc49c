"""Measures how well a model continues real windows, beside real ones and beside methods that need no training.

  python -m experiments.evaluate_extension --model=model --real=scene.tif --output=evaluation
  python -m experiments.evaluate_extension --model=model --real=data/tiles --split=test --output=evaluation --num=500

Parts of real windows are given, the model makes the rest, and what it made is compared with what is there. Give windows
that the model was not trained on. OUTPUT/report.md is the report, OUTPUT/metrics.json has every figure, and
OUTPUT/contexts.png, march.png and curves.png show them.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress
from progan_tf.atomic import replacing
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from experiments.extension_evaluation.baselines import Method
    from experiments.extension_evaluation.measures import Result, Setting
    from progan_tf.export.description import Description
    from progan_tf.extension.extender import Extend
    from progan_tf.metrics.images import Images
    from progan_tf.metrics.metric import Extractor

_MODEL = flags.DEFINE_string("model", None, "Folder of a model that extends windows.", required=True)
_REAL = flags.DEFINE_string(
    "real", None, "Real imagery: scenes (file, folder or pattern) or a dataset directory.", required=True
)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for report, pictures and numbers; made if new.", required=True)
_NUM = flags.DEFINE_integer("num", 200, "Windows, at most; half of what there is at most.", lower_bound=2)
_SAMPLES = flags.DEFINE_integer("samples", 10, "Images made of every window.", lower_bound=2)
_MASKS = flags.DEFINE_string("masks", "half,quadrant", "What is known: half, quadrant, corner, gap, hole; or all.")
_METRICS = flags.DEFINE_string(
    "metrics",
    "all",
    "Names with commas between them: seam, classifier, errors, diversity, drift, fid, kid; all leaves out those that "
    "need weights where there are none.",
)
_STRIDE = flags.DEFINE_integer(
    "stride", 0, "Pixels from one window of a scene to the next; 0: side by side.", lower_bound=0
)
_SPLIT = flags.DEFINE_string("split", "test", "Split of a dataset directory.")
_SEED = flags.DEFINE_integer("seed", 0, "Of the choice of windows, and the first of the model's.", lower_bound=0)
_UNCONDITIONAL = flags.DEFINE_string(
    "unconditional", "", "A model of whole images of the same size, whose images are pasted beside as a baseline."
)
_INCEPTION_PATH = flags.DEFINE_string(
    "inception_path", "", "Weights of the FID network; empty: those in the user's cache."
)
_SHOWN, _VARIANTS, _STRIPS = 8, 4, 3
_BATCH = 32


def main() -> None:
    from experiments.extension_evaluation import masks
    from progan_tf.export import description as descriptions
    from progan_tf.export import versions

    kinds, asked = masks.names(_MASKS.value), _asked(_METRICS.value)
    folder = versions.find(Path(_MODEL.value))
    model = descriptions.read(folder)
    if model.task != "extension":
        raise InputError(f"model {folder} makes {model.task}; give one that was trained with --task=extension")
    output = Path(_OUTPUT.value)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error
    metrics, extractor, left_out = _with_network(asked)

    quietly.import_tensorflow()
    from experiments.extension_evaluation import goals, measures, report
    from experiments.extension_evaluation.baselines import Method, baselines
    from experiments.extension_evaluation.windows import open_windows
    from progan_tf.metrics import join_classifier

    images = open_windows(
        _REAL.value,
        model,
        stride=_STRIDE.value or model.resolution,
        split=_SPLIT.value,
        num=2 * _NUM.value,
        seed=_SEED.value,
        folder=output,
        progress=Progress,
    )
    count = min(_NUM.value, len(images) // 2)
    if "all" in asked and count < join_classifier.LEAST_IMAGES:
        metrics = tuple(name for name in metrics if name != "classifier")
        left_out = f"{left_out}; " * bool(left_out) + f"classifier: needs {join_classifier.LEAST_IMAGES} windows"
    windows, others = images.pixels[:count], images.pixels[count : 2 * count]
    setting = measures.Setting(
        windows=np.asarray(windows),
        known=masks.masks(kinds, count, model.resolution),
        tile=model.tile,
        samples=_SAMPLES.value,
        seed=_SEED.value,
        metrics=metrics,
        extractor=extractor,
    )
    methods = [
        Method("model", _load(folder), random=True),
        *baselines(np.asarray(others), _unconditional(_UNCONDITIONAL.value, model, count, output)),
    ]
    settings = _settings(images, count, kinds, model, extractor, left_out)
    for name, said in settings:
        print(f"{name:<11} {said}")

    real = measures.real(setting, np.asarray(others))
    results, shown = _measured(methods, setting)
    found = goals.goals(results[0], real, results[1:])
    pictures = _pictures(output, setting, images.display_bands, real, results, shown)
    content = report.numbers(real, results, found, dict(settings))
    with replacing(output / "report.md") as temporary:
        temporary.write_text(report.markdown(settings, real, results, found, metrics, pictures), encoding="utf-8")
    with replacing(output / "metrics.json") as temporary:  # last: who finds it finds the others
        temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    print(report.text(report.table(real, results, metrics)))
    print("\n".join(report.goal_lines(found)))
    print(f"report      {output / 'report.md'}")


def _asked(text: str) -> tuple[str, ...]:
    from experiments.extension_evaluation.metrics import METRICS

    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in (*METRICS, "all")]
    if unknown or not names:
        raise InputError(
            f"metrics={text} names {unknown[0] if unknown else 'none'}; choose of {', '.join(METRICS)} or all"
        )
    return tuple(names)


def _with_network(asked: tuple[str, ...]) -> "tuple[tuple[str, ...], Extractor | None, str]":
    """The metrics, the network that some of them see through, and what was left out for want of it, and why."""
    from experiments.extension_evaluation.metrics import METRICS, OF_FEATURES

    metrics = METRICS if "all" in asked else asked
    if not set(OF_FEATURES) & set(metrics):
        return metrics, None, ""
    from experiments import extractors

    try:
        cache = extractors.default_cache()
        return metrics, extractors.open_inception(_INCEPTION_PATH.value, cache=cache, progress=Progress), ""
    except InputError as error:
        if _INCEPTION_PATH.value or set(OF_FEATURES) & set(asked):
            raise
        return tuple(name for name in metrics if name not in OF_FEATURES), None, f"fid, kid: {error}"


def _load(folder: Path) -> "Extend":
    import tensorflow as tf

    from progan_tf.extension import extender

    try:
        return extender.load(folder, _BATCH)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"model {folder} is damaged ({error}); export it again") from error


def _unconditional(given: str, model: "Description", count: int, folder: Path) -> np.ndarray | None:
    if not given:
        return None
    from experiments.image_sets import open_images

    images = open_images(given, num=count, seed=_SEED.value, folder=folder, progress=Progress).pixels
    wanted = (model.resolution, model.resolution, model.channels)
    if images.shape[1:] != wanted or images.dtype != model.dtype:
        raise InputError(
            f"{given} makes images of {images.shape[1:]} {images.dtype}, windows are {wanted} {model.dtype}; give a "
            "model of images like them, or leave --unconditional out"
        )
    return np.asarray(images)


def _measured(
    methods: "list[Method]", setting: "Setting"
) -> "tuple[list[Result], dict[str, tuple[np.ndarray, np.ndarray | None]]]":
    """The result of every method, and of each what pictures show: samples [K, n, W, W, C], strips [n, W, ., C]."""
    from experiments.extension_evaluation import measures

    results, shown = [], {}
    with Progress("extend", sum(measures.steps(method, setting) for method in methods), "windows") as progress:
        for method in methods:
            samples = measures.draw(method, setting, progress.advance)
            strips = None
            if "drift" in setting.metrics:
                march = (setting.windows, setting.tile, measures.RINGS, setting.seed)
                strips = measures.march(method.extend, *march, progress.advance)
            results.append(measures.measure(method, setting, samples, strips))
            shown[method.name] = (samples[:_VARIANTS, :_SHOWN], None if strips is None else strips[:_STRIPS])
    return results, shown


def _pictures(
    output: Path,
    setting: "Setting",
    display_bands: tuple[int, ...],
    real: "Result",
    results: "list[Result]",
    shown: dict[str, tuple[np.ndarray, np.ndarray | None]],
) -> list[tuple[str, str]]:
    """Writes the pictures, and returns their files with captions."""
    from experiments.extension_evaluation import pictures
    from progan_tf import imaging

    (name, (samples, _)), *others = shown.items()
    columns = {f"{name} {number}": sample for number, sample in enumerate(samples, 1)}
    columns["truth"] = setting.windows[:_SHOWN]
    columns |= {other: made[0] for other, (made, _) in others}
    sheet = pictures.contexts(setting.windows[:_SHOWN], setting.known[:_SHOWN], columns, display_bands)
    imaging.write_png(output / "contexts.png", sheet)
    written = [("contexts.png", "What was known, variants of the model, the truth, and the baselines.")]
    strips = {name: strip for name, (_, strip) in shown.items() if strip is not None}
    if strips:
        known = setting.windows.shape[2] - setting.tile
        imaging.write_png(output / "march.png", pictures.marches(strips, known, display_bands))
        written.append(("march.png", "Marches: left of the line is known, right of it tile after tile is made."))
    drawn = pictures.curves(real, results)
    if drawn:
        with replacing(output / "curves.png") as temporary:
            temporary.write_bytes(drawn)
        written.append(("curves.png", "Figures by distance from what is known, and by ring."))
    return written


def _settings(
    images: "Images", count: int, kinds: list[str], model: "Description", extractor: "Extractor | None", left_out: str
) -> list[tuple[str, str]]:
    """What was compared, and how, in words."""
    side = f"{model.resolution} x {model.resolution}"
    rows = [
        ("model", f"{_MODEL.value}: {model.name}, {model.kimg:g} kimg"),
        ("real", f"{images.name}: {count:,} windows of {side}, and as many of other places for comparison"),
        ("masks", ", ".join(kinds)),
        ("samples", f"{_SAMPLES.value} a window, seed {_SEED.value}"),
    ]
    if extractor:
        rows.append(("network", f"{extractor.name} {extractor.digest[:8]}"))
    if left_out:
        rows.append(("left out", left_out))
    return rows


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
