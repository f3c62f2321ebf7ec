"""With which scales a product reads its input in 8 bits, so that it loses the least.

What is lost has two parts. Activations lose in proportion to their scales, and what is clipped. Weights meet whole
numbers, so they are multiplied by the scale of their channel before they are rounded, and a channel whose scale is much
larger than those of others leaves these few bits. So the scales lie somewhere between one for all and for each its own
(SmoothQuant, Xiao et al. 2023, equation 4, with the exponent and a floor found for every layer here).
"""

import numpy as np

from undin.compiler.ir.operators import Quantization

CLIPPED = np.geomspace(0.03, 1, 20)
"""Parts of the range seen that are tried as the range of 8 bits: large values that are rare may be clipped."""

EXPONENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How far the scale of a channel follows its own range: 0 is one scale for all."""

LEVELS = 127
"""Of weights, to each side."""


def best_scales(values: np.ndarray, weights: np.ndarray | None, *, low: np.ndarray, high: np.ndarray) -> Quantization:
    """Scales and zero point of the least squared error in the result of a product.

    Parameters
    ----------
    values : ndarray, shape (N, channels)
        Of what it reads.
    weights : ndarray, shape (channels, …, columns), optional
        Those that share a column share a scale; None where every channel has columns of its own.
    low, high : ndarray, shape (channels,)
        All values that were ever seen lie between.
    """
    low, high = np.minimum(low, 0).astype(np.float64), np.maximum(high, 0).astype(np.float64)
    if not np.max(high - low, initial=0) >= np.finfo(np.float32).tiny:
        return Quantization((1.0,))
    # Where the range as a whole has its zero, an end of it if all have one sign; or nearer to where each channel has.
    middle = int(np.clip(round(-128 - 255 * low.min() / (high.max() - low.min())), -128, 127))
    zero_points = {middle} if low.min() >= 0 or high.max() <= 0 else {middle, middle // 2, 0}
    found = []
    for zero_point in sorted(zero_points):
        found += _tried(values, weights, _full(low, high, zero_point), zero_point)
    _, scales, zero_point = min(found, key=lambda item: item[0])
    scales = scales.astype(np.float32)
    if (scales == scales[0]).all():
        scales = scales[:1]
    return Quantization(tuple(scales.tolist()), zero_point)


def wide_scales(low: np.ndarray, high: np.ndarray, *, headroom: float) -> Quantization:
    """Scales of each channel for 16 bits, `headroom` times as large as what was seen needs; see `best_scales`."""
    largest = np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
    if not np.max(largest, initial=0) >= np.finfo(np.float32).tiny:
        return Quantization((1.0,), bits=16)
    scales = np.maximum(largest, 1e-6 * largest.max()) * (headroom / 32767)
    return Quantization(tuple(scales.astype(np.float32).tolist()), bits=16)


def _full(low: np.ndarray, high: np.ndarray, zero_point: int) -> np.ndarray:
    """Scales by which nothing is clipped; of channels that are always 0, none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.where(high > 0, high / (127 - zero_point), 0)
        down = np.where(low < 0, low / (-128 - zero_point), 0)
    return np.where(np.isfinite(up) & np.isfinite(down), np.maximum(up, down), 0)


def _tried(
    values: np.ndarray, weights: np.ndarray | None, full: np.ndarray, zero_point: int
) -> list[tuple[float, np.ndarray, int]]:
    """Error, scales and zero point of all that is tried with one zero point."""
    largest = full.max()
    errors = np.stack(
        [_rounding_error(values, np.maximum(full * part, 1e-12 * largest), zero_point) for part in CLIPPED]
    )
    clipped = np.maximum(full * CLIPPED[errors.argmin(0)], 1e-12 * largest)
    energy = np.mean(np.square(values, dtype=np.float64), axis=0)
    if weights is None:
        return [(float(errors.min(0).sum()), clipped, zero_point)]
    flat = weights.reshape(len(weights), -1, weights.shape[-1]).astype(np.float64)
    gains = np.square(flat).sum((1, 2))
    tops = np.abs(flat).max(1)  # (channels, columns)

    tried = [np.full_like(full, largest * part) for part in CLIPPED]
    usual = np.exp(np.mean(np.log(clipped)))
    for exponent in EXPONENTS:
        tried.append(clipped**exponent * clipped.max() ** (1 - exponent))
        tried.append(np.maximum(clipped, clipped**exponent * usual ** (1 - exponent)))
    found = []
    for scales in tried:
        of_values = _rounding_error(values, scales, zero_point) @ gains
        steps = (tops * scales[:, None]).max(0) / LEVELS
        of_weights = np.square(steps).sum() / 12 * flat.shape[1] * np.sum(energy / np.square(scales))
        found.append((float(of_values + of_weights), scales, zero_point))
    return found


def _rounding_error(values: np.ndarray, scales: np.ndarray, zero_point: int) -> np.ndarray:
    """Mean squared error of each channel."""
    scales = scales.astype(np.float32)
    rounded = np.clip(np.rint(values / scales), -128 - zero_point, 127 - zero_point)
    rounded *= scales
    rounded -= values
    return np.einsum("nc,nc->c", rounded, rounded, dtype=np.float64) / max(len(values), 1)
