"""Matrix products of integers, modulo their type's range: three loops, which C compilers turn into vectors."""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.program import C_TYPES, element, nest
from undin.compiler.lower.lowering import Lowering


def matmul(lowering: Lowering, node: Node) -> None:
    """MatMul of integers with two axes or more; unsigned sums, so that C knows what an overflow gives."""
    a, b = (lowering.view(value) for value in node.inputs[:2])
    value = node.outputs[0]
    target = lowering.output(value)
    batch, (rows, depth), columns = value.shape[:-2], a.shape[-2:], b.shape[-1]
    a, b = a.expand((*batch, rows, depth)), b.expand((*batch, depth, columns))
    kind = C_TYPES[value.dtype.name]
    wide = "uint64_t" if value.dtype == np.int64 else "uint32_t"

    def code() -> list[str]:
        names = "ijklmnopq"[: len(batch)] + "rc"
        y = element("y0", target.strides, variables=names)
        x = element("x0", (*a.strides, 0), variables=names[:-1] + "d")
        w = element("x1", (*b.strides[:-2], b.strides[-2], b.strides[-1]), variables=names[:-2] + "dc")
        sums = [
            f"{wide} sum = 0;",
            f"for (int d = 0; d < {depth}; ++d) sum += ({wide}){x} * ({wide}){w};",
            f"{y} = ({kind})sum;",
        ]
        return nest([*batch, rows, columns], sums, variables=names)

    lowering.step("integer_matmul", node, [target], [a, b], code)
