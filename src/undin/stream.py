"""`Stream`: the only way samples meet a network; and `enhance`, a loop over it.

Any sample rate, any block size, any number of channels in, the same out, `latency_samples` later. Inside, every signal
is aligned in time by its index (sample k of the signal at the model's rate stands at k / rate seconds), only ever
later available; a queue at the end, filled with `latency_samples` zeros, makes each block as long as it came. The
network is in `model.py`, its spectra in `stft.py`, the change of rate in `resample.py`, g in `high_band.py`.

    output = input + up(enhanced - dry) + (g - 1) (input - up(dry)),    dry = down(input)

What the network did is added to the input, so that sound outside the model's band is never lost: it follows the gain g
of the top of that band.
"""

from math import gcd
from pathlib import Path

import numpy as np

from undin.engine import gain_floor
from undin.high_band import HighBandGain
from undin.model import Model, load
from undin.resample import Resampler

LOWEST_RATE, HIGHEST_RATE = 4_000, 384_000
MOST_CHANNELS = 64
LARGEST_SAMPLE = 1e6
"""120 dB above full scale: no sound, and its power would soon be infinite in float32."""


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
        model: str | Path | Model = "undin-tiny",
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
        self._hop, model_rate = self.model.metadata.hop, self.model.metadata.sample_rate
        self._engines = [self.model.engine(atten_lim_db=atten_lim_db) for _ in range(self.channels)]
        self._down = Resampler(self.sample_rate, model_rate, channels=self.channels)
        self._up = Resampler(model_rate, self.sample_rate, channels=2 * self.channels)  # of the change and of dry
        self._parts = [*self._engines, self._down, self._up]
        self._high_band_gain = None  # at the model's own rate nothing lies beside its band
        if self.sample_rate != model_rate:
            self._high_band_gain = HighBandGain(self._up, channels=self.channels, floor=gain_floor(atten_lim_db))
            self._parts.append(self._high_band_gain)
        self.latency_samples = self._longest_wait()
        self.reset()

    def _longest_wait(self) -> int:
        """The most input samples that the last output sample ever lags behind, over one period of all the counts."""
        down, up = self._down, self._up
        period = down.down * self._hop // gcd(down.up, self._hop)
        received = self.sample_rate + np.arange(period)  # after one second all parts have long begun to deliver
        enhanced = down.available(received) // self._hop * self._hop - self._engines[0].delay_samples
        return int((received - up.available(enhanced)).max())

    def reset(self) -> None:
        """Go back to the fresh state: silence came before the next sample."""
        for part in self._parts:
            part.reset()
        self._input, self._dry, self._gathered, self._ready = (Queue(self.channels) for _ in range(4))
        self._ready.push(np.zeros((self.latency_samples, self.channels), np.float32))
        self._early = self._engines[0].delay_samples  # enhanced samples still to come that precede the input

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
        if not np.issubdtype(block.dtype, np.floating):
            raise ValueError(f"samples must be float32 in [-1, 1], got {block.dtype}: divide by its full scale first")
        if block.shape[1:] != (self.channels,) and not (block.ndim == 1 and self.channels == 1):
            raise ValueError(f"block must have the shape (samples, {self.channels}), got {block.shape}")
        output = np.empty(block.shape, np.float32)
        for start in range(0, len(block), self.sample_rate):  # a second at a time, so that memory stays small
            part = slice(start, start + self.sample_rate)
            output[part] = self._process(block[part].reshape(-1, self.channels)).reshape(output[part].shape)
        return output

    def flush(self) -> np.ndarray:
        """Return the last `latency_samples` of the enhanced signal and go back to the fresh state."""
        shape = (self.latency_samples,) if self.channels == 1 else (self.latency_samples, self.channels)
        rest = self.process(np.zeros(shape, np.float32))
        self.reset()
        return rest

    def _process(self, samples: np.ndarray) -> np.ndarray:
        samples = np.where(np.abs(samples) < LARGEST_SAMPLE, samples, 0).astype(np.float32, copy=False)
        self._input.push(samples)
        self._gathered.push(self._down.process(samples))
        if whole_hops := len(self._gathered) // self._hop * self._hop:
            self._ready.push(self._enhance(self._gathered.pop(whole_hops)))
        return self._ready.pop(len(samples))

    def _enhance(self, hops: np.ndarray) -> np.ndarray:
        """Take in whole hops at the model's rate and return the output samples that they make available."""
        self._dry.push(hops)
        channels = [np.ascontiguousarray(hops[:, channel]) for channel in range(self.channels)]
        enhanced = np.stack(
            [engine.process(samples) for engine, samples in zip(self._engines, channels, strict=True)], axis=1
        )
        early = min(self._early, len(enhanced))
        self._early -= early
        enhanced = enhanced[early:]
        dry = self._dry.pop(len(enhanced))
        both = self._up.process(np.concatenate((enhanced - dry, dry), axis=1))
        change, dry_up = both[:, : self.channels], both[:, self.channels :]
        signal = self._input.pop(len(change))
        if self._high_band_gain is None:
            return signal + change
        gain = self._high_band_gain.process(dry, enhanced, len(change))
        return signal + change + (gain - 1) * (signal - dry_up)


class Queue:
    """Samples of all channels, (n, channels) float32, first in, first out."""

    def __init__(self, channels: int):
        self._samples = np.zeros((0, channels), np.float32)

    def __len__(self) -> int:
        return len(self._samples)

    def push(self, samples: np.ndarray) -> None:
        """Append samples at the end."""
        self._samples = np.concatenate((self._samples, samples))

    def pop(self, count: int) -> np.ndarray:
        """Take `count` samples from the front."""
        front, self._samples = self._samples[:count], self._samples[count:]
        return front


def enhance(
    samples: np.ndarray,
    *,
    sample_rate: int,
    model: str | Path | Model = "undin-tiny",
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
