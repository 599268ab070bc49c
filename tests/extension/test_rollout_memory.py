"""A canvas larger than what the process may hold of it."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np
from progan_tf import imaging
from progan_tf.extension import cells, rollout_plan
from progan_tf.extension.canvas import open_canvas
from progan_tf.extension.rollout import roll_out

def most():  # MB of memory that the process ever had, mapped files included
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def extend(images, known, seeds):
    made = (seeds % 256).astype(np.uint8)[:, None, None, None]
    return np.where(known[..., None], images, made)

folder, side = Path(sys.argv[1]), 16384
real = np.full((300, 400, 3), 7, np.uint8)
before = most()
canvas = open_canvas(
    folder / "work", {}, (side, side, 3), "uint8", lambda new: new.place(5000, 6000, real, real[..., 0] > 0)
)
found = cells.survey(canvas.provenance, (5000, 6000, 5300, 6400), 512)
for _ in roll_out(canvas, rollout_plan.make(found, 1024, "wavefront", 16, 2), extend, 1024, 0, 0, 16):
    pass
blocks = (pixels for _, pixels, provenance in canvas.strips() if provenance.all())
imaging.write_png_blocks(folder / "canvas.png", canvas.pixels.shape, blocks)
print(int(most() - before))
"""


@pytest.mark.slow
def test_a_canvas_of_16384_takes_a_fraction_of_its_size(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 500, "MB more than before; the canvas has 1,074"
