"""The same step in ONNX Runtime, on one thread, as fast as Python can call it."""

import time
from typing import TYPE_CHECKING

import numpy as np

from undin.bench.memory import StepMemory
from undin.compiler.session import reference_session

if TYPE_CHECKING:
    import onnxruntime


class OrtStep:
    """A step in ONNX Runtime.

    All its memory is bound beforehand, so that a call allocates and copies nothing; only the call itself is timed.

    Parameters
    ----------
    model : str or bytes
        ONNX file, or what is in one.
    memory : StepMemory
    frames : int
        Of its signal.
    """

    def __init__(self, model: str | bytes, memory: StepMemory, frames: int):
        self._session = reference_session(model)
        self._bindings = [self._bind(memory, frame) for frame in range(frames)]

    def _bind(self, memory: StepMemory, frame: int) -> "onnxruntime.IOBinding":
        binding = self._session.io_binding()
        inputs = {argument.name for argument in self._session.get_inputs()}
        for value, row in zip(memory.values, memory.arguments, strict=True):
            bind = binding.bind_input if value.name in inputs else binding.bind_output
            address = int(row[frame % 2]) + frame * int(row[2])
            bind(value.name, "cpu", 0, value.dtype.type, value.shape, address)
        return binding

    def time_us(self) -> np.ndarray:
        """Duration of a call for each frame, (frames,) float64 in µs."""
        run, now = self._session.run_with_iobinding, time.perf_counter_ns
        durations = np.empty(len(self._bindings))
        for frame, binding in enumerate(self._bindings):
            before = now()
            run(binding)
            durations[frame] = 1e-3 * (now() - before)
        return durations
