"""A real headless Chromium, driven by its DevTools protocol over one WebSocket: real key presses, real clicks."""

import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from websockets.sync.client import ClientConnection, connect
from werkzeug.serving import make_server

_SECONDS = 30

# The middle of an element, once it is in view, stays where it is for a frame and has nothing over it: a page that is
# being made moves what is on it, and the click would fall beside it.
_RESTS = """
new Promise(found => {
    let before = null;
    const look = () => {
        const it = document.querySelector(%s);
        it.scrollIntoView({block: 'center', behavior: 'instant'});
        const box = it.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
        if (`${x} ${y}` === before && it.contains(document.elementFromPoint(x, y))) return found([x, y]);
        before = `${x} ${y}`;
        requestAnimationFrame(look);
    };
    look();
})
"""


class Browser:
    """One tab."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._loads = 0
        self.log: list[str] = []  # what the page or the browser complained of
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := self._receive()).get("id") != number:
            pass
        assert "error" not in message, (method, message["error"])
        result: dict[str, Any] = message["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout=_SECONDS))
        if message.get("method") == "Page.loadEventFired":
            self._loads += 1
        if message.get("method") == "Log.entryAdded":
            self.log.append(message["params"]["entry"]["text"])
        if message.get("method") == "Runtime.exceptionThrown":
            self.log.append(str(message["params"]["exceptionDetails"]))
        return message

    def _until_loaded(self, act: Callable[[], object]) -> None:
        self.evaluate("0")  # what happened before is heard of by then
        before = self._loads
        act()
        while self._loads == before:
            self._receive()

    def goto(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self._until_loaded(lambda: self.command("Page.navigate", url=url))

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript on the page, or of what it promises."""
        result = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def text(self) -> str:
        """What somebody reads on the page."""
        return str(self.evaluate("document.body.innerText"))

    def path(self) -> str:
        """Where the tab is."""
        return str(self.evaluate("location.pathname"))

    def fill(self, selector: str, value: str) -> None:
        """Type into a field."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        self.command("Input.insertText", text=value)

    def click(self, selector: str, *, times: int = 1, loads: bool = True) -> None:
        """Click on the middle of something, and wait for the page that comes of it."""
        place = self.evaluate(_RESTS % json.dumps(selector))

        def press() -> None:
            for count in range(1, times + 1):
                for kind in ("mousePressed", "mouseReleased"):
                    where = {"x": place[0], "y": place[1], "button": "left", "clickCount": count}
                    self.command("Input.dispatchMouseEvent", type=kind, **where)

        if loads:
            self._until_loaded(press)
        else:
            press()

    def resize(self, width: int, height: int, *, is_phone: bool = False, scheme: str = "light") -> None:
        """Another window, of a desktop or a phone, light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.command("Emulation.setEmulatedMedia", features=[feature])


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    """A window of a desktop that is to have nothing to complain of."""
    program = shutil.which("chromium")
    assert program is not None
    with open_browser(program, tmp_path) as found:
        found.resize(1200, 900)
        yield found
        assert found.log == [], f"the browser had something to complain of: {found.log}"


@contextmanager
def open_browser(program: str, folder: Path) -> Iterator[Browser]:
    """Start Chromium with an empty profile; it ends with the block."""
    arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    arguments += ["--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "about:blank"]
    log = folder / "browser.log"
    with log.open("wb") as file:
        process = subprocess.Popen([program, *arguments], stdout=file, stderr=file, start_new_session=True)
    try:
        port = _port(folder / "profile" / "DevToolsActivePort", process, log)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=_SECONDS) as answer:
            target = next(each for each in json.load(answer) if each["type"] == "page")
        with connect(target["webSocketDebuggerUrl"], max_size=None, open_timeout=_SECONDS, proxy=None) as socket:
            browser = Browser(socket)
            yield browser
            browser.command("Browser.close")
    finally:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(file: Path, process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + _SECONDS
    while not (file.exists() and "\n" in file.read_text()):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return int(file.read_text().split("\n")[0])


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The application on a free port of loopback, and its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
