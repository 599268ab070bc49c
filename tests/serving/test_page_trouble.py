"""What the page says and does when the server refuses, is gone, or serves something else by now."""

import shutil

from tests.serving.pages import READY, TOKEN, at, extended, go, go_extend, says


def test_what_cannot_be_is_said(page, site):
    go(page, site, "seed=3&grid=1")
    page.type("#seed", "1.5")
    assert not page.run("document.getElementById('seed').checkValidity()")
    assert "seed=3&" in page.run("location.hash") + "&"


def test_a_stale_token_is_asked_for_again_and_nothing_is_lost(page, site):
    go(page, site, "seed=3&grid=1")
    page.run("sessionStorage.setItem('progan-tf token', 'stale')")
    page.type("#seed", "6")
    says(page, "That did not work: the server does not take this token")
    page.wait_for("!document.getElementById('entry').hidden && !document.getElementById('main').hidden")
    page.type("#token", "open-sesame")
    page.press("Enter", 13, "\r")
    page.wait_for(f"{READY} && document.querySelector('#gallery a').textContent == 'seed 6'")
    assert page.run("document.getElementById('entry').hidden")
    go_extend(page, site, "way-grown=start0")
    extended(page, "8 x 8")
    page.run("sessionStorage.setItem('progan-tf token', 'stale')")
    page.click("#edges button[value=e]")
    page.wait_for("!document.getElementById('entry').hidden")
    page.type("#token", "open-sesame")
    page.click("#entry button")
    extended(page, "12 x 8")


def test_a_version_that_is_gone_asks_for_the_page_to_be_loaded_again(page, site, tmp_path):
    go_extend(page, site, "way-grown=start0")
    extended(page, "8 x 8")
    folder, gone = site.folder / "window", "version 1 of window is no longer served; reload the page"
    shutil.copytree(folder / "1", tmp_path / "2")

    def served(number: int) -> bool:
        return site.ask("GET", f"/v1/models/window/versions/{number}/metadata", headers=TOKEN)[0] == 200

    try:
        (tmp_path / "2").rename(folder / "2")
        site.wait_until(lambda: served(2) and not served(1))
        page.click("#edges button[value=e]")
        says(page, gone)
        page.open(page.run("location.href"))
        extended(page, "8 x 8")
        assert "version 2" in page.text("status")
    finally:
        shutil.rmtree(folder / "2", ignore_errors=True)
        site.wait_until(lambda: served(1) and not served(2))


def test_a_server_that_does_not_answer_is_said_with_what_to_do(page, site):
    go_extend(page, site, "way-grown=start0")
    extended(page, "8 x 8")
    page.offline(True)
    try:
        page.click("#edges button[value=e]")
        says(page, "the server does not answer; see that it runs and can be reached, and try again")
        extended(page, "8 x 8")
    finally:
        page.offline(False)
    page.click("#edges button[value=e]")
    extended(page, "12 x 8")


def test_an_extension_that_cannot_be_opened_is_said(page, site):
    go(page, site, "seed=3&grid=1")
    page.run("""(() => {
      const real = window.fetch;
      window.fetch = (path, ...more) => path.endsWith('/metadata')
        ? Promise.resolve(new Response('{"error": "too many wait"}', { status: 429 })) : real(path, ...more);
    })()""")
    page.run("location.hash = 'model=window'")
    says(page, "That did not work: too many wait")
    assert page.run("document.getElementById('extend').hidden")
    page.open(at(site, "model=window"))
    page.wait_for("!document.getElementById('extend').hidden")
