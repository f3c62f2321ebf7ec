"""Models for tests of `Stream`, too simple to be wrong."""

from functools import partial

import pytest
from support import step_models

from undin import load


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Loaded step models by name. Two run compiled, the others, to be there at once, on ONNX Runtime."""
    folder = tmp_path_factory.mktemp("models")
    on_onnx_runtime = partial(load, engine="onnxruntime")
    return {
        "identity": load(step_models.identity(folder / "identity.onnx")),
        "look_ahead": on_onnx_runtime(step_models.look_ahead(folder / "look_ahead.onnx")),
        "fading": load(step_models.fading(folder / "fading.onnx")),
        "quiet": on_onnx_runtime(step_models.gain(folder / "quiet.onnx", 0.1)),
        "quiet_above_4_khz": on_onnx_runtime(step_models.gain_above(folder / "above.onnx", 0.1, lowest_bin=128)),
        "telephone": on_onnx_runtime(
            step_models.gain(folder / "telephone.onnx", 0.5, sample_rate=8_000, n_fft=256, window=160, hop=80)
        ),
        "full_band": on_onnx_runtime(
            step_models.gain(folder / "full_band.onnx", 0.5, sample_rate=48_000, n_fft=960, window=960, hop=480)
        ),
    }
