"""Linked channels on real speech: as good as apart, and the noise that is left stays where it was."""

import numpy as np
import pytest
import soundfile

from undin import Stream

NAMES = ("003", "021", "046", "078")


@pytest.fixture(scope="module")
def stereo(shared_data) -> list[tuple[np.ndarray, np.ndarray]]:
    """Clean speech in the middle, and the same with noise that is not the same left and right."""
    found = []
    for name in NAMES:
        clean, noisy = (
            soundfile.read(shared_data / "valid" / kind / f"{name}.flac", dtype="float32")[0]
            for kind in ("clean", "noisy")
        )
        noise = noisy - clean
        found.append((clean, np.stack((clean + noise, clean + np.roll(noise, len(noise) // 3)), axis=1)))
    return found


def enhanced(noisy: np.ndarray, *, linked: bool) -> np.ndarray:
    stream = Stream(channels=2, model="undin-tiny")
    stream.link_channels = linked
    return np.concatenate((stream.process(noisy), stream.flush()))[stream.latency_samples :]


@pytest.mark.needs("pesq")
def test_linked_speech_scores_as_well_as_apart(stereo):
    from pesq import pesq

    def mean(linked: bool) -> float:
        return np.mean(
            [
                pesq(16_000, clean, channel, "wb")
                for clean, noisy in stereo
                for channel in enhanced(noisy, linked=linked).T
            ]
        )

    assert mean(linked=True) > mean(linked=False) - 0.05


def test_what_is_left_of_noise_does_not_wander_between_the_ears(stereo):
    def wandering_db(signal: np.ndarray, pauses: np.ndarray) -> float:
        """Standard deviation of the level left over right, over pieces of 50 ms without speech."""
        pieces = signal[: len(signal) // 800 * 800].reshape(-1, 800, 2)
        level_db = 10 * np.log10(np.mean(pieces.astype(np.float64) ** 2, axis=1) + 1e-10)
        return float(np.std((level_db[:, 0] - level_db[:, 1])[pauses]))

    before, linked, apart = [], [], []
    for clean, noisy in stereo:
        energy = np.mean(clean[: len(clean) // 800 * 800].reshape(-1, 800) ** 2, axis=1)
        pauses = energy < 10**-2.5 * energy.max()
        before.append(wandering_db(noisy, pauses))
        linked.append(wandering_db(enhanced(noisy, linked=True), pauses))
        apart.append(wandering_db(enhanced(noisy, linked=False), pauses))
    assert np.mean(linked) < np.mean(before) + 1.5 < np.mean(apart)
