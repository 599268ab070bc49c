"""The folder source: what is listed, how squares are cut, which files are refused and why."""

import errno
import io
import math
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_prep.sources.file_grid import FileGrid
from data_prep.sources.folder import Folder
from data_prep.sources.source import Form, Tile, UnusableFile
from progan_tf.errors import InputError


def pixels(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def save(path: Path, array: np.ndarray, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.squeeze()).save(path, **options)
    return path


def close(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes all rights to `path`; root, who has them nevertheless, is refused here instead of by the system."""
    path.chmod(0)

    def refusing(function: Callable) -> Callable:
        def asked(given, *arguments, **options):
            if Path(given) == path:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return function(given, *arguments, **options)

        return asked

    if os.geteuid() == 0:
        monkeypatch.setattr(Path, "open", refusing(Path.open))
        monkeypatch.setattr(os, "scandir", refusing(os.scandir))


def folder(root: Path, resolution: int = 8, fit: str = "tile", labels: bool = False) -> Folder:
    return Folder(str(root), resolution, fit, labels=labels)


def form(channels: int = 3) -> Form:
    return Form(("grey",) if channels == 1 else ("red", "green", "blue"), tuple(range(channels)), "uint8")


def read(source: Folder, file: str, channels: int = 3) -> list[Tile]:
    """All tiles of a file."""
    return [tile for part in range(source.survey(file).parts) for tile in source.read(file, part, form(channels))]


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


def test_a_folder_that_cannot_be_listed_is_an_input_error(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    close(tmp_path / "closed", monkeypatch)
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
    assert survey.tiles == (height // 8) * (width // 8)
    covered = np.zeros((height, width), int)
    for tile in read(folder(root), "x.png"):
        row, column = (0, 0) if tile.key == "x.png" else map(int, tile.key.removeprefix("x.png#").split("_"))
        assert (tile.scene, tile.row, tile.column, tile.valid) == ("x.png", row, column, None)
        here = np.s_[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8]
        np.testing.assert_array_equal(tile.pixels, array[here])
        covered[here] += 1
    assert covered.max() == 1
    assert covered.sum() == survey.tiles * 64


@settings(deadline=None, max_examples=20)
@given(height=st.integers(8, 40), width=st.integers(8, 40), step=st.integers(1, 20))
def test_with_a_stride_tiles_begin_at_its_multiples_and_lie_inside(tmp_path_factory, height, width, step):
    root = tmp_path_factory.mktemp("stride")
    array = pixels(height, width)
    save(root / "x.png", array)
    source = Folder(str(root), 8, step=step)
    places = [(top, left) for top in range(0, height - 7, step) for left in range(0, width - 7, step)]
    assert source.survey("x.png").tiles == len(places)
    for tile, (top, left) in zip(read(source, "x.png"), places, strict=True):
        assert (tile.row * step, tile.column * step) == (top, left)
        np.testing.assert_array_equal(tile.pixels, array[top : top + 8, left : left + 8])


def test_a_file_that_is_one_tile_keeps_its_path_as_key(tmp_path):
    save(tmp_path / "one.png", pixels(8, 8))
    save(tmp_path / "more.png", pixels(8, 9))
    assert [tile.key for tile in read(folder(tmp_path), "one.png")] == ["one.png"]
    assert [tile.key for tile in read(folder(tmp_path), "more.png")] == ["more.png#0_0"]


@settings(deadline=None, max_examples=30)
@given(height=st.integers(8, 40), width=st.integers(8, 40))
def test_crop_takes_the_centre(tmp_path_factory, height, width):
    root = tmp_path_factory.mktemp("crop")
    array = pixels(height, width)
    save(root / "x.png", array)
    assert folder(root, fit="crop").survey("x.png").tiles == 1
    (tile,) = read(folder(root, fit="crop"), "x.png")
    top, left = (height - 8) // 2, (width - 8) // 2
    np.testing.assert_array_equal(tile.pixels, array[top : top + 8, left : left + 8])
    assert tile.key == "x.png"


def test_resize_shrinks_the_largest_central_square(tmp_path):
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = (200, 100, 50)
    save(tmp_path / "wide.png", wide)
    (tile,) = read(folder(tmp_path, fit="resize"), "wide.png")
    assert tile.key == "wide.png"
    assert tile.pixels.shape == (8, 8, 3)
    assert (tile.pixels == (200, 100, 50)).all()


def test_resize_is_antialiased(tmp_path):
    checkers = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    save(tmp_path / "checkers.png", checkers)
    (tile,) = read(folder(tmp_path, fit="resize"), "checkers.png", channels=1)
    assert np.abs(tile.pixels.astype(int) - 127.5).max() < 4


def test_resize_to_its_own_size_changes_nothing(tmp_path):
    array = pixels(8, 8)
    save(tmp_path / "x.png", array)
    np.testing.assert_array_equal(read(folder(tmp_path, fit="resize"), "x.png")[0].pixels, array)


# Colour


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_lossless_formats_give_their_pixels(tmp_path, suffix, channels):
    array = pixels(8, 16, channels)
    save(tmp_path / f"x.{suffix}", array, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read(folder(tmp_path), f"x.{suffix}", channels)[1].pixels, array[:, 8:])
    bands = folder(tmp_path).survey(f"x.{suffix}").bands
    assert bands == (("red", "green", "blue") if channels == 3 or suffix == "webp" else ("grey",))


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path):
    path = save(tmp_path / "x.jpg", pixels(16, 16), quality=90)
    np.testing.assert_array_equal(read(folder(tmp_path, 16), "x.jpg")[0].pixels, np.asarray(Image.open(path)))


def test_grey_becomes_three_equal_channels_among_colour(tmp_path):
    array = pixels(8, 8, 1)
    save(tmp_path / "x.png", array)
    np.testing.assert_array_equal(read(folder(tmp_path), "x.png")[0].pixels, np.repeat(array, 3, axis=2))


def test_one_coloured_image_makes_all_coloured(tmp_path):
    save(tmp_path / "grey.png", pixels(8, 8, 1))
    save(tmp_path / "colour.png", pixels(8, 8))
    grey, colour = map(folder(tmp_path).survey, ("grey.png", "colour.png"))
    assert folder(tmp_path).agree([grey]) == form(1)
    assert folder(tmp_path).agree([grey, colour]) == form(3)


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_is_dropped_not_blended(tmp_path, channels):
    array = pixels(8, 8, channels)
    array[..., -1] = 0
    save(tmp_path / "x.png", array)
    survey = folder(tmp_path).survey("x.png")
    assert (survey.alpha, len(survey.bands)) == (True, channels - 1)
    np.testing.assert_array_equal(read(folder(tmp_path), "x.png", channels - 1)[0].pixels, array[..., :-1])


@pytest.mark.parametrize("options", [{}, {"transparency": 3}, {"transparency": bytes(range(16))}])
def test_palettes_are_expanded(tmp_path, options):
    palette = pixels(16, 1).reshape(16, 3)
    indices = np.random.default_rng(1).integers(0, 16, (8, 8), np.uint8)
    image = Image.fromarray(indices, "L").convert("P")
    image.putpalette(palette.tobytes())
    image.putdata(indices.ravel().tolist())
    image.save(tmp_path / "x.png", **options)
    survey = folder(tmp_path).survey("x.png")
    assert (len(survey.bands), survey.alpha) == (3, bool(options))
    np.testing.assert_array_equal(read(folder(tmp_path), "x.png")[0].pixels, palette[indices])


def test_bilevel_images_are_black_and_white(tmp_path):
    bits = pixels(8, 8, 1)[..., 0] > 128
    Image.fromarray(bits).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read(folder(tmp_path), "x.png", channels=1)[0].pixels[..., 0], bits * 255)


def test_exif_rotation_is_ignored(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    array = pixels(8, 16)
    save(tmp_path / "x.png", array, exif=exif)
    save(tmp_path / "x.jpg", array, exif=exif)
    np.testing.assert_array_equal(read(folder(tmp_path), "x.png")[0].pixels, array[:, :8])
    assert [tile.key for tile in read(folder(tmp_path), "x.jpg")] == ["x.jpg#0_0", "x.jpg#0_1"]


def test_a_cameras_jpeg_with_a_preview_behind_is_its_first_image(tmp_path):
    first, preview = (Image.fromarray(pixels(8, 8, seed=seed)) for seed in (0, 1))
    first.save(tmp_path / "x.jpg", "MPO", save_all=True, append_images=[preview])
    assert Image.open(tmp_path / "x.jpg").n_frames == 2
    (tile,) = read(folder(tmp_path), "x.jpg")
    np.testing.assert_array_equal(tile.pixels, np.asarray(Image.open(tmp_path / "x.jpg")))


# Labels


def test_labels_are_the_first_sub_folder(tmp_path):
    for name in ("sea/a.png", "land/dry/b.png", "loose.png"):
        save(tmp_path / name, pixels(8, 8))
    source = folder(tmp_path, labels=True)
    assert read(source, "sea/a.png")[0].label == "sea"
    assert read(source, "land/dry/b.png")[0].label == "land"
    assert source.survey("loose.png").rejected == "lies in no sub-folder, so it has no label"
    assert read(folder(tmp_path), "sea/a.png")[0].label is None


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
    assert survey.bands == ()
    with pytest.raises(UnusableFile):
        list(folder(tmp_path).read(name, 0, form()))
    with pytest.raises(UnusableFile):
        folder(tmp_path).sample(name, 1, form())


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
            list(folder(root).read(path.name, 0, form()))
        with pytest.raises(UnusableFile):
            folder(root).sample(path.name, 1, form())


def test_a_file_that_went_away_or_shrank_since_the_survey_is_rejected(tmp_path):
    path = save(tmp_path / "x.png", pixels(8, 8))
    assert folder(tmp_path).survey("x.png").rejected is None
    save(path, pixels(7, 8))
    with pytest.raises(UnusableFile, match="too small: 8 x 7 pixels"):
        list(folder(tmp_path).read("x.png", 0, form()))
    path.unlink()
    with pytest.raises(UnusableFile, match="no regular file"):
        list(folder(tmp_path).read("x.png", 0, form()))


def test_a_file_that_must_not_be_read_is_rejected(tmp_path, monkeypatch):
    close(save(tmp_path / "x.png", pixels(8, 8)), monkeypatch)
    assert folder(tmp_path).survey("x.png").rejected == "Permission denied"


# Samples


@settings(deadline=None, max_examples=20)
@given(height=st.integers(8, 60), width=st.integers(8, 60), every=st.integers(1, 70))
def test_samples_are_pixels_evenly_spread(tmp_path_factory, height, width, every):
    root = tmp_path_factory.mktemp("samples")
    array = pixels(height, width)
    save(root / "x.png", array)
    sample = folder(root).sample("x.png", every, form())
    top, left = (min(every, length) // 2 for length in (height, width))
    np.testing.assert_array_equal(sample, array[top::every, left::every].reshape(-1, 3))
    assert abs(len(sample) - height * width / every**2) < (height + width) / every + 1


# Grids of files


def grid(root: Path, fit: str = "tile") -> Folder:
    return Folder(str(root), 8, fit, grid=FileGrid("{scene}_r{row}_c{column}.png"))


def test_images_of_a_grid_are_cut_into_tiles_of_one_large_grid(tmp_path):
    save(tmp_path / "a_r2_c5.png", pixels(16, 16))
    assert grid(tmp_path).survey("a_r2_c5.png").tiles == 4
    places = {tile.key: (tile.scene, tile.row, tile.column) for tile in read(grid(tmp_path), "a_r2_c5.png")}
    assert places == {f"a_r2_c5.png#{r}_{c}": ("a", 2 * 2 + r, 5 * 2 + c) for r, c in ((0, 0), (0, 1), (1, 0), (1, 1))}


def test_images_of_a_grid_that_are_shrunk_are_one_tile_each(tmp_path):
    save(tmp_path / "a_r2_c5.png", pixels(24, 24))
    (tile,) = read(grid(tmp_path, "resize"), "a_r2_c5.png")
    assert (tile.key, tile.scene, tile.row, tile.column) == ("a_r2_c5.png", "a", 2, 5)


@pytest.mark.parametrize("size", [(8, 16), (12, 12), (16, 8)])
def test_images_of_a_grid_that_leave_gaps_are_rejected(tmp_path, size):
    save(tmp_path / "a_r0_c0.png", pixels(*size))
    assert "squares of whole tiles" in grid(tmp_path).survey("a_r0_c0.png").rejected


def test_other_names_are_rejected_where_there_is_a_grid(tmp_path):
    save(tmp_path / "a.png", pixels(8, 8))
    assert grid(tmp_path).survey("a.png").rejected.startswith("its name does not match grid_pattern")


def test_images_of_several_sizes_do_not_make_a_grid(tmp_path):
    for name, side in (("a_r0_c0.png", 16), ("a_r0_c1.png", 8)):
        save(tmp_path / name, pixels(side, side))
    surveys = [grid(tmp_path).survey(name) for name in ("a_r0_c0.png", "a_r0_c1.png")]
    with pytest.raises(InputError, match=r"a_r0_c1.png is smaller than a_r0_c0.png; with grid_pattern all images are"):
        grid(tmp_path).agree(surveys)
