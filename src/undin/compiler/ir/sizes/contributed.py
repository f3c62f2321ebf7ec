"""Operators of ONNX Runtime's own optimiser."""

from dataclasses import replace

from undin.compiler.ir.graph import Node
from undin.compiler.ir.sizes import products, windows
from undin.compiler.ir.sizes.reading import Shape, hold, hold_shape, shape_of


def convolution(node: Node, opset: int) -> list[Shape]:
    """FusedConv, which may add a tensor of the size of its output."""
    plain = replace(node, operator="Conv")
    (shape,) = windows.convolution(plain, opset)
    hold_shape(node, 3, shape)
    return [shape]


def matmul(node: Node, opset: int) -> list[Shape]:
    """FusedMatMul, whose operands are transposed on demand."""
    a, b = shape_of(node, 0), shape_of(node, 1)
    hold(min(len(a), len(b)) > 1, node, "its operands are no matrices")
    a = (*a[:-2], a[-1], a[-2]) if node.get("transA") else a
    b = (*b[:-2], b[-1], b[-2]) if node.get("transB") else b
    return [products.matmul_of(node, a, b)]


RULES = {"FusedConv": convolution, "FusedMatMul": matmul, "FusedGemm": products.gemm}
