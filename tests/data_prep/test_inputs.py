"""What --input names: folders, files, patterns, and how files are called relative to it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.sources import inputs
from data_prep.sources.source import UnusableFile
from progan_tf.errors import InputError

FILES = ("a.png", "b.PNG", "notes.txt", "sub/c.png", "sub/deep/d.jpg", ".hidden.png", ".cache/e.png", "x[1].png")


@pytest.fixture
def photos(tmp_path) -> Path:
    for name in FILES:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "photos"


def names(given: str) -> list[str]:
    return [name for name, _ in inputs.listing(given, (".png", ".jpg")).files]


@pytest.mark.parametrize("ending", ["", "/", "//", "/."])
def test_a_folder_is_searched_with_its_sub_folders_however_it_is_written(photos, ending):
    given = f"{photos}{ending}"
    assert names(given) == ["a.png", "b.PNG", "sub/c.png", "sub/deep/d.jpg", "x[1].png"]
    for name, size in inputs.listing(given, (".png",)).files:
        assert Path(inputs.root(given), name).read_bytes() == name.encode()
        assert size == len(name)


@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("*.png", ["a.png", "x[1].png"]),
        ("*", ["a.png", "b.PNG", "x[1].png"]),
        ("sub/*.png", ["c.png"]),
        ("*/*.png", ["sub/c.png"]),
        ("**/*.jpg", ["sub/deep/d.jpg"]),
        ("?.png", ["a.png"]),
        ("[ab].*", ["a.png", "b.PNG"]),
        ("x[1].png", ["x[1].png"]),  # a file of that very name comes before a pattern
        ("a.png", ["a.png"]),
        ("sub", ["c.png", "deep/d.jpg"]),
    ],
)
@pytest.mark.parametrize("where", ["absolute", "relative", "here", "dot"])
def test_patterns_and_files_are_named_from_their_fixed_folder_on(photos, monkeypatch, pattern, expected, where):
    if where == "absolute":
        given = f"{photos}/{pattern}"
    elif where == "relative":
        monkeypatch.chdir(photos.parent)
        given = f"photos/{pattern}"
    else:
        monkeypatch.chdir(photos)
        given = pattern if where == "here" else f"./{pattern}"
    inputs.check(given)
    assert names(given) == expected
    assert all(Path(inputs.root(given), name).is_file() for name in expected)


@pytest.mark.parametrize("given, expected", [("notes.txt", ["notes.txt"]), ("*.txt", ["notes.txt"]), (".", [])])
def test_a_suffix_that_is_spelled_is_meant(photos, given, expected):
    assert [name for name, _ in inputs.listing(f"{photos}/{given}", (".gif",)).files] == expected


def test_a_folder_with_wild_characters_in_its_name_is_a_folder(tmp_path):
    (tmp_path / "data [2020]").mkdir()
    (tmp_path / "data [2020]/a.png").write_bytes(b"a")
    assert names(str(tmp_path / "data [2020]")) == ["a.png"]


def test_the_folder_one_is_in(photos, monkeypatch):
    monkeypatch.chdir(photos)
    assert names(".") == names(str(photos))


def test_other_files_are_counted(photos):
    assert inputs.listing(str(photos), (".png", ".jpg")).ignored == 2  # notes.txt and .hidden.png
    assert inputs.listing(f"{photos}/*", (".jpg",)).ignored == 4


@pytest.mark.parametrize("missing, message", [
    ("nothing", "is not there; give a folder, a file, a pattern or tfds:NAME"),
    ("*.gif", "matches no file; quote the pattern"),
])  # fmt: skip
def test_what_is_not_there_is_an_input_error(photos, missing, message):
    with pytest.raises(InputError, match=message):
        inputs.check(f"{photos}/{missing}")


def test_links_to_nothing_are_listed_with_no_bytes(photos):
    (photos / "link.png").symlink_to(photos / "nowhere")
    assert dict(inputs.listing(str(photos), (".png",)).files)["link.png"] == 0


@given(st.lists(st.text("ab ü", min_size=1), min_size=1, max_size=4))
def test_the_label_is_the_first_sub_folder(parts):
    file = "/".join(parts)
    if len(parts) > 1:
        assert inputs.label_of(file) == parts[0]
    else:
        with pytest.raises(UnusableFile, match="lies in no sub-folder"):
            inputs.label_of(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_listing_opens_nothing(photos):
    os.mkfifo(photos / "pipe.png")
    assert dict(inputs.listing(str(photos), (".png",)).files)["pipe.png"] == 0
