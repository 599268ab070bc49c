"""One HTML page that needs nothing beside it: style and script inside, images as data in their addresses."""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from progan_tf.metrics.figures import Plot

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
_SMALL = 64  # pixels a side
_STYLE = Path(__file__).with_name("report.css")

escape = html.escape


def page(title: str, body: str) -> str:
    """A whole page; `title` is plain text, `body` HTML."""
    return _PAGE.format(title=escape(title), style=_STYLE.read_text(encoding="utf-8"), body=body)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = ()) -> str:
    """A table of plain texts that scrolls where the page is narrow; the first cell of a row names it.

    Columns are numbers, right-aligned, but the first and those in `words`.
    """

    def kind(column: int) -> str:
        return "" if column == 0 or column in words else ' class="number"'

    top = "".join(f'<th scope="col"{kind(column)}>{escape(cell)}</th>' for column, cell in enumerate(head))
    lines = [
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td{kind(column)}>{escape(cell)}</td>" for column, cell in enumerate(row[1:], 1))
        + "</tr>"
        for row in rows
    ]
    return (
        f'<p class="note">{escape(caption)}</p>\n'
        f'<div class="scroll" role="region" aria-label="{escape(caption)}" tabindex="0">\n<table>\n'
        f"<thead><tr>{top}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>\n</div>"
    )


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of two columns without a head: what, and what it is."""
    lines = "\n".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in rows)
    return f'<div class="scroll"><table>\n{lines}\n</table></div>'


def image(pixels: np.ndarray, alt: str) -> str:
    """An 8-bit image [H, W, 1 or 3] as large as there is room, pixels kept sharp."""
    return f'<img class="pixels" src="{_address(_webp(pixels), "webp")}" alt="{escape(alt)}">'


def plot(drawn: Plot) -> str:
    """A plot with its caption, in the colours of the reader's choice."""
    dark = f'<source media="screen and (prefers-color-scheme: dark)" srcset="{_address(drawn.dark, "png")}">'
    shown = f'<img src="{_address(drawn.light, "png")}" alt="{escape(drawn.alt)}">'
    wide = ' class="wide"' if drawn.wide else ""
    caption = f"<figcaption>{escape(drawn.caption)}</figcaption>"
    return f'<figure{wide}><div class="scroll"><picture>{dark}{shown}</picture></div>{caption}</figure>'


def figure(pixels: np.ndarray, alt: str, caption: str) -> str:
    """An image with a caption."""
    return f"<figure>{image(pixels, alt)}<figcaption>{escape(caption)}</figcaption></figure>"


def _webp(pixels: np.ndarray) -> bytes:
    """A WebP file, exact where an image is so small that its pixels are seen, else a fifth of the size of a PNG."""
    file = io.BytesIO()
    shown = pixels.repeat(3, axis=-1) if pixels.shape[-1] == 1 else pixels
    Image.fromarray(shown).save(file, format="WEBP", lossless=max(pixels.shape) <= _SMALL, quality=90)
    return file.getvalue()


def _address(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
