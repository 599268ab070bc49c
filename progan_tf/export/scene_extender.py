"""Scenes of any size, continued by an exported model: what `experiments.extend` does, in Python."""

import dataclasses
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from progan_tf.errors import InputError
from progan_tf.export import description as descriptions
from progan_tf.export import versions
from progan_tf.export.description import Description
from progan_tf.extension import cells as cells_of
from progan_tf.extension import extender, rollout, rollout_plan
from progan_tf.extension.canvas import Canvas, open_canvas
from progan_tf.extension.cut import Box
from progan_tf.extension.extender import Extend
from progan_tf.extension.rollout_plan import Cell

BATCH = 4  # windows computed at once; the last bits of pixels may depend on it


@dataclasses.dataclass(frozen=True, eq=False)
class ExtendedScene:
    """`pixels` [H, W, C], and their `provenance` [H, W] uint8: 1 real, k + 1 generated in ring k from the real ones."""

    pixels: np.ndarray
    provenance: np.ndarray


class SceneExtender:
    """Continues scenes window by window; real pixels stay as they are.

        extender = SceneExtender.load("models/dubai")
        wider = extender.extend(image, left=128, right=128, seed=7)

    Args:
        model: what the model says of itself; its `resolution` is the window, its `tile` the step.
        extend: what continues windows, of whatever values the canvas has.
    """

    def __init__(self, model: Description, extend: Extend):
        self.model, self._extend = model, extend

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "SceneExtender":
        """Of a model folder, of which the newest version is taken, or of one version.

        Raises:
            InputError: there is none, or it extends nothing.
        """
        version = versions.find(Path(folder))
        return cls(descriptions.read(version), extender.load(version, BATCH))

    def extend(
        self,
        image: np.ndarray,
        *,
        known: np.ndarray | None = None,
        top: int = 0,
        left: int = 0,
        bottom: int = 0,
        right: int = 0,
        order: str = "spiral",
        blend: int = 0,
        seed: int = 0,
        variant: int = 0,
    ) -> ExtendedScene:
        """An image continued by so many pixels on its sides, and filled where it is not known.

        The same arguments give the same pixels, those of `experiments.extend`. The canvas lies in temporary files until
        it is returned.

        Args:
            image: [H, W, C] of the model's dtype and channels; of no pixels, [0, 0, C], makes all from nothing.
            known: bool [H, W]; None: all of the image is.
            order: see `rollout_plan.make`.
            blend: pixels of earlier cells that are made again and joined along the best cut.
            seed, variant: another continuation for each of both.

        Raises:
            InputError: the image is not of the model's kind, or there is nothing to extend.
        """
        wanted = f"[height, width, {self.model.channels}] of {self.model.dtype}"
        if image.ndim != 3 or image.shape[2] != self.model.channels or image.dtype != self.model.dtype:
            raise InputError(f"an image is {list(image.shape)} of {image.dtype}; the model continues {wanted}")
        height, width, channels = image.shape
        known = np.ones((height, width), bool) if known is None else np.asarray(known, bool)
        if known.shape != (height, width):
            raise InputError(f"known is {list(known.shape)} where the image has {[height, width]}; give one a pixel")
        if min(top, left, bottom, right) < 0:
            raise InputError(f"sides are {top}, {left}, {bottom} and {right} pixels; give 0 or more")
        shape = (top + height + bottom, left + width + right, channels)
        if 0 in shape or (shape == image.shape and known.all()):
            raise InputError("there is nothing to extend; give top, left, bottom or right, or what is not known")
        with tempfile.TemporaryDirectory() as folder:
            canvas = open_canvas(
                Path(folder), {}, shape, self.model.dtype, lambda canvas: canvas.place(top, left, image, known)
            )
            steps = self.steps(canvas, (top, left, top + height, left + width), order, blend)
            for _ in self.fill(canvas, steps, seed, variant, blend):
                pass
            return ExtendedScene(np.array(canvas.pixels), np.array(canvas.provenance))

    def steps(self, canvas: Canvas, scene: Box, order: str, blend: int) -> list[list[Cell]]:
        """How a canvas is filled whose known image was put at `scene`. Raises what `rollout_plan.make` does."""
        cells = cells_of.survey(canvas.provenance, scene, self.model.tile)
        return rollout_plan.make(cells, self.model.resolution, order, blend, BATCH)

    def fill(
        self, canvas: Canvas, steps: Sequence[Sequence[Cell]], seed: int, variant: int, blend: int
    ) -> Iterator[int]:
        """Fills a canvas by these steps, from the first that is not done; yields how many cells each filled."""
        return rollout.roll_out(canvas, steps, self._extend, self.model.resolution, seed, variant, blend)
