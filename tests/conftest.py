"""Where real data and golden values lie, beside the project; tests that need them skip where they are absent."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the commands do

SHARED = Path(__file__).parents[2] / "shared"


def _shared(path: str) -> Path:
    if not (SHARED / path).exists():
        pytest.skip(f"../shared/{path} is not here; it holds the data this test compares with")
    return SHARED / path


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of values computed with the published definition."""
    return _shared("reference/golden")


@pytest.fixture(scope="session")
def tiles64() -> Path:
    """5,000 EuroSAT tiles of 64 x 64."""
    return _shared("data/tiles64")


@pytest.fixture(scope="session")
def tiles256() -> Path:
    """Tiles of 256 x 256, UC Merced and Dubai."""
    return _shared("data/tiles256")


@pytest.fixture(scope="session")
def scenes() -> Path:
    """Landsat, NAIP and other scenes as GeoTIFF, 8 and 16 bits."""
    return _shared("data/scenes")


@pytest.fixture(scope="session")
def fid_data() -> Path:
    """Features of the FID network, computed with its TorchScript."""
    return _shared("data/fid")
