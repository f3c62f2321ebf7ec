"""TensorFlow Lite Micro runs models of undin: the exporter leaves no operator to them that it lacks."""

from pathlib import Path

import numpy as np
import pytest

import undin
from undin.engines.hop import StepEngine
from undin.model.loading import Model
from undin.model.metadata import Metadata

pytestmark = pytest.mark.needs("litert-torch", "tflite-micro")

ARENA_BYTES = 1 << 20


class MicroStep:
    """The network of a thread, on the interpreter for microcontrollers."""

    def __init__(self, path: Path, metadata: Metadata):
        from tflite_micro.python.tflite_micro import runtime

        self._interpreter = runtime.Interpreter.from_file(str(path), arena_size=ARENA_BYTES)
        spec = (1, 1, metadata.bins, 2)
        inputs, outputs = (
            {tuple(details(index)["shape"]): index for index in (0, 1)}
            for details in (self._interpreter.get_input_details, self._interpreter.get_output_details)
        )
        self._spec, self._state = inputs.pop(spec), inputs.popitem()[1]
        self._enhanced, self._next_state = outputs.pop(spec), outputs.popitem()[1]

    def __call__(self, spec: np.ndarray, state: np.ndarray) -> np.ndarray:
        self._interpreter.set_input(spec.view(np.float32).reshape(1, 1, -1, 2), self._spec)
        self._interpreter.set_input(state[None].copy(), self._state)
        self._interpreter.invoke()
        state[:] = self._interpreter.get_output(self._next_state)[0]
        return self._interpreter.get_output(self._enhanced).view(np.complex64)[0, 0, :, 0]


def test_speech_comes_out_as_from_onnx_runtime(model, noisy_speech):
    name, path = model
    about = Metadata.of_tflite_file(path)
    micro = Model(path, StepEngine(about, lambda: MicroStep(path, about)))
    wave = np.repeat(noisy_speech[:48_000], about.sample_rate // 16_000)
    ours = undin.enhance(wave, sample_rate=about.sample_rate, model=micro)
    theirs = undin.enhance(wave, sample_rate=about.sample_rate, model=undin.load(name, engine="onnxruntime"))
    assert np.abs(ours - theirs).max() < 1e-5 < np.abs(theirs).max()
