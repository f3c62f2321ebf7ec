"""The engine on ONNX Runtime: any model file at once, without a compiler, many times slower than its compiled form.

It is what the compiled engine (``native.py``) is measured against, and needs ``pip install "undin[ort]"``. Around the
network goes the hop of ``hop.py``.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undin.engines.engine import NotInstalled
from undin.engines.hop import StepEngine
from undin.model.metadata import Metadata
from undin.model.reason import reason

if TYPE_CHECKING:
    import onnxruntime


class OrtEngine(StepEngine):
    """The engine on ONNX Runtime; see `Engine` in ``engine.py``.

    Parameters
    ----------
    path : Path
        ONNX file, which all threads share.

    Raises
    ------
    NotInstalled
        There is no ONNX Runtime.
    ValueError
        It cannot run the file, or the file is not a model that this version of undin understands.
    """

    def __init__(self, path: Path):
        metadata = Metadata.of_onnx_file(path)
        session = _session(path)
        try:
            metadata.check_step(_float_shapes(session.get_inputs()), _float_shapes(session.get_outputs()))
        except ValueError as error:
            raise ValueError(f"{path} is not a model for this undin: {error}") from None
        super().__init__(metadata, partial(_Step, session, metadata))


class _Step:
    """The network of one thread. Bound once, a step costs 4 µs beside its arithmetic, not 10."""

    def __init__(self, session: "onnxruntime.InferenceSession", metadata: Metadata):
        self._session, self._binding = session, session.io_binding()
        self._arrays = {
            "spec": np.zeros((1, 1, metadata.bins, 2), np.float32),
            "state": np.zeros((1, metadata.state_size), np.float32),
            "enhanced": np.zeros((1, 1, metadata.bins, 2), np.float32),
            "next_state": np.zeros((1, metadata.state_size), np.float32),
        }
        for name, array in self._arrays.items():
            bind = self._binding.bind_input if name in ("spec", "state") else self._binding.bind_output
            bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)

    def __call__(self, spec: np.ndarray, state: np.ndarray) -> np.ndarray:
        self._arrays["spec"].view(np.complex64)[:] = spec[:, None]
        self._arrays["state"][0] = state
        self._session.run_with_iobinding(self._binding)
        state[:] = self._arrays["next_state"][0]
        return self._arrays["enhanced"].view(np.complex64)[0, 0, :, 0].copy()


def _session(path: Path) -> "onnxruntime.InferenceSession":
    try:
        import onnxruntime  # takes longer to import than all else, and only those who run a model on it need it
    except ModuleNotFoundError:
        raise NotInstalled('ONNX Runtime is not installed; install it with: pip install "undin[ort]"') from None

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised below; it need not be printed too
    # A step is far too small to share among threads: they would wait for each other longer than they work.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        # The fallback from one processor to another prints what is raised here.
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
    except Exception as error:  # ONNX Runtime's errors share no narrower base class
        raise ValueError(f"{path} is not an ONNX model that ONNX Runtime can run: {reason(error)}") from None


def _float_shapes(values: "Iterable[onnxruntime.NodeArg]") -> dict[str, list[int]]:
    return {value.name: value.shape for value in values if value.type == "tensor(float)"}
