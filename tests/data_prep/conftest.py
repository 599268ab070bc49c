"""What tests of data preparation share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> Path:
    """Where TensorFlow datasets are to be prepared."""
    return tmp_path_factory.mktemp("tensorflow") / "not made yet"
