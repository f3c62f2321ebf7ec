"""What a page cannot do to itself, in Chromium: keys that a person presses, names that are read, no microphone."""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from faces.page.conftest import APP, ROOT
from faces.page.devtools import Tab
from faces.web.browsers import KINDS

pytestmark = pytest.mark.needs("chromium")

NOISY = ROOT / "examples" / "noisy.wav"
FOCUS = """(() => {
  const one = document.activeElement;
  const seen = [one, one.nextElementSibling, one.closest("label")].some((element) => {
    if (!element) return false;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  });
  return [one.id || `${one.name || one.className}${one.value ? ` ${one.value}` : ""}`, seen];
})()"""


@pytest.fixture(scope="module")
def url(built):
    """The built folder, by the plainest of static servers."""

    class Handler(SimpleHTTPRequestHandler):
        def guess_type(self, path):
            return KINDS.get(str(path).rpartition(".")[2], "text/html")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=APP / "dist"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@pytest.fixture
def tab(request, url):
    """A tab with the page; with flags of Chromium where a test gives them."""
    one = Tab(*getattr(request, "param", ()))
    try:
        one.look(1280, 900)
        one.open(url)
        yield one
        assert not one.heard("Runtime.exceptionThrown")
    finally:
        one.close()


def walk(tab: Tab, wanted: str, *, key: str = "Tab", most: int = 20) -> list[str]:
    """Press a key until the focus is where it is wanted, and see it wherever it is; where it has been."""
    been = []
    for _ in range(most):
        tab.press(key)
        where, is_seen = tab.evaluate(FOCUS)
        been.append(where)
        assert is_seen, f"nobody sees that {where} has the focus"
        if where == wanted:
            return been
    raise AssertionError(f"{wanted} is not reached by {key}, but {been}")


def test_all_of_it_by_keys_alone(tab):
    tab.call("Page.setInterceptFileChooserDialog", enabled=True)
    been = walk(tab, "file")
    assert been[:2] == ["name", "language en"] and been[2:] == ["source recording", "strength", "model", "file"]
    walk(tab, "strength", key="shift Tab")
    tab.press("ArrowLeft", "ArrowLeft")
    assert tab.evaluate("document.getElementById('strength-shown').textContent") == "at most 38 dB"
    walk(tab, "file")
    tab.press(" ")
    chosen = tab.heard("Page.fileChooserOpened") or wait(tab, "Page.fileChooserOpened")
    tab.call("DOM.setFileInputFiles", files=[str(NOISY)], backendNodeId=chosen[0]["backendNodeId"])
    tab.until("document.activeElement.id === 'enhance'")
    tab.press("Enter")
    tab.until("document.activeElement.id === 'save'")
    walk(tab, "plot")
    tab.press("End", "ArrowLeft")
    place = tab.evaluate("document.getElementById('plot').ariaValueText")
    assert place == "0:08 of 0:08"
    tab.press("+", "+")
    assert not tab.evaluate("document.getElementById('scroll').hidden")
    tab.press("Home")
    walk(tab, "play")
    tab.press(" ")
    tab.until("document.getElementById('clock').textContent === '0:01'")
    walk(tab, "hear-after")
    tab.press("ArrowLeft")
    assert tab.evaluate("document.getElementById('recording').dataset.heard") == "before"
    walk(tab, "play", key="shift Tab")
    tab.press("Enter")
    assert tab.evaluate("document.getElementById('play').ariaLabel") == "Play"
    walk(tab, "zoom-in")
    walk(tab, "source recording", key="shift Tab")
    tab.press("ArrowRight")
    assert not tab.evaluate("document.getElementById('live').hidden")
    walk(tab, "toggle")
    tab.press("Enter")
    tab.until("document.getElementById('live').dataset.state === 'on'")
    walk(tab, "hear")
    tab.press(" ")
    assert tab.evaluate("document.getElementById('hear').checked")


def wait(tab: Tab, method: str) -> list[dict]:
    """The events of a kind, once there is one."""
    with tab.news:
        assert tab.news.wait_for(lambda: any(event["method"] == method for event in tab.events), 10), method
    return tab.heard(method)


def test_whatever_can_be_used_has_a_name(tab):
    tab.give_file("#file", NOISY)
    tab.until("document.activeElement.id === 'enhance'")
    used = {"button", "link", "radio", "slider", "combobox", "checkbox", "switch", "progressbar", "textbox"}
    seen = set()
    for panel in ("recording", "live"):
        tab.evaluate(f"document.querySelector('[name=source][value={panel}]').click()")
        tab.call("Accessibility.enable")
        for node in tab.call("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value")
            if not node.get("ignored") and role in used:
                name = node.get("name", {}).get("value", "")
                assert name.strip(), node
                seen.add((role, name))
    assert {("slider", "Strength at most 40 dB"), ("slider", "Place in the recording"), ("button", "Play")} & seen
    assert {("switch", "Let me hear it"), ("radio", "Original"), ("radio", "Deutsch")} <= seen


def test_every_address_is_its_own(tab, url):
    """From the first request on, until all has been used: the browser's own record, beside the server's."""
    tab.give_file("#file", NOISY)
    tab.until("document.activeElement.id === 'enhance'")
    tab.press("Enter")
    tab.until("document.activeElement.id === 'save'", seconds=60)
    asked = [event["request"]["url"] for event in tab.heard("Network.requestWillBeSent")]
    assert asked and not [address for address in asked if not address.startswith((url, "blob:", "data:"))]


@pytest.mark.parametrize("width", (320, 390, 820, 1280))
def test_nothing_is_wider_than_the_screen(tab, width):
    tab.look(width, 800)
    tab.evaluate("document.querySelector('[name=language][value=de]').click()")
    tab.give_file("#file", NOISY)
    tab.until("document.activeElement.id === 'enhance'")
    for panel in ("recording", "live"):
        tab.evaluate(f"document.querySelector('[name=source][value={panel}]').click()")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("tab", [("--use-fake-ui-for-media-stream=deny",)], indirect=True, ids=["denied"])
@pytest.mark.parametrize("button", ("toggle", "record"))
def test_a_microphone_that_is_denied_is_told(tab, button):
    assert fault(tab, button) == "denied"


@pytest.mark.parametrize("button", ("toggle", "record"))
def test_a_microphone_that_is_gone_is_told(tab, button):
    tab.until("document.getElementById('device').options.length > 1")
    tab.evaluate("document.getElementById('device').add(new Option('a headset', 'gone', true, true))")
    assert fault(tab, button) == "missing"


def fault(tab: Tab, button: str) -> str:
    """What is told when the microphone is wanted."""
    panel = {"toggle": "live", "record": "recording"}[button]
    tab.evaluate(f"document.querySelector('[name=source][value={panel}]').click()")
    tab.evaluate(f"document.getElementById('{button}').click()")
    tab.until("!document.getElementById('fault').hidden")
    assert tab.evaluate("document.getElementById('live').dataset.state") == "off"
    assert tab.evaluate("document.getElementById('recording').dataset.state") == "empty"
    return tab.evaluate("document.getElementById('fault').dataset.fault")


def test_it_can_be_installed(tab):
    tab.until("navigator.serviceWorker.controller !== null")
    told = tab.call("Page.getAppManifest")
    assert told["url"].endswith("manifest.webmanifest") and not told["errors"]
    assert tab.call("Page.getInstallabilityErrors")["installabilityErrors"] == []
