"""What a model does wrong, in numbers: speech that it takes, edges of words that it cuts, noise that it leaves.

These are names and sizes for what is seen in a spectrogram and heard, not scores to choose models by: those are in
`undin.evaluate.metrics`. `listening.py` draws what is measured here.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES, HOP_SAMPLES = 512, 128
BIN_HZ = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
SPEECH_RANGE_DB = 45
"""Of bins of speech, down from the loudest thousandth of the clean file."""
MIN_HZ = 100
"""Of bins of speech: below, clean files hold hum."""
LOST_DB = 10
MIN_BINS = 50
"""To tell a share of."""
WORD_RANGE_DB = 20
"""Of frames of words, down from the level of the clean file."""
GAP_FRAMES = 12
"""Shorter pauses belong to the word, shorter words to the pause: about 0.1 s."""
EDGE_FRAMES = 6
"""The first and the last 50 ms of a word."""
PEAK_DB, PEAK_BEFORE_DB = 15, 10
"""A peak of musical noise stands out from its surroundings by the first, and did by less than the second before."""
PEAK_RANGE_DB = 60
"""Of peaks, down from the loudest thousandth of the clean file: tones are heard sooner than noise."""
SURROUNDINGS = 8
"""Bins and frames on either side: 250 Hz and 64 ms."""
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
    lost_at_beginnings, lost_in_middles, lost_at_ends : float
        The same for the first 50 ms of words, for what lies between, and for the last 50 ms.
    loss_db : float
        Level that bins of speech lose in all.
    left_db : float
        Level of what is heard in pauses, against that of the clean speech.
    attenuated_db : float
        By how much that is softer than in the noisy file.
    peaks_per_second : float
        Musical noise: single bins that stand out from their surroundings, but did not in the noisy file.
    """

    lost: float
    lost_by_band: dict[str, float]
    lost_at_beginnings: float
    lost_in_middles: float
    lost_at_ends: float
    loss_db: float
    left_db: float
    attenuated_db: float
    peaks_per_second: float


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
        audible = to_db(self.clean) > self.top_db - SPEECH_RANGE_DB
        return audible & (self.clean > self._noise) & (BIN_HZ[:, np.newaxis] >= MIN_HZ)

    @cached_property
    def lost(self) -> np.ndarray:
        """Bins of speech that come out softer by more than `LOST_DB`."""
        return self.speech & (to_db(self.enhanced) < to_db(self.clean) - LOST_DB)

    @cached_property
    def left(self) -> np.ndarray:
        """Bins in which something as loud as speech is left that is not in the clean file, most of it noise."""
        audible = to_db(self.enhanced) > self.top_db - SPEECH_RANGE_DB
        return audible & (to_db(self.enhanced) > to_db(self.clean) + LOST_DB)

    @cached_property
    def peaks(self) -> np.ndarray:
        """Bins of musical noise."""
        enhanced_db = to_db(self.enhanced)
        return (
            (enhanced_db == _highest_around(enhanced_db))
            & (enhanced_db > self.top_db - PEAK_RANGE_DB)
            & (enhanced_db > to_db(self.clean) + LOST_DB)
            & (enhanced_db > _mean_around(enhanced_db) + PEAK_DB)
            & (_highest_around(to_db(self.noisy) - _mean_around(to_db(self.noisy))) < PEAK_BEFORE_DB)
        )

    @cached_property
    def words(self) -> list[tuple[int, int]]:
        """First frame of each word, or of words without a pause between them, and the first after it."""
        frame_power = self.clean[BIN_HZ >= MIN_HZ].sum(axis=0)
        spoken = to_db(frame_power) > to_db(frame_power.mean()) - WORD_RANGE_DB
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
        bands = {name: (low <= BIN_HZ) & (BIN_HZ < high) for name, (low, high) in BANDS_HZ.items()}
        heard_in_pauses = self.enhanced[:, pauses].sum(axis=0)
        return Artefacts(
            lost=_share(self.lost, self.speech),
            lost_by_band={name: _share(self.lost[of], self.speech[of]) for name, of in bands.items()},
            lost_at_beginnings=self._lost_in(beginnings),
            lost_in_middles=self._lost_in(~(beginnings | ends)),
            lost_at_ends=self._lost_in(ends),
            # Noise that is left in one bin does not make up for speech that is lost from another.
            loss_db=_mean_db(self.clean[self.speech]) - _mean_db(np.minimum(self.clean, self.enhanced)[self.speech]),
            left_db=_mean_db(heard_in_pauses) - _mean_db(self.clean[:, spoken].sum(axis=0)),
            attenuated_db=_mean_db(self.noisy[:, pauses].sum(axis=0)) - _mean_db(heard_in_pauses),
            peaks_per_second=float(self.peaks.sum() / frames * SAMPLE_RATE_HZ / HOP_SAMPLES),
        )

    def _lost_in(self, frames: np.ndarray) -> float:
        return _share(self.lost[:, frames], self.speech[:, frames])


def power(signal: np.ndarray) -> np.ndarray:
    """Power of a signal of shape (N,) in time and frequency, shape (bins, frames), 1 for a sine of full scale."""
    window = np.hanning(WINDOW_SAMPLES + 1)[:-1]
    padded = np.pad(np.asarray(signal, np.float64), WINDOW_SAMPLES // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    return (np.abs(np.fft.rfft(frames * window, axis=1)).T ** 2 / (window.sum() / 2) ** 2).astype(np.float32)


def to_db(values: np.ndarray) -> np.ndarray:
    """Power in dB, not below -140."""
    return 10 * np.log10(values + 1e-14)


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of True begin, and where they have ended."""
    steps = np.diff(np.concatenate(([0], marked.astype(int), [0])))
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _highest_around(values: np.ndarray) -> np.ndarray:
    """The highest of each bin and its eight neighbours."""
    padded = np.pad(values, 1, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(-1, -2))


def _mean_around(values: np.ndarray) -> np.ndarray:
    """Mean of each bin and its surroundings, by differences of sums from the corner."""
    width = 2 * SURROUNDINGS + 1
    padded = np.pad(values, SURROUNDINGS, mode="edge")
    sums = np.pad(padded.cumsum(axis=0, dtype=np.float64).cumsum(axis=1), ((1, 0), (1, 0)))
    box = sums[width:, width:] - sums[:-width, width:] - sums[width:, :-width] + sums[:-width, :-width]
    return box / width**2


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum()) if whole.sum() >= MIN_BINS else float("nan")


def _mean_db(values: np.ndarray) -> float:
    return float(to_db(values.mean())) if values.size else float("nan")
