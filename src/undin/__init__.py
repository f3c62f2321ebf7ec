"""undin takes the din out of speech in real time.

The whole public API: `enhance` for an array, `Stream` for live audio in blocks of any size, `load` and `models` for the
models they run. Nothing here imports torch, onnx or ONNX Runtime. Read `stream.py` next.
"""

from undin.model.loading import load, models
from undin.stream import Stream, enhance

__all__ = ["Stream", "enhance", "load", "models"]


def __getattr__(name: str) -> str:
    if name == "__version__":  # looked up on demand: reading package metadata costs a fifth of the import time
        from importlib.metadata import version

        return version("undin")
    raise AttributeError(f"module 'undin' has no attribute {name!r}")
