"""A server for each file of tests."""

import pytest
from support.serving import serving


@pytest.fixture(scope="module")
def server(tmp_path_factory, request):
    """With the options that the file names in `OPTIONS`."""
    with serving(tmp_path_factory.mktemp("server"), *getattr(request.module, "OPTIONS", ())) as one:
        yield one
