"""The dataset of numbered images, to be read and to be damaged."""

import pytest

from progan_tf.data import pipeline
from progan_tf.data.pipeline import Dataset
from tests.data.numbered import IMAGES, order, write


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    """Never written to."""
    return pipeline.open_dataset(str(write(tmp_path_factory.mktemp("data") / "numbers")))


@pytest.fixture
def own_dataset(tmp_path) -> Dataset:
    """For a test to damage."""
    return pipeline.open_dataset(str(write(tmp_path / "numbers")))


@pytest.fixture(scope="module")
def three_epochs(dataset) -> list[int]:
    return order(dataset, 3 * IMAGES)
