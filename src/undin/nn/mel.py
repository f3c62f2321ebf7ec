"""Bands on the ear's scale: from the bins of a spectrum to a few bands, and back."""

import numpy as np


def mel_bands(
    *, sample_rate: int, n_fft: int, bands: int, low_hz: float, high_hz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrices from bins to mel bands and back.

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_fft : int
        Size of the transform.
    bands : int
        M, spaced evenly in mel (O'Shaughnessy 1987: ``2595 log10(1 + f / 700 Hz)``).
    low_hz, high_hz : float
        Lower edge of the lowest and upper edge of the highest band.

    Returns
    -------
    to_bands : ndarray (F, M), float32, in [0, 1]
        Triangles at least a bin wide to each side, so that no band is empty; the weights of each band sum to one.
    to_bins : ndarray (M, F), float32, in [0, 1]
        Linear between the centres of neighbouring bands and constant beyond the outermost ones; the weights of each bin
        sum to one.
    """
    low_mel, high_mel = 2595 * np.log10(1 + np.array([low_hz, high_hz]) / 700)
    edges_hz = 700 * (10 ** (np.linspace(low_mel, high_mel, bands + 2) / 2595) - 1)
    centres_hz = edges_hz[1:-1]
    bin_hz = sample_rate / n_fft
    bins_hz = bin_hz * np.arange(n_fft // 2 + 1)
    rise_hz, fall_hz = np.maximum(np.diff(edges_hz), bin_hz)[:-1], np.maximum(np.diff(edges_hz), bin_hz)[1:]
    above_hz = bins_hz[:, None] - centres_hz
    triangles = np.clip(1 - np.where(above_hz < 0, -above_hz / rise_hz, above_hz / fall_hz), 0, None)
    to_bins = np.stack([np.interp(bins_hz, centres_hz, unit) for unit in np.eye(bands)])
    return (triangles / triangles.sum(0)).astype(np.float32), to_bins.astype(np.float32)
