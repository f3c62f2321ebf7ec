"""The functions of undin.h on memory that a test owns: what `undin.Stream` does not show."""

import ctypes

import numpy as np

from undin.engines.native import CLevels, CModel, StreamFunctions, stream_functions

GUARD, GUARD_BYTE = 32, 0xA5


class CStream:
    """An `undin_stream` between guards.

    Parameters
    ----------
    c_model : CModel
    sample_rate, channels : int
    functions : StreamFunctions, optional
        Out of the library to test; those of undin if not given.
    misplaced : int
        Bytes from a multiple of 64 to where its memory begins, a multiple of 8.
    """

    def __init__(
        self,
        c_model: CModel,
        sample_rate: int,
        channels: int,
        *,
        functions: StreamFunctions | None = None,
        misplaced: int = 8,
    ):
        self.functions, self.channels = functions or stream_functions(), channels
        self.size = self.functions.bytes(c_model, sample_rate, channels)
        self._memory = np.full(GUARD + 128 + self.size + GUARD, GUARD_BYTE, np.uint8)
        self._start = GUARD + -(self._memory.ctypes.data + GUARD) % 64 + misplaced
        self.address = self._memory.ctypes.data + self._start
        assert self.functions.init(self.address, c_model, sample_rate, channels) == 0
        self.latency_samples = self.functions.latency_samples(self.address)

    @property
    def memory(self) -> np.ndarray:
        """All bytes of the stream, to be read or written."""
        return self._memory[self._start : self._start + self.size]

    @property
    def levels(self) -> CLevels:
        """Levels of the last block."""
        levels = CLevels()
        self.functions.get_levels(self.address, levels)
        return levels

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Enhance interleaved samples (n, channels), each in memory of its own."""
        samples = np.ascontiguousarray(samples, np.float32)
        output = np.empty_like(samples)
        self.functions.process_interleaved(self.address, samples.ctypes.data, output.ctypes.data, len(samples))
        self._check()
        return output

    def process_planar(self, samples: np.ndarray, *, stride: int = 1, in_place: bool = False) -> np.ndarray:
        """Enhance samples (n, channels) that are `stride` floats apart, the channels anywhere."""
        places = np.full((self.channels, len(samples) * stride), np.nan, np.float32)
        places[:, ::stride] = samples.T
        output = places if in_place else np.full_like(places, np.nan)
        self.functions.process(self.address, pointers(places), pointers(output), stride, len(samples))
        self._check()
        assert np.isnan(np.delete(output, np.s_[::stride], axis=1)).all(), "it wrote between the samples"
        return output[:, ::stride].T

    def flush(self) -> np.ndarray:
        """The last `latency_samples` of the enhanced signal, (n, channels)."""
        rest = np.empty((self.latency_samples, self.channels), np.float32)
        self.functions.flush_interleaved(self.address, rest.ctypes.data)
        self._check()
        return rest

    def _check(self) -> None:
        assert (self._memory[: self._start] == GUARD_BYTE).all(), "it wrote before its memory"
        assert (self._memory[self._start + self.size :] == GUARD_BYTE).all(), "it wrote behind its memory"


def pointers(rows: np.ndarray) -> ctypes.Array:
    """Where each row of an array begins."""
    return (ctypes.c_void_p * len(rows))(*(row.ctypes.data for row in rows))
