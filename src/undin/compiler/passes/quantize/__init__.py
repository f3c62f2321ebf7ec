"""Networks in integers: which products of a graph take 8 bits, and with which scales.

`frames` are what it is calibrated on, `calibration` watches the values of a network on them, `marking` decides, with
`scales`, and writes its decision to the nodes, as an attribute that ``lower/int8.py`` reads. The graph stays the same
network in floats until it is lowered. `error` tells what it has cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from undin.compiler.ir.graph import Graph
from undin.compiler.passes.quantize.calibration import observe
from undin.compiler.passes.quantize.error import signal_to_noise_db
from undin.compiler.passes.quantize.frames import Frame, Runs, frames_of
from undin.compiler.passes.quantize.marking import candidates, channel_axis, mark

__all__ = ["Quantized", "frames_of", "quantize", "signal_to_noise_db"]


@dataclass(frozen=True, eq=False)
class Quantized:
    """What `quantize` has done.

    Attributes
    ----------
    in_floats : dict of str to str
        Names of products that stay in floats, and why.
    floats : Runs
        The network in floats.
    """

    in_floats: dict[str, str]
    floats: Runs


def quantize(graph: Graph, frames: Sequence[Frame], *, first_and_last: bool = False) -> Quantized:
    """Mark what is computed in integers of a graph that was decomposed and rewritten.

    Parameters
    ----------
    graph : Graph
        Nodes get the attribute ``quantization``.
    frames : sequence of Frame
        What to calibrate on, in its order, see `frames_of`.
    first_and_last : bool
        Products that see the input of the network, or that no other product follows, take 8 bits too, and not 16.

    Raises
    ------
    OSError, ValueError
        The network cannot be compiled and run on this machine.
    """
    chosen, in_floats = candidates(graph, first_and_last=first_and_last)
    seen, floats = observe(graph, {node.inputs[0]: channel_axis(node) for node in chosen}, frames)
    mark(chosen, seen)
    return Quantized(in_floats, floats)
