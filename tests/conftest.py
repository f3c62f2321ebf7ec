"""Shared by all tests: where the real audio lies, and a skip with a reason where something cannot be had."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with train, valid and test audio; skips the test where this checkout has none beside it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no audio beside the checkout: {SHARED_DATA} is missing")
    return SHARED_DATA


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip whatever needs PESQ where it is missing: it comes as source alone, and not every machine can compile it."""
    try:
        return (yield)
    except ModuleNotFoundError as error:
        if error.name == "pesq":
            pytest.skip("pesq is not installed: it needs a C compiler and Python's headers to build")
        raise
