"""Where images come from: one source a file, and which one reads what `--input` names."""

import glob

from data_prep import files
from data_prep.job import Job
from data_prep.sources import inputs
from data_prep.sources.source import Source
from progan_tf.errors import InputError

SCENE_SUFFIXES = (
    *(".tif", ".tiff", ".jp2", ".vrt", ".img", ".ntf", ".nc", ".hdf", ".h5"),
    *(".dat", ".bil", ".bip", ".bsq"),
)
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")


def open_source(job: Job) -> Source:
    """The source of a job, as it asks for or as its input suggests.

    `tfds:` names TensorFlow datasets, a folder with a manifest or official file names is a dataset already; input that
    is GeoTIFF or another raster format and nothing else is for GDAL, all other is images.

    Raises:
        InputError: the input is not there, or flags that this source knows nothing of.
    """
    kind = job.source if job.source != "auto" else _kind(job)
    _check_flags(job, kind)
    if kind == "tfds":
        from data_prep.sources.tfds import TfdsImages

        return TfdsImages.of(job)
    inputs.check(job.input)
    if kind == "tfrecords":
        if job.stitch > 1:
            from data_prep.sources.stitched import Stitched

            return Stitched.of(job)
        from data_prep.sources.tfrecords import Records

        return Records.of(job)
    if kind == "raster":
        from data_prep.sources.raster import Rasters

        return Rasters.of(job)
    from data_prep.sources.folder import Folder

    return Folder.of(job)


def _kind(job: Job) -> str:
    if job.input.startswith("tfds:"):
        return "tfds"
    inputs.check(job.input)
    if files.is_folder(job.input) and (
        files.exists(files.join(job.input, "dataset.json"))
        or files.glob(files.join(glob.escape(job.input), "*-r[0-9][0-9]*.tfrecords"))
    ):
        return "tfrecords"
    images = inputs.listing(job.input, IMAGE_SUFFIXES + SCENE_SUFFIXES).files
    if images and all(name.lower().endswith(SCENE_SUFFIXES) for name, _ in images):
        return "raster"
    return "folder"


def _check_flags(job: Job, kind: str) -> None:
    """Refuses what would be passed over in silence."""
    only = {
        ("raster",): ("bands", "nodata", "mask", "resolution_m"),
        ("folder", "raster"): ("grid_pattern",),
        ("raster", "tfds"): ("min_valid_fraction",),
        ("tfds",): ("tfds_split", "tfds_data_dir"),
    }
    for owners, fields in only.items():
        for field in fields:
            if kind not in owners and getattr(job, field) != getattr(Job, field):
                raise InputError(
                    f"{field} is for {' or '.join(owners)} input, this is {kind}; leave it out, or set "
                    f"--source={owners[0]}"
                )
    if kind != "tfrecords" and job.stitch > 1:
        raise InputError(
            f"stitch puts tiles of a dataset together, this is {kind} input; convert it to tiles of "
            f"{job.resolution // job.stitch} pixels first, and that dataset with --stitch={job.stitch}"
        )
    if kind == "raster" and job.fit != "tile":
        raise InputError(f"fit {job.fit} is not for scenes; leave it out, they are cut into tiles")
    if kind == "tfrecords" and job.fit != "tile":
        raise InputError(f"fit {job.fit} is not for tfrecords input; leave it out, images are taken whole")
    if kind in ("tfds", "tfrecords") and job.labels == "folders":
        raise InputError(f"labels folders is not for {kind} input; set --labels=source for the labels it has")
    if kind in ("folder", "raster") and job.labels == "source":
        raise InputError(f"labels source is not for {kind} input; set --labels=folders for the names of sub-folders")
