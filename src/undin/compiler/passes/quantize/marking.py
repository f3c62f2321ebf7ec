"""Which products are computed in integers, and the scale of what they read."""

from collections.abc import Iterator

import numpy as np

from undin.compiler.ir.graph import Graph, Node, Value
from undin.compiler.ir.operators import CELL_ACTIVATIONS, GATES, Quantization
from undin.compiler.lower import IN_INTEGERS

SHRINKING = np.linspace(0.3, 1.0, 29)
"""Parts of the range seen that are tried as the range of 8 bits."""


def candidates(graph: Graph, *, first_and_last: bool) -> tuple[list[Node], list[Node]]:
    """Products that can be computed in integers and shall be, and those that stay in floats."""
    products = [node for node in graph.nodes if node.operator in IN_INTEGERS]
    readers = graph.readers()
    ends = [] if first_and_last else [*_first(graph, readers), *_last(products, readers)]
    chosen = [node for node in products if node not in ends and _fits(node)]
    return chosen, [node for node in products if node not in chosen]


def _fits(node: Node) -> bool:
    """Whether ``lower/int8.py`` has a kernel for it."""
    constant = [node.input(index) is not None and node.inputs[index].constant is not None for index in (1, 2)]
    if node.operator in GATES:
        usual = list(CELL_ACTIVATIONS[node.operator])
        return (
            all(constant)
            and node.inputs[0].shape[0] == 1  # time steps
            and node.get("direction", "forward") == "forward"
            and node.get("activations", usual) == usual
            and (node.operator == "LSTM" or node.get("linear_before_reset", 0) == 1)
            and not node.get("clip")
            and not node.get("layout")
            and not node.get("input_forget")
            and node.input(7) is None
        )
    if node.inputs[0].constant is not None or not constant[0] or node.get("group", 1) != 1:
        return False
    if node.operator == "MatMul":
        a, b, bias = node.inputs[0], node.inputs[1], node.input(2)
        has_row = bias is None or bias.size in (1, b.shape[-1])
        is_band_mix = len(b.shape) == len(a.shape) == 3 and a.shape[:2] == (b.shape[0], 1)
        return (len(b.shape) == 2 and len(a.shape) >= 2 and has_row) or is_band_mix
    return node.get("auto_pad", "NOTSET") == "NOTSET"


def _first(graph: Graph, readers: dict[Value, list[Node]]) -> Iterator[Node]:
    """Products that see the first input of a graph without another product between."""
    queue, seen = [graph.inputs[0]], set()
    while queue:
        for node in readers.get(queue.pop(), ()):
            if node in seen:
                continue
            seen.add(node)
            if node.operator in IN_INTEGERS:
                yield node
            else:
                queue += [value for value in node.outputs if value]


def _last(products: list[Node], readers: dict[Value, list[Node]]) -> Iterator[Node]:
    """Products that no other follows before the end of the frame."""
    for product in products:
        queue, seen, is_last = [value for value in product.outputs if value], set(), True
        while queue and is_last:
            for node in readers.get(queue.pop(), ()):
                is_last = is_last and node.operator not in IN_INTEGERS
                if node not in seen:
                    seen.add(node)
                    queue += [value for value in node.outputs if value]
        if is_last:
            yield product


def mark(nodes: list[Node], seen: dict[Value, np.ndarray]) -> None:
    """Give every node the scale by which it reads its first input, judged by values `seen` of it."""
    for node in nodes:
        node.attributes["quantization"] = best_of_8_bits(seen[node.inputs[0]])


def best_of_8_bits(values: np.ndarray) -> Quantization:
    """Scale and zero point with the least squared error: large values that are rare may be clipped."""
    low, high = min(0.0, float(values.min(initial=0))), max(0.0, float(values.max(initial=0)))
    if high - low < np.finfo(np.float32).tiny:
        return Quantization(1.0)
    found = []
    for part in SHRINKING:
        scale = float(np.float32(part * (high - low) / 255))
        zero_point = int(np.clip(round(-128 - part * low / scale), -128, 127))
        rounded = np.clip(np.rint(values / scale), -128 - zero_point, 127 - zero_point) * scale
        found.append((float(np.mean((values - rounded) ** 2)), -part, Quantization(scale, zero_point)))
    return min(found, key=lambda item: item[:2])[2]
