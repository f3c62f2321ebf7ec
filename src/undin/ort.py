"""The engine on ONNX Runtime: any model file at once, without a compiler, many times slower than its compiled form.

It is what the compiled engine (``native.py``) is measured against, and needs ``pip install "undin[ort]"``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from undin.engine import NotInstalled, gain_floor, silenced
from undin.metadata import Metadata
from undin.stft import Analysis, Synthesis

if TYPE_CHECKING:
    import onnxruntime


class OrtEngine:
    """The engine on ONNX Runtime: analysis, step and synthesis of one channel."""

    def __init__(self, session: "onnxruntime.InferenceSession", metadata: Metadata, atten_lim_db: float | None = None):
        sizes = metadata.n_fft, metadata.window, metadata.hop
        self._analysis, self._synthesis = Analysis(*sizes), Synthesis(*sizes)
        self.delay_samples = metadata.latency_samples - (metadata.hop - 1)
        self._wet = np.float32(1.0 - gain_floor(atten_lim_db))
        self._session = session
        self._spec = np.zeros((1, 1, metadata.bins, 2), np.float32)
        self._enhanced = np.zeros_like(self._spec)
        self._states = np.zeros((2, 1, metadata.state_size), np.float32)
        # Bound once, a step costs 4 µs beside its arithmetic, not 10, and allocates nothing. The step reads one of the
        # two states and writes the other, in turn.
        self._read_first, self._write_first = self._bind(0, 1), self._bind(1, 0)
        self.reset()

    def _bind(self, state: int, next_state: int) -> "onnxruntime.IOBinding":
        binding = self._session.io_binding()
        for bind, name, array in (
            (binding.bind_input, "spec", self._spec),
            (binding.bind_input, "state", self._states[state]),
            (binding.bind_output, "enhanced", self._enhanced),
            (binding.bind_output, "next_state", self._states[next_state]),
        ):
            bind(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        return binding

    def reset(self) -> None:
        """Go back to the fresh state."""
        self._analysis.reset()
        self._synthesis.reset()
        self._states[:] = 0
        self._dry = np.zeros(self.delay_samples, np.float32)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Enhance whole hops; see `Engine`."""
        samples = silenced(samples)
        spec = self._analysis.process(samples)
        enhanced = np.empty_like(spec)
        for frame, enhanced_frame in zip(_as_real(spec), _as_real(enhanced), strict=True):
            self._spec[0, 0] = frame
            self._session.run_with_iobinding(self._read_first)
            self._read_first, self._write_first = self._write_first, self._read_first
            enhanced_frame[:] = self._enhanced[0, 0]
        wet = self._synthesis.process(enhanced)
        delayed = np.concatenate((self._dry, samples))
        self._dry = delayed[len(samples) :]
        dry = delayed[: len(samples)]
        return dry + self._wet * (wet - dry)


def _as_real(spec: np.ndarray) -> np.ndarray:
    """(n, F) complex64 seen as (n, F, 2) float32."""
    return spec.view(np.float32).reshape(*spec.shape, 2)


def open_session(path: Path, metadata: Metadata) -> "onnxruntime.InferenceSession":
    """Open a model file; its engines share the session and may run in different threads.

    Raises
    ------
    NotInstalled
        There is no ONNX Runtime.
    ValueError
        It cannot run the file, or the file does not fit its metadata.
    """
    session = _session(path)
    try:
        metadata.check_step(_float_shapes(session.get_inputs()), _float_shapes(session.get_outputs()))
    except ValueError as error:
        raise ValueError(f"{path} is not a model for this undin: {error}") from None
    return session


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
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no narrower base class
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"{path} is not an ONNX model that ONNX Runtime can run: {reason}") from None


def _float_shapes(values: "Iterable[onnxruntime.NodeArg]") -> dict[str, list[int]]:
    return {value.name: value.shape for value in values if value.type == "tensor(float)"}
