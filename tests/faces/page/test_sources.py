"""The page's sources: their types, and what is built of them."""

import re

from faces.page.conftest import APP
from faces.web.test_package import npm, of_npm, packed  # noqa: F401


def test_typescript_accepts_them(npm, built):  # noqa: F811
    of_npm(npm, "tsc", "--project", str(APP / "jsconfig.json"))


def test_what_is_imported_is_there_and_nothing_is_from_elsewhere(built):
    texts = {name: content.decode() for name, content in built.items() if name.endswith((".js", ".html", ".css"))}
    for name, text in texts.items():
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)  # types, in comments, are of the package
        for path in re.findall(r'(?:\bfrom |\bimport\(|new URL\()"([^"]+)"', code):
            assert path.startswith("./"), f"{name} imports {path}"
            assert f"{name.rpartition('/')[0]}/{path[2:]}".lstrip("/") in built
        for link in re.findall(r'(?:href|src)="([^"]*)"', text) if name.endswith("html") else ():
            assert link == "./" or link in built, f"{name} wants {link}"
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), f"{name} names an address"


def test_the_service_worker_keeps_what_the_first_load_needs(built):
    kept = set(re.findall(r'^  "(.+)",?$', built["sw.js"].decode(), re.M))
    others = {name for name in built if name.startswith("undin/models/")} - {"undin/models/undin-nano.js"}
    assert kept == set(built) - others - {"sw.js"}


def test_both_languages_have_what_the_page_asks_for(built):
    words = set(re.findall(r'^  "?([\w.]+)"?: "', built["words.js"].decode(), re.M))
    asked = set(re.findall(r'data-(?:word|label)="([\w.]+)"', built["index.html"].decode()))
    assert asked <= words
