"""The page in a browser, with real clicks and keys: it shows what the server gives, and its address says what."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.serving import browser, models, servers
from tests.serving.browser import Browser
from tests.serving.servers import Server

TOKEN = {"Authorization": "Bearer open-sesame"}
LOADED = "document.querySelectorAll('#gallery img').length == {}"
READY = "document.getElementById('status').textContent.includes(' ms')"


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory) -> Server:
    """A labelled generator of 16 x 16 and an extension model of windows of 8 x 8, behind a token."""
    browser.find()
    folder = tmp_path_factory.mktemp("page")
    (folder / "token").write_text("open-sesame")
    models.window(folder / "window" / "1")
    served = {"fields": exported, "window": folder / "window"}
    with servers.running(folder, served, token_file=folder / "token") as server:
        yield server


@pytest.fixture(scope="module")
def page(server, tmp_path_factory) -> Browser:
    """A browser that has shown the token."""
    with Browser(tmp_path_factory.mktemp("browser")) as page:
        page.open(f"http://127.0.0.1:{server.port}/")
        page.wait_for("!document.getElementById('entry').hidden")
        assert page.run("document.getElementById('main').hidden")
        page.type("#token", "wrong")
        page.press("Enter", 13, "\r")
        page.wait_for("document.getElementById('status').textContent.includes('a token is needed')")
        page.type("#token", "open-sesame")
        page.click("#entry button")
        page.wait_for(LOADED.format(9))
        yield page
        assert page.errors == []


def go(page: Browser, server: Server, address: str, **window) -> None:
    page.open(f"http://127.0.0.1:{server.port}/#{address}", **window)
    page.wait_for(f"{READY} && document.getElementById('frame').width == 16")


def shown(page: Browser, place: int) -> np.ndarray:
    """Pixels of an image of the gallery."""
    script = f"""(async () => {{
      const image = document.querySelectorAll('#gallery img')[{place}];
      await image.decode();
      const canvas = new OffscreenCanvas(16, 16).getContext('2d');
      canvas.drawImage(image, 0, 0);
      return [...canvas.getImageData(0, 0, 16, 16).data];
    }})()"""
    return np.array(page.run(script)).reshape(16, 16, 4)[..., :3]


def frame(page: Browser) -> np.ndarray:
    """Pixels of the frame between two seeds."""
    script = "[...document.getElementById('frame').getContext('2d').getImageData(0, 0, 16, 16).data]"
    return np.array(page.run(script)).reshape(16, 16, 4)[..., :3]


def wanted(server: Server, seed: int, truncation: float, label: int) -> np.ndarray:
    """Pixels of a seed, asked for past the page."""
    instances = [{"seed": seed, "truncation": truncation, "labels": label}]
    document = {"signature_name": "from_seed", "instances": instances}
    answer = server.ask("POST", "/v1/models/fields:predict", document, TOKEN)[2]
    return np.array(answer["predictions"][0])


def test_the_address_says_what_is_shown(page, server):
    go(page, server, "seed=40&grid=4&truncation=0.5&label=2")
    for place in range(4):
        np.testing.assert_array_equal(shown(page, place), wanted(server, 40 + place, 0.5, 2))
    go(page, server, "seed=40&grid=4")  # classes in turn, as trained
    np.testing.assert_array_equal(shown(page, 2), wanted(server, 42, 1.0, 0))


def test_clicks_and_keys_change_images_and_the_address(page, server):
    go(page, server, "seed=5&grid=4")
    page.type("#seed", "71")
    page.wait_for("location.hash.includes('seed=71')")
    page.run("document.getElementById('grid').focus()")
    page.press("ArrowUp", 38)  # from four images to one
    page.wait_for(LOADED.format(1))
    page.run("document.getElementById('truncation').focus()")
    page.press("Home", 36)
    page.wait_for(f"{READY} && location.hash.includes('truncation=0.1') && location.hash.includes('grid=1')")
    page.wait_for("document.querySelector('#gallery a').textContent == 'seed 71'")
    page.wait_for("!document.getElementById('status').textContent.includes('on their way')")
    np.testing.assert_array_equal(shown(page, 0), wanted(server, 71, 0.1, 71 % 3))
    before = page.run("location.hash")
    page.click("#dice")
    page.wait_for(f"{READY} && location.hash != {json.dumps(before)}")
    assert page.text("status").startswith("1 synthetic images of fields, version 1, in ")


def test_a_click_on_an_image_downloads_it_with_what_it_says_of_itself(page, server):
    go(page, server, "seed=8&grid=4&truncation=0.7")
    page.click("#gallery li:nth-child(2) a")
    image = Image.open(downloaded(page, "fields_seed_9.png"))
    assert image.text["SYNTHETIC"].startswith("SYNTHETIC: every image of this model is made up")
    assert (image.text["Model"], image.text["Version"], image.text["Seed"]) == ("fields", "1", "9")
    np.testing.assert_array_equal(np.asarray(image), wanted(server, 9, 0.7, 0))


def test_the_way_from_a_seed_to_another_begins_and_ends_with_their_images(page, server):
    go(page, server, "seed=3&grid=1&label=1&to=12&way=0")
    start = frame(page)
    assert np.abs(start - wanted(server, 3, 1.0, 1)).max() <= 1
    page.run("document.getElementById('way').focus()")
    page.press("End", 35)
    page.wait_for("document.getElementById('frame').getAttribute('aria-label').includes('100 %')")
    assert np.abs(frame(page) - wanted(server, 12, 1.0, 1)).max() <= 1
    go(page, server, "seed=3&grid=1&label=1&to=12&way=0.5")
    between = frame(page)
    assert np.abs(between - start).mean() > 1 and np.abs(between - wanted(server, 12, 1.0, 1)).mean() > 1
    page.click("#frame-download")
    image = Image.open(downloaded(page, "fields_3_to_12_0.5.png"))
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), between)
    assert (image.text["Seed"], image.text["Way"], image.text["Model"]) == ("3 to 12", "0.5", "fields")
    assert image.text["SYNTHETIC"].startswith("SYNTHETIC: ")


def downloaded(page: Browser, name: str) -> Path:
    for _ in range(100):
        if (page.downloads / name).exists():
            return page.downloads / name
        time.sleep(0.05)
    raise AssertionError(f"{name} was not downloaded")


def scene(page: Browser) -> np.ndarray:
    """Pixels of the scene, which is drawn enlarged, without its outlines."""
    width, height = map(
        int, re.search(r"of (\d+) x (\d+) pixels", page.run("document.getElementById('scene').ariaLabel")).groups()
    )
    page.run("document.getElementById('outlines').checked && document.getElementById('outlines').click()")
    pixels = page.run(f"""(() => {{
      const scene = document.getElementById('scene'), small = new OffscreenCanvas({width}, {height}).getContext('2d');
      small.imageSmoothingEnabled = false;
      small.drawImage(scene, 0, 0, {width}, {height});
      return [...small.getImageData(0, 0, {width}, {height}).data];
    }})()""")
    return np.array(pixels).reshape(height, width, 4)[..., :3]


def extended(page: Browser, wanted: str) -> None:
    page.wait_for(f"document.getElementById('scene').ariaLabel.startsWith('Scene of {wanted} pixels')")
    page.wait_for("!document.querySelector('#edges button').disabled")


def test_a_picture_grows_where_it_is_clicked_and_stays_as_it_is(page, server, tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (10, 12, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "scene.png")
    page.open(f"http://127.0.0.1:{server.port}/#model=window&from=5")
    page.wait_for("!document.getElementById('extend').hidden && document.getElementById('scene').width")
    page.give("#start-image", tmp_path / "scene.png")
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


def test_a_scene_from_nothing_is_the_same_wherever_its_address_is_opened(page, server):
    page.open(f"http://127.0.0.1:{server.port}/#model=window&from=9")
    page.wait_for("!document.getElementById('extend').hidden && document.getElementById('scene').width")
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


def test_what_is_no_picture_is_refused(page, server, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    Image.new("RGB", (1100, 8)).save(tmp_path / "long.png")
    page.open(f"http://127.0.0.1:{server.port}/#model=window")
    page.wait_for("!document.getElementById('extend').hidden && document.getElementById('scene').width")
    for name, said in (("notes.txt", "notes.txt is no picture"), ("long.png", "larger than 1024 x 1024 pixels")):
        page.give("#start-image", tmp_path / name)
        page.wait_for(f"document.getElementById('status').textContent.includes({json.dumps(said)})")
    assert page.run("document.querySelector('#edges button').disabled")


def test_what_cannot_be_is_said(page, server):
    go(page, server, "seed=3&grid=1")
    page.type("#seed", "1.5")
    assert not page.run("document.getElementById('seed').checkValidity()")
    assert "seed=3&" in page.run("location.hash") + "&"
    page.run("sessionStorage.setItem('progan-tf token', 'stale')")
    page.type("#seed", "6")
    page.wait_for("document.getElementById('status').textContent.startsWith('That did not work: a token is needed')")
    page.run("sessionStorage.setItem('progan-tf token', 'open-sesame')")


def test_everything_has_a_name_for_those_who_do_not_see_it(page, server):
    go(page, server, "seed=3&grid=4")
    nameless = page.run("""[...document.querySelectorAll('input, select, button, canvas, img, a')]
        .filter((one) => !one.labels?.length && !one.ariaLabel && !one.alt && !one.textContent.trim())
        .map((one) => one.outerHTML)""")
    assert nameless == []
    assert page.run("document.querySelector('#gallery img').alt") == "Synthetic image of seed 3"
    assert page.run("document.documentElement.lang") == "en"


def fits(page: Browser, width: int) -> bool:
    """Whether nothing reaches beyond the window's edge."""
    edges = "[...document.querySelectorAll('main *')].map((one) => one.getBoundingClientRect().right)"
    return page.run("document.documentElement.scrollWidth") <= width and max(page.run(edges)) <= width


@pytest.mark.parametrize("width, dark", [(1000, False), (390, True), (320, False)])
def test_it_fits_a_screen_by_day_and_by_night(page, server, width, dark):
    page.open(f"http://127.0.0.1:{server.port}/#model=window&way-grown=start0", width=width, dark=dark)
    extended(page, "8 x 8")
    assert fits(page, width)
    go(page, server, "seed=3&grid=16", width=width, dark=dark)
    assert fits(page, width)
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    level = sum(map(int, ground.removeprefix("rgb(").removesuffix(")").split(",")))
    assert level < 150 if dark else level > 600
    assert "Synthetic." in page.text("main") or page.run("document.querySelector('.notice').innerText").startswith(
        "Synthetic."
    )


def test_nothing_is_asked_of_another_host(page, server):
    go(page, server, "seed=3&grid=4")
    hosts = page.run("performance.getEntriesByType('resource').map((one) => new URL(one.name).host)")
    assert set(hosts) <= {f"127.0.0.1:{server.port}", ""}
