"""Small corpora: voices that come and go, and noises."""

import numpy as np
import pytest
from support.made_up_audio import SAMPLE_RATE, corpus_of, voice

from undin.data.corpus import Corpus


@pytest.fixture(scope="session")
def speech() -> Corpus:
    """Twelve files of four voices, one folder each."""
    names = [f"speech/voice{n // 3}/{n}.wav" for n in range(12)]
    return corpus_of([voice(2 + n % 3, pitch_hz=100 + 10 * n) for n in range(12)], names)


@pytest.fixture(scope="session")
def noise() -> Corpus:
    """Eight files of Gaussian noise of different length and level."""
    generator = np.random.default_rng(0)
    files = [10 ** (-n / 10) * 0.1 * generator.standard_normal((1 + n) * SAMPLE_RATE) for n in range(8)]
    return corpus_of(files, [f"noise/{n}.wav" for n in range(8)])
