"""Verdicts on pairs: written, read, joined, and what is no file of verdicts."""

import json

import pytest

from progan_tf.errors import InputError
from progan_tf.metrics import verdicts


def rows(*said: tuple[str, str, str, str]) -> str:
    return json.dumps({"verdicts": [{"set": images, "keys": [a, b], "verdict": word} for images, a, b, word in said]})


def test_what_a_page_saved_is_read(tmp_path):
    path = tmp_path / "verdicts.json"
    path.write_text(rows(("models/Dünen", "seed 7", "seed 12", "same"), ("real", "a.png", "b.png", "unsure")))
    said = verdicts.read(path)
    assert len(said) == 2
    assert verdicts.of(said, "models/Dünen", ("seed 7", "seed 12")) == "same"
    assert verdicts.of(said, "models/Dünen", ("seed 12", "seed 7")) == "same"
    assert verdicts.of(said, "real", ("seed 12", "seed 7")) is None
    assert verdicts.of(said, "real", ("b.png", "a.png")) == "unsure"


def test_verdicts_are_written_and_joined(tmp_path):
    mine, theirs, both = tmp_path / "mine", tmp_path / "theirs", tmp_path / "both"
    mine.write_text(rows(("m", "1", "2", "same"), ("m", "3", "4", "different")))
    theirs.write_text(rows(("m", "2", "1", "unsure"), ("m", "5", "6", "same")))
    verdicts.write(both, verdicts.read(mine) | verdicts.read(theirs))
    said = verdicts.read(both)
    assert [verdicts.of(said, "m", pair) for pair in (("1", "2"), ("3", "4"), ("5", "6"))] == [
        "unsure",
        "different",
        "same",
    ]
    assert len(said) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both", "mine", "theirs"]
    before = both.read_bytes()
    verdicts.write(both, said)
    assert both.read_bytes() == before


def test_of_two_verdicts_on_a_pair_the_later_counts(tmp_path):
    path = tmp_path / "verdicts.json"
    path.write_text(rows(("m", "1", "2", "same"), ("m", "2", "1", "different")))
    assert verdicts.of(verdicts.read(path), "m", ("1", "2")) == "different"


@pytest.mark.parametrize(
    "text, message",
    [
        ("no json", "is no file of verdicts"),
        ("[]", "is no file of verdicts"),
        ("{}", "is no file of verdicts"),
        ('{"verdicts": [{"set": "m", "keys": ["1"], "verdict": "same"}]}', "is no file of verdicts"),
        ('{"verdicts": [{"set": "m", "verdict": "same"}]}', "is no file of verdicts"),
        (rows(("m", "1", "2", "alike")), "'alike' of 1 and 2; it can say same, different, unsure"),
    ],
)
def test_what_is_no_file_of_verdicts_is_refused(tmp_path, text, message):
    path = tmp_path / "verdicts.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        verdicts.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.json cannot be read \(No such file"):
        verdicts.read(tmp_path / "nothing.json")
