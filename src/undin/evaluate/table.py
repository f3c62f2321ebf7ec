"""The metrics by the names that the command line has for them, and one pair of signals scored by any of them."""

import warnings
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from undin.evaluate import metrics
from undin.evaluate.metrics import SAMPLE_RATE_HZ, UndefinedMetricWarning


@dataclass(frozen=True)
class Signals:
    """A clean and an enhanced signal (N,), float32 in [−1, 1], and what several metrics need of them.

    Attributes
    ----------
    clean, enhanced : ndarray, shape (N,)
    sample_rate : int
        Hz.
    at_16_khz : tuple of ndarray
        Both at the rate at which most scores are defined.
    pesq_wb : float
    """

    clean: np.ndarray
    enhanced: np.ndarray
    sample_rate: int

    @cached_property
    def at_16_khz(self) -> tuple[np.ndarray, np.ndarray]:
        return tuple(metrics.at_16_khz(signal, self.sample_rate) for signal in (self.clean, self.enhanced))

    @cached_property
    def pesq_wb(self) -> float:
        return metrics.pesq_wb(*self.at_16_khz)


# name on the command line → (columns, values of these)
METRICS: dict[str, tuple[tuple[str, ...], Callable[[Signals], Sequence[float]]]] = {
    "pesq_wb": (("pesq_wb",), lambda signals: [signals.pesq_wb]),
    "pesq_nb": (("pesq_nb",), lambda signals: [metrics.pesq_nb(*signals.at_16_khz)]),
    "composite": (
        ("csig", "cbak", "covl"),
        lambda signals: metrics.composite(*signals.at_16_khz, pesq=signals.pesq_wb),
    ),
    "stoi": (("stoi",), lambda signals: [metrics.stoi(*signals.at_16_khz)]),
    "estoi": (("estoi",), lambda signals: [metrics.stoi(*signals.at_16_khz, extended=True)]),
    "si_sdr": (("si_sdr",), lambda signals: [metrics.si_sdr(signals.clean, signals.enhanced)]),
    "sdr": (("sdr",), lambda signals: [metrics.sdr(signals.clean, signals.enhanced)]),
    "ssnr": (("ssnr",), lambda signals: [metrics.ssnr(*signals.at_16_khz)]),
    "dnsmos": (
        ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl"),
        lambda signals: list(metrics.dnsmos(signals.at_16_khz[1]).values()),
    ),
    "treble": (
        ("treble_lsd_db", "treble_level_db"),
        lambda signals: metrics.treble(signals.clean, signals.enhanced, sample_rate=signals.sample_rate),
    ),
}


def chosen_by(names: Iterable[str]) -> tuple[str, ...]:
    """The names out of `METRICS` that have these names, or columns of these names.

    Raises
    ------
    ValueError
        There is no metric and no column of a name.
    """
    of_column = {column: name for name, (columns, _) in METRICS.items() for column in columns}
    for name in names:
        if name not in METRICS and name not in of_column:
            raise ValueError(f"unknown metric {name!r}: choose from {', '.join(METRICS)}")
    return tuple(dict.fromkeys(of_column.get(name, name) for name in names))


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
    signals = Signals(clean, enhanced, sample_rate)
    values: dict[str, float] = {}
    undefined: dict[str, str] = {}
    for name in metrics_at(sample_rate) if chosen is None else chosen:
        columns, metric = METRICS[name]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UndefinedMetricWarning)
            try:
                values.update(zip(columns, metric(signals), strict=True))
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
