"""The folder source: what is listed, how squares are cut, which files are refused and why."""

import io
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_prep.sources.folder import Folder
from data_prep.sources.source import UnusableFile
from progan_tf.errors import InputError


def pixels(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def save(path: Path, array: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.squeeze()).save(path, **options)
    return path


def folder(root: Path, resolution: int = 8, fit: str = "tile", labels: bool = False) -> Folder:
    return Folder(str(root), resolution, fit, labels)


def png(bits: int, colour_type: int, channels: int, side: int = 8) -> bytes:
    """A PNG of kinds that Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = (b"\0" + bytes(side * channels * bits // 8)) * side
    header = struct.pack(">IIBBBBB", side, side, bits, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


# Listing


def test_files_are_listed_in_the_order_of_their_paths_sub_folders_included(tmp_path):
    for name in ("b.png", "a/z.JPG", "a/b/c.tif", "a-b.webp", "B.bmp", "d.jpeg", "e.tiff"):
        save(tmp_path / name, pixels(8, 8))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "a/meta.json").write_text("{}")
    save(tmp_path / ".thumbnails/x.png", pixels(8, 8))
    (tmp_path / "._b.png").write_bytes(b"what some systems leave behind")
    listing = folder(tmp_path).listing()
    names = [name for name, _ in listing.files]
    assert names == sorted(["b.png", "a/z.JPG", "a/b/c.tif", "a-b.webp", "B.bmp", "d.jpeg", "e.tiff"])
    assert dict(listing.files)["b.png"] == (tmp_path / "b.png").stat().st_size
    assert listing.ignored == 3


def test_linked_folders_are_followed_but_not_in_circles(tmp_path):
    save(tmp_path / "elsewhere/x.png", pixels(8, 8))
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/back").symlink_to(tmp_path / "in")
    assert [name for name, _ in folder(tmp_path / "in").listing().files] == ["link/x.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_folder_that_cannot_be_listed_is_an_input_error(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InputError, match="closed cannot be listed"):
        folder(tmp_path).listing()


# Squares


@settings(deadline=None, max_examples=40)
@given(height=st.integers(8, 60), width=st.integers(8, 60), seed=st.integers(0, 99))
def test_tiles_are_disjoint_inside_and_the_sources_pixels(tmp_path_factory, height, width, seed):
    root = tmp_path_factory.mktemp("tiles")
    array = pixels(height, width, seed=seed)
    save(root / "x.png", array)
    survey = folder(root).survey("x.png")
    assert survey.windows == (height // 8) * (width // 8)
    covered = np.zeros((height, width), int)
    for key, tile in folder(root).read("x.png", range(survey.windows), 3):
        row, column = (0, 0) if key == "x.png" else map(int, key.removeprefix("x.png#").split("_"))
        here = np.s_[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
        np.testing.assert_array_equal(tile, array[here])
        covered[here] += 1
    assert covered.max() == 1
    assert covered.sum() == survey.windows * 64


def test_a_file_that_is_one_tile_keeps_its_path_as_key(tmp_path):
    save(tmp_path / "one.png", pixels(8, 8))
    save(tmp_path / "more.png", pixels(8, 9))
    assert folder(tmp_path).read("one.png", [0], 3)[0][0] == "one.png"
    assert folder(tmp_path).read("more.png", [0], 3)[0][0] == "more.png#0_0"


@settings(deadline=None, max_examples=30)
@given(height=st.integers(8, 40), width=st.integers(8, 40))
def test_crop_takes_the_centre(tmp_path_factory, height, width):
    root = tmp_path_factory.mktemp("crop")
    array = pixels(height, width)
    save(root / "x.png", array)
    assert folder(root, fit="crop").survey("x.png").windows == 1
    ((key, image),) = folder(root, fit="crop").read("x.png", [0], 3)
    top, left = (height - 8) // 2, (width - 8) // 2
    np.testing.assert_array_equal(image, array[top : top + 8, left : left + 8])
    assert key == "x.png"


def test_resize_shrinks_the_largest_central_square(tmp_path):
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = (200, 100, 50)
    save(tmp_path / "wide.png", wide)
    ((_, image),) = folder(tmp_path, fit="resize").read("wide.png", [0], 3)
    assert image.shape == (8, 8, 3)
    assert (image == (200, 100, 50)).all()


def test_resize_is_antialiased(tmp_path):
    checkers = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    save(tmp_path / "checkers.png", checkers)
    ((_, image),) = folder(tmp_path, fit="resize").read("checkers.png", [0], 1)
    assert np.abs(image.astype(int) - 127.5).max() < 4


def test_resize_to_its_own_size_changes_nothing(tmp_path):
    array = pixels(8, 8)
    save(tmp_path / "x.png", array)
    np.testing.assert_array_equal(folder(tmp_path, fit="resize").read("x.png", [0], 3)[0][1], array)


# Colour


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_give_their_pixels(tmp_path, suffix, channels):
    array = pixels(8, 16, channels)
    save(tmp_path / f"x.{suffix}", array, **({"lossless": True} if suffix == "webp" else {}))
    read = folder(tmp_path).read(f"x.{suffix}", [1], channels)[0][1]
    np.testing.assert_array_equal(read, array[:, 8:])
    assert folder(tmp_path).survey(f"x.{suffix}").colour == (channels == 3 or suffix == "webp")


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path):
    path = save(tmp_path / "x.jpg", pixels(16, 16), quality=90)
    np.testing.assert_array_equal(folder(tmp_path, 16).read("x.jpg", [0], 3)[0][1], np.asarray(Image.open(path)))


def test_grey_becomes_three_equal_channels_among_colour(tmp_path):
    array = pixels(8, 8, 1)
    save(tmp_path / "x.png", array)
    np.testing.assert_array_equal(folder(tmp_path).read("x.png", [0], 3)[0][1], np.repeat(array, 3, axis=2))


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_dropped_not_blended(tmp_path, channels):
    array = pixels(8, 8, channels)
    array[..., -1] = 0
    save(tmp_path / "x.png", array)
    survey = folder(tmp_path).survey("x.png")
    assert (survey.alpha, survey.colour) == (True, channels == 4)
    read = folder(tmp_path).read("x.png", [0], channels - 1)[0][1]
    np.testing.assert_array_equal(read, array[..., :-1])


@pytest.mark.parametrize("options", [{}, {"transparency": 3}, {"transparency": bytes(range(16))}])
def test_palettes_are_expanded(tmp_path, options):
    palette = pixels(16, 1).reshape(16, 3)
    indices = np.random.default_rng(1).integers(0, 16, (8, 8), np.uint8)
    image = Image.fromarray(indices, "L").convert("P")
    image.putpalette(palette.tobytes())
    image.putdata(indices.ravel().tolist())
    image.save(tmp_path / "x.png", **options)
    survey = folder(tmp_path).survey("x.png")
    assert (survey.colour, survey.alpha) == (True, bool(options))
    np.testing.assert_array_equal(folder(tmp_path).read("x.png", [0], 3)[0][1], palette[indices])


def test_bilevel_images_are_black_and_white(tmp_path):
    bits = pixels(8, 8, 1)[..., 0] > 128
    Image.fromarray(bits).save(tmp_path / "x.png")
    np.testing.assert_array_equal(folder(tmp_path).read("x.png", [0], 1)[0][1][..., 0], bits * 255)


def test_exif_rotation_is_ignored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    array = pixels(8, 16)
    save(tmp_path / "x.png", array, exif=exif)
    save(tmp_path / "x.jpg", array, exif=exif)
    np.testing.assert_array_equal(folder(tmp_path).read("x.png", [0], 3)[0][1], array[:, :8])
    assert [key for key, _ in folder(tmp_path).read("x.jpg", [0, 1], 3)] == ["x.jpg#0_0", "x.jpg#0_1"]


def test_a_cameras_jpeg_with_a_preview_behind_is_its_first_image(tmp_path):
    first, preview = (Image.fromarray(pixels(8, 8, seed=seed)) for seed in (0, 1))
    first.save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[preview])
    assert Image.open(tmp_path / "x.jpg").n_frames == 2
    assert folder(tmp_path).survey("x.jpg").windows == 1
    np.testing.assert_array_equal(
        folder(tmp_path).read("x.jpg", [0], 3)[0][1], np.asarray(Image.open(tmp_path / "x.jpg"))
    )


# Labels


def test_labels_are_the_first_sub_folder(tmp_path):
    for name in ("sea/a.png", "land/dry/b.png", "loose.png"):
        save(tmp_path / name, pixels(8, 8))
    source = folder(tmp_path, labels=True)
    assert source.survey("sea/a.png").label == "sea"
    assert source.survey("land/dry/b.png").label == "land"
    assert source.survey("loose.png").rejected == "lies in no sub-folder, so it has no label"
    assert folder(tmp_path).survey("sea/a.png").label is None


# Bad files


def _bad_files() -> dict[str, tuple[bytes, str]]:
    image = Image.fromarray(pixels(16, 16))
    frames = {"save_all": True, "append_images": [Image.fromarray(pixels(16, 16, seed=1))]}
    return {
        "empty.png": (b"", "empty, 0 bytes"),
        "text.png": (b"this is no image", "no 8-bit PNG"),
        "gif.png": (encoded(image, "GIF"), "no 8-bit PNG"),
        "header.jpg": (encoded(image, "JPEG")[:20], "no 8-bit PNG"),
        "small.png": (encoded(Image.fromarray(pixels(7, 30)), "PNG"), "too small: 30 x 7 pixels, less than 8"),
        "animated.png": (encoded(image, "PNG", **frames), "2 frames or pages"),
        "animated.webp": (encoded(image, "WEBP", **frames), "2 frames or pages"),
        "pages.tif": (encoded(image, "TIFF", **frames), "2 frames or pages"),
        "grey16.png": (png(16, 0, 1), "16 bits"),
        "rgb16.png": (png(16, 2, 3), "16 bits"),
        "alpha16.png": (png(16, 4, 2), "16 bits"),
        "rgba16.png": (png(16, 6, 4), "16 bits"),
        "grey16.tif": (encoded(Image.fromarray(np.zeros((8, 8), np.uint16)), "TIFF"), "16 bits"),
        "float.tif": (encoded(Image.fromarray(np.zeros((8, 8), np.float32)), "TIFF"), "colour mode F"),
        "cmyk.jpg": (encoded(image.convert("CMYK"), "JPEG"), "colour mode CMYK"),
    }


@pytest.mark.parametrize("name", _bad_files())
def test_bad_files_are_rejected_by_their_header(tmp_path, name):
    content, reason = _bad_files()[name]
    (tmp_path / name).write_bytes(content)
    survey = folder(tmp_path).survey(name)
    assert survey.rejected.startswith(reason)
    assert str(tmp_path) not in survey.rejected
    assert survey.windows == 0
    with pytest.raises(UnusableFile):
        folder(tmp_path).read(name, [0], 3)


def test_links_to_nothing_and_pipes_are_rejected(tmp_path):
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    assert [name for name, _ in folder(tmp_path).listing().files] == ["link.png", "pipe.png"]
    for name in ("link.png", "pipe.png"):
        assert folder(tmp_path).survey(name).rejected == "no regular file, or a link to nothing"


def test_names_that_are_not_utf8_are_rejected(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")).write_bytes(encoded(Image.fromarray(pixels(8, 8)), "PNG"))
    ((name, _),) = folder(tmp_path).listing().files
    assert folder(tmp_path).survey(name).rejected == "its name is not UTF-8"


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "bmp", "tif"])
@settings(deadline=None, max_examples=15)
@given(fraction=st.floats(0.0, 0.9), seed=st.integers(0, 9))
def test_truncated_files_are_rejected_at_the_latest_when_read(tmp_path_factory, kind, fraction, seed):
    root = tmp_path_factory.mktemp("truncated")
    path = save(root / f"x.{kind}", pixels(32, 32, seed=seed))
    content = path.read_bytes()
    path.write_bytes(content[: math.floor(fraction * len(content))])
    if folder(root).survey(path.name).rejected is None:
        with pytest.raises(UnusableFile):
            folder(root).read(path.name, [0], 3)


def test_a_file_that_shrank_since_the_survey_is_rejected(tmp_path):
    save(tmp_path / "x.png", pixels(8, 8))
    with pytest.raises(UnusableFile, match="changed"):
        folder(tmp_path).read("x.png", [1], 3)
