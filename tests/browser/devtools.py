"""A real Chromium, driven through its DevTools protocol over two pipes; no port, no library.

It comes in an npm package with all that it needs, and goes into the user's cache like other builds.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from processes.cluster import PATIENCE_S, environment, until
from support.builds import NotBuiltError, built, need

_SOURCES: Final = Path(__file__).with_name("chromium")
_INSTALL: Final = (
    "sh",
    "-ec",
    """
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    node unpack.mjs
    for each in al2023 fonts; do tar -xf $each.tar; rm $each.tar; done
    """,
)
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
_PIECE: Final = 65_536
_BAD: Final = ("error", "warning")
_CODES: Final = {"Enter": 13, "Escape": 27, "ArrowDown": 40}
_TEXTS: Final = {"Enter": "\r"}


def installed() -> Path:
    """The folder of an unpacked Chromium.

    Raises:
        NotBuiltError: a tool is missing, the registry is out of reach, or this machine is another.
        BrokenBuildError: it cannot be unpacked.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NotBuiltError(
            f"Chromium's package is for Linux on x86_64, this is {platform.platform()}"
        )
    for tool in ("bash", "node", "npm", "tar"):
        need(tool)
    return built("chromium", _SOURCES, _INSTALL)


class Browser:
    """A browser of its own, with an empty profile; names below `.example` lead to this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._profile = tempfile.mkdtemp(prefix="eurekube-chromium-")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[bytes] | None = None
        self._to = self._from = -1
        self._unread = b""
        self._calls = 0
        self._events: list[dict[str, Any]] = []

    def __enter__(self) -> Browser:
        """Start it."""
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # The browser reads commands from 3 and writes to 4.
        pipes = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", pipes, str(self._folder / "chromium"), *_FLAGS,
             f"--user-data-dir={self._profile}",
             "--host-resolver-rules=MAP *.example 127.0.0.1"],
            pass_fds=(theirs_in, theirs_out),
            cwd=self._folder,  # fonts.xml has its cache there
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # its helpers end with it
            env={
                **environment(),
                "LD_LIBRARY_PATH": str(self._folder / "lib"),
                "FONTCONFIG_FILE": str(self._folder / "fonts.xml"),
            },
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            self.call("Browser.getVersion")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Kill it and all of its helpers."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def page(self, url: str = "about:blank") -> Page:
        """A new window, which shares nothing with others; `url` is shown in it."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"])
        page.open(url)
        return page

    def call(self, method: str, session: str | None = None, **params: object) -> dict[str, Any]:
        """What the browser answers to a command."""
        self._calls += 1
        command: dict[str, object] = {"id": self._calls, "method": method, "params": params}
        if session is not None:
            command["sessionId"] = session
        os.write(self._to, json.dumps(command).encode() + b"\0")
        end_s = time.monotonic() + PATIENCE_S
        while True:
            said = self._message(end_s)
            if said.get("id") == self._calls:
                assert "error" not in said, f"{method}: {said['error']}"
                result: dict[str, Any] = said["result"]
                return result
            if "method" in said:
                self._events.append(said)

    def events(self, session: str, method: str) -> list[dict[str, Any]]:
        """What a window has told of a kind so far, the oldest first."""
        return [
            each["params"]
            for each in self._events
            if each.get("sessionId") == session and each["method"] == method
        ]

    def _message(self, end_s: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end_s - time.monotonic()))
            piece = os.read(self._from, _PIECE) if ready else b""
            assert piece, f"no answer from Chromium:\n{self._output()}"
            self._unread += piece
        first, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        return message

    def _output(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-3000:]


class Page:
    """One window."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def open(self, url: str) -> None:
        """Go to a URL, and wait until all of it is there."""
        self._browser.call("Page.navigate", self._session, url=url)
        until(lambda: self.run("document.readyState === 'complete' && location.href !== ''"))

    def run(self, script: str) -> Any:  # noqa: ANN401 - whatever the script gives
        """What a script of the page gives, once it has it; an error of the script fails."""
        answer = self._browser.call(
            "Runtime.evaluate",
            self._session,
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        wrong = answer.get("exceptionDetails")
        assert wrong is None, wrong
        return answer["result"].get("value")

    def listen(self) -> None:
        """Have it told from now on what it asks for, and what its console says."""
        for domain in ("Log", "Network", "Runtime"):
            self._browser.call(f"{domain}.enable", self._session)

    @property
    def asked_for(self) -> set[str]:
        """URLs of all that it has asked for since `listen`."""
        self.run("0")  # what it told before is read then
        sent = self._browser.events(self._session, "Network.requestWillBeSent")
        return {each["request"]["url"] for each in sent}

    @property
    def complaints(self) -> list[object]:
        """Errors, warnings and exceptions in its console since `listen`."""
        self.run("0")
        entries = self._browser.events(self._session, "Log.entryAdded")
        said = self._browser.events(self._session, "Runtime.consoleAPICalled")
        return [
            *self._browser.events(self._session, "Runtime.exceptionThrown"),
            *(each["entry"] for each in entries if each["entry"]["level"] in _BAD),
            *(each for each in said if each["type"] in _BAD),
        ]

    def key(self, name: str) -> None:
        """Press a key: a letter, or `Enter`, `Escape`, `ArrowDown`."""
        text = {"text": _TEXTS.get(name, name)} if len(name) == 1 or name in _TEXTS else {}
        pressed = {"key": name, "windowsVirtualKeyCode": _CODES.get(name, 0), **text}
        self._browser.call("Input.dispatchKeyEvent", self._session, type="keyDown", **pressed)
        self._browser.call("Input.dispatchKeyEvent", self._session, type="keyUp", key=name)

    def write(self, text: str) -> None:
        """Type a text where the cursor is."""
        self._browser.call("Input.insertText", self._session, text=text)

    def picture(self, place: Path, width: int, height: int) -> None:
        """Write what a screen of that size shows as a PNG."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._browser.call("Emulation.setDeviceMetricsOverride", self._session, **metrics)
        shot = self._browser.call("Page.captureScreenshot", self._session)
        place.write_bytes(base64.b64decode(shot["data"]))
