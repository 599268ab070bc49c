"""What the metrics say, in words, and how far to trust them at a given number of images."""

import dataclasses
import math

from progan_tf.metrics.evaluation import Figure

_FEATURES = 2048  # of the FID network
_SHARES = ("precision", "recall", "coverage", "memorization")


@dataclasses.dataclass(frozen=True)
class Reading:
    """`says` is what a metric measures, `trust` what its number is worth. Values are shown times `scale`."""

    title: str
    says: str
    trust: str
    scale: float = 1.0
    digits: int = 3


READINGS: dict[str, Reading] = {
    "fid": Reading(
        "FID",
        "Fréchet distance between Gaussians fitted to the features of both sets: lower is nearer. One number for how "
        "images look and how varied they are.",
        "Biased upwards, the more so the fewer images; the interval tells of chance alone. It goes with its floor and "
        "with figures of the same n, resize and weights, never with a published FID of 50,000 images.",
        digits=1,
    ),
    "kid": Reading(
        "KID x 1,000",
        "Squared distance between the features of both sets in the space of a cubic kernel: lower is nearer, 0 for "
        "equal distributions.",
        "Not biased at any n: the one to read where images are few. What lies within its interval around 0 is noise, "
        "and so is a value below 0.",
        scale=1000.0,
        digits=2,
    ),
    "precision": Reading(
        "Precision",
        "Share of generated images that lie among the real ones, no further from one of them than its third neighbour "
        "does: how realistic they are.",
        "Depends on n and on outliers among the real images, so it goes with its floor.",
    ),
    "recall": Reading(
        "Recall",
        "Share of real images that lie among the generated ones, by the same rule: how much of the variety is there.",
        "Depends on n like precision. A few outliers among the generated images can cover much; read it with coverage.",
    ),
    "density": Reading(
        "Density",
        "How many real neighbourhoods a generated image lies in, against what is expected: precision that one outlier "
        "does not spoil. About 1 for equal distributions, and it may be more.",
        "Goes with its floor.",
    ),
    "coverage": Reading(
        "Coverage",
        "Share of real images that have a generated one among their nearest neighbours: how much of the variety is "
        "there, not fooled by generated outliers.",
        "Goes with its floor, which is below 1 at any n.",
    ),
    "swd": Reading(
        "SWD x 1,000",
        "Sliced Wasserstein distance between small patches, the metric of the ProGAN paper: lower is nearer. Its parts "
        "are scales: coarse ones tell of layout, fine ones of texture.",
        "Falls as n grows, so it goes with its floor and figures of the same n; the paper took 16,384 images.",
        digits=1,
    ),
    "ms_ssim": Reading(
        "MS-SSIM",
        "Mean likeness of random pairs of generated images: higher than among real ones means less variety.",
        "Not biased by n; its interval says how well it is known. It sees whole layouts, so little variety in texture "
        "escapes it.",
    ),
    "ssim": Reading(
        "SSIM",
        "Mean structural similarity of random pairs, one image real and one generated. Unrelated images score low, "
        "smooth ones higher.",
        "Says little of quality: it is here for the table of the talk. Not biased by n.",
    ),
    "birthday": Reading(
        "Birthday",
        "Share of samples of generated images that hold one picture twice, by a threshold on pixels. From it follows "
        "how many pictures carry much of the generator's mass.",
        "A threshold sees copies only: a person must look at the closest pairs for what else is the same.",
    ),
    "memorization": Reading(
        "Memorization",
        "Share of generated images that are nearer to a training image than the nearest hundredth of held-out real "
        "ones is: 0.01 where nothing was learnt by heart.",
        "The limit is the nearest hundredth of the held-out images, so it wants hundreds of them, best of other "
        "places. Distances are relative to an image's own contrast; featureless ones are left out.",
    ),
    "spectrum": Reading(
        "Spectrum, dB",
        "Distance between the mean power spectra: lower is nearer. Its parts tell whether fine detail is missing "
        "(slope gap below 0) or overdone (above 0).",
        "No network is involved. The floor says how far apart real sets of this n are.",
        digits=2,
    ),
    "bands": Reading(
        "Bands",
        "How far the values of pixels must move, on average, to be distributed as the real ones are, in grey levels of "
        "255: a check of radiometry.",
        "Pixels of one image go together, so n images count and not their pixels: see the floor.",
        digits=2,
    ),
    "probe": Reading(
        "Probe",
        "Accuracy of a linear classifier of features that tells generated images from real ones: 0.5 where it cannot, "
        "1 where it always can.",
        "Tells that sets differ, not how much it matters. Well below 0.5 they share images.",
    ),
    "cas": Reading(
        "CAS",
        "Accuracy on real images of a classifier that learnt from generated ones: what they are worth for training.",
        "Goes with the figure beside it of one that learnt from real images.",
    ),
}


def reading(metric: str) -> Reading:
    """The reading of a metric's name; `fd-NAME` is FID's distance through another network."""
    if metric.startswith("fd-"):
        return dataclasses.replace(READINGS["fid"], title=metric)
    return READINGS[metric]


def trust(figure: Figure) -> str:
    """What a headline is worth at its n, in words."""
    said = reading(figure.metric).trust
    if figure.metric == "fid" and figure.n <= _FEATURES:
        said += (
            f" At n = {figure.n:,} the covariances have rank {figure.n - 1:,} at most, of {_FEATURES:,}: the distance "
            "from the floor means something, the value alone nothing."
        )
    if figure.metric in _SHARES and math.isfinite(figure.value):
        error = _half_width(figure.value, figure.n)
        said += f" By chance alone a share of {figure.n:,} images is known to ±\u00a0{error:.2f}, at best."
    return said


def _half_width(share: float, n: int) -> float:
    """Half of the interval of 95 % of a share that n images came to (Wilson 1927)."""
    z = 1.96
    return z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))


def name(figure: Figure) -> str:
    """A figure's name in a table: a headline's title, which tells its scale, or else the name."""
    return reading(figure.metric).title if figure.name == figure.metric else figure.name


def number(figure: Figure) -> str:
    """A figure as text, with its interval of 95 % where there is a standard error."""
    return _with_interval(figure, figure.value, figure.se)


def floor(figure: Figure) -> str:
    """A figure's floor as text, likewise."""
    return _with_interval(figure, figure.floor, figure.floor_se)


def against_floor(figure: Figure) -> str:
    """Whether a figure can be told from its floor, in words; empty where no interval says so."""
    if figure.se is None or figure.floor_se is None:
        return ""
    differs = figure.excess > 1.96 * math.hypot(figure.se, figure.floor_se)
    return "differs" if differs else "not told apart"


def _with_interval(figure: Figure, value: float, se: float | None) -> str:
    how = reading(figure.metric)
    # Parts have units of their own, and show four digits that count.
    scale, layout = (how.scale, f",.{how.digits}f") if figure.name == figure.metric else (1.0, ".4g")
    if not math.isfinite(value):
        return "none" if math.isnan(value) else "no limit"
    shown = format(scale * value, layout)
    return shown if se is None else f"{shown} ± {format(scale * 1.96 * se, layout)}"
