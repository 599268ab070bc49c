"""Names of bands and which of them are shown."""

import pytest

from progan_tf.data.bands import band_names, display_bands


def test_grey_and_colour_have_names_and_others_numbers_from_one():
    assert band_names(1) == ("grey",)
    assert band_names(3) == ("red", "green", "blue")
    assert band_names(2) == ("band 1", "band 2")
    assert band_names(4) == ("band 1", "band 2", "band 3", "band 4")
    assert len(set(band_names(13))) == 13


@pytest.mark.parametrize(
    "bands, shown",
    [
        (("grey",), (0,)),
        (("red", "green", "blue"), (0, 1, 2)),
        (("blue", "green", "red", "nir"), (2, 1, 0)),
        (("NIR", "Red", "Green", "Blue"), (1, 2, 3)),
        (("band 1", "band 2"), (0,)),
        (("B2", "B3", "B4", "B8"), (0, 1, 2)),
        (("red", "green"), (0,)),
    ],
)
def test_red_green_and_blue_are_shown_where_there_are_such_bands(bands, shown):
    assert display_bands(bands) == shown
