"""Signals for tests of `Stream`, the rates at which they are tried, and a signal in blocks."""

import numpy as np

from undin import Stream

RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)
ODD_RATES = (4_000, 44_056, 96_000)
WITHOUT_COMMON_FACTOR = (4_001, 47_999, 383_999)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32)


def in_blocks(stream: Stream, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    """The output for `samples` in blocks of these sizes, over and over, each checked to keep its shape."""
    output, start = [], 0
    while start < len(samples):
        for size in sizes:
            block = samples[start : start + size]
            output.append(stream.process(block))
            assert output[-1].shape == block.shape and output[-1].dtype == np.float32
            start += size
    return np.concatenate(output)
