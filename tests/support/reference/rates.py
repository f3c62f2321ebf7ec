"""How samples get through the engines of a model: at its own rate (`OwnRate`) or at any other (`OtherRate`).

Either takes the next samples of all channels and returns those that are ready, aligned in time with what went in:
sample k of the output belongs to sample k of the input. Their latency is `stream.py`'s to make constant.

    OtherRate: output = input + up(enhanced - dry) + (g - 1) (input - up(dry)),    dry = down(input)

What the network did is added to the input, so that sound outside the model's band is never lost: it follows the gain g
of the top of that band (`high_band.py`). The change of rate is in `resample.py`.
"""

from math import gcd

import numpy as np

from undin.engine import gain_floor
from undin.high_band import HighBandGain
from undin.model import Model
from undin.resample import Resampler


class OwnRate:
    """Samples at the model's own rate, each channel through an engine.

    Parameters
    ----------
    model : Model
    channels : int
    atten_lim_db : float, optional
        As in `Stream`.

    Attributes
    ----------
    hop_samples : int
    latency_samples : int
        The most input samples that an output sample ever lags behind.
    """

    def __init__(self, model: Model, *, channels: int, atten_lim_db: float | None):
        self.hop_samples, self.latency_samples = model.metadata.hop, model.metadata.latency_samples
        self._engines = [model.engine(atten_lim_db=atten_lim_db) for _ in range(channels)]
        self._gathered = Queue(channels)
        self.reset()

    def reset(self) -> None:
        """Forget the past: silence came before the next sample."""
        self._gathered.clear()
        for engine in self._engines:
            engine.reset()
        self._early = self._engines[0].delay_samples  # enhanced samples still to come that precede the input

    def available(self, received: np.ndarray) -> np.ndarray:
        """How many output samples there are after so many input samples since the start."""
        return np.maximum(0, received // self.hop_samples * self.hop_samples - self._engines[0].delay_samples)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Take in the next samples (n, channels), float32, and return those that are ready."""
        self._gathered.push(samples)
        hops = self._gathered.pop(len(self._gathered) // self.hop_samples * self.hop_samples)
        enhanced = np.empty_like(hops)
        if len(hops):
            for channel, engine in enumerate(self._engines):
                enhanced[:, channel] = engine.process(hops[:, channel])
        early = min(self._early, len(enhanced))
        self._early -= early
        return enhanced[early:]


class OtherRate:
    """Samples at another rate than the model's, which they are brought to and back from; parameters as in `OwnRate`."""

    def __init__(self, model: Model, sample_rate: int, *, channels: int, atten_lim_db: float | None):
        model_rate = model.metadata.sample_rate
        self._channels = channels
        self._model = OwnRate(model, channels=channels, atten_lim_db=atten_lim_db)
        self._down = Resampler(sample_rate, model_rate, channels=channels)
        self._up = Resampler(model_rate, sample_rate, channels=2 * channels)  # of the change and of dry
        self._gain = HighBandGain(self._up, channels=channels, floor=gain_floor(atten_lim_db))
        self._input, self._dry = Queue(channels), Queue(channels)
        self.latency_samples = self._longest_wait(sample_rate)

    def _longest_wait(self, sample_rate: int) -> int:
        """The most input samples that an output sample ever lags behind, over one period of all the counts."""
        down, hop_samples = self._down, self._model.hop_samples
        period = down.down * hop_samples // gcd(down.up, hop_samples)
        received = sample_rate + np.arange(period)  # after one second all parts have long begun to deliver
        return int((received - self._up.available(self._model.available(down.available(received)))).max())

    def reset(self) -> None:
        """Forget the past: silence came before the next sample."""
        for part in (self._model, self._down, self._up, self._gain):
            part.reset()
        self._input.clear()
        self._dry.clear()

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Take in the next samples (n, channels), float32, and return those that are ready."""
        self._input.push(samples)
        dry = self._down.process(samples)
        self._dry.push(dry)
        enhanced = self._model.process(dry)
        dry = self._dry.pop(len(enhanced))
        both = self._up.process(np.concatenate((enhanced - dry, dry), axis=1))
        change, dry_up = both[:, : self._channels], both[:, self._channels :]
        signal = self._input.pop(len(change))
        gain = self._gain.process(dry, enhanced, len(change))
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

    def clear(self) -> None:
        """Drop all samples."""
        self._samples = self._samples[:0]
