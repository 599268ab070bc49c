"""A folder of PNG, JPEG, BMP, WebP and 8-bit TIFF images, sub-folders included.

Orientation in EXIF is ignored: a view from above has no up, and the pixels stay where the sensor put them. Alpha is
dropped, palettes are expanded. Files and folders whose name begins with a dot are passed over.
"""

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from data_prep.sources.source import Listing, Survey, UnusableFile
from progan_tf.errors import InputError

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
_GREY, _COLOUR, _ALPHA = ("1", "L", "LA"), ("P", "PA", "RGB", "RGBA"), ("LA", "PA", "RGBA")

Box = tuple[int, int, int, int]  # left, top, right, bottom


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # a link to nothing, for one; the survey says so
        return 0


@dataclasses.dataclass(frozen=True)
class Folder:
    """Images under `root`, cut to squares of `resolution` by `fit` (see data_prep.job); keys are relative paths.

    Tiles are counted row by row from the top left corner, what is left at the right and the bottom is not used. Their
    key is `path#row_column`; an image that is one tile, crop or resize has its path alone.
    """

    root: str
    resolution: int
    fit: str
    labels: bool = False

    def listing(self) -> Listing:
        files, ignored, visited = [], 0, set()

        def fail(error: OSError) -> None:
            raise InputError(f"{error.filename} cannot be listed: {error.strerror}; make it readable") from error

        for folder, subfolders, names in os.walk(self.root, onerror=fail, followlinks=True):
            identity = (Path(folder).stat().st_dev, Path(folder).stat().st_ino)
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            if identity in visited:  # a link back to a folder already seen
                subfolders.clear()
                continue
            visited.add(identity)
            for name in names:
                path = Path(folder, name)
                if name.startswith(".") or path.suffix.lower() not in _SUFFIXES:
                    ignored += 1
                else:
                    files.append((path.relative_to(self.root).as_posix(), _size(path)))
        return Listing(tuple(sorted(files)), ignored)

    def survey(self, file: str) -> Survey:
        try:
            label = self._label(file)
            with self._opened(file) as image:
                return Survey(
                    file,
                    windows=len(self._boxes(image)),
                    colour=image.mode in _COLOUR,
                    alpha=image.mode in _ALPHA or "transparency" in image.info,
                    label=label,
                )
        except UnusableFile as error:
            return Survey(file, rejected=str(error))

    def read(self, file: str, windows: Sequence[int], channels: int) -> list[tuple[str, np.ndarray]]:
        mode = "L" if channels == 1 else "RGB"
        with self._opened(file) as image:
            boxes = self._boxes(image)
            if max(windows) >= len(boxes):
                raise UnusableFile("the file changed while it was being converted")
            return [
                (self._key(file, image, boxes[window]), self._cut(image, boxes[window], mode)) for window in windows
            ]

    def _label(self, file: str) -> str | None:
        if not self.labels:
            return None
        folder, _, inside = file.partition("/")
        if not inside:
            raise UnusableFile("lies in no sub-folder, so it has no label")
        return folder

    @contextlib.contextmanager
    def _opened(self, file: str) -> Iterator[Image.Image]:
        """The image, its header checked. Whatever goes wrong with it, here or in the body, becomes UnusableFile."""
        path = Path(self.root, file)
        try:
            file.encode()
            if not path.is_file():
                raise UnusableFile("no regular file, or a link to nothing")
            if path.stat().st_size == 0:
                raise UnusableFile("empty, 0 bytes")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of large images and odd metadata: neither matters for pixels
                with Image.open(path, formats=_FORMATS) as image:
                    self._check(image)
                    yield image
        except (UnusableFile, MemoryError):
            raise
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
            raise UnusableFile("16 bits or more a channel; only 8-bit images are read")
        if image.mode not in _GREY + _COLOUR:
            raise UnusableFile(f"colour mode {image.mode}; save it as grey or RGB")
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # MPO is a camera's JPEG with its preview behind
            raise UnusableFile(f"{frames} frames or pages (animation, document, overviews); save one image a file")
        if min(image.size) < self.resolution:
            raise UnusableFile(f"too small: {image.width} x {image.height} pixels, less than {self.resolution}")

    def _boxes(self, image: Image.Image) -> list[Box]:
        side = self.resolution
        if self.fit == "tile":
            corners = [
                (column * side, row * side)
                for row in range(image.height // side)
                for column in range(image.width // side)
            ]
        else:
            if self.fit == "resize":
                side = min(image.size)
            corners = [((image.width - side) // 2, (image.height - side) // 2)]
        return [(left, top, left + side, top + side) for left, top in corners]

    def _key(self, file: str, image: Image.Image, box: Box) -> str:
        if self.fit != "tile" or box == (0, 0, *image.size):
            return file
        return f"{file}#{box[1] // self.resolution}_{box[0] // self.resolution}"

    def _cut(self, image: Image.Image, box: Box, mode: str) -> np.ndarray:
        cut = image.crop(box)
        if cut.mode != mode:
            cut = cut.convert(mode)
        if cut.width != self.resolution:
            cut = cut.resize((self.resolution, self.resolution), Image.Resampling.LANCZOS)
        return np.asarray(cut).reshape(self.resolution, self.resolution, -1)
