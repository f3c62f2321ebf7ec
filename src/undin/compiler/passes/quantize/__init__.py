"""Networks in integers: which products of a graph take 8 bits, and with which scales.

`calibration` watches the values of a network on audio, `marking` decides and writes its decision to the nodes, as an
attribute that ``lower/int8.py`` reads. The graph stays the same network in floats until it is lowered.
"""

from collections.abc import Iterable

import numpy as np

from undin.compiler.ir.graph import Graph
from undin.compiler.passes.quantize.calibration import frames_of, observe
from undin.compiler.passes.quantize.marking import candidates, mark

__all__ = ["frames_of", "quantize"]


def quantize(graph: Graph, frames: Iterable[np.ndarray], *, first_and_last: bool = False) -> list[str]:
    """Mark what is computed in integers of a graph that was decomposed and rewritten.

    Parameters
    ----------
    graph : Graph
        The step of a model of undin. Nodes get the attribute ``quantization``.
    frames : iterable of ndarray, shape of the input ``spec``
        Spectra of the audio to calibrate on, in their order.
    first_and_last : bool
        Products that see the input of the network, or that no other product follows, take integers too.

    Returns
    -------
    list of str
        Names of the products that stay in floats.

    Raises
    ------
    OSError, ValueError
        The network cannot be compiled and run on this machine.
    """
    chosen, others = candidates(graph, first_and_last=first_and_last)
    mark(chosen, observe(graph, [node.inputs[0] for node in chosen], frames))
    return [node.name for node in others]
