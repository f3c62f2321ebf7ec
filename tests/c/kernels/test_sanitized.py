"""The tests of all kernels once more, with kernels that gcc's AddressSanitizer and UndefinedBehaviorSanitizer watch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.kernel_shim import SANITIZED
from support.needs import SANITIZERS, sanitizer

FILES = [f"test_{part}.py" for part in ("matmul", "lanes", "recurrent", "int8", "math")]


@pytest.mark.needs("sanitizers")
@pytest.mark.skipif(SANITIZED, reason="this is the process that has the sanitizers loaded")
def test_no_access_beyond_arrays_and_no_undefined_behaviour():
    folder = Path(__file__).parent
    environment = {
        **os.environ,
        "UNDIN_TEST_SANITIZED": "1",
        "LD_PRELOAD": ":".join(map(sanitizer, SANITIZERS)),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=default"]
    done = subprocess.run(
        [*command, *(str(folder / name) for name in FILES)],
        env=environment, cwd=folder.parents[2], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert " passed" in done.stdout
