"""The demo's page shows what lies in its folder, and links to nothing that does not."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

from experiments import demo_page


class References(HTMLParser):
    """Collects what a page shows and links to, and checks that its elements are closed."""

    def __init__(self):
        super().__init__()
        self.found, self.open, self.images_without_text = [], [], 0

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.found += [values[name] for name in ("src", "href") if name in values]
        self.images_without_text += tag == "img" and not values.get("alt")
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def finished_demo(folder: Path) -> Path:
    for name in ("dataset", "run/samples", "model", "generated", "pictures & <more>"):
        (folder / name).mkdir(parents=True)
    dataset = {"name": "tiles <b>", "images": {"train": 5000}}
    (folder / "dataset/dataset.json").write_text(json.dumps(dataset))
    lines = [{"kimg": 1.5, "resolution": 4}, {"kimg": 101.2, "resolution": 32}]
    (folder / "run/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name in ("samples/kimg_0000001.5.png", "samples/kimg_0000101.2.png", "samples/reals.png", "learning_curve.png"):
        (folder / "run" / name).touch()
    for seed in range(3):
        (folder / f"generated/seed_{seed:06d}.png").touch()
    return folder


def test_everything_the_page_refers_to_is_there(tmp_path):
    folder = finished_demo(tmp_path)
    page = demo_page.write(folder, folder / "pictures & <more>", seconds=90)
    references = References()
    references.feed(page.read_text())
    assert references.open == [] and references.images_without_text == 0
    assert all((folder / reference).exists() for reference in references.found)
    assert len([path for path in references.found if path.startswith("generated/seed_")]) == 3
    assert "run/samples/kimg_0000101.2.png" in references.found


def test_the_page_says_what_it_is_and_how_long_it_took(tmp_path):
    folder = finished_demo(tmp_path)
    text = demo_page.write(folder, folder / "dataset", seconds=90).read_text()
    assert "From 5,000 images to a generator, in 1.5 minutes" in text
    assert "synthetic" in text
    assert "<b>" not in re.sub(r"&lt;b&gt;", "", text)
