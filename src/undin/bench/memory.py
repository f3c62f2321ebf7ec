"""What a step reads and writes while it is timed: noise for a signal, and the state that the call before has left."""

import numpy as np

from undin.compiler.ir.graph import Graph, Value
from undin.compiler.pipeline import metadata_of
from undin.engines.native import aligned
from undin.model.metadata import Metadata
from undin.model.stft import Analysis

NOISE_LEVEL = 0.1
"""Root mean square of the noise, full scale is 1. It never fades, so nothing comes near the numbers (1e-38) that slow
arithmetic down; in use, what surrounds the network keeps those away from it."""


class StepMemory:
    """Inputs and outputs of a step that is called for one frame after another.

    Parameters
    ----------
    graph : Graph
    frames : int
        Of signal; a block of so many calls, an even number, starts again at the first.

    Attributes
    ----------
    values : list of Value
        Inputs, then outputs.
    arguments : ndarray, shape (values, 3), uintp
        Where each lies, as in `loops.Call`. A state is read where the call before has written it.
    signal : ndarray, shape (frames, …)
        What the first input is given.
    arrays : dict of str to ndarray
        Places of all other inputs and outputs; after a block, states lie in those of the inputs.
    state_bytes : int
    """

    def __init__(self, graph: Graph, frames: int):
        generator, metadata = np.random.default_rng(0), metadata_of(graph)
        self.values = [*graph.inputs, *graph.outputs]
        self.arrays = {value.name: aligned(value.shape, value.dtype) for value in self.values}
        old_of_new = graph.states
        states = set(old_of_new.values())
        for value in graph.inputs[1:]:
            if value.name not in states:
                self.arrays[value.name][...] = _noise(value, generator)
        other = old_of_new | {old: new for new, old in old_of_new.items()}
        even = [self.arrays[value.name].ctypes.data for value in self.values]
        odd = [self.arrays[other.get(value.name, value.name)].ctypes.data for value in self.values]
        self.arguments = np.array([even, odd, [0] * len(even)], np.uintp).T.copy()
        if metadata is None:
            self.signal = np.stack([_noise(graph.inputs[0], generator) for _ in range(frames)])
        else:
            self.signal = spectra(metadata, frames)
        self.arguments[0] = self.signal.ctypes.data, self.signal.ctypes.data, self.signal[0].nbytes
        self.state_bytes = sum(self.arrays[name].nbytes for name in states)


def noise_hops(metadata: Metadata, hops: int) -> np.ndarray:
    """White noise, (hops, samples of a hop) float32."""
    return np.random.default_rng(0).normal(0, NOISE_LEVEL, (hops, metadata.hop)).astype(np.float32)


def spectra(metadata: Metadata, frames: int) -> np.ndarray:
    """Frames of white noise as the network sees them, (frames, bins, 2) float32."""
    analysis = Analysis(metadata.n_fft, metadata.window, metadata.hop)
    spec = analysis.process(noise_hops(metadata, frames).reshape(-1))
    return spec.view(np.float32).reshape(frames, metadata.bins, 2)


def _noise(value: Value, generator: np.random.Generator) -> np.ndarray:
    if value.dtype == np.float32:
        return generator.standard_normal(value.shape, np.float32)
    return generator.integers(0, 2, value.shape).astype(value.dtype)
