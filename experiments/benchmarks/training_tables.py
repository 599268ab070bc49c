"""What the benchmark of training measured, as Markdown."""

import statistics

BASE = "PyTorch unfused, float32"  # what all are compared with
TICK = "trainer with a tick"
FORWARD, GRADIENTS = "convolution, {}", "convolution and gradients, {}"


def by_contestant(batch: int, operations: float, seconds: dict[str, list[float]], precisions: list[str]) -> str:
    """Markdown: images a second, operations a second of the fused step, and how these compare."""
    medians = {name: statistics.median(found) for name, found in seconds.items()}
    lines = [
        "| | seconds a step | images/s | GFLOP/s | of a convolution | of PyTorch unfused, float32 |",
        "|---|---|---|---|---|---|",
    ]
    for name, median in medians.items():
        if name.startswith(("convolution", TICK)):
            continue
        spread = f"{median:.3f} ({min(seconds[name]):.3f} to {max(seconds[name]):.3f})"
        peak, base = medians.get(FORWARD.format(_precision(name))), medians.get(BASE)
        share = f"{peak / median:.0%}" if peak else ""
        times = f"{base / median:.2f} x" if base else ""
        rates = f"{batch / median:,.3f} | {operations / median / 1e9:,.0f}"
        lines.append(f"| {name} | {spread} | {rates} | {share} | {times} |")
    lines.append("")
    for precision in precisions:
        names = ("trainer", TICK, "bare step", "convolution", "convolution and gradients")
        trainer, tick, bare, forward, gradients = (medians.get(f"{name}, {precision}") for name in names)
        told = []
        if forward and gradients:
            rates = (operations / median / 1e9 for median in (forward, gradients))
            told.append("a convolution {:,.0f} GFLOP/s, with its gradients {:,.0f}".format(*rates))
        if trainer and bare:
            told.append(f"the trainer takes {trainer / bare - 1:+.1%} of the bare step")
        if trainer and tick:
            told.append(f"a tick with its actions and a checkpoint {tick - trainer:.2f} s")
        if told:
            lines.append(f"{precision}: {'; '.join(told)}.  ")
    return "\n".join(lines)


def all_levels(results: list[dict], precisions: list[str]) -> str:
    """Markdown: images a second of the trainer at every level, and of the convolution's rate how much."""
    titles = [f"images/s, {precision} | of a convolution" for precision in precisions]
    lines = [f"| pixels | batch | {' | '.join(titles)} |", "|---|---" + "|---|---" * len(titles) + "|"]
    for result in results:
        medians = {name: statistics.median(found) for name, found in result["seconds"].items()}
        cells = []
        for precision in precisions:
            trainer, peak = medians.get(f"trainer, {precision}"), medians.get(FORWARD.format(precision))
            cells.append(f"{result['batch'] / trainer:,.3f}" if trainer else "")
            cells.append(f"{peak / trainer:.0%}" if trainer and peak else "")
        lines.append(f"| {2 ** result['level']} | {result['batch']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def shares(precision: str, parts: dict[str, list[float]]) -> str:
    """A line: seconds of a step of a precision, and of its parts taken alone."""
    medians = {name: statistics.median(found) for name, found in parts.items()}
    step = medians.pop("step")
    told = ", ".join(f"{name} {median:.3f} s ({median / step:.1%})" for name, median in medians.items())
    return f"{precision}: a step takes {step:.3f} s; alone {told}"


def _precision(name: str) -> str:
    """The precision in a contestant's name, as TensorFlow calls it."""
    last = name.rpartition(", ")[2]
    return f"mixed_{last}" if last == "bfloat16" else last
