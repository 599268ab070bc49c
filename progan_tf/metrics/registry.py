"""Metrics by name."""

from collections.abc import Sequence

from progan_tf.errors import InputError
from progan_tf.metrics.bands import Bands
from progan_tf.metrics.birthday import Birthday
from progan_tf.metrics.cas import Cas
from progan_tf.metrics.coverage import Coverage
from progan_tf.metrics.density import Density
from progan_tf.metrics.fid import Fid
from progan_tf.metrics.images import Images
from progan_tf.metrics.kid import Kid
from progan_tf.metrics.memorization import Memorization
from progan_tf.metrics.metric import Extractor, Metric
from progan_tf.metrics.ms_ssim import MsSsim
from progan_tf.metrics.precision import Precision
from progan_tf.metrics.probe import Probe
from progan_tf.metrics.recall import Recall
from progan_tf.metrics.spectrum import PowerSpectrum
from progan_tf.metrics.ssim import Ssim
from progan_tf.metrics.swd import SlicedWasserstein

_OF_FEATURES = {
    "fid": Fid,
    "kid": Kid,
    "precision": Precision,
    "recall": Recall,
    "density": Density,
    "coverage": Coverage,
    "probe": Probe,
    "cas": Cas,
}
_OF_PIXELS = {"swd": SlicedWasserstein, "ms_ssim": MsSsim, "ssim": Ssim, "spectrum": PowerSpectrum, "bands": Bands}
_WITH_OPTIONS = ("birthday", "memorization")

GROUPS = {
    "all": (*_OF_FEATURES, *_OF_PIXELS, *_WITH_OPTIONS),
    "pixels": (*_OF_PIXELS, *_WITH_OPTIONS),
}


def expand(names: Sequence[str]) -> list[str]:
    """Names of metrics, each once, with groups resolved: `all`, and `pixels`, those that need no extractor.

    Raises:
        InputError: a name is of no metric and no group, or there is none.
    """
    unknown = [name for name in names if name not in GROUPS and name not in GROUPS["all"]]
    if unknown or not names:
        raise InputError(
            f"no metric {', '.join(unknown) or 'was named'}; there are {', '.join(GROUPS['all'])}, and the groups all "
            "and pixels (those that need no weights)"
        )
    return list(dict.fromkeys(metric for name in names for metric in GROUPS.get(name, (name,))))


def needs_extractor(names: Sequence[str]) -> bool:
    """Whether one of these metrics cannot do without an extractor."""
    return any(name in _OF_FEATURES for name in expand(names))


def make(
    names: Sequence[str],
    extractor: Extractor | None = None,
    *,
    held_out: Images | None = None,
    duplicate_threshold: float | None = None,
) -> list[Metric]:
    """The metrics of these names, or groups of them, in their order.

    Args:
        extractor: what metrics of features see through; needed where `needs_extractor` says so.
        held_out: real images of other places, for memorization.
        duplicate_threshold: of birthday, the `mse` up to which a pair counts as a duplicate; None: found from the
            real images.

    Raises:
        InputError: a name is of no metric, or a metric lacks its extractor.
    """
    options = {
        "birthday": lambda: Birthday(threshold=duplicate_threshold),
        "memorization": lambda: Memorization(held_out, extractor),
    }
    metrics = []
    for name in expand(names):
        if name in _OF_FEATURES and extractor is None:
            raise InputError(f"{name} is computed from features and there is no network to make them; give one")
        if name in options:
            metrics.append(options[name]())
        else:
            metrics.append(_OF_FEATURES[name](extractor) if name in _OF_FEATURES else _OF_PIXELS[name]())
    return metrics
