"""What a model does wrong, in numbers: speech that it takes, edges of words that it cuts, noise that it leaves.

These are names and sizes for what is seen in a spectrogram and heard, not scores to choose models by: those are in
`undin.evaluate.metrics`. `listening.py` draws what is measured here.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES, HOP_SAMPLES = 512, 128
SPEECH_RANGE_DB = 45
"""Of bins of speech, down from the loudest thousandth of the clean file."""
LOST_DB = 10
WORD_RANGE_DB = 25
"""Of frames of words, down from the level of the clean file."""
GAP_FRAMES = 12
"""Shorter pauses belong to the word, shorter words to the pause: about 0.1 s."""
EDGE_FRAMES = 6
"""The first and the last 50 ms of a word."""
BANDS_HZ = {"under 1 kHz": (0, 1000), "1 to 4 kHz": (1000, 4000), "over 4 kHz": (4000, SAMPLE_RATE_HZ)}


@dataclass(frozen=True)
class Artefacts:
    """What is wrong with one enhanced file; NaN for what it has not, such as pauses.

    Attributes
    ----------
    lost : float
        Share of the bins of speech that are lost, 0 to 1.
    lost_by_band : dict of str to float
        The same, by the names of `BANDS_HZ`.
    beginnings_db, middles_db, ends_db : float
        Level that bins of speech lose in the first 50 ms of words, between, and in the last 50 ms.
    left_db : float
        Level of what is heard in pauses, against that of the clean speech.
    attenuated_db : float
        By how much that is softer than in the noisy file.
    log_kurtosis_ratio : float
        Of the power of bins in pauses, enhanced to noisy (Uemura et al., IWAENC 2008): 0 for noise that is as even as
        before, more for noise of which single tones or moments are left.
    """

    lost: float
    lost_by_band: dict[str, float]
    beginnings_db: float
    middles_db: float
    ends_db: float
    left_db: float
    attenuated_db: float
    log_kurtosis_ratio: float


class Scene:
    """Clean, noisy and enhanced speech that are aligned, in time and frequency.

    Parameters
    ----------
    clean, noisy, enhanced : ndarray, shape (N,)
        16 kHz.

    Attributes
    ----------
    clean, noisy, enhanced : ndarray, shape (bins, frames)
        Power, 1 for a sine of full scale.
    top_db : float
        The loudest thousandth of the clean file.
    """

    def __init__(self, clean: np.ndarray, noisy: np.ndarray, enhanced: np.ndarray):
        self.clean, self.noisy, self.enhanced = map(power, (clean, noisy, enhanced))
        self._noise = power(noisy - clean)
        self.top_db = float(np.percentile(to_db(self.clean), 99.9))

    @cached_property
    def speech(self) -> np.ndarray:
        """Bins of speech, which a model should keep: loud enough to be heard and louder than the noise."""
        return (to_db(self.clean) > self.top_db - SPEECH_RANGE_DB) & (self.clean > self._noise)

    @cached_property
    def lost(self) -> np.ndarray:
        """Bins of speech that come out softer by more than `LOST_DB`."""
        return self.speech & (to_db(self.enhanced) < to_db(self.clean) - LOST_DB)

    @cached_property
    def left(self) -> np.ndarray:
        """Bins without speech in which something as loud as speech is left, most of it noise."""
        audible = to_db(self.enhanced) > self.top_db - SPEECH_RANGE_DB
        return audible & (to_db(self.enhanced) > to_db(self.clean) + LOST_DB)

    @cached_property
    def words(self) -> list[tuple[int, int]]:
        """First frame of each word, or of words without a pause between them, and the first after it."""
        frame_db = to_db(self.clean.sum(axis=0))
        level_db = to_db(np.mean(self.clean.sum(axis=0)))
        spoken = frame_db > level_db - WORD_RANGE_DB
        for start, end in _runs(~spoken):
            if end - start < GAP_FRAMES and 0 < start and end < len(spoken):
                spoken[start:end] = True
        return [(start, end) for start, end in _runs(spoken) if end - start >= GAP_FRAMES]

    def measure(self) -> Artefacts:
        """Put numbers to what is wrong."""
        frames = self.clean.shape[1]
        beginnings, ends, spoken = np.zeros((3, frames), bool)
        for start, end in self.words:
            spoken[max(0, start - EDGE_FRAMES) : end + EDGE_FRAMES] = True
            # Where a file begins or ends within a word, it is no edge that a model could cut.
            beginnings[start : start + EDGE_FRAMES] = start > 0
            ends[end - EDGE_FRAMES : end] = end < frames
        pauses = ~spoken
        bin_hz = np.arange(len(self.clean)) * SAMPLE_RATE_HZ / WINDOW_SAMPLES
        bands = {name: (low <= bin_hz) & (bin_hz < high) for name, (low, high) in BANDS_HZ.items()}
        heard_in_pauses = self.enhanced[:, pauses].sum(axis=0)
        return Artefacts(
            lost=_share(self.lost, self.speech),
            lost_by_band={name: _share(self.lost[of], self.speech[of]) for name, of in bands.items()},
            beginnings_db=self._loss_db(beginnings),
            middles_db=self._loss_db(~(beginnings | ends)),
            ends_db=self._loss_db(ends),
            left_db=_mean_db(heard_in_pauses) - _mean_db(self.clean[:, spoken].sum(axis=0)),
            attenuated_db=_mean_db(self.noisy[:, pauses].sum(axis=0)) - _mean_db(heard_in_pauses),
            log_kurtosis_ratio=_log_kurtosis(self.enhanced[:, pauses]) - _log_kurtosis(self.noisy[:, pauses]),
        )

    def _loss_db(self, frames: np.ndarray) -> float:
        """Level that bins of speech lose in some frames; noise that is left in a bin does not make up for another."""
        chosen = self.speech & frames
        kept = np.minimum(self.clean, self.enhanced)
        return _mean_db(self.clean[chosen]) - _mean_db(kept[chosen])


def power(signal: np.ndarray) -> np.ndarray:
    """Power of a signal of shape (N,) in time and frequency, shape (bins, frames), 1 for a sine of full scale."""
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    padded = np.pad(np.asarray(signal, np.float64), WINDOW_SAMPLES // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    return np.abs(np.fft.rfft(frames * window, axis=1)).T ** 2 / (window.sum() / 2) ** 2


def to_db(values: np.ndarray) -> np.ndarray:
    """Power in dB, not below -140."""
    return 10 * np.log10(values + 1e-14)


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of True begin, and where they have ended."""
    steps = np.diff(np.concatenate(([0], marked.astype(int), [0])))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else float("nan")


def _mean_db(values: np.ndarray) -> float:
    return float(to_db(values.mean())) if values.size else float("nan")


def _log_kurtosis(values: np.ndarray) -> float:
    if not values.size:
        return float("nan")
    centred = values - values.mean()
    return float(np.log(np.mean(centred**4) / np.mean(centred**2) ** 2))
