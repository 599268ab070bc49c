"""The report of an evaluation: pictures beside numbers, on one page that needs nothing beside it."""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from progan_tf import imaging
from progan_tf.atomic import replacing
from progan_tf.errors import InputError
from progan_tf.metrics import bands, figures, pictures, reading, spectrum
from progan_tf.metrics.birthday import Pair, Support
from progan_tf.metrics.evaluation import Figure
from progan_tf.metrics.figures import Plot
from progan_tf.metrics.images import Images
from progan_tf.metrics.memorization import Distances
from progan_tf.metrics.page import escape, facts, page, plot, table
from progan_tf.metrics.pictures import Neighbour
from progan_tf.metrics.verdicts import Verdicts

PAGE = "report.html"
_SCRIPT = Path(__file__).with_name("report.js")
_FEATURELESS = 3  # pairs shown of those that do not count
NEIGHBOURS = 12  # of generated images shown beside their nearest real one


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of its own section: rows of texts, the first of which names the row, and paragraphs below it."""

    title: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, eq=False)
class Closest:
    """The closest pairs of samples of `images`, the first of a set, and what they say of its support.

    `name` is the stem of the picture's file. `support` is None where pairs were not sought to count duplicates;
    `threshold` made duplicates of those that nobody judged.
    """

    name: str
    title: str
    images: Images
    pairs: tuple[Pair, ...]
    support: Support | None = None
    threshold: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Contents:
    """All that a report tells of `n` images a side.

    `real` are all real images that were opened, the first n of which are the reference. `neighbours` are the real
    images nearest to generated ones, of the first few and of all in pairs; `distances` those of all beside held-out
    images, None where nobody asked. `points` are both sets in a space [n, D] that `space` names. `settings` say how it
    was made.
    """

    real: Images
    generated: Images
    n: int
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    closest: tuple[Closest, ...]
    neighbours: Mapping[int, Neighbour]
    distances: Distances | None
    points: tuple[np.ndarray, np.ndarray]
    space: str
    verdicts: Verdicts
    settings: tuple[tuple[str, str], ...]


def write(output: Path, contents: Contents) -> Path:
    """Writes the page, and its pictures besides as files below `figures/`; returns the path of the page."""
    plots = _plots(contents)
    folder = output / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for drawn in plots:
        _write(folder / f"{drawn.name}.png", drawn.light)
    for name, images in (("real", contents.real), ("generated", contents.generated)):
        imaging.write_png(folder / f"{name}.png", pictures.sheet(images))
    for found in contents.closest:
        if found.pairs:
            imaging.write_png(folder / f"{found.name}.png", pictures.pair_sheet(found.images, found.pairs))
    path = output / PAGE
    _write(path, _page(contents, plots).encode("utf-8"))
    return path


def _page(contents: Contents, plots: Sequence[Plot]) -> str:
    title = f"{_short(contents.generated.name)} against {_short(contents.real.name)}"
    sections = [
        ("Pictures", "pictures", pictures.sheets(contents.real, contents.generated)),
        ("Numbers", "numbers", _numbers(contents)),
        ("Plots", "plots", f'<div class="plots">{"".join(map(plot, plots))}</div>'),
        *((found.title, f"table-{number}", _table(found)) for number, found in enumerate(contents.tables)),
        ("Closest pairs", "pairs", _pairs(contents)),
        ("Nearest real images", "nearest", _nearest(contents)),
        ("All figures", "all", _all(contents.figures)),
        ("How it was made", "made", facts(contents.settings)),
    ]
    links = "".join(f'<li><a href="#{anchor}">{escape(name)}</a></li>' for name, anchor, _ in sections)
    body = "\n".join(
        f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{escape(name)}</h2>\n{content}\n</section>'
        for name, anchor, content in sections
    )
    script = f"{pictures.initial(contents.verdicts)}\n<script>\n{_SCRIPT.read_text(encoding='utf-8')}</script>"
    nav = f'<nav aria-label="Sections"><ul>{links}</ul></nav>'
    head = f"<header>\n<h1>{escape(title)}</h1>\n{_summary(contents)}\n{nav}\n</header>"
    return page(title, f"{head}\n<main>\n{body}\n</main>\n{script}")


def _short(name: str) -> str:
    """The end of a path."""
    return "/".join(name.split("/")[-2:])


def _summary(contents: Contents) -> str:
    height, width, channels = contents.real.pixels.shape[1:]
    return (
        f"<p>Images of {height} x {width} pixels, {channels} bands ({escape(', '.join(contents.real.bands))}), "
        f"{contents.real.pixels.dtype}. Every number compares {contents.n:,} real with {contents.n:,} generated "
        f"images; its floor compares the same real ones with {contents.n:,} others.</p>\n"
        '<p class="synthetic">Images that a model made are <strong>synthetic</strong>: they show no real place.</p>'
    )


def _numbers(contents: Contents) -> str:
    headlines = [figure for figure in contents.figures if figure.name == figure.metric]
    rows, said = [], []
    for figure in headlines:
        read = reading.reading(figure.metric)
        rows.append((read.title, reading.number(figure), reading.floor(figure), reading.against_floor(figure)))
        said.append(
            f"<div><h4>{escape(read.title)}</h4>\n<p>{escape(read.says)}</p>\n"
            f'<p class="note">{escape(reading.trust(figure))}</p></div>'
        )
    caption = (
        "Values, with intervals of 95 % where they are known, beside their floors: what real images score among "
        "themselves."
    )
    return (
        table(caption, ("metric", "value", "floor", "from the floor"), rows, words=(3,))
        + f'\n<h3>What they say, and how far to trust them at n = {contents.n:,}</h3>\n<div class="readings">'
        + "\n".join(said)
        + "</div>"
    )


def _table(found: Table) -> str:
    return table(found.caption, found.head, found.rows) + "".join(f"<p>{escape(note)}</p>" for note in found.notes)


def _pairs(contents: Contents) -> str:
    parts = [
        "<p>If a sample of 100 images holds one picture twice with a probability of one half, about 7,000 pictures "
        "carry much of the generator's mass (Arora &amp; Zhang 2017). Pairs below are the closest of samples by the "
        "mean squared difference of their pixels, on a scale from 0 to 1. Which are the same picture a person must "
        "say: judge them, save the verdicts, and evaluate again with <code>--verdicts=verdicts.json</code>.</p>\n"
        '<div class="tools"><button type="button" id="save">Save verdicts.json</button>'
        '<label class="file">Load verdicts<input type="file" id="load" accept="application/json,.json"></label>'
        '<span id="judged" class="note" role="status"></span></div>'
    ]
    for found in contents.closest:
        with_features = [pair for pair in found.pairs if not pair.featureless]
        flat = [pair for pair in found.pairs if pair.featureless]
        neighbours = contents.neighbours if found.images is contents.generated else {}
        parts.append(f"<h3>{escape(found.title)}</h3>")
        if found.support:
            parts.append(f"<p>{escape(_support(found.support, found.threshold))}</p>")
        parts.append(pictures.pairs(found.images, with_features, contents.real, neighbours))
        if flat:
            parts.append(
                f"<p>Featureless pairs, the closest {min(len(flat), _FEATURELESS)}: they are alike whatever the "
                "generator does, and never count as duplicates.</p>\n"
                + pictures.pairs(found.images, flat[:_FEATURELESS], contents.real, {})
            )
    return "\n".join(parts)


def _support(support: Support, threshold: float | None) -> str:
    by = "verdicts" if threshold is None else f"verdicts, and where there is none by an mse up to {threshold:.2g}"
    said = f"Samples of {support.sample_size} images that hold a duplicate: {support.duplicated} of {support.batches}"
    if support.duplicated == 0:
        pictures = f"more than {support.low:,.0f} pictures (95 %)"
    elif support.duplicated == support.batches:
        pictures = f"less than {support.high:,.0f} pictures (95 %)"
    else:
        pictures = f"about {support.estimate:,.0f} pictures (95 %: {support.low:,.0f} to {support.high:,.0f})"
    return f"{said}, by {by}. So there are {pictures}."


def _nearest(contents: Contents) -> str:
    text = (
        "Generated images beside the real one nearest to them by pixels, under the eight symmetries; the real one is "
        "turned as the generated one lies. Copies would be told at a glance."
    )
    count = min(NEIGHBOURS, len(contents.generated))
    return f"<p>{text}</p>\n" + pictures.nearest_reals(contents.generated, contents.real, contents.neighbours, count)


def _plots(contents: Contents) -> list[Plot]:
    real, generated = contents.real[: contents.n], contents.generated
    drawn = []
    with contextlib.suppress(InputError):  # images too small for a spectrum
        spectra = (spectrum.spectrum(images.pixels) for images in (real, generated))
        drawn.append(figures.spectra(*spectra, real.bands))
    histograms = (bands.statistics(dataclasses.replace(images, scaling=real.scaling)) for images in (real, generated))
    drawn += [figures.histograms(*histograms), figures.embedding(*contents.points, contents.space)]
    if contents.distances:
        drawn.append(figures.distances(contents.distances, "squared difference over own variance"))
    return drawn


def _all(found: Sequence[Figure]) -> str:
    rows = [
        (
            reading.name(figure),
            reading.number(figure),
            reading.floor(figure),
            f"{figure.n:,}",
            figure.extractor or "none",
            figure.bands or "",
        )
        for figure in found
    ]
    return table("All figures", ("figure", "value", "floor", "n", "network", "bands it sees"), rows, words=(4, 5))


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(content)
