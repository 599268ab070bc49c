"""Verifies a dataset directory, tells what it holds, and draws it on one page.

  python -m data_prep.inspect --data_dir=data/eurosat
  python -m data_prep.inspect --data_dir=data/eurosat --repair

Every shard is checked against the manifest; a damaged one is named, and the exit code is 1. --repair writes damaged
shards anew from the images they were made of, and keeps them only if they have the bytes they had. Where those images
have moved, --input, --mask and --tfds_data_dir say where to.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from data_prep import command_line, disk, files, quietly
from data_prep.progress import Progress
from progan_tf.errors import Failed, InputError

if TYPE_CHECKING:
    from data_prep.inspection import Damage

_DATA_DIR = flags.DEFINE_string("data_dir", None, "Dataset directory, ours or the official tools'.", required=True)
_OUTPUT = flags.DEFINE_string("output", "", "Folder for pictures and page; empty: `inspection` in the dataset.")
_REPAIR = flags.DEFINE_bool("repair", False, "Write damaged shards anew from the images they were made of.")
_MOVED = {
    "input": flags.DEFINE_string("input", "", "Where those images are now; empty: where they were."),
    "mask": flags.DEFINE_string("mask", "", "Where the rasters of --mask are now; empty: where they were."),
    "tfds_data_dir": flags.DEFINE_string(
        "tfds_data_dir", "", "Where TensorFlow datasets lie now; empty: where they did."
    ),
}


def main() -> None:
    directory = _DATA_DIR.value
    moved = {place: flag.value for place, flag in _MOVED.items() if flag.value}
    if moved and not _REPAIR.value:
        place, path = next(iter(moved.items()))
        raise InputError(f"--{place}={path} is for --repair alone; leave it out, or repair")
    output = _OUTPUT.value or files.join(directory, "inspection")
    if files.is_remote(output):
        raise InputError(f"output {output} is not on this machine; give a folder with --output")
    if not files.is_folder(directory):
        raise InputError(f"no dataset at {directory}: there is no such folder; make one with data_prep.convert")

    quietly.import_tensorflow()
    from data_prep import inspection, inspection_page, label_files, repair
    from progan_tf.data import manifest as manifests

    damaged = inspection.unreadable(directory)
    _tell(directory, damaged)
    if damaged:
        raise Failed(_summary(directory, damaged, "copy them again from where they came from"))
    manifest = manifests.load(directory)
    _make_folder(output)
    damaged = inspection.damage(directory, manifest, _cores(), Progress)
    _tell(directory, damaged)
    if damaged and _REPAIR.value:
        with disk.explained(directory):
            repair.repair(directory, manifest, damaged, moved, Progress)
        print(f"repaired {directory}: {len(damaged)} files have the bytes again that the manifest tells")
        damaged = []
    labels = {} if damaged else inspection.label_counts(directory, manifest)
    for name, text in inspection.table(manifest, labels):
        print(f"{name:<18} {text}".rstrip())
    if damaged:
        remedy = "repeat with --repair" if "recipe" in manifest.source else "copy them again from where they came from"
        raise Failed(_summary(directory, damaged, remedy))
    checked = sum(map(len, manifest.splits.values())) + len(label_files.listed(manifest))
    print(f"verified {directory}: all {checked:,} files are whole")
    with disk.explained(output):
        page = inspection_page.write(directory, manifest, labels, Path(output))
    print(f"page     {page}")


def _tell(directory: str, damaged: Sequence["Damage"]) -> None:
    for damage in damaged:
        print(f"damaged  {files.join(directory, damage.file)}: {damage.reason}", flush=True)


def _summary(directory: str, damaged: Sequence["Damage"], remedy: str) -> str:
    first = damaged[0]
    return (
        f"{len(damaged)} damaged {'file' if len(damaged) == 1 else 'files'} in {directory}, "
        f"first {files.join(directory, first.file)}: {first.reason}; {remedy}"
    )


def _make_folder(output: str) -> None:
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output {output} cannot be made ({error.strerror}); choose another folder") from error


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
