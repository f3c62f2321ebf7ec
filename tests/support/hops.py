"""Whole hops through the entry of a model, without a stream around it: what tests of engines and products call."""

import ctypes
from collections.abc import Sequence

import numpy as np

from undin.engines.engine import Engine

GUARD, GUARD_BYTE = 32, 0xA5


class Hops:
    """Channels of sound at the model's rate, whole hops at a time; guards lie around all memory that the model is lent.

    Attributes
    ----------
    delay_samples : int
        By how much the output comes after the input.
    energies : ndarray, shape (2,)
        What was heard and kept of voices since the start.
    """

    def __init__(self, engine: Engine, *, channels: int = 1, linked: bool = False):
        self._engine, self._model, self._linked = engine, engine.c_model, linked
        self.hop_samples = self._model.hop_samples
        self.delay_samples = self._model.latency_samples - (self.hop_samples - 1)
        self._states = [_guarded(self._model.state_bytes) for _ in range(channels)]
        self._arena = _guarded(self._model.arena_bytes)
        self.energies = np.zeros(2, np.float32)
        self.reset()

    def reset(self) -> None:
        """Go back to the fresh state."""
        for state in self._states:
            self._model.reset(_address(state))

    def fill(self, byte: int) -> None:
        """Fill the memory of the states with a byte."""
        for state in self._states:
            state[GUARD:-GUARD] = byte

    def state(self, channel: int = 0) -> np.ndarray:
        """A copy of the state of a channel, as floats."""
        return self._states[channel][GUARD:-GUARD].copy().view(np.float32)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Enhance float32 samples (n * hop,), or (n * hop, channels), into the same shape."""
        planar = np.array(samples, np.float32).reshape(len(samples), len(self._states)).T.copy()
        addresses = _pointers(one.ctypes.data for one in planar)
        self._model.process_hops(
            *(_pointers(map(_address, self._states)), _address(self._arena), addresses, addresses),
            *(len(planar), self._linked, len(samples) // self.hop_samples),
            self.energies.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
        )
        self._engine.check()
        for memory in (*self._states, self._arena):
            assert (memory[:GUARD] == GUARD_BYTE).all() and (memory[-GUARD:] == GUARD_BYTE).all()
        return planar.T.reshape(np.shape(samples))


def _guarded(size: int) -> np.ndarray:
    """Bytes with a guard on both sides; what lies between is as aligned as a float, and no more."""
    memory = np.full(size + 2 * GUARD + 64, GUARD_BYTE, np.uint8)
    start = -memory.ctypes.data % 64 + 4
    return memory[start : start + size + 2 * GUARD]


def _address(memory: np.ndarray) -> int:
    return memory.ctypes.data + GUARD


def _pointers(addresses: Sequence[int]) -> ctypes.Array:
    values = list(addresses)
    return (ctypes.c_void_p * len(values))(*values)
