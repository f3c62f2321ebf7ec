"""A model file, ONNX with its metadata, and the engine that runs its hops.

A model describes itself: the metadata in the file say all that is needed to run it, and `load` refuses what it does not
understand. Making such files is the business of `nn/`. Signals of any rate and block size are the business of
`stream.py`; an engine takes whole hops at the model's own rate.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from undin.stft import Analysis, Synthesis

if TYPE_CHECKING:
    import onnxruntime

FORMAT_VERSION = 1
WEIGHTS = Path(__file__).parent / "weights"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a model file says about itself, each field a string of the same name in the file.

    `latency_samples` is the delay of the stream at the model's rate, for blocks of any size: the `window - 1` samples
    that a sample may wait for the last frame it is part of, and a hop for every frame that the network looks ahead.
    """

    format_version: int = FORMAT_VERSION
    name: str
    sample_rate: int
    n_fft: int
    window: int
    hop: int
    latency_samples: int
    state_size: int
    parameters: int
    macs_per_second: int
    recipe: str
    training_data: str
    licence: str
    commit: str

    def __post_init__(self):
        if self.format_version != FORMAT_VERSION:
            raise ValueError(
                f"format_version is {self.format_version}, this undin reads {FORMAT_VERSION}: install a newer undin"
            )
        if self.sample_rate < 1 or self.state_size < 1:
            raise ValueError(f"sample_rate {self.sample_rate} and state_size {self.state_size} must be positive")
        Analysis(self.n_fft, self.window, self.hop)  # refuses sizes that cannot be reconstructed
        look_ahead_samples = self.latency_samples - (self.window - 1)
        if look_ahead_samples < 0 or look_ahead_samples % self.hop:
            raise ValueError(f"latency_samples {self.latency_samples} is not window - 1 plus whole hops of look-ahead")

    @property
    def bins(self) -> int:
        """Frequency bins of a frame."""
        return self.n_fft // 2 + 1

    @classmethod
    def from_strings(cls, strings: Mapping[str, str]) -> "Metadata":
        """Read the metadata of an ONNX file.

        Raises
        ------
        ValueError
            If a field is missing, unknown, not the number it should be, or contradicts another.
        """
        fields = {field.name: field.type for field in dataclasses.fields(cls)}
        version = strings.get("format_version", "")
        if version.isdecimal() and int(version) > FORMAT_VERSION:  # before its new fields are called unknown
            raise ValueError(f"format_version is {version}, this undin reads {FORMAT_VERSION}: install a newer undin")
        if missing := [name for name in fields if name not in strings]:
            raise ValueError(f"metadata missing: {', '.join(missing)}; export the model with `undin export`")
        if unknown := sorted(set(strings) - set(fields)):
            raise ValueError(f"unknown metadata: {', '.join(unknown)}; export the model with `undin export`")
        values = {}
        for name, kind in fields.items():
            try:
                values[name] = kind(strings[name])
            except ValueError:
                raise ValueError(f"metadata {name} is {strings[name]!r}, which is not a whole number") from None
        return cls(**values)

    def to_strings(self) -> dict[str, str]:
        """The metadata as an ONNX file holds them."""
        return {name: str(value) for name, value in dataclasses.asdict(self).items()}


class Engine(Protocol):
    """Runs one channel of sound through a model, whole hops at a time; it holds all state of that channel."""

    delay_samples: int
    """By how much the output comes after the input: `latency_samples - (hop - 1)` of the metadata."""

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Enhance float32 samples in [-1, 1], shape (n * hop,), n ≥ 1, to the same shape, attenuation limit applied."""

    def reset(self) -> None:
        """Go back to the fresh state."""


class Model:
    """A loaded model file. Its engines share one session and may run in different threads; get one from `load`.

    Attributes
    ----------
    path : Path
    metadata : Metadata
    """

    def __init__(self, path: Path, metadata: Metadata, session: "onnxruntime.InferenceSession"):
        self.path, self.metadata, self._session = path, metadata, session

    def engine(self, *, atten_lim_db: float | None = None) -> Engine:
        """A fresh engine for one channel.

        Parameters
        ----------
        atten_lim_db : float, optional
            The most that any sound is attenuated, dB, not negative; None sets no limit, 0 returns the delayed input.
        """
        return OrtEngine(self._session, self.metadata, wet=1.0 - gain_floor(atten_lim_db))


def gain_floor(atten_lim_db: float | None) -> float:
    """The least gain that an attenuation limit in dB allows, in [0, 1]; ValueError if the limit is negative."""
    if atten_lim_db is None:
        return 0.0
    if not atten_lim_db >= 0:
        raise ValueError(f"atten_lim_db must be 0 dB or more, or None for no limit, got {atten_lim_db}")
    return float(10 ** (-atten_lim_db / 20))


class OrtEngine:
    """The engine on ONNX Runtime: analysis, step and synthesis of one channel."""

    def __init__(self, session: "onnxruntime.InferenceSession", metadata: Metadata, *, wet: float):
        sizes = metadata.n_fft, metadata.window, metadata.hop
        self._analysis, self._synthesis = Analysis(*sizes), Synthesis(*sizes)
        self.delay_samples = metadata.latency_samples - (metadata.hop - 1)
        self._wet = np.float32(wet)
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


def models() -> list[str]:
    """Names of the models that come with undin."""
    return sorted(path.stem for path in WEIGHTS.glob("*.onnx"))


def load(name_or_path: "str | Path | Model") -> Model:
    """Load a model.

    Parameters
    ----------
    name_or_path : str, Path or Model
        One of `models()`, or the path of an ONNX file that undin exported. A loaded model is returned as it is.

    Returns
    -------
    Model

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the name is unknown, or the file is not a model that this version of undin understands.
    """
    if isinstance(name_or_path, Model):
        return name_or_path
    path = Path(name_or_path)
    if str(name_or_path) in models():
        path = WEIGHTS / f"{name_or_path}.onnx"
    elif not path.is_file():
        if path.suffix or path.parent != Path("."):
            raise FileNotFoundError(f"there is no model file {path}")
        raise ValueError(
            f"unknown model {str(name_or_path)!r}: give the path of an ONNX file or one of {', '.join(models())}"
        )
    session = _session(path)
    try:
        metadata = Metadata.from_strings(session.get_modelmeta().custom_metadata_map)
        _check_step(session, metadata)
    except ValueError as error:
        raise ValueError(f"{path} is not a model for this undin: {error}") from None
    return Model(path, metadata, session)


def _session(path: Path) -> "onnxruntime.InferenceSession":
    import onnxruntime  # takes longer to import than all else, and only those who load a model need it

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


def _check_step(session: "onnxruntime.InferenceSession", metadata: Metadata) -> None:
    spec, state = [1, 1, metadata.bins, 2], [1, metadata.state_size]
    for kind, expected, found in (
        ("inputs", {"spec": spec, "state": state}, session.get_inputs()),
        ("outputs", {"enhanced": spec, "next_state": state}, session.get_outputs()),
    ):
        shapes = {value.name: list(value.shape) for value in found}
        if shapes != expected or any(value.type != "tensor(float)" for value in found):
            raise ValueError(f"its {kind} are {shapes}, its metadata need float tensors {expected}")
