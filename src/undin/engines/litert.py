"""The engine on LiteRT, once TensorFlow Lite: files that ``undin export --format tflite`` wrote, as a phone runs them.

It shows on this machine what an app with such a file would hear and spend, and needs ``pip install ai-edge-litert``.
Around the network goes the hop of ``hop.py``.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undin.engines.engine import NotInstalled
from undin.engines.hop import StepEngine
from undin.model.metadata import Metadata
from undin.model.reason import reason
from undin.model.tflite import SIGNATURE

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter, SignatureRunner


class LiteRtEngine(StepEngine):
    """The engine on LiteRT, on its XNNPACK kernels; see `Engine` in ``engine.py``.

    Parameters
    ----------
    path : Path
        TFLite file; each thread has an interpreter of its own over the same bytes.

    Raises
    ------
    NotInstalled
        There is no LiteRT.
    ValueError
        It cannot run the file, or the file is not a model that this version of undin understands.
    """

    def __init__(self, path: Path):
        metadata, content = Metadata.of_tflite_file(path), path.read_bytes()
        signature = _signature(_interpreter(content, path), path)
        try:
            metadata.check_step(
                _float_shapes(signature.get_input_details()), _float_shapes(signature.get_output_details())
            )
        except ValueError as error:
            raise ValueError(f"{path} is not a model for this undin: {error}") from None
        super().__init__(metadata, partial(NetworkStep, content, path, metadata))


class NetworkStep:
    """The network of one thread, a `Step` of ``hop.py`` in three parts."""

    def __init__(self, content: bytes, path: Path, metadata: Metadata):
        self._interpreter = _interpreter(content, path)
        signature = _signature(self._interpreter, path)
        details = signature.get_input_details() | signature.get_output_details()
        self._index = {name: one["index"] for name, one in details.items()}
        self._spec = np.zeros((1, 1, metadata.bins, 2), np.float32)

    def __call__(self, spec: np.ndarray, state: np.ndarray) -> np.ndarray:
        self.fill(spec, state)
        self.run()
        return self.take(state)

    def fill(self, spec: np.ndarray, state: np.ndarray) -> None:
        """Copy the inputs to where LiteRT reads them."""
        self._spec.view(np.complex64)[:] = spec[:, None]
        self._interpreter.set_tensor(self._index["spec"], self._spec)
        self._interpreter.set_tensor(self._index["state"], state[None])

    def run(self) -> None:
        """Run the network."""
        self._interpreter.invoke()

    def take(self, state: np.ndarray) -> np.ndarray:
        """Copy the next state to where the last one was, and return the enhanced spectrum."""
        state[:] = self._interpreter.get_tensor(self._index["next_state"])[0]
        return self._interpreter.get_tensor(self._index["enhanced"]).view(np.complex64)[0, 0, :, 0]


def _interpreter(content: bytes, path: Path) -> "Interpreter":
    try:
        from ai_edge_litert.interpreter import Interpreter  # takes half a second, and few run a model on it
    except ModuleNotFoundError:
        raise NotInstalled(
            f"LiteRT, which runs {path}, is not installed; install it with: pip install ai-edge-litert"
        ) from None
    try:
        # A step is far too small to share among threads: they would wait for each other longer than they work.
        interpreter = Interpreter(model_content=content, num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is not a TFLite model that LiteRT can run: {reason(error)}") from None
    return interpreter


def _signature(interpreter: "Interpreter", path: Path) -> "SignatureRunner":
    try:
        return interpreter.get_signature_runner(SIGNATURE)
    except ValueError:
        found = ", ".join(interpreter.get_signature_list()) or "none"
        raise ValueError(
            f"{path} is not a model for this undin: it has no signature {SIGNATURE!r} to run, but these: {found}"
        ) from None


def _float_shapes(details: Mapping[str, Mapping[str, Any]]) -> dict[str, list[int]]:
    return {name: one["shape"].tolist() for name, one in details.items() if one["dtype"] is np.float32}
