"""Shared by all tests: where the real audio lies, and a skip with a reason where something cannot be had."""

import os
from pathlib import Path

import pytest

# Before torch is there: workers side by side with threads for every core each would mostly wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with train, valid and test audio; skips the test where this checkout has none beside it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no audio beside the checkout: {SHARED_DATA} is missing")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """A cache of compiled models for this run alone; the caches of zig and matplotlib stay where they are."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    with pytest.MonkeyPatch.context() as environment:
        for variable, name in (("ZIG_GLOBAL_CACHE_DIR", "zig"), ("MPLCONFIGDIR", "matplotlib")):
            environment.setenv(variable, os.environ.get(variable) or str(usual / name))
        environment.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip whatever needs PESQ where it is missing: it comes as source alone, and not every machine can compile it."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if error.name == "pesq":
            pytest.skip("pesq is not installed: it needs a C compiler and Python's headers to build")
        raise
