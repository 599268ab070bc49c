"""How large a canvas becomes, and what is no size."""

import pytest

from experiments import scene_extent
from progan_tf.errors import InputError

NONE = dict.fromkeys(("top", "left", "right", "bottom"), "0")


@pytest.mark.parametrize(
    "scene, sides, size, expected",
    [
        ((20, 30), {"top": "1", "right": "7px"}, None, ((52, 37), (32, 0))),
        ((20, 30), {"left": "2", "bottom": "1px"}, None, ((21, 94), (0, 64))),
        ((20, 30), {}, None, ((20, 30), (0, 0))),
        ((20, 30), {}, "41x21", ((21, 41), (0, 5))),
        (None, {}, "41x21", ((21, 41), (0, 0))),
    ],
)
def test_sizes_and_where_the_image_lies(scene, sides, size, expected):
    assert scene_extent.resolve(scene, {**NONE, **sides}, size, 32) == expected


@pytest.mark.parametrize(
    "scene, sides, size, message",
    [
        (None, {}, None, "--size is needed"),
        (None, {"top": "2"}, None, "--size is needed"),
        ((20, 30), {"top": "2"}, "100x100", "both say how large"),
        ((20, 30), {"top": "-1"}, None, "--top=-1 is no amount"),
        ((20, 30), {"left": "2.5"}, None, "--left=2.5 is no amount"),
        ((20, 30), {"left": "2 px"}, None, "--left=2 px is no amount"),
        ((20, 30), {}, "100", "--size=100 is no size"),
        ((20, 30), {}, "29x100", "does not hold the input of 30 x 20"),
        ((20, 30), {}, "100x19", "does not hold the input of 30 x 20"),
        (None, {}, "0x5", "--size=0x5 does not hold"),
        ((20, 30), {"left": "99999999"}, None, "are too many"),
    ],
)
def test_what_is_no_size_is_refused(scene, sides, size, message):
    with pytest.raises(InputError, match=message):
        scene_extent.resolve(scene, {**NONE, **sides}, size, 32)
