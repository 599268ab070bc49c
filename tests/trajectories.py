"""Comparing what two ways to train have learnt."""

import numpy as np

NETWORKS = ("generator/", "discriminator/", "averaged/")


def assert_same_way(
    start: dict[str, np.ndarray], wanted: dict[str, np.ndarray], got: dict[str, np.ndarray], part: float = 1e-3
) -> None:
    """All weights together are apart by less than `part` of the way that they went, in each network.

    Single weights may be further apart: Adam makes a step of full length of a gradient that is all but nothing, so that
    rounding alone may turn it round.
    """
    for network in NETWORKS:
        names = [name for name in start if name.startswith(network)]
        way, apart = (
            np.sqrt(sum(np.square(wanted[name] - other[name]).sum(dtype=float) for name in names))
            for other in (start, got)
        )
        assert way > 0 and apart < part * way, f"{network} {apart:.2e} apart on a way of {way:.2e}"
