"""Step models for the tests of the C, loaded."""

from functools import partial

import numpy as np
import pytest
from support import step_models

from undin import load


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Step models by name, on ONNX Runtime, to be there at once; and a small network that comes with undin."""
    folder = tmp_path_factory.mktemp("models")
    at_1_khz = np.abs(np.arange(step_models.N_FFT // 2 + 1) - 32) < 10
    on_onnx_runtime = partial(load, engine="onnxruntime")
    return {
        "identity": on_onnx_runtime(step_models.identity(folder / "identity.onnx")),
        "silent": on_onnx_runtime(step_models.gain(folder / "silent.onnx", 0.0)),
        "quiet": on_onnx_runtime(step_models.gain(folder / "quiet.onnx", 0.1)),
        "broken": on_onnx_runtime(step_models.gain(folder / "broken.onnx", float("nan"))),
        "open_at_1_khz": on_onnx_runtime(step_models.gain(folder / "open.onnx", np.where(at_1_khz, 1.0, 0.1))),
        "nano": load("undin-nano"),
    }
