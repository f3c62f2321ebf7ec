"""The engine that runs a compiled model: a shared library that ``compiler/`` made, called through ctypes.

ctypes lets go of the GIL during a call, and a library keeps nothing between calls but what it is handed, so engines of
one library run side by side in as many threads as there are.
"""

import ctypes
import json
from pathlib import Path

import numpy as np

from undin.metadata import Metadata, c_prefix

ALIGNMENT = 64
"""Bytes: where working memory begins costs least at a cache line."""


LIBRARY_NAMES = "lib{}.so", "lib{}.dylib", "{}.dll"
"""File names of a shared library, ``{}`` in the place of the model's name in C: on Linux, on macOS, on Windows."""


def is_library(path: Path) -> bool:
    """Whether a file is a shared library of any machine, by its name."""
    return path.suffix in {Path(name).suffix for name in LIBRARY_NAMES}


def library_beside(path: Path) -> Path | None:
    """The library of an ONNX file in its folder; None if there is none."""
    candidates = (path.with_name(name.format(c_prefix(path.stem))) for name in LIBRARY_NAMES)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


class Library:
    """A compiled model, loaded.

    Parameters
    ----------
    path : Path
        The shared library, its name that of the model in C: ``libundin_tiny.so``. It is a program, and runs with all
        rights of yours.

    Attributes
    ----------
    path : Path
    metadata : Metadata

    Raises
    ------
    ValueError
        It is no library of this machine, or holds no model of its name that this version of undin understands.
    """

    def __init__(self, path: Path):
        self.path, prefix = path, path.stem.removeprefix("lib")
        size, void = ctypes.c_size_t, ctypes.c_void_p
        try:
            library = ctypes.CDLL(str(path.absolute()))  # a bare name would be looked for among those of the system
        except OSError as error:
            reason = str(error).removeprefix(f"{path.absolute()}: ")
            raise ValueError(f"{path} is not a compiled model for this machine, its loader says: {reason}") from None
        try:
            self._state_size = _function(library, f"{prefix}_state_size", size)()
            self._arena_size = _function(library, f"{prefix}_arena_size", size)()
            self.reset = _function(library, f"{prefix}_reset", None, void)
            self.set_atten_lim_db = _function(library, f"{prefix}_set_atten_lim_db", ctypes.c_int, void, ctypes.c_float)
            self.process_hops = _function(library, f"{prefix}_process_hops", None, void, void, void, void, size)
            metadata = _function(library, f"{prefix}_metadata", ctypes.c_char_p)()
            self.metadata = Metadata.from_strings(json.loads(metadata))
        except (AttributeError, ValueError) as error:
            raise ValueError(
                f"{path} is not a model that this undin compiled, or it was given another name: {error}"
            ) from None

    def memory(self) -> tuple[np.ndarray, np.ndarray]:
        """Fresh memory for the state and for the work of one stream."""
        return aligned(self._state_size), aligned(self._arena_size)


def _function(library: ctypes.CDLL, name: str, result: type | None, *arguments: type):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


def aligned(shape: tuple[int, ...] | int, dtype: np.dtype | type = np.uint8) -> np.ndarray:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


class NativeEngine:
    """The engine on a compiled model; see `Engine` in ``engine.py``."""

    def __init__(self, library: Library, atten_lim_db: float | None = None):
        self.library, self._hop = library, library.metadata.hop
        self.delay_samples = library.metadata.latency_samples - (self._hop - 1)
        self._atten_lim_db = float("inf") if atten_lim_db is None else atten_lim_db
        # Kept, because the addresses alone would not keep the memory.
        self._memory = library.memory()
        self._state, self._arena = (memory.ctypes.data for memory in self._memory)
        self.reset()

    def reset(self) -> None:
        """Go back to the fresh state."""
        self.library.reset(self._state)
        self.library.set_atten_lim_db(self._state, self._atten_lim_db)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Enhance whole hops; see `Engine`."""
        enhanced = np.array(samples, np.float32)  # a copy, for the C works in place
        place = enhanced.ctypes.data
        self.library.process_hops(self._state, self._arena, place, place, len(enhanced) // self._hop)
        return enhanced
