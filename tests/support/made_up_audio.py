"""Audio made up in a moment, and corpora of it without a file."""

import numpy as np
import torch

from undin.data.corpus import FULL_SCALE, Corpus

SAMPLE_RATE = 16000


def corpus_of(files: list[np.ndarray], names: list[str]) -> Corpus:
    """A corpus as `Corpus.load` would make it of such files."""
    lengths = torch.tensor([len(file) for file in files])
    audio = np.rint(np.concatenate(files) * FULL_SCALE).astype(np.int16)
    return Corpus(torch.from_numpy(audio), lengths.cumsum(0) - lengths, lengths, tuple(names), SAMPLE_RATE)


def voice(seconds: float, *, pitch_hz: float) -> np.ndarray:
    """Harmonics in syllables of 1/3 s with pauses: enough like speech for everything that looks at levels."""
    time_s = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    harmonics = sum(np.sin(2 * np.pi * k * pitch_hz * time_s) / k for k in range(1, 20))
    return 0.1 * harmonics * np.clip(np.sin(2 * np.pi * 1.5 * time_s), 0, None)
