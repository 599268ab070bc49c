"""What several tests of the server share: starting one takes seconds."""

from pathlib import Path

import pytest

from progan_tf.export import saved_model
from tests import runs
from tests.serving import browser, models, pages, servers
from tests.serving.browser import Browser
from tests.serving.servers import Server


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """A generator of 16 x 16, three classes, as the project exports it: a model folder."""
    folder = tmp_path_factory.mktemp("exported")
    runs.write(folder / "run", images=10000, labels=3)
    return saved_model.export(folder / "run", folder / "fields").path.parent


@pytest.fixture(scope="session")
def protocol(tmp_path_factory) -> Server:
    """A server of the models that the protocol's cases are about, and of an extension model."""
    folder = tmp_path_factory.mktemp("protocol")
    models.half_plus(folder / "half_plus_two" / "123", 2)
    (folder / "half_plus_two" / "labels.json").write_text('{"Version_Label": 123}')
    models.half_plus(folder / "half_plus_three" / "123", 3)
    models.named(folder / "named" / "1")
    models.types(folder / "types" / "1")
    models.window(folder / "window" / "1")
    names = ("half_plus_two", "half_plus_three", "named", "types", "window")
    served = {name: folder / name for name in names}
    with servers.running(folder, served, max_body_mb=1, timeout=servers.SECONDS) as server:
        yield server


@pytest.fixture(scope="session")
def site(exported, tmp_path_factory) -> Server:
    """A server for the page: a labelled generator of 16 x 16, an extension of windows of 8 x 8, behind a token."""
    browser.find()
    folder = tmp_path_factory.mktemp("site")
    (folder / "token").write_text("open-sesame")
    models.window(folder / "window" / "1")
    served = {"fields": exported, "window": folder / "window"}
    with servers.running(folder, served, token_file=folder / "token") as server:
        server.folder = folder
        yield server


@pytest.fixture(scope="session")
def page(site, tmp_path_factory) -> Browser:
    """A browser that has shown the token; no script may fail in it."""
    with Browser(tmp_path_factory.mktemp("browser")) as page:
        page.open(pages.at(site, ""))
        page.wait_for("!document.getElementById('entry').hidden")
        assert page.run("document.getElementById('main').hidden")
        pages.says(page, "a token is needed")
        page.type("#token", "wrong")
        page.press("Enter", 13, "\r")
        pages.says(page, "the server does not take this token")
        page.wait_for("!document.getElementById('entry').hidden")
        page.type("#token", "open-sesame")
        page.click("#entry button")
        page.wait_for(pages.LOADED.format(9))
        yield page
        assert page.errors == []
