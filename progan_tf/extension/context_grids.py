"""Pictures beside a run's sample grids: what is known of their windows, and where attention copies from."""

from pathlib import Path

import numpy as np

from progan_tf import imaging
from progan_tf.config import Config
from progan_tf.data.pipeline import Dataset
from progan_tf.extension.sampler import ExtensionSampler
from progan_tf.training.actions.sample_grid import latents_of_grid
from progan_tf.training.progress import Progress
from progan_tf.training.state import Networks
from progan_tf.training.ticks import Tick
from progan_tf.training.trainer import Action


class ContextGrids(Action):
    """Writes pictures whose windows have the places that they have in every grid.

    `known.png`, once, is mid-grey where windows are to be made; `copied.png`, anew at every tick, has colours for where
    attention copied from (`imaging.colour_offsets`).
    """

    def __init__(self, folder: Path, config: Config, dataset: Dataset, sampler: ExtensionSampler):
        self._folder, self._config, self._dataset, self._sampler = folder, config, dataset, sampler

    def start(self, networks: Networks, progress: Progress) -> None:
        self._folder.mkdir(exist_ok=True)
        path = self._folder / "known.png"
        if path.exists():
            return
        windows, known = self._sampler.contexts(latents_of_grid(self._config))
        middle = np.iinfo(windows.dtype).max // 2
        pixels = np.where(known > 0, windows, middle).astype(windows.dtype)
        shown = imaging.to_display(pixels, self._dataset.manifest.display_bands)
        imaging.write_png(path, imaging.grid(shown, self._config.training.grid_columns))

    def tick(self, networks: Networks, tick: Tick) -> None:
        offsets = self._sampler.offsets(networks, tick.phase, latents_of_grid(self._config))
        if offsets is not None:
            shown = imaging.enlarge(imaging.colour_offsets(offsets), self._config.network.resolution // len(offsets[0]))
            imaging.write_png(self._folder / "copied.png", imaging.grid(shown, self._config.training.grid_columns))
