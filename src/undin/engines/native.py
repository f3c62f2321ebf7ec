"""The engine that runs a compiled model, and the stream of undin.h: shared libraries that ``compiler/`` made.

ctypes lets go of the GIL during a call, and a library keeps nothing between calls but what it is handed, so streams run
side by side in as many threads as there are.
"""

import ctypes
import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from undin.engines.engine import ABI, CModel
from undin.model.metadata import Metadata, c_prefix

ALIGNMENT = 64
"""Bytes: where working memory begins costs least at a cache line."""

LIBRARY_NAMES = "lib{}.so", "lib{}.dylib", "{}.dll"
"""File names of a shared library, ``{}`` in the place of the model's name in C: on Linux, on macOS, on Windows."""

STREAM_LIBRARY = Path(__file__).parents[1] / "c" / "undin"
"""The stream that comes with an installed undin, under one of those names."""


def is_library(path: Path) -> bool:
    """Whether a file is a shared library of any machine, by its name."""
    return path.suffix in {Path(name).suffix for name in LIBRARY_NAMES}


def library_beside(path: Path) -> Path | None:
    """The library of an ONNX file in its folder; None if there is none."""
    candidates = (path.with_name(name.format(c_prefix(path.stem))) for name in LIBRARY_NAMES)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


class NativeEngine:
    """A compiled model, loaded; see `Engine` in ``engine.py``.

    Parameters
    ----------
    path : Path
        The shared library, its name that of the model in C: ``libundin_tiny.so``. It is a program, and runs with all
        rights of yours.

    Attributes
    ----------
    path : Path
    metadata : Metadata
    c_model : CModel
    library : CDLL

    Raises
    ------
    ValueError
        It is no library of this machine, or holds no model of its name that this version of undin understands.
    """

    def __init__(self, path: Path):
        self.path = path
        self.library = _loaded(path)
        try:
            self.c_model = CModel.in_dll(self.library, path.stem.removeprefix("lib"))
            if self.c_model.abi != ABI:
                raise ValueError(f"its interface is number {self.c_model.abi}, this undin's is {ABI}: compile it again")
            self.metadata = Metadata.from_strings(json.loads(self.c_model.metadata))
        except ValueError as error:
            raise ValueError(
                f"{path} is not a model that this undin compiled, or it was given another name: {error}"
            ) from None

    def check(self) -> None:
        """Nothing goes wrong in compiled code."""


def _loaded(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path.absolute()))  # a bare name would be looked for among those of the system
    except OSError as error:
        reason = str(error).removeprefix(f"{path.absolute()}: ")
        raise ValueError(f"{path} is not a compiled model for this machine, its loader says: {reason}") from None


class CLevels(ctypes.Structure):
    """`undin_levels` of undin.h."""

    _fields_ = tuple((name, ctypes.c_float) for name in ("input_dbfs", "output_dbfs", "reduction_db", "presence"))


MODEL = ctypes.POINTER(CModel)
STREAM_FUNCTIONS = {
    "bytes": (ctypes.c_size_t, MODEL, ctypes.c_int, ctypes.c_int),
    "init": (ctypes.c_int, ctypes.c_void_p, MODEL, ctypes.c_int, ctypes.c_int),
    "reset": (None, ctypes.c_void_p),
    "process": (None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t),
    "process_interleaved": (None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t),
    "process_many": (None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p),
    "flush_interleaved": (None, ctypes.c_void_p, ctypes.c_void_p),
    "latency_samples": (ctypes.c_int, ctypes.c_void_p),
    "set_atten_lim_db": (ctypes.c_int, ctypes.c_void_p, ctypes.c_float),
    "set_bypass": (None, ctypes.c_void_p, ctypes.c_int),
    "set_link_channels": (None, ctypes.c_void_p, ctypes.c_int),
    "get_levels": (None, ctypes.c_void_p, ctypes.POINTER(CLevels)),
}
"""What each ``undin_stream_…`` returns and takes."""


class StreamFunctions:
    """The functions ``undin_stream_…`` of undin.h, without that beginning, out of a library that holds them."""

    bytes: Callable[..., int]
    init: Callable[..., int]
    reset: Callable[..., None]
    process: Callable[..., None]
    process_interleaved: Callable[..., None]
    process_many: Callable[..., None]
    flush_interleaved: Callable[..., None]
    latency_samples: Callable[..., int]
    set_atten_lim_db: Callable[..., int]
    set_bypass: Callable[..., None]
    set_link_channels: Callable[..., None]
    get_levels: Callable[..., None]

    def __init__(self, library: ctypes.CDLL):
        for name, (result, *arguments) in STREAM_FUNCTIONS.items():
            function = getattr(library, f"undin_stream_{name}")
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)


@functools.cache
def stream_library() -> ctypes.CDLL:
    """The library that came with undin; in a checkout compiled on first use, and found in the cache from then on.

    Raises
    ------
    NotInstalled
        It would have to be compiled, and there is no C compiler.
    OSError
        The C compiler failed, or the cache folder cannot be written.
    """
    names = (STREAM_LIBRARY.with_name(name.format(STREAM_LIBRARY.name)) for name in LIBRARY_NAMES)
    shipped = next((path for path in names if path.is_file()), None)
    if shipped is None:
        from undin.compiler.toolchain.cache import cached_stream  # nobody who installed undin need wait for its import

        shipped = cached_stream()
    return _loaded(shipped)


@functools.cache
def stream_functions() -> StreamFunctions:
    """The functions of `stream_library`; errors as there."""
    return StreamFunctions(stream_library())


def aligned(shape: tuple[int, ...] | int, dtype: np.dtype | type = np.uint8) -> np.ndarray:
    """Zeros that begin at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def address(array: np.ndarray) -> int:
    """Where the first element of a contiguous array lies."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type] # five times faster than what follows
    except (TypeError, ValueError):  # it may only be read, or has no elements
        return array.ctypes.data
