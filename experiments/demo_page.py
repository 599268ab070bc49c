"""The page that shows what a demo made."""

import html
import json
import os
from pathlib import Path

from progan_tf.atomic import replacing

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>progan-tf: {name}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem; }}
h1, h2 {{ line-height: 1.2; }}
h2 {{ margin-top: 2.5rem; }}
img {{ max-width: 100%; }}
.pixels {{ image-rendering: pixelated; width: 100%; }}
.pair {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: 1rem; }}
figure {{ margin: 0; }}
figcaption {{ color: GrayText; font-size: 0.9rem; }}
.strip {{ display: flex; gap: 0.75rem; overflow-x: auto; padding-bottom: 0.5rem; }}
.strip img {{ image-rendering: pixelated; width: 16rem; max-width: none; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: 0.5rem; }}
table {{ border-collapse: collapse; }}
th, td {{ text-align: left; padding: 0.2rem 1rem 0.2rem 0; vertical-align: top; }}
code {{ overflow-wrap: anywhere; }}
</style>
</head>
<body>
<h1>From {images:,} images to a generator, in {minutes:.1f} minutes</h1>
<p>Everything under &ldquo;generated&rdquo; is <strong>synthetic</strong>: no such place exists.</p>
<div class="pair">
<figure><img class="pixels" src="{samples}" alt="Grid of generated images after the last tick">
<figcaption>Generated, after {kimg:,.0f} thousand images ({resolution} x {resolution} pixels)</figcaption></figure>
<figure><img class="pixels" src="run/samples/reals.png" alt="Grid of real images">
<figcaption>Real, from the dataset</figcaption></figure>
</div>
<h2>Generated on the CPU from the SavedModel</h2>
<div class="tiles">{tiles}</div>
<h2>How it grew</h2>
<p>The same latents at every tick, oldest first; a level fades in where the pictures get finer.</p>
<div class="strip">{strip}</div>
<h2>Learning curve</h2>
<img src="run/learning_curve.png" alt="Losses, scores and gradient norm over images seen">
<h2>What was made</h2>
<table>{rows}</table>
</body>
</html>
"""


def write(output: Path, images: Path, seconds: float) -> Path:
    """Writes `index.html` of a finished demo folder and returns its path; `images` is where the real ones lie."""
    dataset = json.loads((output / "dataset" / "dataset.json").read_text())
    lines = (output / "run" / "metrics.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    samples = sorted((output / "run" / "samples").glob("kimg_*.png"))
    generated = sorted((output / "generated").glob("seed_*.png"))
    made = (
        ("images learnt from", os.path.relpath(images, output)),
        ("dataset", "dataset"),
        ("run: config, checkpoints, metrics, TensorBoard events", "run"),
        ("sample grids", "run/samples"),
        ("SavedModel", "model"),
        ("generated images", "generated"),
    )
    page = _PAGE.format(
        name=html.escape(dataset["name"]),
        images=dataset["images"]["train"],
        minutes=seconds / 60,
        kimg=last["kimg"],
        resolution=last["resolution"],
        samples=samples[-1].relative_to(output).as_posix(),
        tiles="".join(
            f'<img class="pixels" src="{path.relative_to(output).as_posix()}" alt="Generated image {path.stem}">'
            for path in generated
        ),
        strip="".join(
            f'<figure><img src="{path.relative_to(output).as_posix()}" alt="Samples at {kimg:,.1f} kimg">'
            f"<figcaption>{kimg:,.1f} kimg</figcaption></figure>"
            for path in samples
            for kimg in [float(path.stem.removeprefix("kimg_"))]
        ),
        rows="".join(
            f'<tr><th>{what}</th><td><a href="{html.escape(where)}"><code>{html.escape(where)}</code></a></td></tr>'
            for what, where in made
        ),
    )
    path = output / "index.html"
    with replacing(path) as temporary:
        temporary.write_text(page)
    return path
