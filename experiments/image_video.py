"""Generated frames as a moving picture: MP4 or animated WebP."""

import contextlib
import itertools
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from progan_tf.atomic import replacing
from progan_tf.errors import Failed, InputError

SUFFIXES = {"mp4": ".mp4", "webp": ".webp"}
FRAMES_A_SECOND = 24


def check(file_format: str) -> None:
    """Raises InputError where a format needs what is not installed."""
    if file_format == "mp4":
        try:
            import imageio_ffmpeg  # noqa: F401
        except ImportError as error:
            raise InputError(
                "--format=mp4 needs imageio-ffmpeg; pip install 'progan-tf[video]', or give --format=webp"
            ) from error


def write(path: Path, frames: Iterator[np.ndarray], said: Mapping[str, str]) -> None:
    """Writes frames [S, S, 1 or 3] uint8, 24 a second, whole or not at all.

    MP4 is H.264 of 4:2:0, which everything plays, each frame encoded as it comes; WebP, which repeats for ever, holds
    all frames in memory until it is written.

    Args:
        said: what the file says of itself.

    Raises:
        Failed: the encoder gave up.
    """
    with replacing(path) as temporary:
        (_write_mp4 if path.suffix == SUFFIXES["mp4"] else _write_webp)(temporary, map(_rgb, frames), said)


def _write_mp4(path: Path, frames: Iterator[np.ndarray], said: Mapping[str, str]) -> None:
    import imageio_ffmpeg

    first = next(frames)
    height, width, _ = first.shape
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FRAMES_A_SECOND), "-i", "-"]
    coded = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "16", "-metadata", f"comment={_in_words(said)}"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *raw, *coded, "-f", "mp4", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as encoder:
        with contextlib.suppress(BrokenPipeError):  # it has ended, and says why below
            for frame in itertools.chain([first], frames):
                encoder.stdin.write(frame.tobytes())
        complaint = encoder.communicate()[1].decode(errors="replace").strip()
    if encoder.returncode:
        raise Failed(f"{path.stem} could not be encoded ({complaint}); --format=webp needs no encoder")


def _write_webp(path: Path, frames: Iterator[np.ndarray], said: Mapping[str, str]) -> None:
    from PIL import Image

    first, *rest = map(Image.fromarray, frames)
    exif = Image.Exif()
    exif[0x010E] = _in_words(said)  # ImageDescription
    first.save(
        path,
        format="webp",
        save_all=True,
        append_images=rest,
        duration=round(1000 / FRAMES_A_SECOND),
        loop=0,
        quality=90,
        exif=exif,
    )


def _in_words(said: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in said.items())


def _rgb(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.broadcast_to(frame, (*frame.shape[:2], 3)))
