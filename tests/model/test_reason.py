"""What the libraries of others say, in sentences of ours."""

import pytest

from undin.model.reason import MOST, reason

pytestmark = pytest.mark.quick


def test_a_reason_is_one_line_of_limited_length():
    assert reason(ValueError("\n too many axes\nat line 3")) == "too many axes"
    assert reason(KeyError()) == "KeyError"
    assert len(reason(RuntimeError("a name of " + "ä" * 10_000))) == MOST + 1
