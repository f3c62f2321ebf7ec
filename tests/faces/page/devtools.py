"""Chromium by its own protocol, for what a page cannot do to itself: keys that are trusted, no network, pictures.

Messages go through two pipes, as JSON with a zero byte behind each: https://chromedevtools.github.io/devtools-protocol.
"""

import base64
import fcntl
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

ANSWER_SECONDS = 30
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
    *("--autoplay-policy=no-user-gesture-required", "--disable-background-networking", "--remote-debugging-pipe"),
)
KEYS = {
    "Tab": 9,
    "Enter": 13,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}
"""Keys that tests press, and their codes under Windows, by which Chromium knows them."""


class Tab:
    """One tab of a Chromium of its own.

    Parameters
    ----------
    *flags : str
        More flags for Chromium.
    """

    def __init__(self, *flags: str):
        self.folder = tempfile.TemporaryDirectory(prefix="undin-devtools", ignore_cleanup_errors=True)
        (from_us, to_it), (from_it, to_us) = (os.pipe(), os.pipe())
        read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 20) for end in (from_us, to_us))
        command = ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", "chromium", *FLAGS, *flags]
        with open(Path(self.folder.name, "log"), "w") as log:
            self.process = subprocess.Popen(
                [*command, f"--user-data-dir={self.folder.name}/profile"],
                pass_fds=(read, write),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for end in (from_us, to_us, read, write):
            os.close(end)
        self.output, self.input = os.fdopen(to_it, "wb"), os.fdopen(from_it, "rb")
        self.news = threading.Condition()
        self.answers: dict[int, dict] = {}
        self.events: list[dict] = []
        self.count = 0
        self.session = None
        threading.Thread(target=self.listen, daemon=True).start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def listen(self) -> None:
        """Take what it says, until it says no more."""
        rest = b""
        while chunk := self.input.raw.read(1 << 20):
            *messages, rest = (rest + chunk).split(b"\0")
            with self.news:
                for message in map(json.loads, messages):
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events.append(message)
                self.news.notify_all()

    def call(self, method: str, **parameters) -> dict:
        """Call a method of the protocol, for the tab once there is one."""
        self.count += 1
        number = self.count
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.output.write(json.dumps(message).encode() + b"\0")
        self.output.flush()
        with self.news:
            if not self.news.wait_for(lambda: number in self.answers, ANSWER_SECONDS):
                raise TimeoutError(f"Chromium did not answer {method} in {ANSWER_SECONDS} s")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def open(self, url: str) -> None:
        """Go to a page, and wait until it is ready."""
        self.call("Page.navigate", url=url)
        self.until("document.documentElement?.dataset.state === 'ready'")

    def evaluate(self, expression: str):
        """What an expression gives, or the promise that it gives."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            raise AssertionError(told["exceptionDetails"])
        return told["result"].get("value")

    def until(self, expression: str, *, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(expression):
            assert time.monotonic() < deadline, f"not within {seconds} s: {expression}"
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Press keys, as a person does: names of `KEYS`, or letters; "shift Tab" holds shift."""
        for key in keys:
            *held, name = key.split(" ") if key != " " else (key,)
            code = KEYS.get(name) or ord(name.upper())
            text = {"Enter": "\r"}.get(name, name if len(name) == 1 else "")
            both = {"key": name, "windowsVirtualKeyCode": code, "modifiers": 8 if held else 0}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **both)
            self.call("Input.dispatchKeyEvent", type="keyUp", **both)

    def give_file(self, selector: str, path: Path) -> None:
        """Choose a file, as a person does in the window that a browser opens."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def look(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """Have a window of a size, in pixels of CSS, and a theme."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )
        theme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=theme)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of what is seen, or of the whole page."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def heard(self, method: str, wanted: Callable[[dict], bool] = lambda _: True) -> list[dict]:
        """Parameters of the events so far."""
        with self.news:
            found = [event["params"] for event in self.events if event["method"] == method]
        return [parameters for parameters in found if wanted(parameters)]

    def close(self) -> None:
        """End it."""
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.output.close()
        self.folder.cleanup()
