"""The same step in ONNX Runtime, on one thread, as fast as Python can call it."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undin.bench.memory import StepMemory
from undin.compiler.ir.files import Given, load
from undin.compiler.session import reference_session

if TYPE_CHECKING:
    import onnxruntime


class OrtStep:
    """A step in ONNX Runtime.

    All its memory is bound beforehand, so that a call allocates and copies nothing; only the call itself is timed.

    Parameters
    ----------
    model : Path
        ONNX file.
    memory : StepMemory
    frames : int
        Of its signal.
    given : Given, optional
        What the file leaves open. The file stays as it is here, and inputs that become constants stay inputs: with
        shapes and conditions written into Silero's detector of voices ONNX Runtime 1.32 refuses it.
    """

    def __init__(self, model: Path, memory: StepMemory, frames: int, given: Given | None = None):
        given = given or Given()
        self._constants = given.constants(load(model).graph) if given.values else {}
        self._session = reference_session(str(model))
        self._bindings = [self._bind(memory, frame) for frame in range(frames)]

    def _bind(self, memory: StepMemory, frame: int) -> "onnxruntime.IOBinding":
        binding = self._session.io_binding()
        inputs = {argument.name for argument in self._session.get_inputs()}
        for value, row in zip(memory.values, memory.arguments, strict=True):
            bind = binding.bind_input if value.name in inputs else binding.bind_output
            address = int(row[frame % 2]) + frame * int(row[2])
            bind(value.name, "cpu", 0, value.dtype.type, value.shape, address)
        for name, array in self._constants.items():
            binding.bind_cpu_input(name, array)
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
