"""What speech and noise are drawn from: recordings, and what is made beside them once at the start.

`mixing.py` reads every source like a tape, whatever it is.
"""

import sys
from typing import NamedTuple

import numpy as np

from undin.data.coloured_noise import coloured_noise
from undin.data.corpus import Corpus
from undin.data.held_speech import held_speech
from undin.data.mixing_config import MixingConfig
from undin.data.synthetic_noise import synthetic_noise
from undin.data.weights import file_weights


class Source(NamedTuple):
    """A corpus, how often each of its files is heard, and its share among other sources."""

    corpus: Corpus
    weights: np.ndarray
    share: float


def speech_sources(speech: Corpus, config: MixingConfig, *, seed: int) -> list[Source]:
    """Recorded speech, and its voices holding and singing."""
    held_share = config.held_speech_share
    weights = file_weights(
        speech, group_by_folder=True, shares=config.corpus_shares, clean_above_db=config.speech_clean_above_db
    )
    if unheard := np.flatnonzero(weights == 0).tolist():
        print(
            f"undin: {len(unheard)} of {len(weights)} files of speech are not heard, such as "
            f"{speech.names[unheard[0]]}: mixing.speech_clean_above_db finds noise in their pauses, or "
            "mixing.corpus_shares leave nothing for them",
            file=sys.stderr,
        )
    sources = [Source(speech, weights, 1 - held_share)]
    if held_share:
        sources.append(_made(held_speech(speech, weights=weights, seed=seed), held_share))
    return sources


def noise_sources(noise: Corpus, config: MixingConfig, *, seed: int) -> list[Source]:
    """Recorded noise, and that which is made by formula."""
    shares = config.synthetic_noise_shares
    weights = file_weights(noise, group_by_folder=False, shares=config.corpus_shares)
    return [
        Source(noise, weights, 1 - sum(shares.values())),
        *(_made(synthetic_noise(kind, sample_rate=noise.sample_rate, seed=seed), shares[kind]) for kind in shares),
    ]


def coloured_sources(config: MixingConfig, *, sample_rate: int, seed: int) -> list[Source]:
    """Gaussian noise."""
    return [_made(coloured_noise(config.coloured_noise_exponent, sample_rate=sample_rate, seed=seed), 1.0)]


def _made(corpus: Corpus, share: float) -> Source:
    return Source(corpus, np.ones(len(corpus.names)), share)
