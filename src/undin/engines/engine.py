"""What an engine is: the `undin_model` of undin.h that runs a model. Those there are stand beside this file."""

import ctypes
import json
from typing import Any, Protocol

import numpy as np

from undin.model.metadata import Metadata

ABI = 1
"""Number of the interface of undin.h that this package speaks."""

MAX_SAMPLE = 1e6
"""120 dB above full scale: no sound, and its power would soon be infinite in float32."""

RESET = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
PROCESS_HOPS = ctypes.CFUNCTYPE(
    None,
    *(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p),
    *(ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_void_p)),
    *(ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.POINTER(ctypes.c_float)),
)


class CModel(ctypes.Structure):
    """`undin_model`, as undin.h tells it."""

    _fields_ = (
        ("abi", ctypes.c_int),
        ("sample_rate_hz", ctypes.c_int),
        ("hop_samples", ctypes.c_int),
        ("latency_samples", ctypes.c_int),
        ("state_bytes", ctypes.c_size_t),
        ("arena_bytes", ctypes.c_size_t),
        ("reset", RESET),
        ("process_hops", PROCESS_HOPS),
        ("metadata", ctypes.c_char_p),
    )

    @classmethod
    def describe(
        cls, metadata: Metadata, reset: Any, process_hops: Any, *, state_bytes: int, arena_bytes: int = 0
    ) -> "CModel":
        """A model whose functions are of Python: `RESET` and `PROCESS_HOPS`, which the caller keeps."""
        return cls(
            abi=ABI,
            sample_rate_hz=metadata.sample_rate,
            hop_samples=metadata.hop,
            latency_samples=metadata.latency_samples,
            state_bytes=state_bytes,
            arena_bytes=arena_bytes,
            reset=reset,
            process_hops=process_hops,
            metadata=json.dumps(metadata.to_strings()).encode(),
        )


def floats(address: int, count: int) -> np.ndarray:
    """Memory of C as an array (count,) float32."""
    return np.ctypeslib.as_array((ctypes.c_float * count).from_address(address))


class Engine(Protocol):
    """Runs a model. Streams in different threads may share it."""

    metadata: Metadata
    c_model: CModel
    """Stays where it is as long as the engine lives."""

    def check(self) -> None:
        """Raise what went wrong in this thread since the last check, for C has no exceptions."""


class NotInstalled(OSError):
    """Something is missing that would be needed; the message says what, and how to install it."""


def as_number(value: Any) -> float:
    """A number of any type, an array of one too; NaN if it is none, as a string of digits is none."""
    try:
        return float("nan") if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def attenuation(atten_lim_db: float | None) -> float:
    """A limit of attenuation in dB as C takes it, infinite for none; ValueError if it is negative or no number."""
    limit_db = float("inf") if atten_lim_db is None else as_number(atten_lim_db)
    if not limit_db >= 0:
        raise ValueError(f"atten_lim_db must be 0 dB or more, or None for no limit, got {atten_lim_db!r}")
    return limit_db
