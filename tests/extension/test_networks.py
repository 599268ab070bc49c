"""The conditional generator and its critics: growth, what stays as it is, what matters and what must not."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from progan_tf.augmentation import symmetry
from progan_tf.config import ExtensionConfig, NetworkConfig
from progan_tf.extension.context_generator import ContextGenerator, all_known, coarser, noise_size
from progan_tf.extension.critics import Critics
from progan_tf.extension.fill import fill
from tests.extension.test_distance import masks

CONFIG = NetworkConfig(resolution=32, channels=3, latent_size=8, fmap_base=128, fmap_max=12)
RNG = np.random.default_rng(3)


def generator(attention: str = "gated") -> ContextGenerator:
    """One with random biases, noise strengths and colours, which a new network has at 0."""
    made = ContextGenerator(CONFIG, extension=ExtensionConfig(attention=attention, attention_resolution=16))
    for name, variable in made.variables.items():
        if name.endswith(("bias", "strength", "to_rgb/kernel")):
            variable.assign(0.2 * RNG.standard_normal(variable.shape))
    return made


def run(model, given: list, alpha: float = 1.0) -> np.ndarray:
    return model([tf.constant(part) for part in (*given, np.float32(alpha))]).numpy()


def inputs(size: int, count: int = 6) -> list[np.ndarray]:
    level = size.bit_length() - 1
    parts = [(count, size, size, 3), (count, CONFIG.latent_size), (count, noise_size(level))]
    images, latents, noise = (RNG.standard_normal(shape).astype(np.float32) for shape in parts)
    return [np.clip(images, -1, 1), masks(size)[:count], latents, noise]


@pytest.mark.parametrize("attention", ["off", "plain", "gated"])
@pytest.mark.parametrize(("size", "fading"), [(4, False), (8, True), (16, True), (32, False)])
def test_known_pixels_come_out_to_the_bit_and_the_others_do_not(attention, size, fading):
    model = generator(attention).model_at(size.bit_length() - 1, fading)
    images, known, *made = inputs(size)
    result = run(model, [images, known, *made], 0.3)
    assert result.shape == images.shape
    np.testing.assert_array_equal(result[known[..., 0] > 0], images[known[..., 0] > 0])
    assert (result[known[..., 0] == 0] != images[known[..., 0] == 0]).all()


@pytest.mark.parametrize("fading", [False, True])
def test_a_new_network_gives_the_smooth_continuation(fading):
    new = ContextGenerator(CONFIG, extension=ExtensionConfig(attention_resolution=16))
    images, known, *made = inputs(32)
    result = run(new.model_at(5, fading), [images, known, *made])
    np.testing.assert_allclose(result, fill(images, known), atol=1e-6)


@pytest.mark.parametrize("fading", [False, True])
def test_brighter_and_stronger_context_gives_the_same_brighter_and_stronger(fading):
    """Up to the least spread, which is why the two contrasts are large beside it."""
    model = generator().model_at(4, fading)
    images, known, *made = inputs(16)
    some = all_known(known).numpy().any(axis=(1, 2, 3))  # at the level that is faded out, too
    images, known, *made = (part[some] for part in (images, known, *made))
    offset = np.float32([0.3, -0.2, 0.1])
    expected = 3 * run(model, [40 * images, known, *made], 0.4) + offset
    np.testing.assert_allclose(run(model, [120 * images + offset, known, *made], 0.4), expected, rtol=1e-3, atol=0.02)


def test_what_unknown_pixels_hold_does_not_matter():
    model = generator().model_at(5)
    images, known, *made = inputs(32)
    others = np.where(known > 0, images, 0.9).astype(np.float32)
    first, second = (run(model, [values, known, *made]) for values in (images, others))
    np.testing.assert_array_equal(first, second)


def test_known_pixels_latents_and_noise_do():
    model = generator().model_at(5)
    images, known, latents, noise = inputs(32)
    base = run(model, [images, known, latents, noise])
    unknown = known[..., 0] == 0
    others = ([-images, known, latents, noise], [images, known, -latents, noise], [images, known, latents, -noise])
    for changed in others:
        assert np.abs(run(model, changed) - base)[unknown].mean() > 1e-3


def test_noise_of_known_pixels_does_not_matter():
    model = generator("off").model_at(2)
    images, known, latents, noise = inputs(4)
    others = np.where(known.reshape(6, 16) > 0, 5, noise).astype(np.float32)
    first, second = (run(model, [images, known, latents, part]) for part in (noise, others))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("level", [3, 4, 5])
def test_a_level_that_begins_to_fade_in_is_the_level_before_enlarged(level):
    networks = generator()
    images, known, latents, noise = inputs(2**level)
    new = run(networks.model_at(level, fading=True), [images, known, latents, noise], 0.0)
    few = noise[:, : noise_size(level - 1)]
    before = run(networks.model_at(level - 1), [*coarser(images, known), latents, few])
    enlarged = before.repeat(2, axis=1).repeat(2, axis=2)
    # Where a coarse cell is known in part, the one network has a known pixel and the other one that is made.
    wholly = coarser(images, known)[1].numpy().repeat(2, axis=1).repeat(2, axis=2) == 0
    unknown = (wholly & (known == 0))[..., 0]
    np.testing.assert_allclose(new[unknown], enlarged[unknown], atol=1e-4)


def test_a_level_that_has_faded_in_is_the_stable_one():
    networks = generator()
    given = inputs(16)
    fading, stable = (run(networks.model_at(4, fading), given) for fading in (True, False))
    np.testing.assert_allclose(fading, stable, atol=1e-5)


def test_different_masks_in_one_batch_are_as_one_by_one():
    model = generator().model_at(5)
    given = inputs(32)
    together = run(model, given)
    for row in range(6):
        alone = run(model, [part[row : row + 1] for part in given])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-4)


def test_offsets_lead_from_every_place_to_one_that_is_known():
    networks = generator()
    assert networks.attends(4) and networks.attends(5) and not networks.attends(3)
    assert not generator("off").attends(5)
    images, known, *made = inputs(32)
    offsets = run(networks.offsets_at(5), [images, known, *made])
    assert offsets.shape == (6, 8, 8, 2)  # of 16 x 16 places, two by two
    places = np.stack(np.meshgrid(range(8), range(8), indexing="ij"), axis=-1) + offsets
    whole = all_known(all_known(tf.constant(known))).numpy()[..., 0]
    usable = [number for number in range(6) if (offsets[number] != 0).any()]
    assert usable == [0, 1, 2]  # of the others no 3 x 3 places are wholly known
    for number in usable:
        rows, columns = places[number].reshape(-1, 2).T
        assert whole[number][rows, columns].all()


def test_nothing_known_is_an_image_from_nothing():
    model = generator().model_at(5)
    images, _, latents, noise = inputs(32, 2)
    result = run(model, [images, np.zeros((2, 32, 32, 1), np.float32), latents, noise])
    assert np.isfinite(result).all()
    assert np.abs(result[0] - result[1]).mean() > 1e-3


def test_gradients_of_all_weights_in_use_are_finite_and_only_of_those():
    networks = generator()
    model = networks.model_at(5)
    known = np.concatenate([masks(32), np.zeros((1, 32, 32, 1), np.float32)])
    images, _, latents, noise = inputs(32)
    rows = [0, 1, 2, 3, 4, 5, 0]
    used = networks.variables_used(5, fading=False)
    with tf.GradientTape() as tape:
        result = model([*map(tf.constant, (images[rows], known, latents[rows], noise[rows])), tf.constant(1.0)])
        loss = tf.reduce_sum(result * np.arange(32, dtype=np.float32)[:, None, None])
    gradients = tape.gradient(loss, [variable.value for variable in used.values()])
    for name, gradient in zip(used, gradients, strict=True):
        assert gradient is not None, name
        assert np.isfinite(gradient.numpy()).all(), name
        assert np.abs(gradient.numpy()).max() > 0, name
    assert {name for name in networks.variables if name not in used} == {
        name for name in networks.variables if "_rgb" in name and not name.startswith("32x32")
    }


def test_critics_have_one_set_of_names_and_the_seam_critic_follows_the_window():
    critics = Critics(CONFIG)
    assert len(critics.variables) == len(critics.window.variables) + len(critics.seam.variables)
    assert critics.variables["32x32/seam_conv/kernel"] is critics.seam.variables["8x8/conv/kernel"]
    assert critics.variables["16x16/seam_output/kernel"] is critics.seam.variables["4x4/output/kernel"]
    assert not critics.judges_seams(3)
    assert not any("seam" in name for name in critics.variables_used(3, fading=True))
    at_16 = critics.variables_used(4, fading=True)  # crops of 4 pixels have nothing to fade in
    assert [name for name in at_16 if "seam" in name and "rgb" in name] == [
        "16x16/seam_from_rgb/kernel", "16x16/seam_from_rgb/bias"
    ]  # fmt: skip
    assert any(name.startswith("32x32/seam_down") for name in critics.variables_used(5, fading=False))
    crops = critics.seam_model_at(5, fading=True)
    scores, labels = crops([tf.zeros([4, 8, 8, 4]), tf.constant(0.5)])
    assert (scores.shape, labels.shape) == ((4, 1), (4, 0))


def test_half_width_of_the_seam_critic():
    critics = Critics(dataclasses.replace(CONFIG, fmap_max=8))
    assert critics.seam.last_conv.filters * 2 == critics.window.last_conv.filters


def test_the_symmetries_of_window_and_mask_go_together_in_the_smooth_part():
    """The network's weights know up from down; what it adds to does not."""
    networks = generator()
    images, known, *_ = inputs(16)
    turns = tf.fill([6], 5)
    turned = networks.context(symmetry.transform(images, turns), symmetry.transform(known, turns))
    plain = networks.context(tf.constant(images), tf.constant(known))
    np.testing.assert_allclose(turned.seen, symmetry.transform(plain.seen, turns), atol=1e-5)
