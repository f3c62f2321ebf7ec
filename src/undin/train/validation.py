"""Validation: how the averaged network does on pairs of real files, by the recipe's losses and by people's metrics.

The losses are there on every machine. A metric whose package is not installed is left out. Scoring is the slow part and
runs in processes of its own. Reports for finished models are in ``evaluate/``.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undin.data.corpus import read_mono
from undin.evaluate.pairs import find_pairs
from undin.evaluate.table import METRICS, metrics_at, score_pair
from undin.io.resample import resample
from undin.nn.layers import Streaming
from undin.nn.spectrum import Spectrum
from undin.train.losses import Signals
from undin.train.objective import Objective
from undin.train.recipe import Recipe
from undin.workers import Workers

LOSS = "validation_loss"

PACKAGE_OF_METRIC = {"pesq_wb": "pesq", "stoi": "pystoi", "si_sdr": "numpy", "treble": "numpy"}


def chosen_by(scores: dict[str, float]) -> tuple[str, float]:
    """Return the score that chooses the best checkpoint, its name and how good it is: PESQ if it is there, or the loss.

    Parameters
    ----------
    scores : dict
        What `Validator.validate` returned, or nothing yet.

    Returns
    -------
    name : str
    goodness : float
        The more the better.
    """
    if "pesq_wb" in scores:
        return "pesq_wb", scores["pesq_wb"]
    return LOSS, -scores.get(LOSS, float("inf"))


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
        self.recipe, self._objective = recipe, Objective(recipe.loss)
        folder, count = Path(recipe.validation.folder), recipe.validation.count
        pairs = find_pairs(folder / "clean", folder / "noisy")
        spread = np.linspace(0, len(pairs) - 1, min(count, len(pairs))).round().astype(int)
        self._rate = pairs[0].sample_rate
        self._pairs = [[read_mono(path)[0] for path in (pairs[index].noisy, pairs[index].clean)] for index in spread]
        packages = {name: PACKAGE_OF_METRIC.get(name) for name in metrics_at(self._rate)}
        self._metrics = [name for name, package in packages.items() if package and find_spec(package)]
        self._pool = Workers(os.cpu_count())

    def validate(self, network: Streaming, spectrum: Spectrum) -> dict[str, float]:
        """Enhance all pairs.

        Parameters
        ----------
        network : Streaming
            In evaluation mode.
        spectrum : Spectrum
            On the network's device.

        Returns
        -------
        dict
            Means over the pairs: `LOSS`, the weighted sum of the recipe's losses, and every metric that can be had
            here; a pair for which a metric has no value does not count.
        """
        losses, scores = [], []
        for noisy, clean in self._pairs:
            loss, enhanced = self._enhance(network, spectrum, noisy, clean)
            losses.append(loss)
            with _signals_held():
                score = {"sample_rate": self._rate, "chosen": self._metrics}
                scores.append(self._pool.submit(score_pair, clean, enhanced, **score))
        values = [score.result()[0] for score in scores]
        columns = [column for name in self._metrics for column in METRICS[name][0]]
        means = {column: float(np.nanmean([value[column] for value in values])) for column in columns}
        return {LOSS: float(torch.stack(losses).mean())} | means

    def close(self) -> None:
        """End the scoring processes."""
        self._pool.shutdown(cancel_futures=True)

    @torch.inference_mode()
    def _enhance(
        self, network: Streaming, spectrum: Spectrum, noisy: np.ndarray, clean: np.ndarray
    ) -> tuple[Tensor, np.ndarray]:
        """Denoise a waveform ``(N,)`` offline, which equals streaming: its loss, and the waveform for scoring."""
        device, rate = next(network.parameters()).device, self.recipe.audio.sample_rate
        noisy, clean = (torch.from_numpy(resample(wave, self._rate, rate))[None].to(device) for wave in (noisy, clean))
        noisy_spec = spectrum.analyse(noisy)
        estimate_spec = network.offline(noisy_spec)
        signals = Signals(spectrum, rate, clean, noisy, estimate_spec, noisy_spec)
        loss = self._objective.total(self._objective.each(signals))
        return loss, resample(signals.estimate[0].cpu().numpy(), rate, self._rate)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Start processes that never get the signals that terminals and torchrun send to all: the loop will end them."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
