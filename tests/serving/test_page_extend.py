"""Extending a scene on the page, with real clicks, keys and drops: it grows, and its address and PNG say how."""

import json
import time

import numpy as np
import pytest
from PIL import Image

from tests.serving.browser import Browser
from tests.serving.pages import at, downloaded, extended, go_extend, says, scene

OUTLINES = """(() => {
  const scene = document.getElementById('scene');
  return [...scene.getContext('2d').getImageData(0, 0, scene.width, scene.height).data];
})()"""


@pytest.fixture
def picture(tmp_path):
    """A picture of 12 x 10 pixels: its file and its pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "scene.png")
    return tmp_path / "scene.png", pixels


def grow(page: Browser, side: str, wanted: str) -> None:
    page.click(f"#edges button[value={side}]")
    extended(page, wanted)


def test_a_picture_grows_where_it_is_clicked_and_stays_as_it_is(page, site, picture):
    path, picture = picture
    go_extend(page, site, "from=5")
    page.give("#start-image", path)
    extended(page, "12 x 10")
    np.testing.assert_array_equal(scene(page), picture)
    page.click("#edges button[value=e]")
    extended(page, "16 x 10")
    page.click("#edges button[value=nw]")
    extended(page, "20 x 14")
    first = scene(page)
    np.testing.assert_array_equal(first[4:, 4:16], picture)
    page.click("#variants label:nth-of-type(3) canvas")
    page.wait_for("document.querySelector('#variants input:checked').value == 2")
    third = scene(page)
    np.testing.assert_array_equal(third[4:, 4:], first[4:, 4:])  # what the step before made stays too
    assert (third[:4] != first[:4]).any(axis=-1).mean() > 0.9
    page.click("#scene-download")
    image = Image.open(downloaded(page, "window_scene.png"))
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), third)
    assert (image.text["Steps"], image.text["Real"], image.text["Seed"]) == ("image.e0.nw2", "4,4,12,10", "5")
    assert image.text["SYNTHETIC"].startswith("SYNTHETIC: ")
    page.click("#undo")
    extended(page, "16 x 10")
    page.click("#undo")
    extended(page, "12 x 10")
    np.testing.assert_array_equal(scene(page), picture)
    assert page.run("document.getElementById('undo').disabled")


def test_a_scene_from_nothing_is_the_same_wherever_its_address_is_opened(page, site):
    go_extend(page, site, "from=9")
    page.click("#start-empty")
    extended(page, "8 x 8")
    page.run("document.querySelector('#edges button[value=s]').focus()")
    page.press("Enter", 13, "\r")
    extended(page, "8 x 12")
    page.run("document.querySelector('#variants input').focus()")
    page.press("ArrowRight", 39)
    page.wait_for("location.hash.includes('way-grown=start0.s1')")
    seen, address = scene(page), page.run("location.href")
    page.open(address)
    extended(page, "8 x 12")
    np.testing.assert_array_equal(scene(page), seen)
    assert page.run("document.getElementById('generate').hidden")


def test_what_is_no_picture_is_refused(page, site, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    Image.new("RGB", (1100, 8)).save(tmp_path / "long.png")
    go_extend(page, site)
    for name, said in (("notes.txt", "notes.txt is no picture"), ("long.png", "larger than 1024 x 1024 pixels")):
        page.give("#start-image", tmp_path / name)
        says(page, said)
    assert page.run("document.querySelector('#edges button').disabled")


def test_a_step_keeps_the_seed_that_it_was_made_with(page, site):
    go_extend(page, site, "from=9")
    page.click("#start-empty")
    extended(page, "8 x 8")
    page.type("#from", "7")
    grow(page, "s", "8 x 12")
    page.type("#from", "9")
    grow(page, "e", "12 x 12")
    page.type("#from", "1234")
    page.click("#variants label:nth-of-type(2) canvas")
    page.wait_for("location.hash.includes('from=9&way-grown=start0.s0-7.e1-9')")
    page.click("#scene-download")
    image = Image.open(downloaded(page, "window_scene.png"))
    assert (image.text["Seed"], image.text["Steps"]) == ("9", "start0.s0-7.e1-9")
    seen, address = scene(page), page.run("location.href")
    page.click("#undo")
    extended(page, "8 x 12")
    assert page.run("location.hash").endswith("from=9&way-grown=start0.s0-7")
    page.open(address)
    extended(page, "12 x 12")
    np.testing.assert_array_equal(scene(page), seen)
    assert page.run("document.getElementById('from').value") == "9"  # with which the last step was made
    page.open(address.replace("s0-7", "s0").replace("e1-9", "e1"))
    extended(page, "12 x 12")
    assert (scene(page)[8:, :8] != seen[8:, :8]).any(axis=-1).mean() > 0.9


def test_no_step_is_made_with_what_is_no_seed(page, site):
    go_extend(page, site, "from=9")
    page.type("#from", "1.5")
    page.click("#start-empty")
    assert page.run("document.getElementById('scene').ariaLabel") == "No scene yet"


def test_the_way_of_an_address_ends_at_the_first_step_that_fails(page, site):
    go_extend(page, site)
    page.run("""(() => {
      const real = window.fetch;
      let steps = 0;
      window.fetch = (path, ...more) => path.includes(':predict') && ++steps == 2
        ? Promise.resolve(new Response('{"error": "it took too long"}', { status: 504 })) : real(path, ...more);
    })()""")
    page.run("location.hash = 'model=window&from=9&way-grown=start0.s0.e0'")
    says(page, "That did not work: it took too long")
    time.sleep(0.5)  # in which nothing more may happen
    extended(page, "8 x 8")
    assert page.text("status") == "That did not work: it took too long"
    assert "way-grown=start0.s0.e0" in page.run("location.hash")  # so that loading the page again goes all the way
    grow(page, "w", "12 x 8")
    assert page.run("location.hash").endswith("way-grown=start0.w0")


def test_a_step_of_an_address_that_is_none_is_said(page, site):
    page.open(at(site, "model=window&way-grown=start.up3.s0"))
    says(page, 'the address has "up3", which is no step')
    extended(page, "8 x 8")


def test_a_picture_ends_the_way_of_an_address(page, site, picture):
    path, pixels = picture
    go_extend(page, site)
    page.run("""(() => {
      const real = window.fetch, gate = new Promise((open) => (window.letGo = open));
      window.fetch = async (path, ...more) => {
        if (path.includes(':predict')) await (window.waits = true, gate);
        return real(path, ...more);
      };
    })()""")
    page.run("location.hash = 'model=window&from=9&way-grown=start0.s0.e0'")
    page.wait_for("window.waits")
    page.give("#start-image", path)
    extended(page, "12 x 10")
    page.run("window.letGo()")
    time.sleep(0.5)  # in which nothing more may happen
    np.testing.assert_array_equal(scene(page), pixels)
    assert "all real" in page.text("status") and "way-grown" not in page.run("location.hash")
    grow(page, "e", "16 x 10")


def test_a_picture_is_dropped_anywhere_in_the_panel_and_nowhere_else(page, site, picture):
    path, pixels = picture
    go_extend(page, site)
    page.drop("#extend-title", path)
    extended(page, "12 x 10")
    np.testing.assert_array_equal(scene(page), pixels)
    grow(page, "e", "16 x 10")
    page.run("window.addEventListener('dragover', (event) => (window.held = event.defaultPrevented))")
    page.drop("h1", path)
    page.wait_for("window.held")  # else the browser leaves for the file
    extended(page, "16 x 10")
    page.drop("#scene", path)
    extended(page, "12 x 10")


def test_a_step_by_key_leaves_the_keyboard_where_it_was(page, site):
    go_extend(page, site)
    page.run("document.getElementById('start-empty').focus()")
    page.press("Enter", 13, "\r")
    extended(page, "8 x 8")
    page.wait_for("document.activeElement.id == 'start-empty'")
    page.run("document.querySelector('#edges button[value=se]').focus()")
    for wanted in ("12 x 12", "16 x 16"):
        page.press("Enter", 13, "\r")
        extended(page, wanted)
        page.wait_for("document.activeElement.value == 'se'")


@pytest.mark.parametrize("size, grown", [((12, 10), "16 x 10"), ((257, 40), "261 x 40")])
def test_lines_are_whole_around_what_is_real_and_dashed_around_what_is_made(page, site, tmp_path, size, grown):
    Image.new("RGB", size, "white").save(tmp_path / "scene.png")
    go_extend(page, site)
    page.give("#start-image", tmp_path / "scene.png")
    extended(page, "{} x {}".format(*size))
    grow(page, "e", grown)
    width = page.run("document.getElementById('scene').width")
    pixels = np.array(page.run(OUTLINES)).reshape(-1, width, 4)[..., :3]

    def lined(column: int, kind: str) -> np.ndarray:
        colour = page.run(f"getComputedStyle(document.querySelector('.{kind}')).borderBottomColor")
        return (pixels[:, column] == json.loads(colour.replace("rgb(", "[").replace(")", "]"))).all(axis=-1)

    assert lined(0, "real").all()
    dashes = lined(width - 1, "made")
    assert 0.4 < dashes.mean() < 0.8
    assert 3 <= (np.diff(dashes.astype(int)) == 1).sum() <= len(dashes) / 6  # gaps, and dashes long enough to be seen
    assert not lined(width - 1, "real").any()
