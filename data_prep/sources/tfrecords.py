"""A dataset directory of ours, or a folder of the official ProGAN and StyleGAN tools, as the source of another one.

Records of the resolution asked for are taken as they are, with their keys, labels, places and splits.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from data_prep import files, quietly
from data_prep.job import Job
from data_prep.sources import squares
from data_prep.sources.source import Form, Listing, Survey, Tile, UnusableFile
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from progan_tf.data.manifest import Manifest
    from progan_tf.data.records import Record

_PART_RECORDS = 256


@dataclasses.dataclass(frozen=True)
class Records:
    """TFRecord files of `directory`, `shards` being (file, bytes, images, split) of each, images of one resolution.

    Labels are the records' own numbers in `classes`, or rows of `label_file`; none where there are no `classes`. The
    key of a record without one is `file#index`.
    """

    directory: str
    resolution: int
    form: Form
    shards: tuple[tuple[str, int, int, str], ...]
    encoding: str = "raw"
    classes: tuple[str, ...] = ()
    label_file: str | None = None
    kind = "tfrecords"

    @classmethod
    def of(cls, job: Job) -> "Records":
        """Raises InputError where it is no dataset, or has not that resolution, labels, splits or distance of tiles."""
        quietly.import_tensorflow()
        from progan_tf.data import manifest

        dataset = manifest.load(job.input)
        level = job.resolution.bit_length() - 1
        _check(dataset, level, job)
        scaling = Scaling.from_dict(dataset.scaling) if dataset.scaling else None
        source = cls(
            job.input,
            job.resolution,
            Form(dataset.bands, dataset.display_bands, dataset.dtype, scaling, ready=True),
            tuple(
                (shard.file, shard.bytes, shard.images, split)
                for split in dataset.splits
                for shard in dataset.shards(split, level)
            ),
            dataset.encoding,
            dataset.labels if job.labels == "source" else (),
            dataset.label_file if job.labels == "source" else None,
        )
        source._rows_of_labels()
        return source

    def listing(self) -> Listing:
        return Listing(tuple((file, size) for file, size, *_ in self.shards))

    def survey(self, file: str) -> Survey:
        size, images, _ = self._shard(file)
        path = files.join(self.directory, file)
        if not files.exists(path):
            return Survey(file, rejected="is missing, though the manifest lists it")
        if not files.is_file_of(path, size):
            return Survey(file, rejected=f"has {files.size(path):,} bytes where {size:,} were written")
        parts, pixels = math.ceil(images / _PART_RECORDS) or 1, images * self.resolution**2
        return Survey(file, parts, images, self.form.bands, self.form.dtype, pixels)

    def agree(self, surveys: Sequence[Survey]) -> Form:
        return self.form

    def read(self, file: str, part: int, form: Form) -> Iterator[Tile]:
        rows = self._rows_of_labels()
        first = sum(images for _, _, images, _ in self.shards[: self._files.index(file)])
        _, _, split = self._shard(file)
        for index, record in self._records(file, part * _PART_RECORDS, _PART_RECORDS):
            key = record.key or f"{file}#{index}"
            number = record.label if rows is None else int(rows[first + index].argmax())
            label = self._class(number, index) if self.classes else None
            if record.place is None:
                yield Tile(key, record.image, key, label=label, split=split)
            else:
                at = record.place
                where = (at.scene, at.row, at.column)
                yield Tile(key, record.image, *where, label, bounds=at.bounds, crs=at.crs, split=split)

    def sample(self, file: str, every: int, form: Form) -> np.ndarray:
        images, stride = squares.thinning(every)
        found = self._records(file, 0, -1, images)
        return np.concatenate([squares.thinned(record.image, stride) for _, record in found])

    @property
    def _files(self) -> list[str]:
        return [file for file, *_ in self.shards]

    def _shard(self, file: str) -> tuple[int, int, str]:
        """Bytes, images and split of a file."""
        return self.shards[self._files.index(file)][1:]

    def _records(self, file: str, first: int, count: int, every: int = 1) -> Iterator[tuple[int, "Record"]]:
        """(index, record) of every n-th of `count` records (-1: all) from number `first` on."""
        quietly.import_tensorflow()
        import tensorflow as tf

        from progan_tf.data import reading, records

        shape = (self.resolution, self.resolution, len(self.form.bands))
        found = reading.serialized_records(files.join(self.directory, file)).skip(first).take(count)
        index = first
        try:
            for raw in found.as_numpy_iterator():
                if (index - first) % every == 0:
                    record = records.deserialize(raw, self.form.dtype, self.encoding)
                    if record.image.shape != shape:
                        raise ValueError(f"shape {list(record.image.shape)} where {list(shape)} is expected")
                    yield index, record
                index += 1
        except tf.errors.OpError as error:
            reason = error.message.rpartition("}} ")[2].partition(" [Op")[0]
            raise UnusableFile(f"record {index} is damaged ({reason})") from error
        except ValueError as error:
            raise UnusableFile(f"record {index} is damaged ({error})") from error

    def _class(self, number: int | None, index: int) -> str:
        if number is None or not 0 <= number < len(self.classes):
            raise UnusableFile(f"record {index} has label {number}, which the dataset has no name for")
        return self.classes[number]

    def _rows_of_labels(self) -> np.ndarray | None:
        """Rows of the official label file, None without one. Raises InputError where they are anything but classes."""
        if self.label_file is None:
            return None
        from progan_tf.data import manifest

        rows = manifest.read_label_file(files.join(self.directory, self.label_file))
        if len(rows) != sum(images for _, _, images, _ in self.shards):
            raise InputError(
                f"input {self.directory}: {self.label_file} has {len(rows)} rows, one an image is needed; set "
                "--labels=none"
            )
        if not (np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()):
            raise InputError(f"input {self.directory}: {self.label_file} is not one-hot; set --labels=none")
        return rows


def _check(dataset: "Manifest", level: int, job: Job) -> None:
    if level not in dataset.levels:
        sides = ", ".join(str(2**level) for level in dataset.levels)
        raise InputError(f"input {job.input} has no images of {job.resolution} pixels, only {sides}; set --resolution")
    recipe = dataset.source.get("recipe", {})
    apart = recipe.get("stride") or dataset.resolution // recipe.get("stitch", 1)
    step = apart * job.resolution // dataset.resolution
    if step != job.step:
        raise InputError(f"input {job.input} has tiles {step} pixels apart at this resolution; set --stride={step}")
    if job.labels == "source" and not dataset.labels:
        raise InputError(f"input {job.input} has no labels; set --labels=none")
    if job.splits and set(dataset.splits) != {"train"}:
        raise InputError(
            f"input {job.input} has splits already ({', '.join(dataset.splits)}), which its images stay in; leave "
            "--splits out, or convert anew what it was made of"
        )
