"""Which products are computed in integers, and the scales of what they read."""

from collections.abc import Iterator, Mapping

from undin.compiler.ir.graph import Graph, Node, Value
from undin.compiler.ir.operators import GATES, PRODUCTS
from undin.compiler.lower.int8_fits import has_wide_kernel, hindrance, weights_by_channel
from undin.compiler.passes.quantize.calibration import Seen
from undin.compiler.passes.quantize.costs import slowness
from undin.compiler.passes.quantize.scales import best_scales, wide_scales

FIRST, LAST = "the first, which reads the input", "the last, which makes the output"
"""Why the ends of a network, which lose the most, take 16 bits, or stay in floats where there is no kernel for that."""

HEADROOM = 4
"""How much larger than any that was seen values of 16 bits can be."""


def candidates(graph: Graph, *, first_and_last: bool) -> tuple[dict[Node, int], dict[str, str]]:
    """Products that shall be computed in integers, with their bits, and names of those that shall not, with why."""
    products = [node for node in graph.nodes if node.operator in (*PRODUCTS, *GATES)]
    readers = graph.readers()
    ends = {} if first_and_last else dict.fromkeys(_last(products, readers), LAST)
    ends |= {} if first_and_last else dict.fromkeys(_first(graph, readers), FIRST)
    chosen, in_floats = dict[Node, int](), dict[str, str]()
    for node in products:
        if node.get("quantization"):  # as the file has it
            continue
        bits = 16 if node in ends else 8
        is_end_in_floats = node in ends and not has_wide_kernel(node)
        reason = hindrance(node) or (ends[node] if is_end_in_floats else slowness(node, bits))
        if reason is None:
            chosen[node] = bits
        else:
            in_floats[node.name] = reason
    return chosen, in_floats


def _first(graph: Graph, readers: dict[Value, list[Node]]) -> Iterator[Node]:
    """Products that see an input of a graph that is no state without another product between."""
    states = set(graph.states.values())
    queue, seen = [value for value in graph.inputs if value.name not in states], set()
    while queue:
        for node in readers.get(queue.pop(), ()):
            if node in seen:
                continue
            seen.add(node)
            if node.operator in (*PRODUCTS, *GATES):
                yield node
            else:
                queue += [value for value in node.outputs if value]


def _last(products: list[Node], readers: dict[Value, list[Node]]) -> Iterator[Node]:
    """Products that no other follows before the end of the frame."""
    for product in products:
        queue, seen, is_last = [value for value in product.outputs if value], set(), True
        while queue and is_last:
            for node in readers.get(queue.pop(), ()):
                is_last = is_last and node.operator not in (*PRODUCTS, *GATES)
                if node not in seen:
                    seen.add(node)
                    queue += [value for value in node.outputs if value]
        if is_last:
            yield product


def channel_axis(node: Node) -> int:
    """The axis of its input along which a product adds up, or of which each position has weights of its own."""
    if node.operator == "MatMul":
        return 0 if len(node.inputs[1].shape) == 3 else len(node.inputs[0].shape) - 1
    return 2 if node.operator in GATES else 1


def mark(nodes: Mapping[Node, int], seen: dict[Value, Seen]) -> None:
    """Give every node the scales by which it reads its first input, judged by what was `seen` of it."""
    for node, bits in nodes.items():
        found = seen[node.inputs[0]]
        if bits == 16:
            node.attributes["quantization"] = wide_scales(found.low, found.high, headroom=HEADROOM)
            continue
        weights = weights_by_channel(node)
        node.attributes["quantization"] = best_scales(found.values, weights, low=found.low, high=found.high)
