"""The constant offset of a channel, found and taken out without delay; undin_offset.h tells why it is so."""

import numpy as np

SECONDS = 0.256
"""How long the means of hops must be alike."""

HOPS = 16
"""How many of them there must be."""

PLAIN = 4
"""What a hop counts whose sound is softer than its offset."""

ALIKE = 3
"""Means are alike on one side of zero, the largest within this factor of the least."""


class Offset:
    """What is taken out of one channel."""

    def __init__(self, sample_rate: int):
        self._sample_rate = sample_rate
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.taken = 0.0
        self._means: list[float] = []
        self._evidence = 0

    def take(self, hop: np.ndarray) -> np.ndarray:
        """A hop (n,) without the offset; what is taken changes gradually over it."""
        before, mean = self.taken, hop.mean() - self.taken
        self._means.append(mean)
        sizes = np.abs(self._means)
        if np.any(np.sign(self._means) * np.sign(mean) <= 0) or max(sizes) >= ALIKE * min(sizes):
            self._means, self._evidence = [mean], 0
        self._evidence += PLAIN if mean**2 > np.var(hop) else 1
        is_long = self._evidence * len(hop) > SECONDS * self._sample_rate
        if is_long and self._evidence >= HOPS and mean != 0:
            self.taken += np.mean(self._means)
            self._means, self._evidence = [], 0
        return hop - np.linspace(before, self.taken, len(hop) + 1)[1:]
