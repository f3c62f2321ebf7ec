"""The way of a sample from one sound card to another: the twin of ``c/live/undin_live.c``, and the memory it works in.

Sound cards call C, in threads of their own; Python sets what is wanted and reads what is told. Nothing here knows
PortAudio, so that tests may play both cards.
"""

import ctypes
import math
from typing import NamedTuple

import numpy as np

from undin.engines.engine import attenuation
from undin.engines.native import NativeEngine, aligned, stream_functions, stream_library
from undin.model.loading import Model

MAX_CHANNELS = 2
QUEUE_S, TAPE_S = 2, 10
SLACK_S = 0.005
"""What waits in the queue besides the least that must: an operating system is seldom later than that."""

PHASES, TAPS, BETA = 256, 32, 8.0
"""Of the filter between samples: places a sample, samples at a place, and Kaiser's window, which falls to -80 dB."""


class Bridge(ctypes.Structure):
    """`undin_bridge` of undin_bridge.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("frames", "filter")),
        ("size", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("rate_hz", "ratio", "slack_s")),
        *((name, ctypes.c_int32) for name in ("channels", "taps", "phases", "has_clock")),
        ("written", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("ahead", "wrote_s")),
        ("read", ctypes.c_int64),
        *((name, ctypes.c_double) for name in ("phase", "step", "fill", "centre", "error", "integral")),
        *((name, ctypes.c_double) for name in ("waited_s", "learnt_s", "least", "mean")),
        ("held", ctypes.c_float * MAX_CHANNELS),
        ("gain", ctypes.c_float),
        *((name, ctypes.c_int32) for name in ("state", "is_tracking")),
        ("gaps", ctypes.c_uint32),
    )


class Live(ctypes.Structure):
    """`undin_live` of undin_live.c."""

    _fields_ = (
        ("bridge", Bridge),
        *((name, ctypes.c_void_p) for name in ("stream", "tape")),
        ("tape_size", ctypes.c_int64),
        ("out_channels", ctypes.c_int32),
        ("atten_lim_db", ctypes.c_float),
        *((name, ctypes.c_int32) for name in ("is_bypassed", "is_recording")),
        ("atten_lim_db_now", ctypes.c_float),
        ("is_bypassed_now", ctypes.c_int32),
        *((name, ctypes.c_int64) for name in ("taped", "untaped")),
        ("tape_lost", ctypes.c_uint32),
        *((name, ctypes.c_uint32) for name in ("input_blocks", "output_blocks", "input_xruns", "output_xruns")),
        *((name, ctypes.c_float) for name in ("input_power", "output_power", "reduction_db")),
        *((name, ctypes.c_double) for name in ("input_energy", "output_energy")),
        ("summed", ctypes.c_int64),
    )


class Told(NamedTuple):
    """What there is to tell while sound runs.

    Attributes
    ----------
    input_dbfs, output_dbfs : float
        Root mean square over the last tenth of a second, dB relative to a sample of 1, at least -120.
    reduction_db : float
        How much softer the last hop came out than it went in.
    queue_s : float
        How long samples wait between the cards.
    drift_ppm : float
        By how much the input's clock is faster than the output's, parts in a million; 0 until they are found to differ.
    input_xruns, output_xruns : int
        Times that a driver lost sound, or had none to play.
    gaps : int
        Times that the queue ran dry or over, and the sound faded out and in again.
    """

    input_dbfs: float
    output_dbfs: float
    reduction_db: float
    queue_s: float
    drift_ppm: float
    input_xruns: int
    output_xruns: int
    gaps: int


class Path:
    """A stream between two callbacks of PortAudio's kind.

    Parameters
    ----------
    model : Model
        A compiled one: no other runs without Python's lock.
    channels : int
        Of the input and of the stream, 1 or 2.
    input_rate, output_rate : int
        Hz; the stream runs at the input's.
    output_channels : int
        Of the output, which get the stream's in turn.

    Attributes
    ----------
    input_callback, output_callback : int
        Addresses of functions in C.
    address : int
        What they take as their user data, as long as this object lives.
    latency_s : float
        Of the stream alone, without the queue.
    """

    def __init__(self, model: Model, *, channels: int, input_rate: int, output_rate: int, output_channels: int):
        if not isinstance(model.engine, NativeEngine):
            raise ValueError(
                f"{model.metadata.name} is not compiled here, and what is not would let sound cards wait for Python: "
                'install a C compiler, or pip install "undin[compile]"'
            )
        functions, library = stream_functions(), stream_library()
        self.channels, self.input_rate = channels, input_rate
        self._model, c_model = model, model.engine.c_model
        self._stream = aligned(functions.bytes(c_model, input_rate, channels))
        functions.init(self._stream.ctypes.data, c_model, input_rate, channels)
        self.latency_samples = functions.latency_samples(self._stream.ctypes.data)
        self.latency_s = self.latency_samples / input_rate
        ratio = input_rate / output_rate
        self._filter = between_samples(ratio)
        self._frames = aligned((_power_of_two(QUEUE_S * input_rate), channels), np.float32)
        self._tape = aligned((_power_of_two(TAPE_S * input_rate), 2 * channels), np.float32)
        self._c = Live(
            bridge=Bridge(
                frames=self._frames.ctypes.data,
                filter=self._filter.ctypes.data,
                size=len(self._frames),
                rate_hz=input_rate,
                ratio=ratio,
                step=ratio,
                slack_s=SLACK_S,
                channels=channels,
                taps=self._filter.shape[1],
                phases=PHASES,
            ),
            stream=self._stream.ctypes.data,
            tape=self._tape.ctypes.data,
            tape_size=len(self._tape),
            out_channels=output_channels,
            atten_lim_db=math.inf,
            atten_lim_db_now=math.inf,
        )
        self.address = ctypes.addressof(self._c)
        self.input_callback, self.output_callback = (
            ctypes.cast(getattr(library, name), ctypes.c_void_p).value
            for name in ("undin_live_input", "undin_live_output")
        )

    def set(self, *, atten_lim_db: float | None, bypass: bool) -> None:
        """Say how strong noise is attenuated from the next block on, faded as in a `Stream`."""
        self._c.atten_lim_db = attenuation(atten_lim_db)
        self._c.is_bypassed = bypass

    def record(self, on: bool) -> None:
        """Let both sides be put on the tape, or no more."""
        self._c.is_recording = on

    def taped(self) -> np.ndarray:
        """Take what is on the tape: (n, 2 channels), the input and what the stream then gave, which is of before."""
        c, size = self._c, len(self._tape)
        first, end = c.untaped, c.taped
        rows = self._tape[np.arange(first, end) % size]
        c.untaped = end
        return rows

    @property
    def tape_lost(self) -> int:
        """Frames that the tape had no place for, since nobody took what was on it."""
        return self._c.tape_lost

    @property
    def blocks(self) -> tuple[int, int]:
        """How many blocks came, and how many were wanted."""
        return self._c.input_blocks, self._c.output_blocks

    def told(self) -> Told:
        """What there is to tell now."""
        c, bridge = self._c, self._c.bridge
        return Told(
            input_dbfs=_decibels(c.input_power),
            output_dbfs=_decibels(c.output_power),
            reduction_db=c.reduction_db,
            queue_s=max(bridge.fill, 0) / bridge.rate_hz,
            drift_ppm=1e6 * bridge.integral,
            input_xruns=c.input_xruns,
            output_xruns=c.output_xruns,
            gaps=bridge.gaps,
        )


def between_samples(ratio: float) -> np.ndarray:
    """The filter that tells a signal between its samples, (PHASES + 1, taps) float32: a windowed sinc for each place.

    Parameters
    ----------
    ratio : float
        Input samples for an output sample. Where it is above 1, what the output cannot hold is taken out.
    """
    taps = TAPS * math.ceil(max(ratio, 1.0))
    cut = 1 / max(ratio, 1.0)
    distance = np.arange(PHASES + 1)[:, None] / PHASES - np.arange(1 - taps // 2, taps // 2 + 1)
    window = np.i0(BETA * np.sqrt(np.maximum(1 - (2 * distance / taps) ** 2, 0))) / np.i0(BETA)
    weights = np.sinc(cut * distance) * window
    weights[np.abs(weights) < 1e-12] = 0  # so that whole places give samples bit for bit
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()


def _decibels(power: float) -> float:
    return max(10 * math.log10(power), -120.0) if math.isfinite(power) and power > 0 else -120.0
