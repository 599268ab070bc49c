"""The network that studies in feature space see through, and its flags."""

from typing import TYPE_CHECKING

from absl import flags

from data_prep.progress import Progress

if TYPE_CHECKING:
    from progan_tf.metrics.images import Images
    from progan_tf.metrics.metric import Extractor

_INCEPTION_PATH = flags.DEFINE_string(
    "inception_path", "", "Weights of the FID network; empty: those in the user's cache."
)
_RESIZE = flags.DEFINE_enum("resize", "clean", ["clean", "legacy", "bilinear"], "How images come to 299 x 299 for it.")


def open_network() -> "Extractor":
    """The FID network; features are kept in the user's cache folder."""
    from experiments import extractors

    return extractors.open_inception(
        _INCEPTION_PATH.value, resize=_RESIZE.value, cache=extractors.default_cache(), progress=Progress
    )


def describe(extractor: "Extractor", images: "Images") -> str:
    """Which network saw which bands."""
    return f"{extractor.name} {extractor.digest[:8]}, bands {images.shown_bands}"
