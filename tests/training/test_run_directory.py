"""What is in a run's folder, and what a second start may change of it."""

import dataclasses
import json

import pytest

from progan_tf.config import Config
from progan_tf.errors import InputError
from progan_tf.training import run_directory

CONFIG = Config()
DATA = {"name": "small", "images": 3}


def with_schedule(**changes):
    return dataclasses.replace(CONFIG, schedule=dataclasses.replace(CONFIG.schedule, **changes))


def test_what_was_written_is_read(tmp_path):
    run_directory.open_run(tmp_path / "run", CONFIG, DATA)
    assert run_directory.read_config(tmp_path / "run") == CONFIG
    assert run_directory.read_data(tmp_path / "run") == DATA
    run_directory.open_run(tmp_path / "run", CONFIG, DATA)


def test_a_run_can_be_made_longer_but_not_another(tmp_path):
    run_directory.open_run(tmp_path, CONFIG, DATA)
    longer = with_schedule(total_kimg=CONFIG.schedule.total_kimg * 2)
    run_directory.open_run(tmp_path, longer, DATA)
    assert run_directory.read_config(tmp_path) == longer
    with pytest.raises(InputError, match=r"schedule.repeats: 4 against 2"):
        run_directory.open_run(tmp_path, with_schedule(total_kimg=1, repeats=2), DATA)
    with pytest.raises(InputError, match=r"data.images: 3 against 4"):
        run_directory.open_run(tmp_path, longer, DATA | {"images": 4})
    assert run_directory.read_config(tmp_path) == longer


def test_a_start_that_was_killed_before_it_began_is_forgotten(tmp_path):
    (tmp_path / "config.json.tmp").write_text("{")
    run_directory.open_run(tmp_path, CONFIG, DATA)
    assert run_directory.read_config(tmp_path) == CONFIG


@pytest.mark.parametrize("below", ["", "sub"])
def test_a_file_is_no_folder(tmp_path, below):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=r"file.* cannot be made .*choose another --run_dir"):
        run_directory.open_run(tmp_path / "file" / below, CONFIG, DATA)
    with pytest.raises(InputError, match="no run at"):
        run_directory.read_config(tmp_path / "file" / below)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("text", ["{}", "[]", "", '{"config": {}}', "null"])
def test_a_damaged_configuration_is_one_line(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=r"config.json is damaged .*restore it"):
        run_directory.read_config(tmp_path)


def test_a_configuration_is_replaced_as_a_whole(tmp_path):
    run_directory.open_run(tmp_path, CONFIG, DATA)
    run_directory.open_run(tmp_path, with_schedule(total_kimg=5), DATA)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert json.loads((tmp_path / "config.json").read_text())["config"]["schedule"]["total_kimg"] == 5
