"""The talk's SSIM table: two real and two generated samples of 100, compared six ways.

  python -m experiments.openlab_2019.ssim_table --real=data/tiles --generated=model --output=studies
  python -m experiments.openlab_2019.ssim_table --real=tiles256 --generated=model --output=studies --range=talk2019

Image i of one sample is compared with image i of the other; samples are drawn in random order, and anew a few times
for the standard deviation. Higher is more alike. Generated rows near the real one say that generated images are as
unlike each other as real ones are; they do not say that they look real.

The talk's values lie near 0.91, and random tiles cannot be that similar. SSIM's constants are shares of the range that
pixels have. Measured with images in [-1, 1] and a range of 255, as what a network makes easily is, the constants
outweigh all that images hold, and everything is similar to everything: 100 random pairs of tiles of Dubai score 0.908
so, and 0.089 with the right range. The right value is the result here. --range=talk2019 adds that scale as a column,
labelled, and it alone compares with the talk's values.
"""

from absl import flags

from data_prep import command_line, quietly
from data_prep.progress import Progress
from experiments.openlab_2019 import sets, tables

_RANGE = flags.DEFINE_enum(
    "range", "correct", ["correct", "talk2019"], "talk2019 adds images in [-1, 1] measured with a range of 255."
)

_PAIRING = "image i of one sample with image i of the other, samples in random order"


def main() -> None:
    output = sets.make_output()
    quietly.import_tensorflow()
    from experiments.openlab_2019.row_figure import Panel, draw
    from experiments.openlab_2019.six_rows import TALK_SSIM, ssim_rows

    real, generated = sets.open_both(tables.NUM.value, tables.NUM.value)
    scales = ("correct", "talk2019") if _RANGE.value == "talk2019" else ("correct",)
    rows = {}
    with Progress("ssim", 6 * tables.REPEATS.value * len(scales), "comparisons") as progress:
        for scale in scales:
            talk = scale == "talk2019"
            rows[scale] = ssim_rows(real, generated, talk2019_range=talk, advance=progress.advance, **tables.drawing())
    titles = {"correct": "SSIM", "talk2019": "SSIM of [-1, 1] with a range of 255"}
    print(f"pairs      {_PAIRING}")
    print(tables.text({titles[scale]: table for scale, table in rows.items()} | {"the talk": TALK_SSIM}, places=4))
    panels = [Panel(titles[scale], table, {"talk2019": TALK_SSIM}.get(scale)) for scale, table in rows.items()]
    numbers = {
        "pairing": _PAIRING,
        **tables.drawing(),
        **sets.facts(real, generated),
        **{scale: tables.as_json(table) for scale, table in rows.items()},
        "talk": TALK_SSIM,
    }
    sets.write(output / "ssim_table", draw(panels), numbers)


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
