"""What tests of the page share: going to an address, and reading what is to be seen there."""

import re
import time
from pathlib import Path

import numpy as np

from tests.serving.browser import Browser
from tests.serving.servers import Server

TOKEN = {"Authorization": "Bearer open-sesame"}
LOADED = "document.querySelectorAll('#gallery img').length == {}"
READY = "document.getElementById('status').textContent.includes(' ms')"
FRAMED = "!document.getElementById('framed').hidden"


def at(site: Server, address: str) -> str:
    return f"http://127.0.0.1:{site.port}/#{address}"


def go(page: Browser, site: Server, address: str, **window) -> None:
    """Opens an address of the generator and waits for all of its images; at truncation 1 a frame is among them."""
    page.open(at(site, address), **window)
    page.wait_for(f"{READY} && ({FRAMED} || !document.getElementById('untruncated').hidden)")


def go_extend(page: Browser, site: Server, address: str = "", **window) -> None:
    """Opens an address of the extension model, without steps."""
    page.open(at(site, f"model=window&{address}"), **window)
    page.wait_for("!document.getElementById('extend').hidden && document.getElementById('scene').width")


def says(page: Browser, message: str) -> None:
    page.wait_for(f"document.getElementById('status').textContent.includes({message!r})")


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


def wanted(site: Server, seed: int, truncation: float, label: int) -> np.ndarray:
    """Pixels of a seed, asked for past the page."""
    instances = [{"seed": seed, "truncation": truncation, "labels": label}]
    document = {"signature_name": "from_seed", "instances": instances}
    answer = site.ask("POST", "/v1/models/fields:predict", document, TOKEN)[2]
    return np.array(answer["predictions"][0])


def downloaded(page: Browser, name: str) -> Path:
    """The file of a download, out of the way of the next one of its name."""
    for _ in range(100):
        if (page.downloads / name).exists():
            return (page.downloads / name).replace(page.downloads / f"seen_{name}")
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
