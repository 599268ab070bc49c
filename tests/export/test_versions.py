"""Model folders and their numbered versions."""

import pytest

from progan_tf.errors import InputError
from progan_tf.export import versions


def _version(model, number):
    (model / number).mkdir(parents=True)
    (model / number / "saved_model.pb").touch()
    return model / number


def test_the_newest_version_is_the_highest_number(tmp_path):
    for number in ("2", "10", "9"):
        _version(tmp_path, number)
    (tmp_path / "11").mkdir()  # holds nothing
    _version(tmp_path, "latest")
    assert versions.find(tmp_path) == tmp_path / "10"
    assert versions.find(tmp_path / "9") == tmp_path / "9"


def test_no_model_is_an_error_that_says_so(tmp_path):
    with pytest.raises(InputError, match=r"no model at .*nowhere"):
        versions.find(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no SavedModel"):
        versions.find(tmp_path)


def test_a_version_appears_whole_or_not_at_all(tmp_path):
    model = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt), versions.next_version(model) as paths:
        paths[0].mkdir()
        (paths[0] / "half").touch()
        assert not (model / "1").exists()
        raise KeyboardInterrupt
    assert not model.exists()

    with versions.next_version(model) as paths:
        paths[0].mkdir()
        (paths[0] / "whole").touch()
    assert paths[0] == model / "1"
    assert [path.name for path in model.iterdir()] == ["1"]
    assert (model / "1" / "whole").exists()


def test_two_exports_at_once_get_two_numbers(tmp_path):
    with versions.next_version(tmp_path) as first, versions.next_version(tmp_path) as second:
        for paths in (first, second):
            paths[0].mkdir()
            (paths[0] / "saved_model.pb").touch()
    assert {first[0].name, second[0].name} == {"1", "2"}


def test_a_version_has_a_number_also_where_its_folder_has_none(tmp_path):
    assert versions.number(_version(tmp_path, "12")) == 12
    assert versions.number(_version(tmp_path, "latest")) == 1
