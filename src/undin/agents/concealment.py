"""Fills what a call has lost with what was there before: pitch periods that repeat and fade (ITU-T G.711, appendix I).

As there, the last period is repeated for 10 ms and then fades by a fifth every 10 ms, until nothing is left after
60 ms; what comes then begins over what was made up. Other than there, the last samples before a gap are out already
when it shows, so the period begins where it fits them best, without a delay of 3.75 ms.
"""

import numpy as np

SAMPLE_RATE_HZ = 8_000
MIN_PERIOD, MAX_PERIOD = 40, 120
"""Samples: pitches of 200 to 66 Hz, as the appendix has them; a higher one fits as its double."""

MATCHED = 160
HISTORY = MAX_PERIOD + MATCHED
WHOLE, FADED = 80, 480
"""Samples: until then as loud as before; from then on silence."""

JOINED = 32
"""Samples, 4 ms, over which sound that comes back replaces what was made up."""


class Concealment:
    """Keeps what was heard, and makes up what was not."""

    def __init__(self) -> None:
        self._heard = np.zeros(HISTORY, np.float32)
        self._period = np.zeros(0, np.float32)
        self._made_up = 0

    def hear(self, samples: np.ndarray) -> np.ndarray:
        """Take samples (n,) that have come, and return them, their begin joined with what was made up before."""
        if self._made_up:
            count = min(JOINED, len(samples))
            over = self._continued(count)
            rise = (np.arange(1, count + 1, dtype=np.float32)) / (count + 1)
            samples = samples.copy()
            samples[:count] = rise * samples[:count] + (1 - rise) * over
            self._made_up = 0
        self._heard = np.concatenate((self._heard, samples))[-HISTORY:]
        return samples

    def make_up(self, count: int) -> np.ndarray:
        """Return samples (count,) in the place of lost ones."""
        if not self._made_up:
            self._period = self._heard[-_period(self._heard) :]
        return self._continued(count)

    def _continued(self, count: int) -> np.ndarray:
        place = self._made_up + np.arange(count)
        self._made_up += count
        loudness = np.clip(1 - (place - WHOLE) / (FADED - WHOLE), 0, 1).astype(np.float32)
        return loudness * self._period[place % len(self._period)]


def _period(heard: np.ndarray) -> int:
    """The distance at which the end of what was heard is most like what was before, normalised correlation."""
    end = heard[-MATCHED:]
    likeness = []
    for period in range(MIN_PERIOD, MAX_PERIOD + 1):
        before = heard[-MATCHED - period : -period]
        likeness.append(end @ before / np.sqrt(max(before @ before, 1e-9)))
    return MIN_PERIOD + int(np.argmax(likeness))
