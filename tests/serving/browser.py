"""A headless Chromium with real clicks and keys, over its debugging pipe; skips where there is none."""

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "--hide-scrollbars",
)


def find() -> str:
    """The path of a Chromium."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium here; Debian's package is chromium")
    return browser


class Browser:
    """One page, in a profile of its own. Use as a context manager."""

    def __init__(self, folder: Path):
        self._folder, self._numbers, self._rest, self.errors = folder, itertools.count(1), b"", []
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The pipe's ends must be file descriptors 3 and 4 there.
        command = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
        flags = (*FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank")
        self._process = subprocess.Popen(
            ["bash", "-c", command, find(), *flags],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._session = None
        page = next(one for one in self._call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "DOM"):
            self._call(f"{domain}.enable")
        behaviour = {"behavior": "allow", "downloadPath": str(folder / "downloads")}
        self._call("Browser.setDownloadBehavior", **behaviour)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait(30)
        os.close(self._write)
        os.close(self._read)

    @property
    def downloads(self) -> Path:
        return self._folder / "downloads"

    def open(self, url: str, width: int = 1000, height: int = 900, dark: bool = False) -> None:
        """Goes to an address with a window of a size."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call(
            "Page.navigate", url="about:blank"
        )  # or an address that differs in its hash alone would load nothing
        self._call("Page.navigate", url=url)
        start = json.dumps(url.partition("#")[0])  # the page may write its own hash
        self.wait_for(f"location.href.startsWith({start}) && document.readyState == 'complete'")

    def run(self, script: str) -> Any:
        """The value of an expression on the page; promises are waited for."""
        done = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait_for(self, script: str, seconds: float = 20) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"never came true: {script}; {self.errors}"
            time.sleep(0.02)

    def text(self, element: str) -> str:
        return self.run(f"document.getElementById('{element}')?.textContent ?? ''")

    def click(self, selector: str) -> None:
        """Presses the mouse in the middle of an element."""
        x, y = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Presses a key of the keyboard; `code` is its virtual key code."""
        fields = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **fields)
        self._call("Input.dispatchKeyEvent", type="keyUp", **fields)

    def type(self, selector: str, text: str) -> None:
        """Replaces what stands in a field by typing."""
        self.click(selector)
        self.run(f"document.querySelector({json.dumps(selector)}).select()")
        self._call("Input.insertText", text=text)

    def give(self, selector: str, path: Path) -> None:
        """Puts a file into a field for files."""
        root = self._call("DOM.getDocument")["root"]["nodeId"]
        node = self._call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def drop(self, selector: str, path: Path) -> None:
        """Drops a file, dragged in from outside, onto the middle of an element."""
        x, y = self._middle(selector)
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._call("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def offline(self, is_so: bool) -> None:
        """Cuts the page off from every server, or ends that."""
        self._call("Network.enable")
        self._call(
            "Network.emulateNetworkConditions", offline=is_so, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )

    def picture(self, path: Path) -> None:
        """Writes what is to be seen, the whole page of it."""
        height = self.run("document.documentElement.scrollHeight")
        width = self.run("window.innerWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        png = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(png))

    def _middle(self, selector: str) -> list[float]:
        """Where the middle of an element is, once it is in sight."""
        rectangle = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{rectangle}.scrollIntoView({{block: 'center'}})")
        return self.run(
            f"(() => {{ const box = {rectangle}.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session and not method.startswith("Browser."):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(answer["params"]["exceptionDetails"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], 30)
            assert ready, "the browser does not answer"
            self._rest += os.read(self._read, 1 << 20)
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)
