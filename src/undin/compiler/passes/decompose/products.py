"""Gemm, MatMul of vectors and Einsum, as MatMul of operands with two axes or more."""

from collections.abc import Sequence
from math import prod

import numpy as np

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.ir.sizes.products import einsum_terms
from undin.compiler.passes.decompose.builder import Builder


def gemm(make: Builder, node: Node) -> Value:
    """alpha A B + beta C, with A and B transposed on demand."""
    a, b, c = node.inputs[0], node.inputs[1], node.input(2)
    a = make("Transpose", a, perm=[1, 0]) if node.get("transA") else a
    b = make("Transpose", b, perm=[1, 0]) if node.get("transB") else b
    alpha, beta = (_factor(node, node.get(name, 1.0)) for name in ("alpha", "beta"))
    if alpha != 1:
        (a, b) = (a, make("Mul", b, alpha)) if b.constant is not None else (make("Mul", a, alpha), b)
    y = make("MatMul", a, b)
    if c is None:
        return y
    return make("Add", y, make("Mul", c, beta) if beta != 1 else c)


def _factor(node: Node, factor: float) -> np.ndarray:
    """A factor in the type of the product."""
    dtype = node.inputs[0].dtype
    if dtype != np.float32 and factor != int(factor):
        raise Unsupported(node, f"it is of integers, and {factor} is none")
    return np.array(factor, dtype)


def matmul(make: Builder, node: Node) -> Value | None:
    """A vector on the left is a row, one on the right a column."""
    a, b = node.inputs
    if len(a.shape) > 1 and len(b.shape) > 1:
        return None
    a = make.reshape(a, (1, *a.shape)) if len(a.shape) == 1 else a
    b = make.reshape(b, (*b.shape, 1)) if len(b.shape) == 1 else b
    return make.reshape(make("MatMul", a, b), node.outputs[0].shape)


def einsum(make: Builder, node: Node) -> Value:
    """Operand by operand: sums over what is read once, products over what two share."""
    terms, result, _ = einsum_terms(node)
    operands = [_diagonal(make, value, term) for value, term in zip(node.inputs, terms, strict=True)]
    value, labels = operands[0]
    for i, (other, other_labels) in enumerate(operands[1:], 1):
        wanted = {label for _, later in operands[i + 1 :] for label in later} | set(result)
        value, labels = _multiply(make, value, labels, other, other_labels, wanted)
    value, labels = _sum(make, value, labels, set(result))
    return _transpose(make, value, labels, result)


def _diagonal(make: Builder, value: Value, labels: str) -> tuple[Value, str]:
    """Keep the diagonal of axes of the same label."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            rest = [axis for axis, other in enumerate(labels) if other != label]
            first, second, *more = [axis for axis, other in enumerate(labels) if other == label]
            value = make("Transpose", value, perm=[first, second, *more, *rest])
            length, *outer = value.shape[1:]
            value = make.slice(make.reshape(value, (length * length, *outer)), 0, 0, length * length, length + 1)
            labels = "".join([label, *[label] * len(more), *(labels[axis] for axis in rest)])
    return value, labels


def _sum(make: Builder, value: Value, labels: str, wanted: set[str]) -> tuple[Value, str]:
    axes = [axis for axis, label in enumerate(labels) if label not in wanted]
    if axes:
        value = make("ReduceSum", value, np.array(axes, np.int64), keepdims=0)
    return value, "".join(label for label in labels if label in wanted)


def _transpose(make: Builder, value: Value, labels: str, order: Sequence[str]) -> Value:
    permutation = [labels.index(label) for label in order]
    return value if permutation == sorted(permutation) else make("Transpose", value, perm=permutation)


def _multiply(make: Builder, a: Value, a_labels: str, b: Value, b_labels: str, wanted: set[str]) -> tuple[Value, str]:
    """Two operands as one MatMul: (batch, rows, depth) by (batch, depth, columns)."""
    a, a_labels = _sum(make, a, a_labels, wanted | set(b_labels))
    b, b_labels = _sum(make, b, b_labels, wanted | set(a_labels))
    shared = [label for label in a_labels if label in b_labels]
    batch, depth = ([x for x in shared if (x in wanted) is kept] for kept in (True, False))
    rows, columns = ([x for x in labels if x not in shared] for labels in (a_labels, b_labels))
    sizes = dict(zip(b_labels, b.shape, strict=True))
    for label, length in zip(a_labels, a.shape, strict=True):  # a length of 1 is broadcast
        sizes[label] = max(length, sizes.get(label, 1))

    def arranged(value: Value, labels: str, groups: list[list[str]]) -> Value:
        value = _transpose(make, value, labels, [label for group in groups for label in group])
        full = tuple(sizes[label] for group in groups for label in group)
        if value.shape != full:
            value = make("Expand", value, np.array(full, np.int64))
        return make.reshape(value, (*full[: len(batch)], *(prod(sizes[x] for x in group) for group in groups[1:])))

    y = make("MatMul", arranged(a, a_labels, [batch, rows, depth]), arranged(b, b_labels, [batch, depth, columns]))
    labels = [*batch, *rows, *columns]
    return make.reshape(y, tuple(sizes[label] for label in labels)), "".join(labels)


RULES = {"Gemm": gemm, "MatMul": matmul, "Einsum": einsum}
