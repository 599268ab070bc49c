"""The report: whole HTML that needs nothing beside it, verdicts in it, and all of an evaluation as JSON."""

import dataclasses
import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import evaluation_report, image_sets
from experiments.neighbours import neighbours
from progan_tf.errors import InputError
from progan_tf.metrics import evaluation, reading, registry, report, verdicts
from progan_tf.metrics.images import Images
from progan_tf.metrics.pictures import Neighbour
from tests import datasets
from tests.metrics.extractors import RandomFilters

N = 40
EMPTY = ("img", "meta", "link", "br", "input", "source")


class Page(HTMLParser):
    """What a page holds; fails where elements are not closed in order."""

    def __init__(self, path: Path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.elements, self.said, self._open = [], [], []
        self.feed(self.text)
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.said.append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for found, attributes in self.elements if found == tag]


def sets(bands: int = 3, dtype: str = "uint8", side: int = 16) -> tuple[Images, Images]:
    """Real and generated images whose names want escaping; two generated ones are turned copies of each other."""
    tiles = datasets.landscape(3 * N, side)
    tiles = tiles[np.random.default_rng(0).permutation(3 * N)]
    tiles = np.take(tiles, np.arange(bands) % 3, axis=-1)
    if dtype == "uint16":
        tiles = tiles.astype(np.uint16) * 257
    generated = tiles[2 * N :].copy()
    most = np.argsort(-generated.std(axis=(1, 2, 3)))[:2]
    generated[most[0]] = np.clip(generated[most[1]].astype(int) + 1, 0, np.iinfo(dtype).max).astype(dtype)
    return Images.of("real <tiles> & more", tiles[: 2 * N]), Images.of('made "here"', generated)


def contents(real: Images, generated: Images, names=("pixels",), known=None, extractor=None, threshold=None):
    figures = evaluation.evaluate(registry.make(names, extractor), real, generated, N)
    return evaluation_report.contents(
        real, generated, N, figures, extractor=extractor, held_out=None, known=known or {}, threshold=threshold,
        settings=[("real", "a <b> c")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Contents with features, their page, and the folder it lies in."""
    folder = tmp_path_factory.mktemp("report")
    real, generated = sets()
    found = contents(real, generated, ["pixels", "fid", "kid", "probe"], extractor=RandomFilters())
    return found, Page(report.write(folder, found)), folder


def test_the_page_needs_nothing_beside_it(whole):
    _, page, _ = whole
    addresses = [
        value for _, found in page.elements for key, value in found.items() if key in ("src", "srcset", "href")
    ]
    assert addresses and all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"https?://|@import|url\(", page.text)


def test_it_can_be_read_without_seeing_it(whole):
    _, page, _ = whole
    assert all(image.get("alt") for image in page.all("img"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert all(region.get("aria-label") for region in page.all("div") if region.get("role") == "region")
    anchors = {found["id"] for _, found in page.elements if "id" in found}
    assert {link["href"][1:] for link in page.all("a")} <= anchors
    assert page.all("html")[0]["lang"] == "en"


def test_names_are_escaped(whole):
    _, page, _ = whole
    assert "<tiles>" not in page.text and "&lt;tiles&gt;" in page.text
    assert {pair["data-set"] for pair in page.all("article") if "data-set" in pair} == {
        'made "here"', "real <tiles> & more"
    }  # fmt: skip


def test_every_headline_stands_with_its_floor_and_what_it_says(whole):
    found, page, _ = whole
    said = " ".join(page.said)
    for figure in found.figures:
        if figure.name == figure.metric:
            assert reading.name(figure) in said
            assert reading.floor(figure) in said
            assert reading.reading(figure.metric).says in said
    assert {"0.91078", "0.9196", "74.6", "201.1"} <= set(page.said)  # the talk's
    assert "5eed5eed" in said


def test_pictures_are_files_too(whole):
    _, _, folder = whole
    names = {path.name for path in (folder / "figures").iterdir()}
    assert names == {
        "real.png", "generated.png", "spectra.png", "bands.png", "embedding.png", "distances.png",
        "closest_generated.png", "closest_real.png", "closest_features.png",
    }  # fmt: skip
    for name in names:
        assert Image.open(folder / "figures" / name).size[0] >= 64
    assert [path.name for path in folder.iterdir() if path.suffix not in (".html", "")] == []


def test_the_closest_pair_is_the_copy_and_can_be_judged(whole):
    found, page, _ = whole
    pair = found.closest[0].pairs[0]
    assert pair.mse < 1e-4 and found.closest[0].support.duplicated == 1
    first = next(article for article in page.all("article") if article.get("data-set") == found.generated.name)
    assert set(json.loads(first["data-keys"])) == set(pair.keys)
    words = [button["value"] for button in page.all("button") if "value" in button]
    judged = sum(not pair.featureless for closest in found.closest for pair in closest.pairs)
    assert words == ["same", "different", "unsure"] * judged


def test_verdicts_decide_what_is_a_duplicate_and_are_in_the_page(whole, tmp_path):
    real, generated = sets()
    pair = whole[0].closest[0].pairs[0]
    known = {(generated.name, frozenset(pair.keys)): "different"}
    found = contents(real, generated, ["bands"], known)
    assert found.closest[0].support.duplicated == 0
    page = Page(report.write(tmp_path, found))
    embedded = re.search(r'<script type="application/json" id="verdicts">(.*?)</script>', page.text)[1]
    (row,) = json.loads(embedded)["verdicts"]
    assert row == {"set": generated.name, "keys": sorted(pair.keys), "verdict": "different"}
    assert contents(real, generated, ["bands"], threshold=0.0).closest[0].support.duplicated == 0
    assert contents(real, generated, ["bands"], threshold=1.0).closest[1].support.duplicated == 1


def test_nearest_real_images_are_the_nearest_under_the_eight_symmetries():
    real, generated = sets()
    copies = dataclasses.replace(generated, pixels=generated.pixels.copy())
    for number in range(8):
        turned = np.rot90(real.pixels[10 + number], number % 4)
        copies.pixels[number] = turned if number < 4 else turned[::-1]
    found = neighbours(copies, list(range(8)), real)
    assert [found[number].index for number in range(8)] == list(range(10, 18))
    assert {near.mse for near in found.values()} == {0}


def test_a_neighbour_is_turned_as_the_image_lies():
    real, _ = sets()
    for number in range(8):
        lies = np.rot90(real.pixels[5], number % 4)
        lies = lies if number < 4 else lies[:, ::-1]
        near = neighbours(Images.of("turned", lies[None]), [0], real)[0]
        np.testing.assert_array_equal(report.pictures._turned(real, near), lies)
    assert report.pictures._turned(real, Neighbour(5, 0, 0.0)).shape == (16, 16, 3)


@pytest.mark.parametrize("bands, dtype, side", [(1, "uint8", 8), (13, "uint16", 16)])
def test_any_bands_depth_and_size_have_a_report(tmp_path, bands, dtype, side):
    real, generated = sets(bands, dtype, side)
    names = ["spectrum", "bands", "birthday", "memorization"]
    found = contents(real, generated, names)
    page = Page(report.write(tmp_path, found))
    assert f"{bands} bands" in page.text and dtype in page.text
    assert len(found.tables) == (side >= 11)


def test_constant_images_have_a_report(tmp_path):
    flat = Images.of("flat", np.full((2 * N, 16, 16, 3), 7, np.uint8))
    found = contents(flat, flat[N:], ["swd", "spectrum", "bands", "ssim"])
    text = Page(report.write(tmp_path, found)).text
    assert "Featureless pairs" in text and found.closest[0].support.duplicated == 0


def test_few_images_have_a_report_without_the_tables(tmp_path):
    real, generated = sets()
    figures = evaluation.evaluate(registry.make(["bands"]), real, generated, 2)
    found = evaluation_report.contents(
        real, generated, 2, figures, extractor=None, held_out=None, known={}, threshold=None, settings=[]
    )
    assert found.tables == () and Page(report.write(tmp_path, found)).all("article")


def test_numbers_are_all_of_it_as_json(whole):
    found, _, _ = whole
    numbers = json.loads(json.dumps(evaluation_report.numbers(found), allow_nan=False))
    assert set(numbers["figures"]) == {figure.name for figure in found.figures}
    for figure in found.figures:
        written = numbers["figures"][figure.name]
        assert written["n"] == N and {"value", "se", "floor", "floor_se", "extractor", "bands"} <= set(written)
    assert numbers["real"]["sha256"] == found.real.digest and numbers["real"]["images"] == 2 * N
    assert numbers["closest_pairs"]["closest_generated"]["support"]["duplicated"] == 1
    assert len(numbers["tables"]) == 2 and len(numbers["tables"][0]["rows"]) == 6
    assert len(numbers["nearest_real"]) >= 12


def test_console_shows_scales_and_intervals(whole):
    found, _, _ = whole
    lines = evaluation_report.text(found.figures).splitlines()
    kid = next(figure for figure in found.figures if figure.name == "kid")
    (line,) = [line for line in lines if line.startswith("KID x 1,000")]
    assert f"{1000 * kid.value:.2f} ± {1960 * kid.se:.2f}" in line and f"{1000 * kid.floor:.2f}" in line
    assert len({len(line) for line in lines}) == 1


def test_held_out_images_come_in_the_size_of_the_others(tmp_path):
    real, _ = sets()
    tiles = datasets.landscape(6, 32)
    data = datasets.write(tmp_path / "data", tiles)
    (tmp_path / "tiles").mkdir()
    for number, pixels in enumerate(tiles):
        Image.fromarray(pixels).save(tmp_path / "tiles" / f"{number}.png")
    stored, shrunk = (image_sets.open_like(str(path), real, folder=tmp_path) for path in (data, tmp_path / "tiles"))
    means = {np.rint(tile.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))).tobytes() for tile in tiles.astype(float)}
    for found in (stored, shrunk):
        assert {pixels.astype(float).tobytes() for pixels in found.pixels} == means
    with pytest.raises(InputError, match="compare like with like"):
        image_sets.open_like(str(data), Images.of("grey", real.pixels[..., :1]), folder=tmp_path)


# The script, in a browser where there is one.

# Files are read without a disk, so that all is done by the time the page has loaded.
CLICKS = """
<script>
let saved = null;
const offered = new Map();
const RealBlob = Blob;
window.Blob = function (parts, options) { saved = parts.join(""); return new RealBlob(parts, options); };
File.prototype.text = function () { return Promise.resolve(offered.get(this.name)); };

const judged = () => document.getElementById("judged").textContent;
const steps = [judged()];
const [first, second] = document.querySelectorAll(".pair[data-keys]");
const click = (pair, word) => { pair.querySelector(`button[value=${word}]`).click(); steps.push(judged()); };
const offer = async (name, text) => {
  offered.set(name, text);
  const files = new DataTransfer();
  files.items.add(new File([], name));
  document.getElementById("load").files = files.files;
  document.getElementById("load").dispatchEvent(new Event("change"));
  for (let turn = 0; turn < 9; turn++) await null;
  steps.push(judged());
};
(async () => {
  click(first, "same"); click(second, "unsure"); click(first, "different"); click(second, "unsure");
  document.getElementById("save").click();
  const { set, keys } = second.dataset;
  const row = { set, keys: JSON.parse(keys).reverse(), verdict: "same" };
  await offer("mine.json", JSON.stringify({ verdicts: [row] }));
  await offer("other.json", "{}");
  const stored = JSON.parse(localStorage.getItem("progan-tf verdicts")).length;
  const pressed = second.querySelector("button[value=same]").getAttribute("aria-pressed");
  document.body.innerHTML = "<pre id=told></pre>";
  document.getElementById("told").textContent = JSON.stringify({ steps, saved, stored, pressed });
})();
</script>
"""


def test_verdicts_are_clicked_kept_saved_and_loaded(whole, tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium here to run the page's script in")
    found, page, _ = whole
    path = tmp_path / "report.html"
    path.write_text(page.text.replace("</body>", CLICKS + "</body>"), encoding="utf-8")
    quiet = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path / 'profile'}")  # fmt: skip
    command = [browser, *quiet, "--virtual-time-budget=2000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    told = json.loads(html.unescape(re.search(r"<pre id=.told.>(.*?)</pre>", done.stdout, re.DOTALL)[1]))
    total = len({tuple(article.items()) for article in page.all("article") if "data-keys" in article})

    def said(same: int, different: int, unsure: int) -> str:
        judged = same + different + unsure
        return f"{judged} of {total} pairs judged: {same} same, {different} different, {unsure} unsure"

    *clicked, refused = told["steps"]
    assert clicked == [said(0, 0, 0), said(1, 0, 0), said(1, 0, 1), said(0, 1, 1), said(0, 1, 0), said(1, 1, 0)]
    assert "other.json holds no verdicts" in refused
    pair = found.closest[0].pairs[0]
    (tmp_path / "verdicts.json").write_text(told["saved"])
    assert verdicts.read(tmp_path / "verdicts.json") == {(found.generated.name, frozenset(pair.keys)): "different"}
    assert told["stored"] == 2 and told["pressed"] == "true"
