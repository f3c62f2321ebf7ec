"""The metrics by the names that the command line has for them, and one pair of signals scored by any of them."""

import warnings
from collections.abc import Callable, Collection, Sequence

import numpy as np

from undin.evaluate import metrics
from undin.evaluate.metrics import SAMPLE_RATE_HZ, UndefinedMetricWarning

Metric = Callable[[np.ndarray, np.ndarray, int], Sequence[float]]
"""Of clean and enhanced signal and their rate in Hz: a value a column."""


def _at_16_khz(metric: Callable[[np.ndarray, np.ndarray], Sequence[float]]) -> Metric:
    return lambda clean, enhanced, rate: metric(metrics.at_16_khz(clean, rate), metrics.at_16_khz(enhanced, rate))


# name on the command line → (columns, metric)
METRICS: dict[str, tuple[tuple[str, ...], Metric]] = {
    "pesq_wb": (("pesq_wb",), _at_16_khz(lambda clean, enhanced: [metrics.pesq_wb(clean, enhanced)])),
    "stoi": (("stoi",), _at_16_khz(lambda clean, enhanced: [metrics.stoi(clean, enhanced)])),
    "estoi": (("estoi",), _at_16_khz(lambda clean, enhanced: [metrics.stoi(clean, enhanced, extended=True)])),
    "si_sdr": (("si_sdr",), lambda clean, enhanced, rate: [metrics.si_sdr(clean, enhanced)]),
    "dnsmos": (
        ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"),
        _at_16_khz(lambda clean, enhanced: list(metrics.dnsmos(enhanced).values())),
    ),
    "treble": (
        ("treble_lsd_db", "treble_level_db"),
        lambda clean, enhanced, rate: metrics.treble(clean, enhanced, sample_rate=rate),
    ),
}


def metrics_at(sample_rate: int) -> tuple[str, ...]:
    """The names of all `METRICS` that audio of a rate in Hz can have a value for."""
    return tuple(name for name in METRICS if name != "treble" or metrics.has_treble(sample_rate))


def score_pair(
    clean: np.ndarray,
    enhanced: np.ndarray,
    *,
    sample_rate: int = SAMPLE_RATE_HZ,
    chosen: Collection[str] | None = None,
) -> tuple[dict[str, float], dict[str, str]]:
    """Score one signal against its reference.

    Parameters
    ----------
    clean, enhanced : ndarray, shape (N,), float32 in [−1, 1]
        Reference and signal under test.
    sample_rate : int
        Hz.
    chosen : names out of `METRICS`, optional
        By default `metrics_at` the rate.

    Returns
    -------
    values : dict
        A number for every column of the chosen metrics, NaN where undefined.
    undefined : dict
        The reason for each NaN.

    Raises
    ------
    ValueError
        The signals are not of one length, or have channels.
    ModuleNotFoundError
        The package of a metric is missing.
    """
    metrics.refuse_other_shapes(clean=clean, enhanced=enhanced)
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for name in metrics_at(sample_rate) if chosen is None else chosen:
        columns, metric = METRICS[name]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UndefinedMetricWarning)
            try:
                values.update(zip(columns, metric(clean, enhanced, sample_rate), strict=True))
            except ImportError:
                raise
            except Exception as error:  # others' code on a signal that nobody foresaw: one file, and not the run
                values.update(dict.fromkeys(columns, float("nan")))
                undefined.update(dict.fromkeys(columns, f"{name} fails: {error or type(error).__name__}"))
        for warning in caught:
            if issubclass(warning.category, UndefinedMetricWarning):
                undefined.update(dict.fromkeys(columns, str(warning.message)))
    return values, undefined


def no_score(reason: str, chosen: Collection[str]) -> tuple[dict[str, float], dict[str, str]]:
    """What `score_pair` would say of a pair that cannot be scored at all."""
    columns = [column for name in chosen for column in METRICS[name][0]]
    return dict.fromkeys(columns, float("nan")), dict.fromkeys(columns, reason)
