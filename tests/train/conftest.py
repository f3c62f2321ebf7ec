"""Fixtures of the training tests."""

from pathlib import Path

import pytest
from support import small_recipe


@pytest.fixture(scope="session")
def recipe_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe over made-up audio, without validation, whose steps take milliseconds."""
    return small_recipe.write(tmp_path_factory.mktemp("corpus"))
