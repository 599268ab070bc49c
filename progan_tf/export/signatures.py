"""The signatures of an exported generator.

| signature         | inputs                                      | outputs                                     |
|-------------------|---------------------------------------------|---------------------------------------------|
| `serving_default` | `latents` float32 [N, Z]                    | `images` [N, H, W, C], the dataset's dtype  |
| `from_seed`       | `seed` int64 [N], `truncation` float32 [N]  | `images`                                    |
| `png_from_seed`   | the same                                    | `png_bytes` string [N], 8-bit grey or RGB   |

Labelled models take `labels` int32 [N] besides, in every signature. N may be anything, 0 included.

The image of a seed is the same to the byte whatever batch it is asked for in. Matrix products and convolutions are not:
their last bits depend on the batch size, and now and then that moves a pixel by one. So the two signatures that take
seeds put every image through a graph of batch size one, several side by side: what one leaves idle another uses.
`serving_default` computes images as one batch. At a time there are no more than have 2^21 pixels together, 2 of
1024 x 1024, so that memory does not grow with what is asked for.

Truncation: the network divides its inputs (latents and labels) by their root mean square, so that smaller latents alone
would change nothing. Truncation therefore multiplies the latents after that division and leaves labels as they are.
The mean of normalised latents is zero, so this pulls towards the mean, as truncation does elsewhere. 1 is exactly what
the network was trained with, less gives more ordinary and less varied images.
"""

from collections.abc import Callable

import tensorflow as tf

from progan_tf.export import inference
from progan_tf.export.description import Description
from progan_tf.export.growth import pixel_norm
from progan_tf.export.inference import InferenceGenerator
from progan_tf.export.seeds import latents_of

_PIXELS_AT_ONCE = 2**21


def signatures(network: InferenceGenerator, description: Description) -> dict[str, Callable]:
    """Concrete functions by the name of their signature."""
    shape = (description.resolution, description.resolution, description.channels)
    classes, latent_size = len(description.labels), description.latent_size
    at_once = max(1, _PIXELS_AT_ONCE // description.resolution**2)

    def pixels(latents: tf.Tensor, truncation: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        one_hot = tf.one_hot(labels, classes)
        inputs = pixel_norm(tf.concat([latents, one_hot], axis=-1))
        truncated = inputs[:, :latent_size] * truncation[:, tf.newaxis]
        images = network(tf.concat([truncated, inputs[:, latent_size:]], axis=-1))
        return tf.ensure_shape(inference.to_pixels(images, description.dtype), (None, *shape))

    def pixels_of_seed(seed: tf.Tensor, truncation: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        latents = latents_of(seed, latent_size)
        return pixels(latents[tf.newaxis], truncation[tf.newaxis], label[tf.newaxis])[0]

    def png_of_seed(seed: tf.Tensor, truncation: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        shown = inference.to_display(pixels_of_seed(seed, truncation, label), description.display_bands)
        return tf.io.encode_png(shown)

    def serving_default(latents: tf.Tensor, labels: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        count = tf.shape(latents)[0]
        # oneDNN's convolutions lose the shape of an empty batch, so there is always one row to compute.
        missing = tf.maximum(1 - count, 0)
        latents = tf.pad(latents, [[0, missing], [0, 0]])
        labels = tf.pad(_checked(labels, count, classes), [[0, missing]])
        output = tf.TensorSpec((None, *shape), description.dtype)
        return {"images": _in_parts(pixels, (latents, tf.ones([count + missing]), labels), at_once, output)[:count]}

    def each_alone(image_of_seed: Callable, output: tf.TensorSpec, *columns: tf.Tensor | None) -> tf.Tensor:
        seed, truncation, labels = columns
        count = tf.shape(seed)[0]
        tf.debugging.assert_equal(tf.shape(truncation)[0], count, "truncation must have one number a seed")
        rows = (seed, truncation, _checked(labels, count, classes))
        beside = min(at_once, 32)  # one a core, of as many cores as a machine is likely to have
        return tf.map_fn(lambda row: image_of_seed(*row), rows, parallel_iterations=beside, fn_output_signature=output)

    def from_seed(seed: tf.Tensor, truncation: tf.Tensor, labels: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        output = tf.TensorSpec(shape, description.dtype)
        return {"images": each_alone(pixels_of_seed, output, seed, truncation, labels)}

    def png_from_seed(seed: tf.Tensor, truncation: tf.Tensor, labels: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        return {"png_bytes": each_alone(png_of_seed, tf.TensorSpec([], tf.string), seed, truncation, labels)}

    labels = {"labels": tf.TensorSpec([None], tf.int32, "labels")} if classes else {}
    latents = {"latents": tf.TensorSpec([None, latent_size], tf.float32, "latents"), **labels}
    seeds = {
        "seed": tf.TensorSpec([None], tf.int64, "seed"),
        "truncation": tf.TensorSpec([None], tf.float32, "truncation"),
        **labels,
    }
    return {
        "serving_default": tf.function(serving_default).get_concrete_function(**latents),
        "from_seed": tf.function(from_seed).get_concrete_function(**seeds),
        "png_from_seed": tf.function(png_from_seed).get_concrete_function(**seeds),
    }


def _in_parts(function: Callable, columns: tuple[tf.Tensor, ...], rows: int, output: tf.TensorSpec) -> tf.Tensor:
    """The function of `rows` rows at a time, the last time of what is left, put together again."""
    count = tf.shape(columns[0])[0]
    begins = tf.range(0, count, rows)
    parts = tf.TensorArray(output.dtype, tf.size(begins), element_shape=output.shape, infer_shape=False)

    def step(part: tf.Tensor, parts: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
        begin = begins[part]
        return part + 1, parts.write(part, function(*(column[begin : begin + rows] for column in columns)))

    _, parts = tf.while_loop(
        lambda part, _: part < tf.size(begins), step, (tf.constant(0), parts), parallel_iterations=1
    )
    return tf.ensure_shape(parts.concat(), output.shape)


def _checked(labels: tf.Tensor | None, count: tf.Tensor, classes: int) -> tf.Tensor:
    """Labels [N] that are classes of the model; zeros, which stand for nothing, where it has none."""
    if labels is None:
        return tf.zeros([count], tf.int32)
    tf.debugging.assert_equal(tf.shape(labels)[0], count, "labels must have one number an image")
    tf.debugging.assert_non_negative(labels, "labels must be 0 or more")
    tf.debugging.assert_less(labels, classes, f"labels must be below {classes}")
    return labels
