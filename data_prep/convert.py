"""Converts a folder of images to a dataset directory: TFRecords of every level, checksums and a manifest.

  python -m data_prep.convert --input=photos --output=data/photos --resolution=256

Stopped or killed, the same command takes the work up again. docs/DATA.md tells the rest.
"""

from absl import flags

from data_prep import command_line
from data_prep.job import FITS, LABELS, Job
from data_prep.progress import Progress

_INPUT = flags.DEFINE_string("input", None, "Folder of PNG, JPEG, BMP, WebP or 8-bit TIFF images.", required=True)
_OUTPUT = flags.DEFINE_string("output", None, "Folder for the dataset: a new or empty one.", required=True)
_RESOLUTION = flags.DEFINE_integer(
    "resolution", Job.resolution, "Side of the finished images in pixels, a power of two from 8 to 1024."
)
_FIT = flags.DEFINE_enum(
    "fit",
    Job.fit,
    FITS,
    "How an image becomes squares: tile cuts all that fit side by side, crop the central one, neither resampling; "
    "resize shrinks the largest central square.",
)
_LABELS = flags.DEFINE_enum(
    "labels", Job.labels, LABELS, "folders: the name of the first sub-folder is an image's class."
)
_NAME = flags.DEFINE_string("name", Job.name, "Name of the dataset and its files; empty: that of the input folder.")
_SHARDS = flags.DEFINE_integer(
    "shards", Job.shards, "Number of files a level. 0: by the amount of data; 1: what the official tools read."
)
_SEED = flags.DEFINE_integer("seed", Job.seed, "Seed of the order the images are written in.")
_MAX_TILES = flags.DEFINE_integer("max_tiles", Job.max_tiles, "Images to write at most, drawn at random; 0: all.")
_MAX_BAD_FRACTION = flags.DEFINE_float(
    "max_bad_fraction", Job.max_bad_fraction, "Share of input files, 0 to 1, that may be unusable before it stops."
)
_WORKERS = flags.DEFINE_integer("workers", Job.workers, "Number of processes; 0: one a core.")


def main() -> None:
    job = Job(
        input=_INPUT.value,
        output=_OUTPUT.value,
        resolution=_RESOLUTION.value,
        fit=_FIT.value,
        labels=_LABELS.value,
        name=_NAME.value,
        shards=_SHARDS.value,
        seed=_SEED.value,
        max_tiles=_MAX_TILES.value,
        max_bad_fraction=_MAX_BAD_FRACTION.value,
        workers=_WORKERS.value,
    )
    command_line.stop_on_sigterm()
    from data_prep import conversion

    report = conversion.convert(job, Progress)
    dataset = report.manifest
    shards = dataset.splits["train"]
    source = dataset.source
    if report.was_complete:
        print(f"{job.output} is complete already; nothing was done")
    if report.resumed_shards:
        print(f"resumed: {report.resumed_shards} of {len(dataset.shards('train', 2))} shards were finished before")
    print(
        f"dataset  {job.output}: {dataset.images('train'):,} images of {dataset.resolution} x {dataset.resolution} x "
        f"{dataset.channels}, levels 4 to {dataset.resolution}, {len(shards)} files, "
        f"{sum(shard.bytes for shard in shards) / 1e6:,.1f} MB"
    )
    if dataset.labels:
        print(f"labels   {len(dataset.labels)}: {', '.join(dataset.labels)}")
    print(
        f"input    {source['files']:,} image files, {source['rejected']:,} rejected, {source['alpha_dropped']:,} with "
        f"alpha dropped, {report.ignored:,} other files passed over"
    )
    if source["rejected"]:
        print(f"rejected see {job.output}/rejected.jsonl")
    print(f"next     python -m experiments.train --data_dir={job.output} --run_dir=runs/{dataset.name}")


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
