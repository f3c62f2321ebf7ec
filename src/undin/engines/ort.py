"""The engine on ONNX Runtime: any model file at once, without a compiler, many times slower than its compiled form.

It is what the compiled engine (``native.py``) is measured against, and needs ``pip install "undin[ort]"``. It is an
`undin_model` like any other: the stream of undin.h calls it, and what it does is told in c/stream/undin_hop.h.
"""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undin.engines.engine import PROCESS_HOPS, RESET, CModel, NotInstalled, floats
from undin.model.metadata import Metadata
from undin.model.stft import analysis_window, synthesis_window

if TYPE_CHECKING:
    import onnxruntime

VOICE_HZ = 200, 4_000
"""Where voices have most of their sound."""


class OrtEngine:
    """The engine on ONNX Runtime; see `Engine`."""

    def __init__(self, session: "onnxruntime.InferenceSession", metadata: Metadata):
        self.metadata, self._session = metadata, session
        hop, overlap = metadata.hop, metadata.window - metadata.hop
        self._delay = metadata.latency_samples - (hop - 1)
        self._analysis_window = analysis_window(metadata.window)
        self._synthesis_window = synthesis_window(metadata.window, hop)
        self._sizes = metadata.state_size, self._delay + hop, overlap
        first, last = VOICE_HZ
        bin_hz = metadata.sample_rate / metadata.n_fft
        self._voice = slice(int(np.ceil(first / bin_hz)), int(last / bin_hz) + 1)
        self._of_thread = threading.local()
        # Kept, because C holds their addresses alone.
        self._callbacks = RESET(self._reset), PROCESS_HOPS(self._process_hops)
        self.c_model = CModel.describe(metadata, *self._callbacks, state_bytes=4 * sum(self._sizes))

    def check(self) -> None:
        """Raise what ONNX Runtime raised in this thread."""
        error = getattr(self._of_thread, "error", None)
        self._of_thread.error = None
        if error is not None:
            raise error

    def _reset(self, state: int) -> None:
        floats(state, sum(self._sizes))[:] = 0

    def _process_hops(
        self, states: Any, _arena: Any, inputs: Any, outputs: Any, channels: int, linked: int, hops: int, energies: Any
    ) -> None:
        count = hops * self.metadata.hop
        outs = [floats(outputs[channel], count) for channel in range(channels)]
        try:
            each = [self._parts(states[channel]) for channel in range(channels)]
            ins = [floats(inputs[channel], count) for channel in range(channels)]
            for start in range(0, count, self.metadata.hop):
                part = slice(start, start + self.metadata.hop)
                for (_, history, _), samples in zip(each, ins, strict=True):
                    history[:] = np.concatenate((history[self.metadata.hop :], samples[part]))
                groups = [each] if linked else [[one] for one in each]
                for group, places in zip(groups, [outs] if linked else [[one] for one in outs], strict=True):
                    heard, kept = self._hop(group, [out[part] for out in places])
                    energies[0] += float(heard)
                    energies[1] += float(kept)
        except Exception as error:  # C would print and forget it
            self._of_thread.error = error
            for out in outs:
                out[:] = 0

    def _parts(self, state: int) -> list[np.ndarray]:
        """State of the network, history and overlap of a channel."""
        return np.split(floats(state, sum(self._sizes)), np.cumsum(self._sizes)[:-1])

    def _hop(self, channels: Sequence[Sequence[np.ndarray]], outs: Sequence[np.ndarray]) -> tuple[float, float]:
        """Enhance a hop of one channel, or of those that are linked; returns what was heard and kept of voices."""
        newest = [self._spec(history[-self.metadata.window :]) for _, history, _ in channels]
        if len(channels) == 1:
            spec = newest[0]
            enhanced = [self._step(spec, channels[0][0])]
        else:
            spec = merged(newest)
            one = self._step(spec, channels[0][0])
            older = [self._spec(history[: self.metadata.window]) for _, history, _ in channels]
            of = merged(older)
            gain = np.divide(one, of, out=np.zeros_like(one), where=of != 0)
            enhanced = [gain * spec for spec in older]
            for network, _, _ in channels[1:]:
                network[:] = channels[0][0]
        for (_, _, overlap), one, out in zip(channels, enhanced, outs, strict=True):
            self._synthesise(one, overlap, out)
        return tuple(np.sum(np.abs(one[self._voice]) ** 2) for one in (spec, enhanced[0]))

    def _spec(self, frame: np.ndarray) -> np.ndarray:
        return np.fft.rfft(frame * self._analysis_window, self.metadata.n_fft).astype(np.complex64)

    def _synthesise(self, enhanced: np.ndarray, overlap: np.ndarray, out: np.ndarray) -> None:
        frame = np.fft.irfft(enhanced, self.metadata.n_fft)[: self.metadata.window].astype(np.float32)
        frame *= self._synthesis_window
        frame[: len(overlap)] += overlap
        out[:], overlap[:] = frame[: len(out)], frame[len(out) :]

    def _step(self, spec: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Enhanced spectrum (F,) complex64; the state becomes the next one."""
        step = getattr(self._of_thread, "step", None)
        if step is None:
            step = self._of_thread.step = _Step(self._session, self.metadata)
        return step(spec, state)


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


def merged(specs: Sequence[np.ndarray]) -> np.ndarray:
    """The mean power of spectra, with the phase of their sum; those against it are subtracted, and do not cancel."""
    total = specs[0].copy()
    for spec in specs[1:]:
        total += np.where((total * spec.conj()).real < 0, -1, 1) * spec
    power = np.sqrt(np.mean(np.abs(specs) ** 2, axis=0))
    size = np.abs(total)
    return (total * np.divide(power, size, out=np.zeros_like(size), where=size > 0)).astype(np.complex64)


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
