"""DNSMOS of recordings of any length, in constant memory."""

import warnings
from collections import defaultdict

import numpy as np

from undin.evaluate.metrics import SAMPLE_RATE_HZ, UndefinedMetricWarning, dnsmos
from undin.io.resample import resample

RATED_SECONDS = 60
"""So much of a recording is rated as `undin evaluate` does it, with a window a second."""

APART_SECONDS = 10
"""Between windows of the rest: a tenth of the cost."""


class Rating:
    """DNSMOS of a recording before and after, while it comes by; of several channels that of their mean."""

    def __init__(self):
        self._held: list[list[np.ndarray]] = [[], []]
        self._length = 0
        self._scores: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._rate = 0

    def add(self, noisy: np.ndarray, enhanced: np.ndarray, rate: int) -> None:
        """Hear a block (n, channels) of input and the enhanced one, at a rate in Hz."""
        self._rate = rate
        self._length += len(noisy)
        for held, block in zip(self._held, (noisy, enhanced), strict=True):
            held.append(block.mean(axis=1))
        if self._length >= rate * (APART_SECONDS if self._scores else RATED_SECONDS):
            self._score()

    def scores(self) -> dict[str, float]:
        """Return the means of all scores, `noisy_dnsmos_sig` … `enhanced_dnsmos_ovrl`; none without signal."""
        if self._length and (not self._scores or self._length > APART_SECONDS / 2 * self._rate):
            self._score()
        return {
            name: float(np.average([score for score, _ in scores], weights=[length for _, length in scores]))
            for name, scores in self._scores.items()
        }

    def _score(self) -> None:
        for which, held in zip(("noisy", "enhanced"), self._held, strict=True):
            with warnings.catch_warnings(action="ignore", category=UndefinedMetricWarning):  # NaN says it in the row
                scores = dnsmos(resample(np.concatenate(held), self._rate, SAMPLE_RATE_HZ))
            for name, score in scores.items():
                if np.isfinite(score):
                    self._scores[f"{which}_dnsmos_{name}"].append((score, self._length))
            held.clear()
        self._length = 0
