"""A folder of PNG, JPEG, BMP, WebP and 8-bit TIFF images, sub-folders included.

Orientation in EXIF is ignored: a view from above has no up, and the pixels stay where the sensor put them. Alpha is
dropped, palettes are expanded.
"""

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, UnidentifiedImageError

from data_prep import files
from data_prep.job import Job
from data_prep.sources import IMAGE_SUFFIXES, decoding, inputs, squares
from data_prep.sources.file_grid import FileGrid, GridPlace, check_sizes, tiles_a_side
from data_prep.sources.source import NO_MEMORY, Form, Listing, Survey, Tile, UnusableFile
from progan_tf.data.bands import band_names, display_bands

_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
_GREY, _COLOUR, _ALPHA = ("1", "L", "LA"), ("P", "PA", "RGB", "RGBA"), ("LA", "PA", "RGBA")


@dataclasses.dataclass(frozen=True)
class Folder:
    """Images that `given` names, cut to squares of `resolution` by `fit` (see data_prep.job); keys are relative paths.

    Tiles are counted row by row from the top left corner, what is left at the right and the bottom is not used. Their
    key is `path#row_column`; an image that is one tile, crop or resize has its path alone. Every image is a scene of
    its own, unless `grid` says where it lies among the others.
    """

    given: str
    resolution: int
    fit: str = "tile"
    step: int = 0
    labels: bool = False
    grid: FileGrid | None = None
    kind = "folder"

    @classmethod
    def of(cls, job: Job) -> "Folder":
        """Raises InputError where the grid pattern cannot be used."""
        return cls(job.input, job.resolution, job.fit, job.step, job.labels == "folders", FileGrid.of(job))

    def listing(self) -> Listing:
        return inputs.listing(self.given, IMAGE_SUFFIXES)

    def survey(self, file: str) -> Survey:
        try:
            self._label(file)
            with self._opened(file) as image:
                self._place(file, image)
                return Survey(
                    file,
                    tiles=squares.count(image.height, image.width, self.resolution, self.fit, self._step),
                    pixels=image.width * image.height,
                    bands=band_names(3 if image.mode in _COLOUR else 1),
                    alpha=image.mode in _ALPHA or "transparency" in image.info,
                )
        except UnusableFile as error:
            return Survey(file, rejected=str(error))

    def agree(self, surveys: Sequence[Survey]) -> Form:
        if self.grid:
            check_sizes(surveys)
        channels = max(len(survey.bands) for survey in surveys)  # grey images among coloured ones become coloured
        return Form(band_names(channels), display_bands(band_names(channels)), "uint8")

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile]:
        with self._opened(file) as image:
            label = self._label(file)
            pixels = decoding.pixels(image, _mode(form))
            place = self._place(file, image)
            for row, column, square, whole in squares.squares(pixels, self.resolution, self.fit, self._step):
                key = file if whole else f"{file}#{row}_{column}"
                if place:
                    yield Tile(key, square, label=label, **place.within(row, column))
                else:
                    yield Tile(key, square, file, row, column, label)

    def sample(self, file: str, every: int, form: Form) -> np.ndarray:
        with self._opened(file) as image:
            pixels = decoding.pixels(image, _mode(form))
            return squares.thinned(pixels, every)

    @property
    def _step(self) -> int:
        return self.step or self.resolution

    def _label(self, file: str) -> str | None:
        return inputs.label_of(file) if self.labels else None

    def _place(self, file: str, image: Image.Image) -> GridPlace | None:
        """Where the grid pattern says that a file lies; None without one."""
        if self.grid is None:
            return None
        tile = self.resolution if self.fit == "tile" else image.width
        return self.grid.place(file, tiles_a_side(*image.size, tile))

    @contextlib.contextmanager
    def _opened(self, file: str) -> Iterator[Image.Image]:
        """The image, its header checked. Whatever goes wrong with it, here or in the body, becomes UnusableFile."""
        path = files.join(inputs.root(self.given), file)
        try:
            file.encode()
            if not files.is_file(path):
                raise UnusableFile("no regular file, or a link to nothing")
            if files.size(path) == 0:
                raise UnusableFile("empty, 0 bytes")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of large images and odd metadata: neither matters for pixels
                with files.open_file(path, "rb") as stream, Image.open(stream, formats=_FORMATS) as image:
                    self._check(image)
                    yield image
        except (UnusableFile, GeneratorExit):
            raise
        except MemoryError as error:
            raise UnusableFile(NO_MEMORY) from error
        except UnicodeEncodeError as error:
            raise UnusableFile("its name is not UTF-8") from error
        except UnidentifiedImageError as error:
            raise UnusableFile("no 8-bit PNG, JPEG, BMP, WebP or TIFF image that can be decoded") from error
        except OSError as error:
            raise UnusableFile(error.strerror or str(error)) from error
        except Exception as error:  # decoders meet damaged files with errors of every kind
            raise UnusableFile(f"{type(error).__name__}: {error}") from error

    def _check(self, image: Image.Image) -> None:
        raw_mode = str(image.tile[0].args) if image.tile else ""
        if "I" in image.mode or (image.format in ("PNG", "TIFF") and ";16" in raw_mode):
            raise UnusableFile("16 bits or more a channel; --source=raster reads those")
        if image.mode not in _GREY + _COLOUR:
            raise UnusableFile(f"colour mode {image.mode}; save it as grey or RGB")
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # MPO is a camera's JPEG with its preview behind
            raise UnusableFile(f"{frames} frames or pages (animation, document, overviews); save one image a file")
        if min(image.size) < self.resolution:
            raise UnusableFile(f"too small: {image.width} x {image.height} pixels, less than {self.resolution}")


def _mode(form: Form) -> str:
    return "L" if len(form.bands) == 1 else "RGB"
