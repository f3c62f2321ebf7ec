"""What integers cost: each output of a network against that of the same in floats, on the same frames."""

from collections.abc import Sequence

import numpy as np

from undin.compiler.passes.quantize.frames import Frame, Runs


def signal_to_noise_db(integers: Runs, floats: Runs, frames: Sequence[Frame]) -> dict[str, float]:
    """Compare a network in integers with that in floats, each with the state that it makes itself.

    Parameters
    ----------
    integers, floats : Runs
    frames : sequence of Frame

    Returns
    -------
    dict of str to float
        Energy of each output in floats, but for states, over that of the difference, dB; infinite where there is none.
    """
    states = set(floats.pairs)
    signal: dict[str, float] = {}
    noise: dict[str, float] = {}
    for ours, exact in zip(integers.over(frames), floats.over(frames), strict=True):
        for name in exact.keys() & ours.keys() - states:
            x = exact[name].astype(np.float64)
            signal[name] = signal.get(name, 0) + float(np.square(x).sum())
            noise[name] = noise.get(name, 0) + float(np.square(ours[name] - x).sum())
    return {name: _ratio_db(signal[name], noise[name]) for name in sorted(signal)}


def _ratio_db(signal: float, noise: float) -> float:
    if not noise:
        return np.inf
    return float(10 * np.log10(max(signal, np.finfo(np.float64).tiny) / noise))
