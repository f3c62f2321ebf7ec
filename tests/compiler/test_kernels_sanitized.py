"""The tests of all kernels once more, with kernels that gcc's AddressSanitizer and UndefinedBehaviorSanitizer watch."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from compiler.kernel_shim import SANITIZED

FILES = [f"test_kernels_{part}.py" for part in ("matmul", "lanes", "recurrent", "int8", "math")]


def runtime(name: str) -> str:
    """A sanitizer's library beside gcc, or '' where it is missing."""
    gcc = shutil.which("gcc")
    path = subprocess.check_output([gcc, f"-print-file-name={name}"], text=True).strip() if gcc else ""
    return path if os.path.isabs(path) else ""


@pytest.mark.skipif(SANITIZED, reason="this is the process that has the sanitizers loaded")
def test_no_access_beyond_arrays_and_no_undefined_behaviour():
    libraries = [runtime("libasan.so"), runtime("libubsan.so")]
    if not all(libraries):
        pytest.skip("gcc or its sanitizers are not installed")
    folder = Path(__file__).parent
    environment = {
        **os.environ,
        "UNDIN_TEST_SANITIZED": "1",
        "LD_PRELOAD": ":".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--hypothesis-profile=default"]
    done = subprocess.run(
        [*command, *(str(folder / name) for name in FILES)],
        env=environment, cwd=folder.parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    assert " passed" in done.stdout
