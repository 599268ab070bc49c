"""What the graph of a compiled function computes."""

import math

import pytest
import tensorflow as tf


def compiled_from_now_on(monkeypatch: pytest.MonkeyPatch) -> list:
    """A list to which every function is added that is compiled from now on, but those that Keras makes for itself."""
    compiled, compile_function = [], tf.function

    def kept(function=None, **options):
        made = compile_function(function, **options)
        if function is not None and not options:
            compiled.append(made)
        return made

    monkeypatch.setattr(tf, "function", kept)
    return compiled


def multiplications(graph: tf.Graph) -> int:
    """Of all convolutions, their gradients and matrix products that results or side effects depend on.

    Gradients that nobody asks for are in a graph too, but are not run.
    """
    found, left = set(), [*(output.op for output in graph.outputs), *graph.control_outputs]
    while left:
        operation = left.pop()
        if operation not in found:
            found.add(operation)
            left += [*(value.op for value in operation.inputs), *operation.control_inputs]
    return sum(_multiplications(operation) for operation in found)


def _multiplications(operation: tf.Operation) -> int:
    shapes = [tuple(value.shape) for value in operation.inputs]
    if operation.type == "MatMul":
        rows, inner = shapes[0][::-1] if operation.get_attr("transpose_a") else shapes[0]
        return rows * inner * operation.outputs[0].shape[1]
    result = tuple(operation.outputs[0].shape) if operation.outputs else ()
    if operation.type == "Conv2D":
        kernel, small = shapes[1], result
    elif operation.type == "Conv2DBackpropInput":
        kernel, small = shapes[1], shapes[2]
    elif operation.type == "Conv2DBackpropFilter":
        kernel, small = result, shapes[2]
    else:
        return 0
    return math.prod(small[:3]) * math.prod(kernel)
