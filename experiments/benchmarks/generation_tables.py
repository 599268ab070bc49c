"""What the benchmark of generation measured, as Markdown, and whether it reached the goals."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

OURS, USUAL = "SavedModel", "usual export"
CONVOLUTION = "convolution, {}"
START_SECONDS, MEMORY_MB, FLOOR = 4.0, 2000.0, 1.15


class Goal(NamedTuple):
    """What was aimed at, what was found (None: not measured) and whether that is enough."""

    wanted: str
    found: str | None
    met: bool


def milliseconds(seconds: Sequence[float], batch: int) -> float:
    """Of an image, the median."""
    return 1000 * statistics.median(seconds) / batch


def times_faster(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median, over runs that came one right after the other, of their seconds over ours."""
    return statistics.median(their / our for our, their in zip(ours, theirs, strict=True))


def of_size(result: Mapping[str, Any]) -> str:
    """Markdown of one size and batch: ms an image, the share of the machine's convolution rate, ours against it.

    `result` has level, batch, operations an image (of the fused graph), seconds by contestant, megabytes and grey
    levels apart by contestant, and rates by precision: operations a second of a convolution.
    """
    lines = ["| | ms an image | of the floor | ours is faster by | MB | grey levels |", "|---|---|---|---|---|---|"]
    for name, seconds in result["seconds"].items():
        precision = _precision(name)
        median, ours = milliseconds(seconds, result["batch"]), result["seconds"].get(f"{OURS}, {precision}")
        low, high = (1000 * extreme(seconds) / result["batch"] for extreme in (min, max))
        floor = floor_of(result, precision)
        cells = [
            f"{median:,.1f} ({low:,.1f} to {high:,.1f})",
            f"{floor / median:.0%}" if floor else "",
            f"{times_faster(ours, seconds):.2f} x" if ours and not name.startswith(OURS) else "",
            f"{result['megabytes'][name]:,.0f}" if result["megabytes"].get(name) else "",
            "{largest:.0f}, mean {mean:.2f}".format(**result["apart"][name]) if name in result["apart"] else "",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    told = [
        f"{precision} floor {floor_of(result, precision):,.1f} ms an image ({rate / 1e9:,.0f} GFLOP/s)"
        for precision, rate in result["rates"].items()
    ]
    return "\n".join([*lines, "", f"{result['operations'] / 1e9:,.1f} GFLOP an image; {', '.join(told)}"])


def floor_of(result: Mapping[str, Any], precision: str) -> float | None:
    """Milliseconds that an image takes where all its operations run as fast as a convolution does."""
    rate = result["rates"].get(precision)
    return 1000 * result["operations"] / rate if rate else None


def goals(results: Sequence[Mapping[str, Any]], starts: Mapping[str, Mapping[str, float]]) -> list[Goal]:
    """The goals at 256 and 1024 pixels, with what was found."""
    by_size = {(result["level"], result["batch"]): result for result in results}
    found = []
    for batch in (8, 1):
        result = by_size.get((8, batch))
        for precision, peer, factor in (
            ("float32", "OpenVINO", 1.35),
            ("float32", "ONNX Runtime", 1.5),
            ("bfloat16", "OpenVINO", 1.3),
        ):
            wanted = f"256 px, batch {batch}, {precision}: {factor} x {peer} on its usual export"
            pair = result and [
                result["seconds"].get(f"{name}, {precision}") for name in (OURS, f"{peer} {USUAL}")
            ]  # fmt: skip
            times = times_faster(*pair) if pair and all(pair) else None
            found.append(Goal(wanted, times and f"{times:.2f} x", bool(times) and times >= factor))
    for precision in ("float32", "bfloat16"):
        result = by_size.get((8, 8))
        ours = result and result["seconds"].get(f"{OURS}, {precision}")
        share = ours and floor_of(result, precision) and milliseconds(ours, 8) / floor_of(result, precision)
        wanted = f"256 px, batch 8, {precision}: within {FLOOR - 1:.0%} of the floor"
        found.append(Goal(wanted, share and f"{share - 1:+.0%}", bool(share) and share <= FLOOR))
    for precision in ("float32", "bfloat16"):
        for batch in (8, 1):
            found.append(_fastest(by_size.get((10, batch)), batch, precision))
    megabytes = [
        result["megabytes"][name]
        for result in results if result["level"] == 10
        for name in result["seconds"] if name.startswith(OURS) and result["megabytes"].get(name)
    ]  # fmt: skip
    wanted = f"1024 px: memory below {MEMORY_MB:,.0f} MB"
    found.append(
        Goal(wanted, f"{max(megabytes):,.0f} MB" if megabytes else None, bool(megabytes) and max(megabytes) < MEMORY_MB)
    )
    for name, start in starts.items():
        taken = start["load"] + start["first"]
        wanted = f"256 px, {name}: load and first image below {START_SECONDS:.0f} s"
        found.append(Goal(wanted, f"{taken:.2f} s", taken < START_SECONDS))
    return found


def told(goals_found: Sequence[Goal]) -> str:
    """Markdown."""
    lines = ["| goal | found | |", "|---|---|---|"]
    for goal in goals_found:
        verdict = "not measured" if goal.found is None else "met" if goal.met else "**not met**"
        lines.append(f"| {goal.wanted} | {goal.found or ''} | {verdict} |")
    return "\n".join(lines)


def _fastest(result: Mapping[str, Any] | None, batch: int, precision: str) -> Goal:
    wanted = f"1024 px, batch {batch}, {precision}: faster than all"
    mine = f"{OURS}, {precision}"
    others = [name for name in (result or {"seconds": {}})["seconds"] if _precision(name) == precision and name != mine]
    if not others or mine not in result["seconds"]:
        return Goal(wanted, None, False)
    times = {name: times_faster(result["seconds"][mine], result["seconds"][name]) for name in others}
    next_best = min(times, key=times.get)
    return Goal(wanted, f"{times[next_best]:.2f} x {next_best}", times[next_best] > 1)


def _precision(name: str) -> str:
    return name.rpartition(", ")[2]
