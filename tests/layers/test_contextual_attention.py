"""Contextual attention, against its definition written as loops over queries, keys and cells."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from progan_tf.layers.contextual_attention import ContextualAttention

MASKS = ["all", "left", "corner", "hole", "scattered", "three cells", "nothing"]


def random_features(shape: tuple[int, int, int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def mask(kind: str, height: int, width: int) -> np.ndarray:
    """Float32 [H, W, 1], 1 where known."""
    known = np.zeros((height, width, 1), np.float32)
    if kind == "all":
        known[:] = 1
    elif kind == "left":
        known[:, : width // 2] = 1
    elif kind == "corner":
        known[: 2 * height // 3, : 2 * width // 3] = 1
    elif kind == "hole":
        known[:] = 1
        known[height // 2 :, width // 2 : width // 2 + 2] = 0
    elif kind == "scattered":
        known[:] = np.random.default_rng(height).random((height, width, 1)) < 0.97
    elif kind == "three cells":
        known[0, 0] = known[-1, -1] = known[height // 2, width // 2] = 1
    return known


def weights(features: np.ndarray, known: np.ndarray, rate=2, patch=3, fuse=3, scale=10.0) -> dict:
    """The weight of every usable key for every query, of one map [H, W, C]: {query: {key: weight}}, in float64."""
    height, width = features.shape[0] // rate, features.shape[1] // rate
    reach, far = patch // 2, fuse // 2
    places = [(row, column) for row in range(height) for column in range(width)]

    def block(x, row, column):
        return x[row * rate : (row + 1) * rate, column * rate : (column + 1) * rate]

    def cell(row, column):  # what lies outside is zeros
        inside = 0 <= row < height and 0 <= column < width
        return np.float64(block(features, row, column)).mean((0, 1)) if inside else np.zeros(features.shape[-1])

    def around(row, column, reach):
        steps = range(-reach, reach + 1)
        return [(row + down, column + right) for down in steps for right in steps]

    patches = {place: np.concatenate([cell(*at) for at in around(*place, reach)]) for place in places}

    def score(query, key):
        if query not in patches or key not in patches:
            return 0.0
        return patches[query] @ patches[key] / max(np.linalg.norm(patches[key]), 1e-4)

    def usable(key):
        return all(at in patches and np.all(block(known, *at) == 1) for at in around(*key, reach))

    keys = [key for key in places if usable(key)]
    found = {}
    for query in places:
        logits = []
        for key in keys:
            beside = zip(around(*query, far), around(*key, far), strict=True)
            logits.append(scale * sum(score(*pair) for pair in beside))
        shares = np.exp(np.array(logits) - max(logits, default=0))
        found[query] = dict(zip(keys, shares / shares.sum(), strict=True))
    return found


def definition(features: np.ndarray, known: np.ndarray, rate=2, **options) -> tuple[np.ndarray, np.ndarray]:
    """Attended [H, W, C] in float64, copied [H / rate, W / rate, 2]; of one map."""
    height, width, _ = features.shape
    total, times = np.zeros(features.shape), np.zeros((height, width, 1))
    copied = np.zeros((height // rate, width // rate, 2), np.int32)
    for query, keys in weights(features, known, rate, **options).items():
        for down in range(-(rate // 2), 2 * rate - rate // 2):
            for right in range(-(rate // 2), 2 * rate - rate // 2):
                row, column = query[0] * rate + down, query[1] * rate + right
                if 0 <= row < height and 0 <= column < width:
                    times[row, column] += 1
                    for key, weight in keys.items():
                        total[row, column] += weight * features[key[0] * rate + down, key[1] * rate + right]
        if keys:
            copied[query] = np.subtract(max(keys, key=keys.get), query)
    return total / times, copied


@pytest.mark.parametrize("kind", MASKS)
def test_is_the_definition_for_every_mask(kind):
    features = random_features((1, 12, 12, 3))
    attended, copied = ContextualAttention()(features, mask(kind, 12, 12)[None])
    expected, from_where = definition(features[0], mask(kind, 12, 12))
    np.testing.assert_allclose(attended[0], expected, atol=2e-5)
    np.testing.assert_array_equal(copied[0], from_where)


@pytest.mark.parametrize(
    "size, options",
    [
        ((6, 6), {"rate": 1}),
        ((8, 5), {"rate": 1, "fuse": 1}),
        ((10, 14), {"fuse": 1}),
        ((14, 10), {"scale": 0.5}),
        ((15, 21), {"rate": 3}),
        ((20, 24), {"rate": 4}),
        ((14, 14), {"patch": 5, "scale": 1.0}),
        ((12, 14), {"fuse": 5, "scale": 1.0}),
    ],
    ids=str,
)
def test_is_the_definition_for_every_setting(size, options):
    features, known = random_features((1, *size, 2), seed=1), mask("all", *size)
    known[:, -2:] = 0
    attended, copied = ContextualAttention(**options)(features, known[None])
    expected, from_where = definition(features[0], known, **options)
    assert np.any(expected), "there should be keys"
    np.testing.assert_allclose(attended[0], expected, atol=2e-5)
    np.testing.assert_array_equal(copied[0], from_where)


def test_a_map_that_is_all_known_is_its_own_copy_but_for_the_border():
    features = random_features((2, 16, 16, 8))
    attended, copied = ContextualAttention(scale=1000.0)(features, np.ones((2, 16, 16, 1)))
    inside = slice(3, -3)  # cells that no patch reaches which is beside a border and thus no key
    np.testing.assert_allclose(attended[:, inside, inside], features[:, inside, inside], atol=1e-6)
    assert not np.any(copied[:, 1:-1, 1:-1])


def test_a_known_texture_is_carried_on_to_the_border_and_beyond_what_is_known():
    period = random_features((1, 4, 4, 8))
    texture = np.tile(period, (1, 5, 6, 1))
    known = np.zeros((1, 20, 24, 1), np.float32)
    known[:, 2:, :14] = 1
    attended, copied = ContextualAttention(scale=1000.0)(texture, known)
    np.testing.assert_allclose(attended, texture, atol=1e-5)
    assert not np.any(copied.numpy() % 2)


def test_the_weights_of_known_keys_sum_to_one_up_to_the_border():
    features = random_features((3, 12, 16, 4))
    features[..., 0] = 5  # a mean with weights that sum to one keeps it
    known = np.stack([mask(kind, 12, 16) for kind in ("left", "hole", "corner")])
    np.testing.assert_allclose(ContextualAttention()(features, known)[0][..., 0], 5, rtol=1e-5)


def test_nothing_is_taken_from_the_unknown_or_from_beyond_the_border():
    features = random_features((1, 16, 16, 4))
    known = mask("scattered", 16, 16)[None]
    features[..., 0] = np.where(known[..., 0] == 1, 1, 100)  # tells apart what is copied
    attended, _ = ContextualAttention(scale=0.01)(features, known)
    np.testing.assert_allclose(attended[..., 0], 1, rtol=1e-5)


def test_a_cell_that_is_known_in_part_is_not_known():
    features, known = random_features((1, 12, 12, 3)), mask("all", 12, 12)[None]
    known[:, 5, 5] = 0.75
    attended, _ = ContextualAttention()(features, known)
    np.testing.assert_array_equal(attended, ContextualAttention()(features, np.floor(known))[0])
    assert np.any(attended != ContextualAttention()(features, np.ones_like(known))[0])


def test_masks_of_one_batch_do_not_touch_each_other():
    features = random_features((len(MASKS), 12, 16, 4))
    known = np.stack([mask(kind, 12, 16) for kind in MASKS])
    together = ContextualAttention()(features, known)
    for n in range(len(MASKS)):
        alone = ContextualAttention()(features[n : n + 1], known[n : n + 1])
        np.testing.assert_allclose(together[0][n], alone[0][0], atol=1e-5)
        np.testing.assert_array_equal(together[1][n], alone[1][0])


@pytest.mark.parametrize("kind", ["nothing", "three cells"])
def test_without_a_key_there_is_nothing_and_its_gradient(kind):
    features = tf.constant(random_features((2, 12, 12, 3)))
    known = np.stack([mask(kind, 12, 12), mask("left", 12, 12)])
    with tf.GradientTape() as tape:
        tape.watch(features)
        attended, copied = ContextualAttention()(features, known)
        loss = tf.reduce_sum(tf.square(attended))
    gradient = tape.gradient(loss, features)
    assert not np.any(attended[0]) and not np.any(copied[0]) and not np.any(gradient[0])
    assert np.all(np.isfinite(gradient[1])) and np.any(gradient[1])


def test_features_of_zero_have_a_finite_gradient():
    features = tf.zeros((1, 12, 12, 3))
    with tf.GradientTape() as tape:
        tape.watch(features)
        attended, _ = ContextualAttention()(features, np.ones((1, 12, 12, 1)))
        loss = tf.reduce_sum(attended)
    assert np.all(np.isfinite(tape.gradient(loss, features)))


def test_gradient_is_that_of_finite_differences():
    layer = ContextualAttention(scale=0.5)
    features, known = np.float64(random_features((1, 12, 12, 2))), mask("hole", 12, 12)[None]
    towards = random_features((1, 12, 12, 2), seed=2)

    def loss(x):
        return tf.reduce_sum(layer(x, known)[0] * towards)

    x = tf.constant(features, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    gradient = tape.gradient(value, x).numpy()

    def loss64(x):
        return np.sum(definition(x[0], known[0], scale=0.5)[0] * towards[0])

    for place in [(0, 0, 0), (5, 5, 1), (7, 6, 0), (11, 11, 1), (2, 9, 0)]:  # query, key, value, unknown, border
        step = np.zeros_like(features)
        step[0, *place] = 1e-5
        slope = (loss64(features + step) - loss64(features - step)) / 2e-5
        np.testing.assert_allclose(gradient[0, *place], slope, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rate", [2, 4])
def test_turning_the_map_turns_the_result_with_an_even_rate(turns, mirrored, rate):
    def turned(x):
        return np.rot90(x[:, :, ::-1] if mirrored else x, turns, axes=(1, 2))

    features, known = random_features((1, 16, 24, 4)), mask("corner", 16, 24)[None]
    attended, copied = ContextualAttention(rate, scale=1.0)(features, known)
    again, copied_again = ContextualAttention(rate, scale=1.0)(turned(features), turned(known))
    np.testing.assert_allclose(again, turned(attended.numpy()), atol=1e-5)
    rows, columns = turned(copied.numpy())[..., 0], turned(copied.numpy())[..., 1]
    if mirrored:
        columns = -columns
    for _ in range(turns):
        rows, columns = -columns, rows
    np.testing.assert_array_equal(copied_again, np.stack([rows, columns], -1))


def test_a_row_goes_on_nowhere():
    """The last column and the first of the next row are no neighbours, in matching and in fusing."""
    features = random_features((1, 16, 16, 4))
    changed = features.copy()
    changed[:, :2, -2:] *= -3  # the last shrunk cell of the first row
    known = np.ones((1, 16, 16, 1), np.float32)
    known[:, :, 10:] = 0  # no key, and none beside it, comes near
    layer = ContextualAttention(scale=1.0)
    before, after = layer(features, known)[0].numpy(), layer(changed, known)[0].numpy()
    # Queries (3, 0) and below paste these; what is fused with (3, 0) reaches up to the shrunk cell (1, 0).
    np.testing.assert_array_equal(before[:, 7:, :1], after[:, 7:, :1])


@pytest.mark.parametrize("dtype, tolerance", [("mixed_float16", 2e-3), ("mixed_bfloat16", 2e-2)])
def test_half_precision_changes_the_rounding_alone(dtype, tolerance):
    features = np.float32(tf.cast(random_features((2, 12, 12, 16)), dtype.removeprefix("mixed_")))
    known = np.stack([mask("left", 12, 12), mask("nothing", 12, 12)])
    attended, copied = ContextualAttention(dtype=dtype)(features, known)
    exact, from_where = ContextualAttention()(features, known)
    assert attended.dtype == dtype.removeprefix("mixed_") and copied.dtype == tf.int32
    np.testing.assert_allclose(tf.cast(attended, tf.float32), exact, atol=tolerance * 4)
    np.testing.assert_array_equal(copied, from_where)


def test_large_features_in_half_precision_stay_finite():
    features = 100 * random_features((1, 12, 12, 64))  # products of patches are no float16
    attended, _ = ContextualAttention(dtype="mixed_float16")(features, mask("left", 12, 12)[None])
    assert np.all(np.isfinite(attended)) and np.any(attended)


def test_a_model_of_it_has_static_shapes_and_any_batch():
    features, known = keras.Input((16, 24, 4)), keras.Input((16, 24, 1))
    attended, copied = ContextualAttention()(features, known)
    assert (attended.shape, attended.dtype) == ((None, 16, 24, 4), "float32")
    assert (copied.shape, copied.dtype) == ((None, 8, 12, 2), "int32")
    model = keras.Model([features, known], [attended, copied])
    assert not model.weights
    for count in (1, 3):
        x, m = random_features((count, 16, 24, 4)), np.stack([mask("left", 16, 24)] * count)
        graph = tf.function(model)([x, m])
        np.testing.assert_allclose(graph[0], ContextualAttention()(x, m)[0], atol=1e-5)
        assert graph[1].shape == (count, 8, 12, 2)


def test_config_makes_the_same_layer_again():
    layer = ContextualAttention(rate=1, patch=5, fuse=1, scale=2.0, name="attention")
    again = ContextualAttention.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    features, known = random_features((1, 8, 8, 2)), np.ones((1, 8, 8, 1))
    np.testing.assert_array_equal(again(features, known)[0], layer(features, known)[0])


@pytest.mark.parametrize("options", [{"rate": 0}, {"patch": 1}, {"patch": 4}, {"fuse": 2}, {"fuse": 0}])
def test_settings_that_make_no_sense_are_named(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} {next(iter(options.values()))}"):
        ContextualAttention(**options)


def test_a_map_that_does_not_shrink_is_named():
    with pytest.raises(ValueError, match="15 x 12 cells do not shrink by 2"):
        ContextualAttention()(keras.Input((15, 12, 3)), keras.Input((15, 12, 1)))
