"""The package as a whole: what `import undin` costs and brings."""

import subprocess
import sys

import pytest

import undin

pytestmark = pytest.mark.quick

HEAVY = ("torch", "onnx", "onnxruntime", "soundfile", "matplotlib")


def test_import_is_fast_and_light():
    code = (
        "import sys, time; start = time.process_time(); import undin;"
        f"print(time.process_time() - start, *[name for name in {HEAVY} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    seconds, *heavy = run.stdout.split()
    assert heavy == []
    assert float(seconds) < 0.3


def test_enhancing_never_imports_torch(tmp_path):
    from support import step_models

    path = step_models.identity(tmp_path / "identity.onnx")
    code = (
        "import sys, numpy, undin;"
        f"undin.enhance(numpy.zeros(4800, numpy.float32), sample_rate=48000, model={str(path)!r});"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == "False"


def test_public_names_exist():
    assert undin.__all__ == ["Stream", "enhance", "load", "models"]
    assert all(callable(getattr(undin, name)) for name in undin.__all__)
    assert undin.__version__[0].isdigit()
