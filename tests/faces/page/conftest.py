"""The page as `make page` builds it, in the browsers of the package's tests, each time in a folder of its own."""

import itertools
from pathlib import Path

import pytest
from faces.web.conftest import ROOT, browser, dist, in_node, node, speech, through  # noqa: F401
from support.once import run_once

HERE = Path(__file__).parent
APP = ROOT / "apps" / "page"
COUNT = itertools.count()


@pytest.fixture(scope="session")
def built(dist, tmp_path_factory) -> dict[str, bytes]:  # noqa: F811
    """The page's files by their paths."""
    run_once(tmp_path_factory, "apps/page/build.py")
    folder = APP / "dist"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(browser, built) -> str:  # noqa: F811
    """Where the page is served this time: no service worker has been there before."""
    name = f"anywhere/{next(COUNT)}"
    browser.files |= {f"pages/{path.name}": path.read_bytes() for path in (HERE / "pages").iterdir()}
    browser.files |= {f"{name}/{path}": content for path, content in built.items()}
    return name


@pytest.fixture
def visit(browser, folder):  # noqa: F811
    """A function that does a job of `pages` with the page."""

    def run(page: str, *, timeout_s: float = 60, **arguments):
        return browser.run(page, timeout_s=timeout_s, folder=folder, address=f"/{folder}/index.html", **arguments)

    return run
