"""The rules that a graph and a program keep between any two passes; tests and ``--passes`` run this after each."""

from undin.compiler.ir.graph import DTYPES, NARROWED, Graph
from undin.compiler.ir.program import Program
from undin.compiler.ir.views import View


def check(name: str, result: Graph | Program) -> None:
    """See that what a pass has left keeps the rules: a watcher of ``pipeline``.

    Raises
    ------
    AssertionError
        It does not; the message names the pass and the node or step.
    """
    check_graph(name, result) if isinstance(result, Graph) else check_program(name, result)


def check_graph(name: str, graph: Graph) -> None:
    """Every value is computed once and before it is read, has a type that C has, and is read by somebody."""
    known = set(graph.inputs)
    for node in graph.nodes:
        for value in filter(None, node.inputs):
            _hold(value in known or value.constant is not None, name, node, f"reads {value.name} before it is computed")
        _hold(any(node.outputs), name, node, "computes nothing")
        for value in filter(None, node.outputs):
            _hold(value not in known, name, node, f"computes {value.name} again")
            _hold(value.constant is None or not value.size, name, node, f"computes {value.name}, which is a constant")
            is_border = node.operator in ("Cast", "Identity") and value in graph.outputs
            _hold(
                value.dtype in (DTYPES | NARROWED if is_border else DTYPES),
                name,
                node,
                f"computes {value.name}, which is {value.dtype}",
            )
            _hold(all(size >= 0 for size in value.shape), name, node, f"computes {value}")
            known.add(value)
    for value in graph.outputs:
        _hold(value in known or value.constant is not None, name, graph.name, f"never computes its output {value.name}")
    read = set(graph.outputs) | {value for node in graph.nodes for value in node.inputs}
    for node in graph.nodes:
        _hold(any(value in read for value in node.outputs), name, node, "is read by nobody")


def check_program(name: str, program: Program) -> None:
    """Every step stays inside its buffers, reads what was written before, and writes neither inputs nor constants."""
    written = set(program.inputs.values())
    for step in program.steps:
        for view in (*step.reads, *(view for view, _ in step.guard)):
            _hold(_is_inside(view), name, step.label, f"reads beyond {view.buffer}")
            known = view.buffer in written or view.buffer.kind == "constant"
            _hold(known, name, step.label, f"reads {view.buffer} before it is written")
        for view in step.writes:
            _hold(_is_inside(view), name, step.label, f"writes beyond {view.buffer}")
            _hold(view.buffer.kind not in ("input", "constant"), name, step.label, f"writes {view.buffer}")
            written.add(view.buffer)
    for output, buffer in program.outputs.items():
        _hold(buffer in written or not buffer.size, name, program.name, f"never writes its output {output}")


def _is_inside(view: View) -> bool:
    if not all(view.shape):
        return True
    reach = [(size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True)]
    first, last = (view.offset + sum(pick(step, 0) for step in reach) for pick in (min, max))
    return 0 <= first and last < view.buffer.size


def _hold(is_true: bool, name: str, of: object, otherwise: str) -> None:
    assert is_true, f"after {name}, {of} {otherwise}"
