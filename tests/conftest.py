"""Fixtures shared by all tests: where the real audio lies, and a skip with a reason where it is missing."""

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with train, valid and test audio; skips the test where this checkout has none beside it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no audio beside the checkout: {SHARED_DATA} is missing")
    return SHARED_DATA
