"""A TFLite file on LiteRT, ready to be timed: its step and its whole hop, both as Python calls them."""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from undin.bench.memory import noise_hops, spectra
from undin.engines.litert import LiteRtEngine, NetworkStep
from undin.engines.native import aligned


class LiteRtSubject:
    """A model on LiteRT, with what ``subject.py`` tells of a compiled one.

    Parameters
    ----------
    path : Path
        TFLite file.
    block : int
        Calls that follow each other.

    Attributes
    ----------
    name, metadata, parameters, macs_per_step, state_bytes
        As of `Subject`. How much memory LiteRT works in, it does not tell.
    """

    arena_bytes = None

    def __init__(self, path: Path, block: int):
        self._engine = LiteRtEngine(path)
        self.metadata = about = self._engine.metadata
        self.name, self.parameters = about.name, about.parameters
        self.macs_per_step = round(about.macs_per_second * about.hop / about.sample_rate)
        self.state_bytes = self._engine.c_model.state_bytes
        self._step = NetworkStep(path.read_bytes(), path, about)
        self._network_state = np.zeros(about.state_size, np.float32)
        self._spectra, self._hops = spectra(about, block), noise_hops(about, block)
        self._state, self._out = aligned(self.state_bytes), aligned(about.hop, np.float32)

    def step_us(self) -> np.ndarray:
        """Durations of the network alone for the frames of a block, µs."""
        durations = np.empty(len(self._spectra))
        for frame, spec in enumerate(self._spectra):
            self._step.fill(spec.view(np.complex64)[:, 0], self._network_state)
            durations[frame] = _us(self._step.run)
            self._step.take(self._network_state)
        return durations

    def hop_us(self) -> np.ndarray:
        """Durations of whole hops, with all that Python does around the network, µs."""
        model, energies = self._engine.c_model, (ctypes.c_float * 2)()
        states, outs = _pointer(self._state), _pointer(self._out)
        calls = [
            lambda hop=hop: model.process_hops(states, None, _pointer(hop), outs, 1, 0, 1, energies)
            for hop in self._hops
        ]
        durations = np.array([_us(call) for call in calls])
        self._engine.check()
        return durations


def _pointer(array: np.ndarray) -> ctypes.Array:
    return (ctypes.c_void_p * 1)(array.ctypes.data)


def _us(call: Callable[[], object]) -> float:
    before = time.perf_counter_ns()
    call()
    return 1e-3 * (time.perf_counter_ns() - before)
