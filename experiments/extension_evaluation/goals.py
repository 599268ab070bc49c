"""What a model of extension is asked to reach, and whether it does."""

import dataclasses
from collections.abc import Sequence

from experiments.extension_evaluation.measures import Result
from progan_tf.metrics.distance import ALL, NEAR

# Of the published roll-out of 2019 (C-ProGAN-ME), measured in its picture of 1280 x 1280 pixels: seam ratios of upright
# and level joins between tiles, of the first joins to real pixels, and the gradient energy of real pixels and by ring.
PUBLISHED_2019 = {
    "seam_ratio": [1.72, 1.65],
    "seam_ratio_of_first_join": [2.49, 1.85],
    "real_gradient_energy": 4.37,
    "gradient_energy": [4.22, 3.94, 3.03, 2.00, 1.60, 1.50, 1.48, 1.47],
}


@dataclasses.dataclass(frozen=True)
class Goal:
    """What was `asked`, what was `measured`, both in words, and whether it is `met`; None where it was not measured."""

    name: str
    asked: str
    measured: str
    met: bool | None


def goals(model: Result, real: Result, baselines: Sequence[Result]) -> list[Goal]:
    """The goals of scene extension, in the order in which the eye notices that they are missed."""
    return [_seam(model), _worst_seams(model, real), _near(model, baselines), _variety(model, real), *_drift(model)]


def diversity_ratio(result: Result, real: Result) -> float | None:
    """Mean difference between samples over that between unrelated real windows; None where it was not measured."""
    if ALL not in result.diversity or not real.diversity.get(ALL):
        return None
    return result.diversity[ALL] / real.diversity[ALL]


def kept_energy(result: Result) -> float | None:
    """Gradient energy of the last ring over that of the first; None where nothing was marched."""
    if len(result.rings) < 2:
        return None
    first, last = result.rings[0].gradient_energy, result.rings[-1].gradient_energy
    return last / first if first else 0.0


def _seam(model: Result) -> Goal:
    asked, found = "0.9 to 1.15", model.seam
    return _goal("seam ratio", asked, found and f"{found.mean:.2f}", found and 0.9 <= found.mean <= 1.15)


def _worst_seams(model: Result, real: Result) -> Goal:
    asked, found, control = "within 0.3 of real", model.seam, real.seam
    said = found and f"{found.p95:.2f}, real {control.p95:.2f}"
    return _goal("seam ratio, 95th percentile", asked, said, found and abs(found.p95 - control.p95) <= 0.3)


def _near(model: Result, baselines: Sequence[Result]) -> Goal:
    name, asked = "L1 within 16 pixels, mean over samples", "below every baseline"
    if NEAR not in model.errors:
        return _goal(name, asked, None, None)
    best = min(baselines, key=lambda result: result.errors[NEAR].l1)
    mine, theirs = model.errors[NEAR].l1, best.errors[NEAR].l1
    return _goal(name, asked, f"{mine:.2f}, {best.name} {theirs:.2f} grey levels", mine < theirs)


def _variety(model: Result, real: Result) -> Goal:
    ratio = diversity_ratio(model, real)
    said = None if ratio is None else f"{ratio:.0%}"
    return _goal("difference between samples", "30 % of unrelated windows, or more", said, said and ratio >= 0.3)


def _drift(model: Result) -> list[Goal]:
    kept, moved = kept_energy(model), model.colour_drift
    said = None if kept is None else f"{kept:.0%}"
    colour = moved and f"{moved.value:.1f} ± {moved.standard_error:.1f}"
    last = len(model.rings)
    return [
        _goal(f"gradient energy of ring {last or 8}", "70 % of ring 1, or more", said, said and kept >= 0.7),
        _goal(f"colour drift to ring {last or 8}", "5 grey levels at most", colour, colour and moved.value <= 5),
    ]


def _goal(name: str, asked: str, measured: str | None, met: bool | str | None) -> Goal:
    return Goal(name, asked, measured or "not measured", None if measured is None else bool(met))
