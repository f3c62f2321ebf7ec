"""Operators that ONNX Runtime's own optimiser writes into files: a product and what it has joined to it."""

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.passes.decompose.builder import Builder

ACTIVATIONS = {
    "Relu": (),
    "Sigmoid": (),
    "Tanh": (),
    "LeakyRelu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "Clip": ("min", "max"),
}
"""What may follow, and the names of its parameters."""


def convolution(make: Builder, node: Node) -> Value:
    """FusedConv: a convolution, a sum with another tensor, an activation."""
    own = {name: value for name, value in node.attributes.items() if not name.startswith("activation")}
    y = make("Conv", *node.inputs[:3], **own)
    if node.input(3) is not None:
        y = make("Add", y, node.inputs[3])
    return _activated(make, node, y, node.get("activation"), node.get("activation_params") or [])


def matmul(make: Builder, node: Node) -> Value:
    """FusedMatMul: operands transposed on demand, and a factor."""
    a, b = node.inputs[:2]
    if node.get("transBatchA") or node.get("transBatchB"):
        raise Unsupported(node, "it transposes batches")
    a, b = (
        make("Transpose", x, perm=[*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2]) if flip else x
        for x, flip in ((a, node.get("transA")), (b, node.get("transB")))
    )
    y, alpha = make("MatMul", a, b), node.get("alpha", 1.0)
    return y if alpha == 1 else make("Mul", y, float(alpha))


def gemm(make: Builder, node: Node) -> Value:
    """FusedGemm: a Gemm and an activation."""
    own = {name: value for name, value in node.attributes.items() if not name.startswith("activation")}
    y = make("Gemm", *node.inputs, **own)
    numbers = [node.get(f"activation_{name}") for name in ("alpha", "beta")]
    return _activated(make, node, y, node.get("activation"), [number for number in numbers if number is not None])


def _activated(make: Builder, node: Node, y: Value, name: str | None, numbers: list[float]) -> Value:
    if not name:
        return y
    if name not in ACTIVATIONS:
        raise Unsupported(node, f"unknown activation {name}")
    if name == "Clip":
        return make("Clip", y, *(float(number) for number in numbers))
    return make(name, y, **dict(zip(ACTIVATIONS[name], map(float, numbers), strict=False)))


RULES = {"FusedConv": convolution, "FusedMatMul": matmul, "FusedGemm": gemm}
