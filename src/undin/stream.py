"""`Stream`: the only way samples meet a network; and `enhance`, a loop over it.

Any sample rate, any block size, any number of channels in, the same out, `latency_samples` later. All of the work is
done in C: ``c/include/undin.h`` is the file to read next, ``c/stream/undin_stream.c`` the one after it.
"""

import ctypes
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn, Self

import numpy as np

from undin.engines.engine import as_number, attenuation
from undin.engines.native import CLevels, address, aligned, stream_functions
from undin.model.loading import Model, default_model, load

MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 4_000, 384_000
MAX_CHANNELS = 64

FLOAT32 = np.dtype(np.float32)


class Levels(NamedTuple):
    """Levels for meters; silence counts as -120 dB.

    Attributes
    ----------
    input_dbfs, output_dbfs : float
        Root mean square of the last block, over all channels, dB relative to a sample of 1.
    reduction_db : float
        How much softer the last hops of the output are than they went in.
    presence : float
        How much of their sound between 200 Hz and 4 kHz was kept, 0 to 1 in energy: high in speech, low in noise, but
        no trained detector of either.
    """

    input_dbfs: float
    output_dbfs: float
    reduction_db: float
    presence: float


class Stream:
    """Denoise a signal that comes in blocks, in real time.

    Any number of streams run side by side in as many threads. One stream takes one block after the other, whichever
    thread brings it: a call while another works on it is an error. Settings may change and levels be read in any thread
    while sound runs. At the end of a ``with`` the stream is closed.

    Parameters
    ----------
    sample_rate : int
        Of the blocks, Hz, 4,000 to 384,000.
    channels : int
        Number of channels.
    model : str, Path or Model, optional
        A name out of `undin.models()`, a path of a model file, or a loaded model, which several streams may share; if
        not given ``undin-small``, and from a rate of 32 kHz on ``undin-small-48k``, which hears the treble too.
    atten_lim_db : float, optional
        The most that any sound is attenuated, dB, not negative; None sets no limit, 0 returns the delayed input.

    Attributes
    ----------
    sample_rate, channels, model
        As given, the model loaded. A stream cannot change them: open another.
    latency_samples : int
        By how much the output comes after the input, samples at `sample_rate`, whatever the block sizes.
    atten_lim_db : float or None
        May be set while sound runs; the change is faded in over the next hop of the model.
    bypass : bool
        Whether the delayed input comes out as it is; may be set while sound runs, faded likewise.
    link_channels : bool
        Whether all channels get the same gain, so that what is left of the noise does not wander between the ears, or
        each its own; true for two channels, unless set.
    levels : Levels
        Of the last block.

    Raises
    ------
    ValueError, FileNotFoundError
        If a parameter is out of its range or the model cannot be loaded.
    OSError
        If nothing is installed that could run it.

    Examples
    --------
    >>> with Stream(48_000, channels=2) as stream:
    ...     for block in microphone:
    ...         speaker.write(stream.process(block))
    """

    # Without these a misspelt setting would be a new attribute, and change nothing.
    __slots__ = (
        *("_sample_rate", "_channels", "_model", "_latency_samples", "_atten_lim_db", "_bypass", "_link_channels"),
        *("_c", "_process", "_check", "_memory", "_address", "_frames", "_lock", "_at_work", "__weakref__"),
    )

    def __init__(
        self,
        sample_rate: int = 16_000,
        *,
        channels: int = 1,
        model: str | Path | Model | None = None,
        atten_lim_db: float | None = None,
    ):
        if not MIN_SAMPLE_RATE_HZ <= (rate := as_number(sample_rate)) <= MAX_SAMPLE_RATE_HZ or rate % 1:
            raise ValueError(
                f"sample_rate must be {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} whole Hz, got {sample_rate!r}"
            )
        if not 1 <= (count := as_number(channels)) <= MAX_CHANNELS or count % 1:
            raise ValueError(
                f"channels must be 1 to {MAX_CHANNELS}, got {channels!r}: arrays have the shape (samples, channels)"
            )
        self._sample_rate, self._channels = int(rate), int(count)
        attenuation(atten_lim_db)  # refuses what is no limit before a model is loaded
        self._model = load(default_model(self._sample_rate) if model is None else model)
        self._c = stream_functions()
        c_model = self._model.engine.c_model
        size = self._c.bytes(c_model, self._sample_rate, self._channels)
        self._memory: np.ndarray | None = aligned(size)  # kept, because the address alone would not keep it
        self._address = self._memory.ctypes.data
        self._process, self._check = self._c.process_interleaved, self._model.engine.check
        self._c.init(self._address, c_model, self._sample_rate, self._channels)
        self._latency_samples = self._c.latency_samples(self._address)
        self._frames = ((), (1,)) if self._channels == 1 else ((self._channels,),)  # shapes of a sample of all channels
        # A lock that its thread may take again, for a signal handler that changes a setting runs amid a call.
        self._lock, self._at_work = threading.RLock(), False
        self._bypass, self._link_channels = False, self._channels == 2
        self.atten_lim_db = atten_lim_db

    def __repr__(self) -> str:
        return (
            f"<{'' if self._address else 'closed '}Stream of {self._model.metadata.name} at {self._sample_rate} Hz, "
            f"channels: {self._channels}, latency: {self._latency_samples} samples "
            f"({1e3 * self._latency_samples / self._sample_rate:.1f} ms)>"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Stream can be neither pickled nor copied, since it holds the past of its signal in the memory of C: "
            "send what it was opened with, a loaded model too, and open a Stream there"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory, as soon as the block that runs is done; then the stream cannot be used any more."""
        with self._lock:
            self._address, self._memory = 0, None

    @property
    def sample_rate(self) -> int:
        """Of the blocks, Hz."""
        return self._sample_rate

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._channels

    @property
    def model(self) -> Model:
        """The model, loaded."""
        return self._model

    @property
    def latency_samples(self) -> int:
        """By how much the output comes after the input, samples at `sample_rate`."""
        return self._latency_samples

    @property
    def atten_lim_db(self) -> float | None:
        """The most that any sound is attenuated, dB; None for no limit."""
        return self._atten_lim_db

    @atten_lim_db.setter
    def atten_lim_db(self, atten_lim_db: float | None) -> None:
        self._set(self._c.set_atten_lim_db, attenuation(atten_lim_db))
        self._atten_lim_db = atten_lim_db

    @property
    def bypass(self) -> bool:
        """Whether the delayed input comes out as it is."""
        return self._bypass

    @bypass.setter
    def bypass(self, bypass: bool) -> None:
        self._set(self._c.set_bypass, bool(bypass))
        self._bypass = bool(bypass)

    @property
    def link_channels(self) -> bool:
        """Whether all channels get the same gain."""
        return self._link_channels

    @link_channels.setter
    def link_channels(self, link_channels: bool) -> None:
        self._set(self._c.set_link_channels, bool(link_channels))
        self._link_channels = bool(link_channels)

    @property
    def levels(self) -> Levels:
        """Levels of the last block."""
        levels = CLevels()
        self._set(self._c.get_levels, levels)
        return Levels(*(getattr(levels, name) for name in Levels._fields))

    def reset(self) -> None:
        """Go back to the fresh state: silence came before the next sample; errors as in `process`."""
        self._work(self._c.reset)

    def process(self, block: np.ndarray, *, out: np.ndarray | None = None) -> np.ndarray:
        """Enhance the next block.

        Parameters
        ----------
        block : ndarray, shape (n,) or (n, channels), float32 in [-1, 1]
            Any n; one dimension only for one channel. Samples that are not finite, or a million times full scale, are
            taken as silence, so that they do not spoil the state for ever.
        out : ndarray, same shape, float32, optional
            Where the result goes, contiguous in memory; it may be `block`. Nothing is allocated then.

        Returns
        -------
        ndarray, same shape, float32
            The enhanced signal of `latency_samples` ago; `out`, if that was given.

        Raises
        ------
        ValueError
            If the shape does not fit the channels, the samples are integers or of 16 bits, `out` is no place for the
            result, or the stream is closed.
        RuntimeError
            If another thread is at work on the stream.
        """
        if type(block) is not np.ndarray or block.dtype is not FLOAT32 or block.shape[1:] not in self._frames:
            block = self._samples(block)
        elif not block.flags.c_contiguous:
            block = np.ascontiguousarray(block)
        if out is None:
            out = np.empty(block.shape, FLOAT32)
        elif out.shape != block.shape or out.dtype != FLOAT32 or not (out.flags.c_contiguous and out.flags.writeable):
            raise ValueError(
                f"out must be a contiguous, writeable float32 array of the shape {block.shape}, "
                f"got {out.dtype} {out.shape}"
            )
        self._work(self._process, address(block), address(out), len(block))
        return out

    def _work(self, function: Callable[..., object], *arguments: object) -> None:
        """Let a function of C bring the stream on, which nothing else does meanwhile."""
        self._begin()
        try:
            function(self._address or self._refuse(), *arguments)
        finally:
            self._end()
        self._check()

    def _begin(self) -> None:
        """Take the stream for work, which nothing else does until `_end`."""
        if self._at_work:
            raise RuntimeError(
                "this stream is at work in another thread, and takes one block after the other: open a Stream for each "
                "signal; they may share a model"
            )
        self._lock.acquire()
        self._at_work = True

    def _end(self) -> None:
        self._at_work = False
        self._lock.release()

    def _set(self, function: Callable[..., object], value: object) -> None:
        """Call a function of C that takes no time, once the block that runs is done."""
        with self._lock:
            function(self._address or self._refuse(), value)

    def _refuse(self) -> NoReturn:
        raise ValueError("this stream is closed: open another")

    def _samples(self, block: np.ndarray) -> np.ndarray:
        """A block that fits, as float32; ValueError if it does not fit."""
        block = np.asarray(block)
        if block.dtype.kind != "f":
            raise ValueError(f"samples must be float32 in [-1, 1], got {block.dtype}: divide by its full scale first")
        if block.dtype.itemsize < FLOAT32.itemsize:  # its steps are heard: 66 dB below a sound at best
            raise ValueError(
                f"samples must be float32 in [-1, 1], got {block.dtype}: convert with .astype(numpy.float32)"
            )
        if block.shape[1:] not in self._frames or block.ndim == 0:
            raise ValueError(f"block must have the shape (samples, {self.channels}), got {block.shape}")
        with np.errstate(over="ignore"):  # what float32 cannot hold is no sound
            return np.ascontiguousarray(block, FLOAT32)

    def flush(self) -> np.ndarray:
        """Return the last `latency_samples` of the enhanced signal and go back to the fresh state.

        Errors as in `process`.
        """
        shape = (self.latency_samples,) if self.channels == 1 else (self.latency_samples, self.channels)
        rest = np.empty(shape, np.float32)
        self._work(self._c.flush_interleaved, rest.ctypes.data)
        return rest


def process_many(streams: Sequence[Stream], samples: np.ndarray, lengths: Sequence[int]) -> None:
    """Enhance the next block of each of several streams in one call, in place: what a server has at a time.

    Calls are most of what a small block costs, and a call for many lets go of Python's lock once.

    Parameters
    ----------
    streams : sequence of Stream
        Each once.
    samples : ndarray, shape (n,), float32 in [-1, 1]
        Their blocks one behind the other, each interleaved; contiguous and writeable.
    lengths : sequence of int
        Samples a channel of each block.

    Raises
    ------
    ValueError
        If the blocks do not make up `samples`, or a stream is closed.
    RuntimeError
        If another thread is at work on one of the streams, or it comes twice.
    """
    values = sum(length * stream._channels for stream, length in zip(streams, lengths, strict=True))
    if samples.shape != (values,) or samples.dtype != FLOAT32 or min(lengths, default=0) < 0:
        raise ValueError(f"the blocks have {values} float32 values together, samples {samples.dtype} {samples.shape}")
    if not (samples.flags.c_contiguous and samples.flags.writeable):
        raise ValueError("samples must be contiguous and writeable: the blocks are enhanced in place")
    begun: list[Stream] = []
    try:
        for stream in streams:
            stream._begin()
            begun.append(stream)
        addresses = (ctypes.c_void_p * len(begun))(*(stream._address or stream._refuse() for stream in begun))
        counts = (ctypes.c_size_t * len(begun))(*lengths)
        stream_functions().process_many(addresses, counts, len(begun), address(samples))
    finally:
        for stream in begun:
            stream._end()
    for check in {stream._check for stream in begun}:
        check()


def enhance(
    samples: np.ndarray,
    *,
    sample_rate: int,
    model: str | Path | Model | None = None,
    atten_lim_db: float | None = None,
) -> np.ndarray:
    """Denoise a whole recording. Any number of threads may do so at once, and share a model.

    Parameters
    ----------
    samples : ndarray, shape (n,) or (n, channels), float32 in [-1, 1]
    sample_rate : int
        Hz, 4,000 to 384,000.
    model, atten_lim_db
        As in `Stream`.

    Returns
    -------
    ndarray, same shape, float32
        Aligned with the input.

    Raises
    ------
    ValueError, FileNotFoundError, OSError
        As `Stream` does.
    """
    samples = np.asarray(samples)
    channels = samples.shape[1] if samples.ndim == 2 else 1
    stream = Stream(sample_rate, channels=channels, model=model, atten_lim_db=atten_lim_db)
    return np.concatenate((stream.process(samples), stream.flush().reshape(-1, *samples.shape[1:])))[
        stream.latency_samples :
    ]
