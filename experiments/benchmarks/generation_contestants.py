"""Who takes part in experiments.benchmarks.generation."""

import sys
from typing import Any

from experiments.benchmarks.generation_tables import CONVOLUTION, OURS, USUAL
from experiments.benchmarks.peer import has

Start = tuple[str, dict[str, Any]]  # a Python, and the start that generation_peer.py wants


def find(peer_python: str, torch_python: str, threads: int) -> tuple[dict[str, Start], list[str]]:
    """How each contestant is started, by name, and a note for each that is not installed."""
    absent = [
        f"{names} not compared: {python} has no {module}; pip install it there, or name a Python that has it"
        for python, module, names in (
            (peer_python, "onnx", "ONNX Runtime and OpenVINO are"),
            (peer_python, "onnxruntime", "ONNX Runtime is"),
            (peer_python, "openvino", "OpenVINO is"),
            (torch_python, "torch", "PyTorch is"),
        )
        if not has(python, module)
    ]
    missing = " ".join(absent)
    found: dict[str, Start] = {}
    for precision in ("float32", "bfloat16"):
        found[f"{OURS}, {precision}"] = (sys.executable, {"runtime": "saved_model"})
        found[CONVOLUTION.format(precision)] = (sys.executable, {"runtime": "convolution", "precision": precision})
    if "ONNX Runtime" not in missing:
        found[f"ONNX Runtime {USUAL}, float32"] = (peer_python, {"runtime": "onnxruntime"})
    if "OpenVINO" not in missing:
        for form in (USUAL, "our graph"):
            for precision in ("float32", "bfloat16"):
                found[f"OpenVINO {form}, {precision}"] = (peer_python, {"runtime": "openvino", "precision": precision})
    if "PyTorch" not in missing:
        for name, options in (
            ("eager, float32", {}),
            ("channels last, float32", {"channels_last": True}),
            ("channels last, bfloat16", {"channels_last": True, "precision": "bfloat16"}),
            ("compiled, float32", {"channels_last": True, "compiled": True}),
        ):
            found[f"PyTorch {name}"] = (torch_python, {"runtime": "torch", "precision": "float32", **options})
    return {name: (python, start | {"threads": threads}) for name, (python, start) in found.items()}, absent


def model_of(name: str) -> str:
    """The file or folder that a contestant loads, in the folder of its size."""
    if name.startswith(("PyTorch", "convolution")):
        return "weights.npz"
    if name.startswith(OURS):
        return name.rpartition(", ")[2]
    return "fused.onnx" if "our graph" in name else "unfused.onnx"
