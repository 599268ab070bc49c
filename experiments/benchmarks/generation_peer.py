"""One contestant of experiments.benchmarks.generation, in a process of its own: runtimes do not get along in one.

It knows nothing of the project, so that any Python with the runtime and NumPy runs it. Requests come as lines of JSON
on stdin, an answer goes to stdout for each:

  {"start": {"runtime": "openvino", "precision": "bfloat16", "threads": 2}}  imports it, answers the {"seconds": ...}
  {"load": "model.onnx", "level": 8}  takes a model in place of the last one, answers the {"seconds": ...}
  {"run": "latents.npy"}  makes images of latents [N, Z] once, answers its {"seconds": ...}
  {"run": "latents.npy", "answer": "images.npy"}  writes the images too, as the runtime gives them
  {"memory": "reset"}, {"memory": "peak"}  forgets and tells the {"megabytes": ...} held at most; null but on Linux

Runtimes: saved_model, onnxruntime, openvino, torch (options `channels_last` and `compiled`), onnx (which writes the
graphs of onnx_progan.py), convolution (the machine's rate: 512 to 512 feature maps at 64 pixels, batch 8).
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

CONVOLVED = (8, 64, 64, 512), (3, 3, 512, 512)  # images and kernel of the convolution

Run = Callable[[np.ndarray], np.ndarray]


def saved_model(start: dict) -> Callable[[str, int], Run]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(start["threads"])

    def load(path: str, level: int) -> Run:
        loaded = tf.saved_model.load(path)
        call = loaded.signatures["serving_default"]
        return lambda latents, loaded=loaded: call(latents=tf.constant(latents))["images"].numpy()

    return load


def convolution(start: dict) -> Callable[[str, int], Run]:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(start["threads"])
    images, kernel = (tf.random.stateless_normal(shape, (0, 0)) for shape in CONVOLVED)
    images, kernel = (tf.cast(values, start["precision"]) for values in (images, kernel))
    convolve = tf.function(lambda: tf.nn.conv2d(images, kernel, 1, "SAME")[0, 0, 0])
    return lambda path, level: lambda latents: tf.cast(convolve(), tf.float32).numpy()


def onnxruntime(start: dict) -> Callable[[str, int], Run]:
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = start["threads"]

    def load(path: str, level: int) -> Run:
        session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda latents: session.run(None, {"latents": latents})[0]

    return load


def openvino(start: dict) -> Callable[[str, int], Run]:
    import openvino as runtime

    core = runtime.Core()
    hints = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": start["threads"],
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[start["precision"]],
    }

    def load(path: str, level: int) -> Run:
        request = core.compile_model(path, "CPU", hints).create_infer_request()
        return lambda latents: request.infer({"latents": latents})["images"]

    return load


def torch(start: dict) -> Callable[[str, int], Run]:
    import torch as runtime
    import torch_progan

    runtime.set_num_threads(start["threads"])

    def load(path: str, level: int) -> Run:
        weights = dict(np.load(path))
        network = _torch_network(torch_progan, runtime, weights, level)
        layout = runtime.channels_last if start.get("channels_last") else runtime.contiguous_format
        network = network.eval().to(memory_format=layout)
        if start.get("compiled"):
            network = runtime.compile(network, dynamic=False)

        def run(latents: np.ndarray) -> np.ndarray:
            mixed = runtime.autocast("cpu", runtime.bfloat16, enabled=start["precision"] == "bfloat16")
            with mixed, runtime.inference_mode():
                return network(runtime.from_numpy(latents)).float().numpy()

        return run

    return load


def _torch_network(torch_progan, runtime, weights: dict[str, np.ndarray], level: int):
    """The plain network of torch_progan.py, unfused, with weights whose constants are multiplied out already."""
    widths = [weights[f"{at}/conv"].shape[-1] for at in range(2, level + 1)]
    network = torch_progan.Generator(
        [widths[0], *widths], len(weights["dense"]), len(weights["to_rgb/bias"]), fused=False
    )
    names = ["dense", "2/conv", *(f"{at}/{kind}" for at in range(3, level + 1) for kind in ("up", "conv")), "to_rgb"]
    for name, (_, layer) in zip(names, network.named_layers(), strict=True):
        kernel = weights[name]
        kernel = kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel
        layer.kernel.data.copy_(runtime.from_numpy(np.ascontiguousarray(kernel)))
        layer.bias.data.copy_(runtime.from_numpy(weights[f"{name}/bias"]))
        layer.scale = 1.0
    return network


def onnx(start: dict) -> Callable[[str, int], Run]:
    import onnx  # noqa: F401
    import onnx_progan

    def load(path: str, level: int) -> Run:
        for form in ("unfused", "fused"):
            onnx_progan.write(dict(np.load(path)), level, Path(path).with_name(f"{form}.onnx"), form == "fused")
        return lambda latents: latents

    return load


RUNTIMES = {made.__name__: made for made in (saved_model, convolution, onnxruntime, openvino, torch, onnx)}


def peak_memory() -> float | None:
    """Megabytes held at most since the last reset."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), None)


def reset_memory() -> None:
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what runtimes print is no answer
    load, run = None, None
    for line in sys.stdin:
        request = json.loads(line)
        latents = np.load(request["run"]) if "run" in request else None
        answer, begin = {}, time.perf_counter()
        if "start" in request:
            load = RUNTIMES[request["start"]["runtime"]](request["start"])
        elif "load" in request:
            run = None
            gc.collect()
            begin = time.perf_counter()
            run = load(request["load"], request["level"])
        elif "run" in request:
            images = run(latents)
        answer["seconds"] = time.perf_counter() - begin
        if "answer" in request:
            np.save(request["answer"], images)
        if request.get("memory") == "reset":
            reset_memory()
        elif request.get("memory") == "peak":
            answer["megabytes"] = peak_memory()
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
