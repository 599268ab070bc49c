"""The talk's FID table: two real and two generated samples of 100, compared six ways.

  python -m experiments.openlab_2019.fid_table --real=data/tiles --generated=model --output=studies

FID is biased upwards, the more the fewer images: at 100 images nearly all of it is bias. The first row, real against
real, has the same bias; what the others have above it is what counts. None of these values compares with an FID of
thousands of images. The talk's values are of other images and another network's generator, and stand beside for the
record.
"""

from data_prep import command_line, quietly
from experiments.openlab_2019 import network, sets, tables


def main() -> None:
    output = sets.make_output()
    from experiments.openlab_2019.row_figure import Panel, draw
    from experiments.openlab_2019.six_rows import TALK_FID, fid_rows

    extractor = network.open_network()
    quietly.import_tensorflow()
    real, generated = sets.open_both(tables.NUM.value, tables.NUM.value)
    rows = fid_rows(extractor(real), extractor(generated), **tables.drawing())
    seen = network.describe(extractor, real)
    above = [row.mean - rows[0].mean for row in rows]
    print(f"network    {seen}")
    print(tables.text({"FID": rows, "above real / real": above, "the talk": TALK_FID}, places=1))
    figure = draw([Panel(f"FID at n = {sets.SAMPLE_SIZE.value}, {extractor.name}", rows, TALK_FID)])
    numbers = {"network": seen, **tables.drawing(), **sets.facts(real, generated)}
    sets.write(output / "fid_table", figure, {**numbers, "fid": tables.as_json(rows), "talk": TALK_FID})


def console() -> None:
    command_line.run(main)


if __name__ == "__main__":
    console()
