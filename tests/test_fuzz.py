"""Spoilt files do no harm: a few hundred of what `tests/support/fuzz_*.py` make by the hundred thousand."""

import pytest
from support import fuzz, fuzz_files, fuzz_models

TARGETS = [(fuzz_files, ("refused", "told of", "done")), (fuzz_models, ("refused", "compiled"))]


@pytest.mark.parametrize(("target", "words"), TARGETS, ids=["files", "models"])
def test_spoilt_files_are_told_of_or_read(target, words):
    found, failures = fuzz.run(target.TARGET, range(500))
    assert not failures
    assert sum(found.values()) == 500
    assert min(found[word] for word in words) > 20, found
