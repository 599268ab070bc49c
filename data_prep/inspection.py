"""What a dataset directory holds, and whether it is still what was written."""

import contextlib
import dataclasses
import hashlib
import itertools
import re
from collections.abc import Collection, Iterator

import numpy as np
import tensorflow as tf

from data_prep import files, label_files, quietly
from data_prep.engines import local
from data_prep.progress import Progress, Silent
from data_prep.shards import checksum
from progan_tf.data import manifest as manifests
from progan_tf.data import pipeline, reading, records
from progan_tf.data.manifest import Manifest, Shard
from progan_tf.data.pipeline import Dataset
from progan_tf.data.reading import BadRecord, RecordError
from progan_tf.data.scaling import Scaling
from progan_tf.errors import InputError

HISTOGRAM_BINS = 256
MOST_IMAGES = 100_000  # of a split that statistics are made of; records lie in shuffled order
_LISTED = 10
_SHUFFLE_MB = 256
_BYTES_A_PROCESS = 512 << 20  # less is checked before another process has loaded TensorFlow


@dataclasses.dataclass(frozen=True)
class Damage:
    """A shard or label file that is not what was written: `file` is relative to the dataset directory."""

    file: str
    reason: str


@dataclasses.dataclass(frozen=True)
class _Expected:
    """One file, what the manifest says of it, and what its records are."""

    path: str
    shard: Shard
    shape: tuple[int, int, int]
    dtype: str
    encoding: str


def unreadable(directory: str) -> list[Damage]:
    """Files of a folder without manifest whose records or labels cannot be counted, so that none can be inferred."""
    if files.exists(files.join(directory, manifests.FILENAME)):
        return []
    shapes, broken = [], []
    for path in manifests.official_files(directory):
        try:
            shapes.append(reading.shape_of_first(path))
            reading.count(path)
        except RecordError:
            broken.append(path)
    channels = shapes[0][2] if shapes else 3
    found = []
    for path in broken:
        name = path.rpartition("/")[2]
        side = 2 ** int(re.findall(r"-r(\d\d)", name)[-1])
        try:
            _, bad = reading.scan(path, (side, side, channels), "uint8")
            found.append(Damage(name, _listed(bad) if bad else "holds no record"))
        except tf.errors.OpError as error:
            found.append(Damage(name, f"cannot be read ({error.message})"))
    for path in manifests.official_files(directory, "*-rxx.labels"):
        try:
            manifests.read_label_file(path)
        except InputError as error:
            found.append(Damage(path.rpartition("/")[2], f"cannot be read ({error.__cause__})"))
    return found


def damage(directory: str, manifest: Manifest, cores: int = 1, progress: type[Progress] = Silent) -> list[Damage]:
    """Every damaged shard of all splits and levels, in the order of the manifest, and then damaged label files.

    A shard is whole when it has the bytes, SHA-256, number of records and shape that the manifest says. Where that has
    no SHA-256, the checksums inside the file are computed, record by record. Up to `cores` processes work on it.
    """
    expected = [
        _Expected(
            files.join(directory, shard.file),
            shard,
            (2**shard.level, 2**shard.level, manifest.channels),
            manifest.dtype,
            manifest.encoding,
        )
        for shards in manifest.splits.values()
        for shard in shards
    ]
    workers = min(cores, 1 + sum(item.shard.bytes for item in expected) // _BYTES_A_PROCESS)
    found = {}
    results = local.run(_check, expected, workers, quietly.import_tensorflow)
    with contextlib.closing(results), progress("verify", len(expected), "shards") as shown:
        for file, reason in results:
            found[file] = reason
            shown.advance()
    found |= {file: reason for file, reason in _uneven(manifest).items() if not found[file]}
    damaged = {item.shard.file: found[item.shard.file] for item in expected if found[item.shard.file]}
    damaged |= label_damage(directory, manifest, damaged)
    return [Damage(file, reason) for file, reason in damaged.items()]


def label_damage(directory: str, manifest: Manifest, damaged: Collection[str] = ()) -> dict[str, str]:
    """Label files that do not say what the records do, with what is wrong; of `damaged` records nobody knows that."""
    found = {}
    for split, file in label_files.listed(manifest).items():
        path = files.join(directory, file)
        if not files.is_file(path):
            found[file] = "missing"
        elif manifest.shards(split, manifest.levels[0])[0].file not in damaged:
            rows = Dataset(directory, manifest, split).label_table()
            if files.checksum(path) != hashlib.sha256(label_files.content(rows)).hexdigest():
                found[file] = "not the labels of the records"
    return found


def _check(expected: _Expected) -> tuple[str, str | None]:
    """A file and what is wrong with it, None where nothing is."""
    try:
        return expected.shard.file, _fault(expected)
    except (OSError, tf.errors.OpError, RecordError) as error:
        return expected.shard.file, f"cannot be read ({error})"


def _fault(expected: _Expected) -> str | None:
    path, shard = expected.path, expected.shard
    if not files.exists(path) or files.is_folder(path):
        return "missing"
    size = files.size(path)
    if size != shard.bytes:
        return f"{size:,} bytes where {shard.bytes:,} were written; {_records_fault(expected) or 'records whole'}"
    if shard.sha256 is None:
        return _records_fault(expected)
    if checksum(path) != shard.sha256:
        return f"not the SHA-256 that was written; {_records_fault(expected) or 'records whole, but other ones'}"
    count, shape = reading.count(path), reading.shape_of_first(path)
    if count != shard.images:
        return _miscounted(count, shard)
    if shape != expected.shape:
        return f"images of shape {list(shape)} where {list(expected.shape)} is expected"
    return None


def _records_fault(expected: _Expected) -> str | None:
    """What is wrong with the records of a file, by their own checksums."""
    good, bad = reading.scan(expected.path, expected.shape, expected.dtype, expected.encoding)
    if bad:
        return _listed(bad)
    count = sum(run.count for run in good)
    return None if count == expected.shard.images else _miscounted(count, expected.shard)


def _miscounted(count: int, shard: Shard) -> str:
    return f"holds {count:,} records where {shard.images:,} are listed"


def _listed(bad: list[BadRecord]) -> str:
    numbers = ", ".join(str(record.index) for record in bad[:_LISTED])
    more = f" and {len(bad) - _LISTED:,} more" if len(bad) > _LISTED else ""
    return f"{'records' if len(bad) > 1 else 'record'} {numbers}{more} damaged ({bad[0].reason})"


def _uneven(manifest: Manifest) -> dict[str, str]:
    """First files of levels with fewer images than another level of their split."""
    found = {}
    for split in manifest.splits:
        levels = sorted({shard.level for shard in manifest.splits[split]})
        images = {level: sum(shard.images for shard in manifest.shards(split, level)) for level in levels}
        for level in levels:
            if images[level] < max(images.values()):
                first = manifest.shards(split, level)[0].file
                found[first] = f"level of {images[level]:,} images, another one has {max(images.values()):,}"
    return found


def label_counts(directory: str, manifest: Manifest) -> dict[str, list[int]]:
    """Images a label, for every split; none where the dataset has no labels."""
    if not manifest.labels:
        return {}
    tables = {split: Dataset(directory, manifest, split).label_table() for split in manifest.splits}
    return {split: np.rint(table.sum(axis=0)).astype(int).tolist() for split, table in tables.items()}


def table(manifest: Manifest, labels: dict[str, list[int]]) -> list[tuple[str, str]]:
    """The manifest as lines of a table: what it is, and what it says. `labels` are `label_counts`."""
    listed = [shard for shards in manifest.splits.values() for shard in shards]
    top = manifest.levels[-1]
    lines = [
        ("name", manifest.name),
        ("resolution", f"{manifest.resolution} x {manifest.resolution}"),
        ("bands", f"{manifest.channels}: {', '.join(manifest.bands)}"),
        ("shown", ", ".join(manifest.bands[band] for band in manifest.display_bands)),
        ("dtype", manifest.dtype),
        ("encoding", manifest.encoding),
        ("scaling", _scaling(manifest)),
        ("splits", ", ".join(f"{split} {manifest.images(split):,}" for split in manifest.splits)),
        ("levels", f"{2 ** manifest.levels[0]} to {2**top}"),
        (
            "shards",
            ", ".join(f"{split} {len(manifest.shards(split, top)):,} a level" for split in manifest.splits),
        ),
        ("files", f"{len(listed):,}"),
        ("bytes", f"{sum(shard.bytes for shard in listed):,}"),
    ]
    if manifest.labels:
        lines.append(("labels", f"{len(manifest.labels)}"))
        for number, label in enumerate(manifest.labels):
            counts = ", ".join(f"{split} {labels[split][number]:,}" for split in labels)
            lines.append((f"  {label}", counts))
    return lines + _source(manifest)


def _scaling(manifest: Manifest) -> str:
    if not manifest.scaling:
        return "none"
    scaling = Scaling.from_dict(manifest.scaling)
    ranges = zip(manifest.bands, scaling.low, scaling.high, strict=True)
    return f"{scaling.mode}: " + ", ".join(f"{band} {low:g} to {high:g}" for band, low, high in ranges)


def _source(manifest: Manifest) -> list[tuple[str, str]]:
    """What is known of where the images came from."""
    source = manifest.source
    lines = [("source", source.get("kind", "unknown"))]
    if "input" in source:
        lines.append(("  input", source["input"]))
    if source.get("kind") == "generated":
        first, end = source["seeds"]
        lines += [("  model", source["model"]), ("  seeds", f"{first} to {end - 1}"), ("  note", source["synthetic"])]
    lines += [
        (f"  {name.replace('_', ' ')}", f"{source[name]:,}")
        for name in ("files", "rejected", "alpha_dropped", "tiles")
        if name in source
    ]
    if "dropped" in source:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in source["dropped"].items())
        lines.append(("  dropped", dropped or "0"))
    if source.get("crs"):
        lines.append(("  crs", ", ".join(source["crs"])))
    if "overlaps" in source:
        named = ", ".join(" and ".join(pair) for pair in source["overlapping_scenes"][:_LISTED])
        lines.append(("  overlap", f"{source['overlaps']:,} pairs of scenes{': ' if named else ''}{named}"))
    return lines


def level_nearest(manifest: Manifest, side: int) -> int:
    """The level whose images come closest to `side` pixels."""
    return min(manifest.levels, key=lambda level: abs(2**level - side))


def random_tiles(directory: str, manifest: Manifest, split: str, level: int, count: int, seed: int) -> np.ndarray:
    """Images [N, H, W, C] of a level, drawn by `seed`: `count` of them, or all where there are fewer."""
    dataset = Dataset(directory, manifest, split)
    drawn = pipeline.read(dataset, level, min(count, dataset.images), seed=seed, shuffle_mb=_SHUFFLE_MB)
    return next(drawn)[0]


def histograms(directory: str, manifest: Manifest, split: str, level: int) -> np.ndarray:
    """How often a pixel value occurs, int64 [C, HISTOGRAM_BINS], in the first images of a split at a level.

    A bin is one value of uint8, 256 values of uint16.
    """
    counts = np.zeros((manifest.channels, HISTOGRAM_BINS), np.int64)
    shift = 8 * (np.dtype(manifest.dtype).itemsize - 1)
    shape = (2**level, 2**level, manifest.channels)
    for serialized in _serialized(directory, manifest, split, level).batch(256):
        images = reading.parse_batch(serialized, shape, manifest.dtype, manifest.encoding).numpy()
        for band in range(manifest.channels):
            counts[band] += np.bincount((images[..., band] >> shift).ravel(), minlength=HISTOGRAM_BINS)
    return counts


def bin_centres(manifest: Manifest) -> np.ndarray:
    """Values in the middle of the bins of `histograms`, float32 [C, HISTOGRAM_BINS]; physical where scaled."""
    step = (np.iinfo(manifest.dtype).max + 1) // HISTOGRAM_BINS
    pixels = (np.arange(HISTOGRAM_BINS) * step + step // 2).astype(manifest.dtype)
    pixels = np.repeat(pixels[:, np.newaxis], manifest.channels, axis=1)
    values = Scaling.from_dict(manifest.scaling).to_physical(pixels) if manifest.scaling else pixels
    return values.astype(np.float32).T


def footprints(directory: str, manifest: Manifest, split: str) -> dict[str, np.ndarray]:
    """Bounds [N, 4] (left, bottom, right, top) of a split's first tiles that have a place, by coordinate system."""
    found: dict[str, list] = {}
    for record in _serialized(directory, manifest, split, manifest.levels[0]).as_numpy_iterator():
        place = records.deserialize(record, manifest.dtype, manifest.encoding).place
        if place is not None and place.bounds is not None:
            found.setdefault(place.crs or "unknown coordinates", []).append(place.bounds)
    return {crs: np.array(bounds) for crs, bounds in sorted(found.items())}


def mipmap_strip(directory: str, manifest: Manifest) -> list[np.ndarray]:
    """One tile [H, W, C] at all levels, smallest first: of the first sixteen the one with most contrast."""
    split = next(iter(manifest.splits))
    level = level_nearest(manifest, 64)
    number = int(np.argmax([image.std() for image in _images(directory, manifest, split, level, 0, 16)]))
    return [next(_images(directory, manifest, split, level, number, 1)) for level in manifest.levels]


def _images(directory: str, manifest: Manifest, split: str, level: int, first: int, count: int) -> Iterator[np.ndarray]:
    serialized = _serialized(directory, manifest, split, level).as_numpy_iterator()
    for record in itertools.islice(serialized, first, first + count):
        yield records.deserialize(record, manifest.dtype, manifest.encoding).image


def _serialized(directory: str, manifest: Manifest, split: str, level: int) -> tf.data.Dataset:
    paths = Dataset(directory, manifest, split).paths(level)
    return reading.serialized_records(paths).take(MOST_IMAGES)
