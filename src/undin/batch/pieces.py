"""Where a long recording is cut."""

from collections.abc import Iterable, Iterator

import numpy as np

QUIET_SECONDS = 0.1
"""Of the stretches that are compared."""

MAX_SEARCH_SECONDS = 30.0
"""The end of a piece, at most a quarter of it, in which the quietest place is looked for; it is held in memory."""


def cut(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], *, rate: int, seconds: float
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Number the pieces of a recording that is cut where its enhanced signal is quietest.

    Parameters
    ----------
    pairs : iterable of two ndarray (n, channels)
        Input and enhanced signal.
    rate : int
        Hz.
    seconds : float
        Of the longest piece. It ends within its last quarter, or within the last half minute where that is shorter.

    Yields
    ------
    number : int
        Of the piece, from 0.
    noisy, enhanced : ndarray (n, channels)
        All of the input, in order.
    """
    longest = max(1, round(seconds * rate))
    search = min(longest // 4, round(MAX_SEARCH_SECONDS * rate))
    number, length = 0, 0
    held: list[tuple[np.ndarray, np.ndarray]] = []
    for noisy, enhanced in pairs:
        while len(noisy):
            until = longest if length >= longest - search else longest - search
            part = slice(0, until - length)
            if until == longest:
                held.append((noisy[part], enhanced[part]))
            else:
                yield number, noisy[part], enhanced[part]
            length += len(noisy[part])
            noisy, enhanced = noisy[part.stop :], enhanced[part.stop :]
            if length < longest:
                continue
            before, after = (
                (np.concatenate(signals) for signals in zip(*held, strict=True)) if held else (noisy, enhanced)
            )
            at = _quietest(after, window=max(1, round(QUIET_SECONDS * rate)))
            if at:
                yield number, before[:at], after[:at]
            number, length = number + 1, 0
            # what was held is the beginning of the next piece, and shorter than the part that is not searched
            if len(before) > at:
                yield number, before[at:], after[at:]
                length = len(before) - at
            held = []
    for noisy, enhanced in held:
        yield number, noisy, enhanced


def _quietest(signal: np.ndarray, *, window: int) -> int:
    """Where (n, channels) is quietest: the middle of the quietest window, of equal ones that which is latest."""
    if len(signal) < window:
        return len(signal)
    energy = np.concatenate([[0.0], np.cumsum(np.square(signal, dtype=np.float64).sum(axis=1))])
    energies = energy[window:] - energy[:-window]
    return len(energies) - 1 - int(np.argmin(energies[::-1])) + window // 2
