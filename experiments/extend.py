"""Continues an image beyond its edges, fills holes in it, or makes one from nothing, with an exported extension model.

  python -m experiments.extend --model=model --input=scene.tif --output=wider.tif --left=2 --right=2
  python -m experiments.extend --model=model --input=town.png --output=larger.png --size=1024x1024 --outline
  python -m experiments.extend --model=model --input=town.png --output=mended.png --holes=clouds.png
  python -m experiments.extend --model=model --output=land.png --size=2048x2048

Real pixels stay as they are. What is generated is told from them: a PNG has OUTPUT_provenance.png beside it, a GeoTIFF
a last band, which say 1 where a pixel is real and k + 1 where it was generated in ring k, counted from the real ones.
The same command gives the same pixels, and takes an interrupted one up again.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags

from data_prep import command_line, disk, files
from data_prep.progress import Progress
from experiments import models, scene_extent, scene_input, scene_output, scene_values
from experiments.scene_input import Scene
from experiments.scene_values import Values
from progan_tf.errors import InputError
from progan_tf.export import description as descriptions
from progan_tf.export import versions
from progan_tf.export.description import Description
from progan_tf.export.scene_extender import BATCH, SceneExtender
from progan_tf.extension import canvas as canvases
from progan_tf.extension import extender, rollout_plan
from progan_tf.extension.canvas import Canvas
from progan_tf.training import lock

_MODEL = flags.DEFINE_string(
    "model", None, "Model folder, of which the newest version is used, or one of its versions.", required=True
)
_INPUT = flags.DEFINE_string("input", "", "Image (PNG, JPEG) or GeoTIFF to continue; left out: from nothing.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write: .png is a view of 8 bits, .tif a GeoTIFF with all bands.", required=True
)
_SIDES = {
    side: flags.DEFINE_string(side, "0", f"How much is added at the {side}: tiles of the model, or pixels as 200px.")
    for side in ("top", "left", "right", "bottom")
}
_SIZE = flags.DEFINE_string(
    "size",
    None,
    "In place of sides: width and height of the whole in pixels, as 1024x768; the input lies in the middle.",
)
_HOLES = flags.DEFINE_string("holes", None, "Image of the input's size that is not zero where pixels are made anew.")
_FILL_NODATA = flags.DEFINE_bool("fill_nodata", False, "Fill pixels without data, or transparent ones, as well.")
_ORDER = flags.DEFINE_enum(
    "order",
    "spiral",
    list(rollout_plan.ORDERS),
    "spiral goes outwards from the real pixels; raster row by row; wavefront gives raster's pixels, sooner.",
)
_BLEND = flags.DEFINE_integer(
    "blend", 0, "Pixels of earlier generated cells that are made again and joined along the best cut.", lower_bound=0
)
_VARIANTS = flags.DEFINE_integer(
    "variants", 1, "Number of different continuations, OUTPUT_1 and so on.", lower_bound=1, upper_bound=10**6
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of what is generated.", lower_bound=0, upper_bound=2**62)
_OUTLINE = flags.DEFINE_bool("outline", False, "Also OUTPUT_outline.png, with a line where the real pixels end.")


@dataclasses.dataclass(frozen=True)
class Work:
    """What is asked of the model of a version `folder`: a canvas of `size` (height, width), the scene's first pixel at
    `corner` (row, column) of it.

    `scene` is None where all is made from nothing; `holes` are bool [H, W] over the scene, None where there are none.
    """

    folder: Path
    model: Description
    scene: Scene | None
    holes: np.ndarray | None
    values: Values
    size: tuple[int, int]
    corner: tuple[int, int]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Where the scene lies on the canvas: top, left, bottom, right."""
        top, left = self.corner
        return (top, left, top + self.scene.height, left + self.scene.width) if self.scene else (top, left, top, left)

    def place(self, canvas: Canvas) -> None:
        """Puts the real pixels on a canvas."""
        for top, pixels, known in self.scene.blocks() if self.scene else ():
            if self.holes is not None:
                known = known & ~self.holes[top : top + len(known)]
            canvas.place(self.corner[0] + top, self.corner[1], pixels, known)


def main() -> None:
    folder = versions.find(Path(_MODEL.value))
    model = descriptions.read(folder)
    if model.task != "extension":
        raise InputError(f"model {model.name} makes images from nothing and extends none; use experiments.generate")
    output = _output()
    work = _work(folder, model)
    _check(work)
    outputs = _outputs(output)
    loaded = models.load(folder)
    scenes = SceneExtender(model, work.values.extender(extender.of(loaded, BATCH)))
    for variant, path in enumerate(outputs):
        with disk.explained(str(path)), _held(_unfinished(path), path):
            _make(path, work, scenes, _settings(work, variant), variant)
    for path in outputs:  # until all are there, those that are done are known by theirs
        shutil.rmtree(_unfinished(path))


def _work(folder: Path, model: Description) -> Work:
    scene = scene_input.open_scene(Path(_INPUT.value)) if _INPUT.value else None
    scene = scene and scene_values.in_model_order(scene, model)
    values = scene_values.values_of(scene, f"input {_INPUT.value}", model)
    sides = {side: flag.value for side, flag in _SIDES.items()}
    extent = (scene.height, scene.width) if scene else None
    size, corner = scene_extent.resolve(extent, sides, _SIZE.value, model.tile)
    holes = None
    if _HOLES.value:
        if scene is None:
            raise InputError(f"--holes={_HOLES.value} needs an image that they are in; give --input")
        holes = scene_input.read_mask(Path(_HOLES.value), scene.height, scene.width)
    return Work(folder, model, scene, holes, values, size, corner)


def _output() -> Path:
    """The output's path, its folder made, where nothing is in the way."""
    output = Path(_OUTPUT.value)
    if output.suffix.lower() not in (".png", *scene_input.GEOTIFF_SUFFIXES):
        raise InputError(f"--output={output} is neither .png nor .tif; its name says the format")
    if output.is_dir():
        raise InputError(f"--output={output} is a folder; choose another name")
    read = {Path(name).resolve() for name in (_INPUT.value, _HOLES.value) if name}
    written = [(path, _beside(path, "provenance"), _beside(path, "outline")) for path in _outputs(output)]
    for made in itertools.chain(*written):
        if made.resolve() in read:
            raise InputError(f"--output={output} would write over {made}, which is read; choose another name")
    if output.suffix.lower() != ".png":
        try:
            import rasterio  # noqa: F401
        except ImportError as error:
            raise InputError(
                f"--output={output} needs rasterio; pip install 'progan-tf[geo]', or write .png"
            ) from error
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"folder {output.parent} cannot be made ({error.strerror}); choose another output") from error
    return output


def _outputs(output: Path) -> list[Path]:
    """The file of every variant."""
    if _VARIANTS.value == 1:
        return [output]
    return [output.with_stem(f"{output.stem}_{number}") for number in range(1, _VARIANTS.value + 1)]


def _beside(path: Path, name: str) -> Path:
    """The picture that tells something of an output, beside it."""
    return path.with_name(f"{path.stem}_{name}.png")


def _check(work: Work) -> None:
    """Raises InputError where nothing is to be done, or the scene has pixels without data that nobody spoke of."""
    rollout_plan.check_blend(_BLEND.value, work.model.resolution, work.model.tile)
    if work.scene is None:
        return
    missing = sum(int((~valid).sum()) for _, _, valid in work.scene.blocks())
    if missing and not _FILL_NODATA.value:
        raise InputError(
            f"input {_INPUT.value} has {missing:,} pixels without data, which say nothing of what is beside them; give "
            "--fill_nodata to fill them too"
        )
    grows = work.size != (work.scene.height, work.scene.width)
    if not (grows or missing or (work.holes is not None and work.holes.any())):
        raise InputError(
            f"there is nothing to extend: input {_INPUT.value} stays {work.scene.width} x {work.scene.height} and has "
            "no hole; give --top, --left, --right or --bottom, --size or --holes"
        )


def _unfinished(path: Path) -> Path:
    """The folder that an output is made in."""
    return path.with_name(path.name + ".work")


@contextlib.contextmanager
def _held(unfinished: Path, path: Path) -> Iterator[None]:
    """Keeps others from an output that is being made."""
    unfinished.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock.held(unfinished))
        except InputError as error:
            raise InputError(
                f"{path} is being made by another process; wait for it, or choose another output"
            ) from error
        yield


def _settings(work: Work, variant: int) -> dict[str, Any]:
    """All that the pixels of a variant depend on."""
    return {
        "model": _digest(work.folder / "saved_model.pb", *sorted((work.folder / "variables").glob("*"))),
        "input": _digest(*(Path(name) for name in (_INPUT.value, _HOLES.value) if name)),
        "scene": work.box,
        "tile": work.model.tile,
        "order": _ORDER.value,
        "blend": _BLEND.value,
        "seed": _SEED.value,
        "variant": variant,
    }


def _digest(*paths: Path) -> str:
    """What tells the contents of files from others."""
    return hashlib.sha256("".join(files.checksum(str(path)) for path in paths).encode()).hexdigest()[:16]


def _make(path: Path, work: Work, scenes: SceneExtender, settings: dict[str, Any], variant: int) -> None:
    """Fills the canvas of an output, from where it was left, and writes it."""
    unfinished, shape, dtype = _unfinished(path), (*work.size, work.model.channels), work.values.dtype
    if canvases.is_closed(unfinished, settings, shape, dtype) and path.exists():
        print(f"scene    {path}: made before")
        return
    canvas = canvases.open_canvas(unfinished, settings, shape, dtype, work.place)
    steps = scenes.steps(canvas, work.box, _ORDER.value, _BLEND.value)
    with Progress("extending", sum(map(len, steps)), "cells") as progress:
        progress.advance(sum(map(len, steps[: canvas.done])))
        for filled in scenes.fill(canvas, steps, _SEED.value, variant, _BLEND.value):
            progress.advance(filled)
    _write(path, canvas, work)
    canvases.close(unfinished)


def _write(path: Path, canvas: Canvas, work: Work) -> None:
    counts = scene_output.counts(canvas)
    generated, rings = int(counts[2:].sum()), int(np.flatnonzero(counts).max()) - 1
    share = f"{generated / counts.sum():.1%}"
    provenance, outline = _beside(path, "provenance"), _beside(path, "outline")
    is_geotiff = path.suffix.lower() in scene_input.GEOTIFF_SUFFIXES
    where = "the last band tells" if is_geotiff else f"{provenance.name} tells"
    synthetic = f"SYNTHETIC: {share} of the pixels are made up by a neural network and show no real place"
    said = {
        "SYNTHETIC": f"{synthetic}; {where} which",
        "Model": work.model.name,
        "Version": str(versions.number(work.folder)),
        "Seed": str(_SEED.value),
    }
    if _OUTLINE.value:
        scene_output.write_outline(outline, canvas, work.values, work.model, said)
    if is_geotiff:
        place = (work.scene.geography, work.scene.nodata) if work.scene else (None, None)
        scene_output.write_geotiff(path, canvas, work.values, work.model, said, work.corner, *place)
    else:
        scene_output.write_provenance(provenance, canvas, said)
        scene_output.write_view(path, canvas, work.values, work.model, said)
    height, width, bands = canvas.pixels.shape
    print(
        f"scene    {path}: {width} x {height} x {bands}, {share} of it synthetic ({generated:,} pixels in {rings} "
        f"{'ring' if rings == 1 else 'rings'}), of model {work.model.name} ({work.model.kimg:,.1f} kimg)"
    )


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
