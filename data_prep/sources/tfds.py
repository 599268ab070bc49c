"""TensorFlow datasets: `tfds:NAME/CONFIG:VERSION`, prepared already or prepared now, and `tfds:folder=DIR`.

What is read as a file here is a slice of a split, in the order the dataset is stored in. It counts as many files: an
image that cannot be used is rejected alone.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from data_prep import files, quietly
from data_prep.job import Job
from data_prep.sources import inputs, squares
from data_prep.sources.folder import Folder
from data_prep.sources.source import DTYPES, Form, Listing, Rejected, Source, Survey, Tile
from progan_tf.data.bands import band_names, display_bands
from progan_tf.errors import InputError

_SLICE_TILES = 512

Image = tuple[str, np.ndarray, str | None]  # key, pixels [H, W, C], label


@dataclasses.dataclass(frozen=True)
class TfdsImages:
    """Images of `spec`, a dataset as `tfds.builder` takes it, cut to squares of `resolution` by `fit` (see Folder).

    The image is the feature called `image`, or the only image there is; without images, so for tensors [H, W, C]. A
    pixel is empty where a band is not finite. Labels are the classes of the feature `label`. Every image is a scene of
    its own. Its key is TFDS's own id, `NAME-train.tfrecord-00000-of-00001__12`.
    """

    spec: str
    split: str = "train"
    data_dir: str = ""
    resolution: int = 256
    fit: str = "tile"
    step: int = 256
    labels: bool = False
    kind = "tfds"

    @classmethod
    def of(cls, job: Job) -> Source:
        """The source of a job; images in a folder laid out for `tfds.ImageFolder` are a folder as any other.

        Raises:
            InputError: that folder has no such split, or a flag is set that it has no use for.
        """
        spec = job.input.removeprefix("tfds:")
        if spec.startswith("folder="):
            return _folder(spec.removeprefix("folder="), job)
        return cls(spec, job.tfds_split, job.tfds_data_dir, job.resolution, job.fit, job.step, job.labels == "source")

    def listing(self) -> Listing:
        """Slices of some hundred tiles; prepares the dataset where that was not done.

        Raises:
            InputError: that fails, or the dataset has no such split, image or label.
        """
        opened = _open(self.spec, self.data_dir)
        import tensorflow_datasets as tfds

        _prepare(opened.builder, self.spec)
        if self.labels and opened.label is None:
            raise InputError(f"input tfds:{self.spec} has no feature label with names of classes; set --labels=none")
        splits, most = opened.builder.info.splits, max(1, _SLICE_TILES // max(1, self._tiles(opened)))
        try:
            wanted = tfds.core.ReadInstruction.from_spec(self.split).to_absolute(splits)
        except (ValueError, NotImplementedError) as error:
            raise InputError(
                f"tfds_split {self.split}: {_line(error)}; the splits of tfds:{self.spec} are {', '.join(splits)}"
            ) from error
        listed = []
        for part in wanted:
            whole = splits[part.splitname]
            begin, end = part.from_ or 0, whole.num_examples if part.to is None else part.to
            for first in range(begin, end, most):
                last = min(first + most, end)
                size = whole.num_bytes * (last - first) // whole.num_examples
                listed.append((f"{opened.builder.info.full_name}/{part.splitname}[{first}:{last}]", size))
        return Listing(tuple(listed))

    def survey(self, file: str) -> Survey:
        opened = _open(self.spec, self.data_dir)
        height, width, channels = opened.image.shape
        images = len(_keys(opened, file))
        if not self._tiles(opened):
            return Survey(file, rejected=self._too_small(height, width), images=images)
        if not (height and width):  # the first one's size stands for all
            height, width = next((image.shape[:2] for _, image, _ in self._usable(file)), (0, 0))
        tiles, pixels = images * self._tiles(opened), images * height * width
        return Survey(file, tiles=tiles, bands=band_names(channels), dtype=opened.dtype, pixels=pixels, images=images)

    def agree(self, surveys: Sequence[Survey]) -> Form:
        return Form(surveys[0].bands, display_bands(surveys[0].bands), surveys[0].dtype)

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile | Rejected]:
        for found in self._images(file):
            if isinstance(found, Rejected):
                yield found
                continue
            key, image, label = found
            for row, column, square, whole in squares.squares(image, self.resolution, self.fit, self.step):
                valid = np.isfinite(square).all(axis=-1) if square.dtype.kind == "f" else None
                yield Tile(key if whole else f"{key}#{row}_{column}", square, key, row, column, label, valid)

    def sample(self, file: str, every: int, form: Form) -> np.ndarray:
        images, stride = squares.thinning(every)
        opened = _open(self.spec, self.data_dir)
        none = np.empty((0, opened.image.shape[2]), opened.dtype)
        values = np.concatenate([none, *(squares.thinned(found[1], stride) for found in self._usable(file, images))])
        return values[np.isfinite(values).all(axis=-1)]

    def _tiles(self, opened: "_Opened") -> int:
        """Tiles an image gives; 1 where images have different sizes."""
        height, width, _ = opened.image.shape
        return squares.count(height, width, self.resolution, self.fit, self.step) if height and width else 1

    def _too_small(self, height: int, width: int) -> str:
        return f"too small: {width} x {height} pixels, less than {self.resolution}"

    def _usable(self, file: str, every: int = 1) -> Iterator[Image]:
        return (found for found in self._images(file, every) if not isinstance(found, Rejected))

    def _images(self, file: str, every: int = 1) -> Iterator[Image | Rejected]:
        """Every n-th image of a slice; behind damage of the file itself all are rejected."""
        opened = _open(self.spec, self.data_dir)
        import tensorflow as tf

        keys, examples = _keys(opened, file), self._examples(opened, file)
        for number, key in enumerate(keys):
            try:
                example = next(examples)
            except (tf.errors.OpError, ValueError, OSError) as error:
                yield from (Rejected(lost, _line(error)) for lost in keys[number:])
                return
            if number % every == 0:
                yield self._decoded(opened, key, example)

    def _decoded(self, opened: "_Opened", key: str, example: dict[str, Any]) -> Image | Rejected:
        import tensorflow as tf

        try:
            image = opened.image.decode_example(example[opened.name]).numpy()
            label = opened.label.int2str(int(example["label"])) if self.labels else None
        except (tf.errors.OpError, ValueError) as error:
            return Rejected(key, _line(error))
        if min(image.shape[:2]) < self.resolution:
            return Rejected(key, self._too_small(*image.shape[:2]))
        return key, image, label

    def _examples(self, opened: "_Opened", file: str) -> Iterator[dict[str, Any]]:
        """The examples of a slice, images still encoded."""
        import tensorflow_datasets as tfds

        needed = {opened.name: True} | ({"label": True} if self.labels else {})
        encoded = tfds.decode.PartialDecoding(needed, {opened.name: tfds.decode.SkipDecoding()})
        in_order = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False, skip_prefetch=True)
        with _without_warnings():
            found = opened.builder.as_dataset(split=_slice(file), decoders=encoded, read_config=in_order)
        yield from found


@dataclasses.dataclass(frozen=True)
class _Opened:
    """A builder with its image feature, called `name`, and its label feature where it has one."""

    builder: Any
    name: str
    image: Any
    label: Any

    @property
    def dtype(self) -> str:
        return np.dtype(self.image.np_dtype).name


def _open(spec: str, data_dir: str) -> _Opened:
    """Raises InputError where there is no such dataset, or none with images of ours."""
    quietly.import_tensorflow()
    import tensorflow_datasets as tfds

    try:
        with _without_warnings():
            builder = tfds.builder(spec, data_dir=data_dir or None)
        features = builder.info.features
    except Exception as error:  # TFDS fails in many ways
        raise InputError(
            f"input tfds:{spec} cannot be found: {_line(error)}; tfds.list_builders() names what TensorFlow Datasets "
            "knows, --tfds_data_dir says where yours lie"
        ) from error
    images = [name for name in features if isinstance(features[name], tfds.features.Image)]
    images = images or [name for name in features if _is_like_an_image(features[name])]
    if "image" in images:
        images = ["image"]
    if len(images) != 1:
        raise InputError(
            f"input tfds:{spec} has no feature image, nor a single one of images: {', '.join(features)}; save "
            "those you want as files and give their folder"
        )
    image = features[images[0]]
    classes = {name: features[name] for name in features if isinstance(features[name], tfds.features.ClassLabel)}
    opened = _Opened(builder, images[0], image, classes.get("label"))
    if opened.dtype not in DTYPES or len(image.shape) != 3 or not image.shape[2]:
        raise InputError(
            f"input tfds:{spec} has {opened.dtype} images {image.shape}; {', '.join(DTYPES)} ones [H, W, C] are "
            "read; save them as such and give their folder"
        )
    return opened


def _is_like_an_image(feature: Any) -> bool:
    import tensorflow_datasets as tfds

    return isinstance(feature, tfds.features.Tensor) and len(feature.shape) == 3 and bool(feature.shape[2])


def _prepare(builder: Any, spec: str) -> None:
    if builder.is_prepared():
        return
    try:
        builder.download_and_prepare()
    except Exception as error:  # of downloads, disks, and the code of any dataset
        raise InputError(
            f"input tfds:{spec} cannot be prepared: {_line(error)}; prepare it elsewhere with download_and_prepare() "
            "and name its folder by --tfds_data_dir"
        ) from error


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Of TFDS about its own deprecations, and of versions prepared by halves, which it passes over."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _slice(file: str) -> str:
    return file.rpartition("/")[2]


def _keys(opened: _Opened, file: str) -> list[str]:
    """TFDS's ids of the examples of a slice, as `ReadConfig(add_tfds_id=True)` has them."""
    parts = opened.builder.info.splits[_slice(file)].file_instructions
    return [f"{part.basename()}__{number}" for part in parts for number in range(part.skip, part.skip + part.take)]


def _line(error: Exception) -> str:
    """What an error says first; TFDS and TensorFlow go on for pages."""
    said = str(error).removeprefix("{{function_node").partition("}} ")[2] or str(error)
    return next((line for line in said.splitlines() if line.strip()), type(error).__name__)[:200].rstrip(". ")


def _folder(root: str, job: Job) -> Folder:
    inputs.check(root)
    for field in ("min_valid_fraction", "tfds_data_dir"):
        if getattr(job, field) != getattr(Job, field):
            raise InputError(f"{field} is not for a folder of image files, as tfds:folder= names one; leave it out")
    splits = [name for name in files.list_folder(root) if files.is_folder(files.join(root, name))]
    if job.tfds_split not in splits:
        raise InputError(f"tfds_split {job.tfds_split} is no folder of {root}; there are {', '.join(splits) or 'none'}")
    return Folder(files.join(root, job.tfds_split), job.resolution, job.fit, job.step, labels=job.labels == "source")
