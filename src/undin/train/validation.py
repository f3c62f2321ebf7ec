"""Validation: how the averaged network does on pairs of real files, by the metrics that people report.

Scoring is the slow part and runs in processes of its own. Reports for finished models are in ``evaluate/``.
"""

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import soxr
import torch

from undin.data.corpus import read_mono
from undin.evaluate.metrics import SAMPLE_RATE_HZ
from undin.evaluate.pairs import find_pairs
from undin.evaluate.score import score_pair
from undin.nn.layers import Streaming
from undin.nn.spectrum import Spectrum
from undin.train.recipe import Recipe

METRICS = ("pesq_wb", "stoi", "si_sdr")

SELECTS = "pesq_wb"
"""The metric whose mean chooses the best checkpoint."""


class Validator:
    """Pairs of files in memory and the processes that score them.

    Parameters
    ----------
    recipe : Recipe
        With a section ``[validation]``.

    Raises
    ------
    ValueError
        The folder has no pairs.
    """

    def __init__(self, recipe: Recipe):
        folder, count = Path(recipe.validation.folder), recipe.validation.count
        self.sample_rate = recipe.audio.sample_rate
        pairs = find_pairs(folder / "clean", folder / "noisy")
        spread = np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)
        self._noisy = [
            _resample(read_mono(pairs[index].noisy)[0], SAMPLE_RATE_HZ, self.sample_rate) for index in spread
        ]
        self._clean = [read_mono(pairs[index].clean)[0] for index in spread]
        # spawned, not forked: a fork inherits torch's threads in an unknown state. Ctrl-C is for the loop alone
        self._pool = ProcessPoolExecutor(
            os.cpu_count(),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_IGN),
        )

    def score(self, network: Streaming, spectrum: Spectrum) -> dict[str, float]:
        """Return the mean of every metric over the pairs; where a metric has no value the pair does not count."""
        enhanced = [self._enhance(network, spectrum, wave) for wave in self._noisy]
        scores = list(self._pool.map(partial(score_pair, chosen=METRICS), self._clean, enhanced))
        return {name: float(np.nanmean([values[name] for values, _ in scores])) for name in METRICS}

    def close(self) -> None:
        """End the scoring processes."""
        self._pool.shutdown(cancel_futures=True)

    @torch.inference_mode()
    def _enhance(self, network: Streaming, spectrum: Spectrum, wave: np.ndarray) -> np.ndarray:
        """Denoise a waveform ``(N,)``, for scoring; offline, which equals streaming."""
        device = next(network.parameters()).device
        noisy = torch.from_numpy(wave)[None].to(device)
        spec, _ = network(spectrum.analyse(noisy), network.initial_state(1, device=device))
        enhanced = spectrum.synthesise(spec, samples=len(wave))[0].cpu().numpy()
        return _resample(enhanced, self.sample_rate, SAMPLE_RATE_HZ)


def _resample(wave: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    return wave if rate == new_rate else soxr.resample(wave, rate, new_rate)
