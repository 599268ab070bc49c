"""The page in a browser, with real clicks and keys: it shows what the server gives, and its address says what."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.serving.browser import Browser
from tests.serving.pages import FRAMED, LOADED, READY, downloaded, extended, frame, go, go_extend, shown, wanted

CONTRAST = """[...document.querySelectorAll('main input:not([type=checkbox], [type=file]), main select, main button')]
    .map((one) => getComputedStyle(one)).map((style) => [style.borderTopColor, style.backgroundColor])"""


def test_the_address_says_what_is_shown(page, site):
    go(page, site, "seed=40&grid=4&truncation=0.5&label=2")
    for place in range(4):
        np.testing.assert_array_equal(shown(page, place), wanted(site, 40 + place, 0.5, 2))
    go(page, site, "seed=40&grid=4")  # classes in turn, as trained
    np.testing.assert_array_equal(shown(page, 2), wanted(site, 42, 1.0, 0))


def test_clicks_and_keys_change_images_and_the_address(page, site):
    go(page, site, "seed=5&grid=4")
    page.type("#seed", "71")
    page.wait_for("location.hash.includes('seed=71')")
    page.run("document.getElementById('grid').focus()")
    page.press("ArrowUp", 38)  # from four images to one
    page.wait_for(LOADED.format(1))
    page.run("document.getElementById('truncation').focus()")
    page.press("Home", 36)
    page.wait_for(f"{READY} && location.hash.includes('truncation=0.1') && location.hash.includes('grid=1')")
    page.wait_for("document.querySelector('#gallery a').textContent == 'seed 71'")
    page.wait_for("!document.getElementById('status').textContent.includes('on the way')")
    np.testing.assert_array_equal(shown(page, 0), wanted(site, 71, 0.1, 71 % 3))
    before = page.run("location.hash")
    page.click("#dice")
    page.wait_for(f"{READY} && location.hash != {json.dumps(before)}")
    assert page.text("status").startswith("1 synthetic image of fields, version 1, in ")


def test_a_click_on_an_image_downloads_it_with_what_it_says_of_itself(page, site):
    go(page, site, "seed=8&grid=4&truncation=0.7")
    page.click("#gallery li:nth-child(2) a")
    image = Image.open(downloaded(page, "fields_seed_9.png"))
    assert image.text["SYNTHETIC"].startswith("SYNTHETIC: every image of this model is made up")
    assert (image.text["Model"], image.text["Version"], image.text["Seed"]) == ("fields", "1", "9")
    np.testing.assert_array_equal(np.asarray(image), wanted(site, 9, 0.7, 0))


def test_a_class_is_chosen_by_its_control(page, site):
    go(page, site, "seed=5&grid=4")
    page.run("document.getElementById('label').focus()")
    for _ in range(3):  # past "each in turn"
        page.press("ArrowDown", 40)
    page.wait_for(f"{READY} && location.hash.includes('label=2')")
    np.testing.assert_array_equal(shown(page, 1), wanted(site, 6, 1.0, 2))


@pytest.mark.parametrize("address", ["grid=7", "label=9", "truncation=&grid=&label=&seed=-1&way=x"])
def test_what_is_not_on_offer_becomes_what_is_usual(page, site, address):
    go(page, site, f"to=4&{address}")
    page.wait_for(LOADED.format(9))
    np.testing.assert_array_equal(shown(page, 2), wanted(site, 2, 1.0, 2))
    assert "grid=9" in page.run("location.hash") and "label=all" in page.run("location.hash")


def test_the_way_from_a_seed_to_another_begins_and_ends_with_their_images(page, site):
    go(page, site, "seed=12&grid=1&label=1")
    last = shown(page, 0)
    go(page, site, "seed=3&grid=1&label=1&to=12&way=0")
    start = frame(page)
    assert np.abs(start - shown(page, 0)).max() <= 1
    page.run("document.getElementById('way').focus()")
    page.press("End", 35)
    page.wait_for("document.getElementById('frame').getAttribute('aria-label').includes('100 %')")
    assert np.abs(frame(page) - last).max() <= 1
    go(page, site, "seed=3&grid=1&label=1&to=12&way=0.5")
    between = frame(page)
    assert np.abs(between - start).mean() > 1 and np.abs(between - last).mean() > 1
    page.click("#frame-download")
    image = Image.open(downloaded(page, "fields_3_to_12_0.5.png"))
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), between)
    assert (image.text["Seed"], image.text["Way"], image.text["Model"]) == ("3 to 12", "0.5", "fields")
    assert (image.text["Labels"], image.text["Truncation"]) == ("1", "1")
    assert image.text["SYNTHETIC"].startswith("SYNTHETIC: ")


def test_where_classes_take_turns_the_way_keeps_that_of_its_first_seed_and_says_so(page, site):
    go(page, site, "seed=4&grid=1&to=12&way=0")
    assert np.abs(frame(page) - shown(page, 0)).max() <= 1
    go(page, site, "seed=4&grid=1&to=12&way=1")
    assert np.abs(frame(page) - wanted(site, 12, 1.0, 1)).max() <= 1
    assert page.text("frame-said") == "100 % of the way from seed 4 to 12, class 1 throughout"


def test_there_is_a_way_at_a_truncation_of_one_only(page, site):
    go(page, site, "seed=3&grid=1&to=12&truncation=0.95")
    assert page.run("document.getElementById('between').hidden && document.getElementById('framed').hidden")
    assert page.run("document.getElementById('untruncated').getBoundingClientRect().height") > 0
    page.run("document.getElementById('truncation').focus()")
    page.press("ArrowRight", 39)
    page.wait_for(f"{FRAMED} && {READY} && document.getElementById('truncation').value == 1")
    page.wait_for("!document.getElementById('between').hidden && document.getElementById('untruncated').hidden")
    np.testing.assert_allclose(frame(page), shown(page, 0), atol=1)
    page.press("ArrowLeft", 37)
    page.wait_for("document.getElementById('framed').hidden")


def test_a_download_tells_of_the_frame_that_is_shown(page, site):
    go(page, site, "seed=21&grid=1&label=0&to=22&way=0.5")
    seen = frame(page)
    page.run("window.fetch = () => new Promise(() => {})")  # no other frame comes any more
    page.type("#to", "99")
    page.run("document.getElementById('label').focus()")
    page.press("ArrowDown", 40)
    page.wait_for("location.hash.includes('to=99') && location.hash.includes('label=1')")
    page.click("#frame-download")
    image = Image.open(downloaded(page, "fields_21_to_22_0.5.png"))
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), seen)
    assert (image.text["Seed"], image.text["Labels"]) == ("21 to 22", "0")


def test_there_is_no_download_before_there_is_a_frame(page, site):
    go(page, site, "seed=3&grid=1")
    assert not page.run("document.getElementById('frame-download').disabled")
    page.run(
        "(() => { const real = window.fetch; window.fetch = (path, ...more) =>"
        " path.includes(':predict') ? new Promise(() => {}) : real(path, ...more); })()"
    )
    page.run("location.hash = 'seed=4&grid=1'")
    page.wait_for("document.getElementById('seed').value == 4")
    assert page.run("document.getElementById('frame-download').disabled && document.getElementById('framed').hidden")


def test_everything_has_a_name_for_those_who_do_not_see_it(page, site):
    go(page, site, "seed=3&grid=4")
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
def test_it_fits_a_screen_by_day_and_by_night(page, site, width, dark):
    go_extend(page, site, "way-grown=start0", width=width, dark=dark)
    extended(page, "8 x 8")
    assert fits(page, width)
    go(page, site, "seed=3&grid=16", width=width, dark=dark)
    assert fits(page, width)
    ground = page.run("getComputedStyle(document.body).backgroundColor")
    level = sum(map(int, ground.removeprefix("rgb(").removesuffix(")").split(",")))
    assert level < 150 if dark else level > 600
    assert "Synthetic." in page.text("main") or page.run("document.querySelector('.notice').innerText").startswith(
        "Synthetic."
    )


@pytest.mark.parametrize("dark", [False, True])
def test_borders_of_fields_and_buttons_stand_out_from_the_ground(page, site, dark):
    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    go(page, site, "seed=3&grid=1", dark=dark)
    for colours in page.run(CONTRAST):
        dim, bright = sorted(map(luminance, colours))
        assert (bright + 0.05) / (dim + 0.05) >= 3  # what WCAG 1.4.11 asks for


def test_nothing_is_asked_of_another_host(page, site):
    go(page, site, "seed=3&grid=4")
    hosts = page.run("performance.getEntriesByType('resource').map((one) => new URL(one.name).host)")
    assert set(hosts) <= {f"127.0.0.1:{site.port}", ""}
