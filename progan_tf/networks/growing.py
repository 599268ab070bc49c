"""What the two growing networks share: a set of named layers, built once and for all levels."""

import zlib
from typing import Any

import keras

from progan_tf.config import NetworkConfig


def level_of(name: str) -> int:
    """The level whose layer or weight has a name: 3 of `8x8/conv/kernel`."""
    return int(name.split("x")[0]).bit_length() - 1


class GrowingNetwork:
    """Layers by name (`8x8/conv`), each built at once, so that a run has one set of variables whatever its level.

    Initial weights depend on the seed, the network's name and the layer's name alone.

    Args:
        precision: float32, mixed_bfloat16 or mixed_float16 of hidden layers; weights are float32 in any.
    """

    optional: frozenset[str] = frozenset()  # layers, named without their size, that a configuration may leave out

    def __init__(self, config: NetworkConfig, seed: int, name: str, precision: str = "float32"):
        self.config = config
        self.name = name
        self.precision = precision
        self.layers: dict[str, keras.Layer] = {}
        self._seed = seed

    def add(
        self,
        name: str,
        layer_class: type[keras.Layer],
        input_shape: tuple[int, ...],
        precision: str | None = None,
        **kwargs: Any,
    ):
        """Makes, builds and keeps a layer; `input_shape` is without the batch dimension."""
        seed = zlib.crc32(f"{self._seed}/{self.name}/{name}".encode())
        layer = layer_class(seed=seed, name=name.replace("/", "_"), dtype=precision or self.precision, **kwargs)
        layer.build((None, *input_shape))
        self.layers[name] = layer
        return layer

    @property
    def variables(self) -> dict[str, keras.Variable]:
        """All weights by name, such as `8x8/conv/kernel`, in the order they were made."""
        return {f"{name}/{weight.name}": weight for name, layer in self.layers.items() for weight in layer.weights}

    def variables_at(self, level: int) -> dict[str, keras.Variable]:
        """The weights of all levels up to `level`, those of fade-ins gone by included."""
        return {name: v for name, v in self.variables.items() if level_of(name) <= level}

    def variables_used(self, level: int, fading: bool) -> dict[str, keras.Variable]:
        """The weights that the model of `level` computes with."""
        ends = {f"{2**at}x{2**at}" for at in ((level, level - 1) if fading else (level,))}
        return {
            name: variable
            for name, variable in self.variables_at(level).items()
            if not name.split("/")[1].endswith("_rgb") or name.split("/")[0] in ends
        }

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(variable.shape.num_elements() for variable in self.variables.values())
