"""Converts images to a dataset directory: TFRecords of every level, checksums and a manifest.

  python -m data_prep.convert --input=photos --output=data/photos --resolution=256
  python -m data_prep.convert --input=scenes/*.tif --output=data/scenes --bands=red,green,blue --splits=train:80,test:20
  python -m data_prep.convert --input=tfds:eurosat/rgb --output=data/eurosat --resolution=64 --labels=source
  python -m data_prep.convert --input=data/scenes --output=data/windows --resolution=512 --stitch=2

Stopped or killed, the same command takes the work up again. docs/DATA.md tells the rest.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from data_prep import command_line, disk
from data_prep import job as jobs
from data_prep.job import Job
from data_prep.progress import Progress
from progan_tf.errors import InputError

if TYPE_CHECKING:
    from progan_tf.data.manifest import Manifest

_NUMBER = {bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float, str: flags.DEFINE_string}


def _define(name: str, text: str) -> None:
    """A flag with the default that Job has."""
    default = getattr(Job, name)
    _NUMBER[type(default)](name, default, text)


def _define_choice(name: str, choices: Sequence[str], text: str) -> None:
    flags.DEFINE_enum(name, getattr(Job, name), choices, text)


def _define_list(name: str, default: str, text: str) -> None:
    flags.DEFINE_list(name, default, text)


flags.DEFINE_string(
    "input",
    None,
    "Folder, file, quoted pattern of names, tfds:NAME[:VERSION] or tfds:folder=DIR.",
    required=True,
)
flags.DEFINE_string("output", None, "Folder for the dataset: a new or empty one.", required=True)
_define_choice("source", jobs.SOURCES, "Who reads the input. auto: told by what is there.")
_define("resolution", "Side of the finished images in pixels, a power of two from 8 to 1024.")
_define_choice(
    "fit",
    jobs.FITS,
    "How an image becomes squares: tile cuts all that fit side by side, crop the central one, neither resampling; "
    "resize shrinks the largest central square.",
)
_define("stride", "Pixels from one tile to the next; 0: the resolution, so that tiles do not overlap.")
_define(
    "stitch", "Neighbouring tiles of a dataset, in both directions, to put together as one image; one begins at each."
)
_define_choice(
    "labels", jobs.LABELS, "folders: the first sub-folder's name is the class; source: TFDS or TFRecords say."
)
_define_list("bands", "", "Bands of a raster to take, in order, by name or number from 1; empty: all.")
flags.DEFINE_float("nodata", None, "A pixel is empty where all bands have this value, besides where the file says so.")
_define("min_valid_fraction", "Least share of a tile's pixels that hold data, 0 to 1.")
_define("mask", "Raster over the same ground whose mask_exclude values make a pixel empty; {scene} is the file's stem.")
_define_list("mask_exclude", "", "Values of the mask that make a pixel empty, e.g. 3,8,9.")
_define("resolution_m", "Metres a pixel that scenes are resampled to; 0: as they are.")
_define(
    "grid_pattern", "How file names tell neighbours: {scene}_r{row}_c{column}.png, or {z}/{x}/{y}.png for web maps."
)
_define("tfds_split", "What to take of a TensorFlow dataset, in its slicing syntax.")
_define("tfds_data_dir", "Where TensorFlow datasets lie; empty: their usual place.")
_define_choice("dtype", jobs.DTYPES, "Number type on disk; uint16 keeps 16 bits through training and generation.")
_define_choice(
    "scaling",
    jobs.SCALINGS,
    "How values become pixels: bands, each by its own range; joint, all by one; none; auto: bands, but none for "
    "uint8 that stays uint8 and for datasets that keep their dtype.",
)
_define_list("percentiles", "2,98", "Percentiles of the whole dataset that become black and white.")
_define_list("value_range", "", "Values that become black and white instead: low,high or a pair a band.")
_define("min_std", "Least standard deviation of a tile, in 8-bit grey levels; flatter ones are dropped.")
_define_choice("near_duplicates", jobs.NEAR_DUPLICATES, "drop: of tiles that look the same only the first is kept.")
_define("max_tiles", "Images to write at most, drawn at random; 0: all.")
_define_list("splits", "", "Shares by place, e.g. train:80,validation:10,test:10; empty: all is train.")
_define("split_cell_km", "Side of the cells on the ground that splits are made of, in kilometres.")
_define("name", "Name of the dataset and its files; empty: that of the input.")
_define("shards", "Number of files a level. 0: by the amount of data; 1: what the official tools read.")
_define_choice(
    "encoding", jobs.ENCODINGS, "Pixels in a record: raw, as the official tools read; png, smaller and slower."
)
_define("seed", "Seed of the order the images are written in, and of the splits.")
_define("max_bad_fraction", "Share of input files, 0 to 1, that may be unusable before it stops.")
_define("workers", "Number of processes; 0: one a core.")
_define_choice("engine", jobs.ENGINES, "Who does the work: processes of this machine, or Apache Beam.")
_define("beam_args", "Options of the Beam runner, e.g. '--runner=FlinkRunner --flink_master=host:8081'.")


def main() -> None:
    job = _job()
    from data_prep import conversion

    with disk.explained(job.output):
        report = conversion.convert(job, Progress)
    dataset, source = report.manifest, report.manifest.source
    if report.was_complete:
        print(f"{job.output} is complete already; nothing was done")
    if report.resumed_shards:
        shards = sum(len(dataset.shards(split, 2)) for split in dataset.splits)
        print(f"resumed: {report.resumed_shards} of {shards} shards were finished before")
    listed = [shard for shards in dataset.splits.values() for shard in shards]
    print(
        f"dataset  {job.output}: {sum(map(dataset.images, dataset.splits)):,} images of {dataset.resolution} x "
        f"{dataset.resolution} x {dataset.channels} {dataset.dtype}, levels 4 to {dataset.resolution}, "
        f"{len(listed)} files, {sum(shard.bytes for shard in listed) / 1e6:,.1f} MB"
    )
    if job.splits:
        print(f"splits   {', '.join(_asked_and_got(job, dataset))}")
    elif len(dataset.splits) > 1:
        kept = ", ".join(f"{name} {dataset.images(name):,}" for name in dataset.splits)
        print(f"splits   {kept}, as their tiles were")
    empty = [name for name, share in job.splits if share and name not in dataset.splits]
    if empty:
        print(f"empty    {', '.join(empty)} got no image; {report.split_remedy or 'choose a smaller --split_cell_km'}")
    if dataset.labels:
        print(f"labels   {len(dataset.labels)}: {', '.join(dataset.labels)}")
    if dataset.scaling:
        ranges = zip(dataset.bands, dataset.scaling["low"], dataset.scaling["high"], strict=True)
        print(f"scaling  {', '.join(f'{band} {low:g} to {high:g}' for band, low, high in ranges)}")
    print(
        f"input    {source['files']:,} files, {source['rejected']:,} rejected, {source['alpha_dropped']:,} with alpha "
        f"dropped, {report.ignored:,} other files passed over"
    )
    if source["rejected"]:
        print(f"rejected see {job.output}/rejected.jsonl")
    if source["dropped"]:
        dropped = ", ".join(f"{count:,} {reason}" for reason, count in source["dropped"].items())
        print(f"dropped  of {source['tiles']:,} tiles: {dropped}; see {job.output}/dropped.jsonl")
    if source["overlaps"]:
        print(f"overlap  {source['overlaps']:,} pairs of scenes show the same ground")
    print(f"next     python -m experiments.train --data_dir={job.output} --run_dir=runs/{dataset.name}")


def _asked_and_got(job: Job, dataset: "Manifest") -> Iterator[str]:
    got = {name: dataset.images(name) if name in dataset.splits else 0 for name, _ in job.splits}
    asked = sum(share for _, share in job.splits)
    for name, share in job.splits:
        yield f"{name} {got[name]:,} ({got[name] / sum(got.values()):.0%}, asked for {share / asked:.0%})"


def _job() -> Job:
    values = {field: flags.FLAGS[field].value for field in Job.__dataclass_fields__}
    values["bands"] = tuple(values["bands"])
    values["mask_exclude"] = _numbers("mask_exclude", values["mask_exclude"], int)
    values["percentiles"] = _numbers("percentiles", values["percentiles"], float)
    values["value_range"] = _numbers("value_range", values["value_range"], float)
    values["splits"] = _shares(values["splits"])
    return Job(**values)


_KIND = {int: "whole numbers; write them like 3,8,9", float: "numbers; write them like 2,98"}


def _numbers(flag: str, words: Sequence[str], number: Callable[[str], Any]) -> tuple:
    try:
        return tuple(map(number, words))
    except ValueError as error:
        raise InputError(f"{flag} {','.join(words)} is no list of {_KIND[number]}") from error


def _shares(words: Sequence[str]) -> tuple[tuple[str, float], ...]:
    try:
        return tuple((name, float(share)) for name, share in (word.split(":") for word in words))
    except ValueError as error:
        raise InputError(f"splits {','.join(words)} is not written like train:80,validation:10,test:10") from error


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
