"""The published generator as an ONNX graph, from weights: what the runtimes in experiments.benchmarks.generation run.

`unfused` is what an exporter makes of the network as it is usually written: nearest up-scaling and a 3 x 3 convolution,
leaky ReLU, and pixel norm operation by operation, NCHW. `fused` has a transposed convolution with a 4 x 4 kernel
instead, as our own graph.

Weights are arrays by name, constants multiplied out: `dense` [Z, 16 C], kernels `LEVEL/conv` [3, 3, C, C],
`LEVEL/up` [3, 3, C, previous C] and `LEVEL/fused` [4, 4, C, previous C] of transposed convolutions, `to_rgb`, and a
bias of each, `NAME/bias`. It needs the package onnx.
"""

from pathlib import Path

import numpy as np

_OPSET, _IR_VERSION = 17, 10  # old enough for every runtime


class Graph:
    """Operations one after the other, each with one output."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def add(self, operation: str, *inputs: str, **attributes: object) -> str:
        from onnx import helper

        output = f"{operation}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def constant(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def pixel_norm(self, x: str) -> str:
        mean = self.add("ReduceMean", self.add("Mul", x, x), axes=[1], keepdims=1)
        root = self.add("Sqrt", self.add("Add", mean, self.constant(np.float32(1e-8))))
        return self.add("Div", x, root)

    def activate(self, x: str) -> str:
        return self.pixel_norm(self.add("LeakyRelu", x, alpha=0.2))

    def conv(self, x: str, kernel: np.ndarray, bias: np.ndarray) -> str:
        """kernel [k, k, inputs, outputs]."""
        pad = kernel.shape[0] // 2
        weights = self.constant(kernel.transpose(3, 2, 0, 1)), self.constant(bias)
        return self.add("Conv", x, *weights, pads=[pad] * 4)


def write(weights: dict[str, np.ndarray], level: int, path: Path, fused: bool) -> None:
    """Writes the graph `latents` [N, Z] to `images` [N, channels, H, W], N free."""
    import onnx
    from onnx import TensorProto, helper

    graph = Graph()
    x = graph.add("MatMul", graph.pixel_norm("latents"), graph.constant(_by_channel(weights["dense"])))
    x = graph.add("Reshape", x, graph.constant(np.array([0, -1, 4, 4])))
    x = graph.activate(graph.add("Add", x, graph.constant(weights["dense/bias"][:, None, None])))
    x = graph.activate(graph.conv(x, weights["2/conv"], weights["2/conv/bias"]))
    for at in range(3, level + 1):
        if fused:
            kernel = graph.constant(weights[f"{at}/fused"].transpose(3, 2, 0, 1))
            bias = graph.constant(weights[f"{at}/up/bias"])
            x = graph.add("ConvTranspose", x, kernel, bias, strides=[2, 2], pads=[1] * 4)
        else:
            scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
            modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            x = graph.add("Resize", x, "", scales, **modes)
            # A transposed convolution of stride 1 is a convolution with the kernel flipped.
            kernel = weights[f"{at}/up"][::-1, ::-1].transpose(0, 1, 3, 2)
            x = graph.conv(x, kernel, weights[f"{at}/up/bias"])
        x = graph.activate(x)
        x = graph.activate(graph.conv(x, weights[f"{at}/conv"], weights[f"{at}/conv/bias"]))
    graph.conv(x, weights["to_rgb"], weights["to_rgb/bias"])
    graph.nodes[-1].output[0] = "images"

    latents = helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", len(weights["dense"])])
    shape = ["N", len(weights["to_rgb/bias"]), 2**level, 2**level]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    made = helper.make_graph(graph.nodes, "generator", [latents], [images], graph.constants)
    opset = [helper.make_opsetid("", _OPSET)]
    onnx.save(helper.make_model(made, opset_imports=opset, ir_version=_IR_VERSION), str(path))


def _by_channel(dense: np.ndarray) -> np.ndarray:
    """[Z, 4 x 4 x C] to [Z, C x 4 x 4]."""
    return dense.reshape(len(dense), 16, -1).transpose(0, 2, 1).reshape(len(dense), -1)
