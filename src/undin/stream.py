"""`Stream`: the only way samples meet a network; and `enhance`, a loop over it.

Any sample rate, any block size, any number of channels in, the same out, `latency_samples` later. Inside, every signal
is aligned in time by its index (sample k of the signal at the model's rate stands at k / rate seconds), only ever
later available; a queue at the end, filled with `latency_samples` zeros, makes each block as long as it came. What
happens between the two ends is in `rates.py`, the network in `model.py`.
"""

from pathlib import Path

import numpy as np

from undin.engine import silenced
from undin.model import DEFAULT, Model, load
from undin.rates import OtherRate, OwnRate, Queue

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
MOST_CHANNELS = 64


class Stream:
    """Denoise a signal that comes in blocks, in real time.

    Parameters
    ----------
    sample_rate : int
        Of the blocks, Hz, 4,000 to 384,000.
    channels : int
        Number of channels; each is enhanced on its own.
    model : str, Path or Model
        A name out of `undin.models()`, a path of a model file, or a loaded model, which several streams may share.
    atten_lim_db : float, optional
        The most that any sound is attenuated, dB, not negative; None sets no limit, 0 returns the delayed input.

    Attributes
    ----------
    latency_samples : int
        By how much the output comes after the input, samples at `sample_rate`, whatever the block sizes.

    Raises
    ------
    ValueError, FileNotFoundError
        If a parameter is out of its range or the model cannot be loaded.

    Examples
    --------
    >>> stream = Stream(48_000, channels=2)
    >>> for block in microphone:
    ...     speaker.write(stream.process(block))
    """

    def __init__(
        self,
        sample_rate: int = 16_000,
        *,
        channels: int = 1,
        model: str | Path | Model = DEFAULT,
        atten_lim_db: float | None = None,
    ):
        if int(sample_rate) != sample_rate or not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
            raise ValueError(f"sample_rate must be {LOWEST_RATE} to {HIGHEST_RATE} whole Hz, got {sample_rate}")
        if int(channels) != channels or not 1 <= channels <= MOST_CHANNELS:
            raise ValueError(
                f"channels must be 1 to {MOST_CHANNELS}, got {channels}: arrays have the shape (samples, channels)"
            )
        self.sample_rate, self.channels = int(sample_rate), int(channels)
        self.model = load(model)
        if self.sample_rate == self.model.metadata.sample_rate:
            self._path = OwnRate(self.model, channels=self.channels, atten_lim_db=atten_lim_db)
        else:
            self._path = OtherRate(self.model, self.sample_rate, channels=self.channels, atten_lim_db=atten_lim_db)
        self.latency_samples = self._path.latency_samples
        self._ready = Queue(self.channels)
        self.reset()

    def reset(self) -> None:
        """Go back to the fresh state: silence came before the next sample."""
        self._path.reset()
        self._ready.clear()
        self._ready.push(np.zeros((self.latency_samples, self.channels), np.float32))

    def process(self, block: np.ndarray) -> np.ndarray:
        """Enhance the next block.

        Parameters
        ----------
        block : ndarray, shape (n,) or (n, channels), float32 in [-1, 1]
            Any n; one dimension only for one channel. Samples that are not finite, or a million times full scale, are
            taken as silence, so that they do not spoil the state for ever.

        Returns
        -------
        ndarray, same shape, float32
            The enhanced signal of `latency_samples` ago.

        Raises
        ------
        ValueError
            If the shape does not fit the channels or the samples are integers.
        """
        block = np.asarray(block)
        if block.dtype.kind != "f":
            raise ValueError(f"samples must be float32 in [-1, 1], got {block.dtype}: divide by its full scale first")
        if block.shape[1:] != (self.channels,) and not (block.ndim == 1 and self.channels == 1):
            raise ValueError(f"block must have the shape (samples, {self.channels}), got {block.shape}")
        samples = silenced(block).reshape(-1, self.channels)
        output = np.empty(samples.shape, np.float32)
        for start in range(0, len(samples), self.sample_rate):  # a second at a time, so that memory stays small
            part = samples[start : start + self.sample_rate]
            self._ready.push(self._path.process(part))
            output[start : start + len(part)] = self._ready.pop(len(part))
        return output.reshape(block.shape)

    def flush(self) -> np.ndarray:
        """Return the last `latency_samples` of the enhanced signal and go back to the fresh state."""
        shape = (self.latency_samples,) if self.channels == 1 else (self.latency_samples, self.channels)
        rest = self.process(np.zeros(shape, np.float32))
        self.reset()
        return rest


def enhance(
    samples: np.ndarray,
    *,
    sample_rate: int,
    model: str | Path | Model = DEFAULT,
    atten_lim_db: float | None = None,
) -> np.ndarray:
    """Denoise a whole recording.

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
    ValueError, FileNotFoundError
        If a parameter is out of its range or the model cannot be loaded.
    """
    samples = np.asarray(samples)
    channels = samples.shape[1] if samples.ndim == 2 else 1
    stream = Stream(sample_rate, channels=channels, model=model, atten_lim_db=atten_lim_db)
    return np.concatenate((stream.process(samples), stream.flush().reshape(-1, *samples.shape[1:])))[
        stream.latency_samples :
    ]
