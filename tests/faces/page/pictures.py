"""Take the pictures of the page that docs/web.md shows: `python tests/faces/page/pictures.py`, after `make page`.

To be looked at whenever the page changes. They need Chromium, and Pillow, which matplotlib brings.
"""

import functools
import sys
import tempfile
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))
from faces.page.devtools import Tab  # noqa: E402

NOISY = ROOT / "examples" / "noisy.wav"
COLOURS = 64
LIVE_SECONDS = 16
PICTURES = {
    "page-390": (390, True, "en", "recording"),
    "page-820": (820, False, "de", "live"),
    "page-1280": (1280, False, "en", "recording"),
}
"""Their names, and the width, whether it is dark, the language and the panel."""

PRESS = "document.getElementById('plot').dispatchEvent(new KeyboardEvent('keydown', {{ key: '{}' }}));"


def main() -> None:
    """Take all pictures."""
    SimpleHTTPRequestHandler.log_message = lambda *_: None
    handler = functools.partial(SimpleHTTPRequestHandler, directory=ROOT / "apps" / "page" / "dist")
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        tab = Tab(f"--use-file-for-fake-audio-capture={at_48_khz(Path(folder))}", "--hide-scrollbars")
        try:
            for name, (width, dark, language, panel) in PICTURES.items():
                tab.look(width, 844, dark=dark)
                tab.open(f"http://127.0.0.1:{server.server_port}/index.html")
                tab.evaluate(f"document.querySelector('[name=language][value={language}]').click()")
                show_recording(tab) if panel == "recording" else show_live(tab)
                tab.picture(Path(folder, "picture.png"), whole=True)
                small = Image.open(Path(folder, "picture.png")).convert("RGB").quantize(COLOURS)
                small.save(ROOT / "docs" / f"{name}.png", optimize=True)
        finally:
            tab.close()
    server.shutdown()


def at_48_khz(folder: Path) -> Path:
    """The noisy recording as Chromium's microphone takes it."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(NOISY)
    soundfile.write(folder / "microphone.wav", soxr.resample(samples, rate, 48_000), 48_000)
    return folder / "microphone.wav"


def show_recording(tab: Tab) -> None:
    """Enhance a recording, and go to a place in it."""
    tab.give_file("#file", NOISY)
    tab.until("document.activeElement.id === 'enhance'")
    tab.press("Enter")
    tab.until("document.getElementById('after').dataset.state === 'shown'")
    tab.evaluate(PRESS.format("End") + 17 * PRESS.format("ArrowLeft") + "document.activeElement.blur()")
    tab.until("document.getElementById('offline').textContent")


def show_live(tab: Tab) -> None:
    """Listen for a while."""
    tab.evaluate("document.querySelector('[name=source][value=live]').click()")
    tab.evaluate("document.getElementById('toggle').click()")
    time.sleep(LIVE_SECONDS)


if __name__ == "__main__":
    main()
