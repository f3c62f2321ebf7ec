"""Fourier transforms as products with constant matrices of cosines and sines: frames of a step are short."""

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.ir.sizes import is_too_large
from undin.compiler.ir.sizes.products import dft_axis, dft_length, stft_sizes
from undin.compiler.passes.decompose.builder import Builder


def _refuse_long(node: Node, length: int) -> None:
    if is_too_large((length, length)):
        raise Unsupported(node, f"its transform of the length {length} would be a matrix of as many rows and columns")


def _waves(length: int, bins: int, *, inverse: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines (length, bins), from exact angles."""
    angles = 2 * np.pi * (np.outer(np.arange(length), np.arange(bins)) % length) / length
    scale = 1 / length if inverse else 1
    return np.cos(angles) * scale, np.sin(angles) * (scale if inverse else -scale)


def _paired(cosines: np.ndarray, sines: np.ndarray, is_complex: bool) -> np.ndarray:
    """A matrix from numbers or pairs to pairs: (length · 1 or 2, bins · 2)."""
    length, bins = cosines.shape
    of_real = np.stack((cosines, sines), -1).reshape(length, 2 * bins)
    if not is_complex:
        return of_real.astype(np.float32)
    of_imaginary = np.stack((-sines, cosines), -1).reshape(length, 2 * bins)
    return np.stack((of_real, of_imaginary), 1).reshape(2 * length, 2 * bins).astype(np.float32)


def dft(make: Builder, node: Node) -> Value:
    """DFT along one axis; an inverse of half a spectrum is real."""
    x = node.inputs[0]
    rank = len(x.shape)
    axis = dft_axis(node, make.opset)
    length, inverse, onesided = dft_length(node, axis), bool(node.get("inverse")), bool(node.get("onesided"))
    seen = min(x.shape[axis], length // 2 + 1 if inverse and onesided else length)
    _refuse_long(node, length)
    x = make.slice(x, axis, 0, seen)  # what is shorter is padded by zeros, which add nothing
    bins = length // 2 + 1 if onesided and not inverse else length
    if inverse and onesided:
        matrix = _half_inverse(length, seen, x.shape[-1] == 2)
        pair = 1
    else:
        cosines, sines = (wave[:seen] for wave in _waves(length, bins, inverse=inverse))
        matrix, pair = _paired(cosines, sines, x.shape[-1] == 2), 2
    order = [*(other for other in range(rank - 1) if other != axis), axis, rank - 1]
    moved = make("Transpose", x, perm=order)
    rows = make.reshape(moved, (*moved.shape[:-2], moved.shape[-2] * moved.shape[-1]))
    y = make("MatMul", rows, matrix)
    y = make.reshape(y, (*y.shape[:-1], bins, pair))
    return make("Transpose", y, perm=np.argsort(order).tolist())


def _half_inverse(length: int, seen: int, is_complex: bool) -> np.ndarray:
    """From the first half of the spectrum of a real signal to the signal: (seen · 1 or 2, length)."""
    cosines, sines = (wave[:seen] for wave in _waves(length, length, inverse=True))
    twice = np.where((np.arange(seen) == 0) | (2 * np.arange(seen) == length), 1, 2)[:, None]
    if not is_complex:
        return (cosines * twice).astype(np.float32)
    return np.stack((cosines * twice, -sines * twice), 1).reshape(2 * seen, length).astype(np.float32)


def stft(make: Builder, node: Node) -> Value:
    """STFT: overlapping frames of the signal, times the window, times the waves."""
    signal, window = node.inputs[0], node.input(2)
    length, hop, frames = stft_sizes(node)
    _refuse_long(node, length)
    is_complex = len(signal.shape) == 3 and signal.shape[-1] == 2
    x = make.reshape(signal, (*signal.shape[:2], 2 if is_complex else 1))
    places = np.arange(frames)[:, None] * hop + np.arange(length)
    x = make("Gather", x, places, axis=1)  # (B, frames, length, 1 or 2)
    if window is not None:
        x = make("Mul", x, make.reshape(window, (length, 1)))
    bins = length // 2 + 1 if node.get("onesided", 1) else length
    x = make.reshape(x, (signal.shape[0], frames, length * x.shape[-1]))
    return make.reshape(make("MatMul", x, _paired(*_waves(length, bins), is_complex)), node.outputs[0].shape)


RULES = {"DFT": dft, "STFT": stft}
