"""The site as `make docs` builds it, notebooks run: links, references, sounds, search, and nothing from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import numpy as np
import pytest
import soundfile
from faces.page.conftest import built, dist  # noqa: F401
from faces.page.devtools import Tab
from support.once import run_once
from support.shown import ROOT

import undin
from docs.site import c_reference

pytestmark = pytest.mark.needs("site")

SITE = ROOT / "build" / "site"
APP = ROOT / "apps" / "page" / "dist"
NARROW = 390
"""Pixels of a phone."""


class Page(HTMLParser):
    """Where a page leads, what it loads, and the names of its places."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.path, self.text = path, path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        values = dict(attributes)
        self.places |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif values.get("rel") != "canonical":
            self.loads += [values[name] for name in ("href", "src") if values.get(name)]


@pytest.fixture(scope="module")
def site(built, tmp_path_factory) -> dict[Path, Page]:  # noqa: F811
    """All pages, built anew, but for the page of apps/page, which is in it."""
    run_once(tmp_path_factory, "docs/site/build.py")
    return {path: Page(path) for path in SITE.rglob("*.html") if SITE / "page" not in path.parents}


@pytest.fixture(scope="module")
def tab(site):
    """A browser without a server."""
    one = Tab("--allow-file-access-from-files")
    yield one
    one.close()


def visit(tab: Tab, address: str) -> None:
    tab.call("Page.navigate", url=f"{SITE.as_uri()}/{address}")
    tab.until("document.readyState === 'complete'")


def test_everything_that_is_linked_or_loaded_is_there(site):
    missing = []
    for path, page in site.items():
        for link in page.links + page.loads:
            if re.match(r"(https?|mailto|data):", link):
                continue
            address, place = urldefrag(unquote(re.sub(r"\?[^#]*", "", link)))
            target = (path.parent / address).resolve() if address else path
            if not target.is_file() or (place and target in site and place not in site[target].places):
                missing.append((path.relative_to(SITE).as_posix(), link))
    assert missing == [] and len(site) > 50


def test_nothing_is_loaded_from_elsewhere(site):
    assert [load for page in site.values() for load in page.loads if re.match(r"(\w+:)?//", load)] == []
    styles = [path.read_text(encoding="utf-8") for path in SITE.rglob("*.css")]
    assert [text for text in styles if re.search(r"""url\(["']?(\w+:)?//|@import ["'](\w+:)?//""", text)] == []


def test_references_have_all_that_is_public(site):
    python = site[SITE / "docs" / "reference" / "python.html"].places
    assert {f"undin.{name}" for name in undin.__all__} | {"undin.Stream.process", "undin.Stream.flush"} <= python
    header = re.sub(r"/\*.*?\*/", "", c_reference.HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    functions = re.findall(r"(\w+)\([^()]*\);", header)
    c = site[SITE / "docs" / "reference" / "c.html"].places
    assert {f"c.{name}" for name in [*functions, "undin_model", "undin_model.reset", "undin_levels.presence"]} <= c
    commands = site[SITE / "docs" / "reference" / "commands.html"].text
    assert "--atten-lim-db" in commands and "usage: undin data mix" in commands


def test_sounds_are_enhanced_and_say_whose_they_are(site):
    licences = (SITE / "sounds" / "LICENCES.txt").read_text(encoding="utf-8")
    sounds = sorted((SITE / "sounds").glob("*-before.flac"))
    assert "an-office-before.flac" in {path.name for path in sounds}
    for path in sounds:
        before, rate = soundfile.read(path)
        after, same_rate = soundfile.read(path.with_name(path.name.replace("-before", "-after")))
        assert (before.shape, rate) == (after.shape, same_rate) and np.std(after - before) > 0.001
        assert path.name in licences and path.with_name(path.name.replace("-before.flac", ".png")).is_file()


def test_notebooks_have_run(site):
    for name, sounds, pictures in (("enhancing", 3, 2), ("training", 1, 1)):
        page = site[SITE / "docs" / "notebooks" / f"{name}.html"]
        assert page.text.count("<audio") == sounds
        assert len([load for load in page.loads if load.endswith(".png")]) == pictures
        assert "Traceback" not in page.text


@pytest.mark.needs("chromium")
def test_search_finds_without_a_server(tab):
    visit(tab, "search.html?q=atten_lim_db")
    tab.until("document.querySelectorAll('ul.search li a').length > 5")
    found = tab.evaluate("[...document.querySelectorAll('ul.search li a')].map(a => a.href).join(' ')")
    assert "docs/reference/python.html" in found
    assert tab.heard("Network.requestWillBeSent", lambda event: event["request"]["url"].startswith("http")) == []


@pytest.mark.needs("chromium")
def test_of_two_sounds_one_plays_and_the_other_takes_over(tab):
    visit(tab, "docs/sounds.html")
    tab.evaluate("players = [...document.querySelectorAll('figure.sound audio')]; players[0].play()")
    tab.until("players[0].currentTime > 0.3")
    tab.evaluate("players[1].play()")
    tab.until("players[0].paused && !players[1].paused && players[1].currentTime > 0.3")
    tab.evaluate("players[2].play()")
    tab.until("players[1].paused && players[2].currentTime > 0 && players[2].currentTime < players[1].currentTime + 5")


@pytest.mark.needs("chromium")
def test_no_page_is_wider_than_a_phone(tab, site):
    tab.look(NARROW, 800)
    wide = []
    for path in site:
        visit(tab, path.relative_to(SITE).as_posix())
        if (width := tab.evaluate("document.documentElement.scrollWidth")) > NARROW:
            wide.append((path.name, width))
    assert wide == []


@pytest.mark.needs("chromium")
def test_what_a_folder_cannot_show_is_said(tab):
    visit(tab, "docs/page.html")
    if not APP.exists():
        assert "make page" in tab.evaluate("document.querySelector('article').textContent")
        return
    assert tab.evaluate("document.querySelector('.from-a-file').offsetHeight > 0")
    assert tab.evaluate("document.querySelector('iframe.page').offsetHeight === 0")
