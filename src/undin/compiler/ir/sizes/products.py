"""Matrix products and Fourier transforms."""

import numpy as np

from undin.compiler.ir.graph import Node
from undin.compiler.ir.sizes.reading import Shape, axis_in, broadcast, hold, hold_fits, shape_of

ELLIPSIS = "..."


def matmul_of(node: Node, a: Shape, b: Shape) -> Shape:
    """As numpy's matmul: vectors are rows on the left and columns on the right."""
    hold(bool(a) and bool(b), node, "a number is no matrix")
    wide_a, wide_b = (a if len(a) > 1 else (1, *a)), (b if len(b) > 1 else (*b, 1))
    hold(wide_a[-1] == wide_b[-2], node, f"its operands {a} and {b} do not fit together")
    batch = broadcast(node, wide_a[:-2], wide_b[:-2])
    return (*batch, *([wide_a[-2]] if len(a) > 1 else []), *([wide_b[-1]] if len(b) > 1 else []))


def matmul(node: Node, opset: int) -> list[Shape]:
    """MatMul and MatMulInteger; zero points are numbers, or one for each row or column."""
    a, b = shape_of(node, 0), shape_of(node, 1)
    y = matmul_of(node, a, b)
    if node.operator == "MatMulInteger":
        for index, length in ((2, a[-2] if len(a) > 1 else 1), (3, b[-1] if len(b) > 1 else 1)):
            value = node.input(index)
            fits = value is None or value.size == 1 or value.shape in ((length,), (length, 1), (1, length))
            hold(fits, node, f"its zero point {value} does not fit")
    return [y]


def qlinear_matmul(node: Node, opset: int) -> list[Shape]:
    """Operands with a scale and a zero point each, and those of the result."""
    return [matmul_of(node, shape_of(node, 0), shape_of(node, 3))]


def gemm(node: Node, opset: int) -> list[Shape]:
    """Matrices, transposed on demand."""
    a, b = shape_of(node, 0, rank=2), shape_of(node, 1, rank=2)
    a, b = (a[::-1] if node.get("transA") else a), (b[::-1] if node.get("transB") else b)
    y = matmul_of(node, a, b)
    hold_fits(node, node.input(2), y, f"its output {y}")
    return [y]


def einsum_terms(node: Node) -> tuple[list[str], str, str]:
    """The labels of each operand and of the result, and those that stand for the ellipsis.

    Raises
    ------
    Unsupported
        The equation is none, or does not fit the operands.
    """
    equation = node.get("equation", "").replace(" ", "")
    left, arrow, result = equation.partition("->")
    terms, values = left.split(","), node.inputs
    hold(len(terms) == len(values), node, f"its equation {equation!r} has {len(terms)} operands")
    plain = [term.replace(ELLIPSIS, "") for term in terms]
    is_fine = all(label.isalpha() for term in [*plain, result.replace(ELLIPSIS, "")] for label in term)
    hold(is_fine and not set("".join(plain)) & set(EXTRA), node, f"its equation {equation!r} is none")
    counts = [len(value.shape) - len(term) for value, term in zip(values, plain, strict=True)]
    fits = all(count == 0 or (count > 0 and ELLIPSIS in term) for count, term in zip(counts, terms, strict=True))
    hold(fits and max(counts) <= len(EXTRA), node, f"its equation {equation!r} does not fit its operands")
    dots = EXTRA[len(EXTRA) - max(counts) :] if max(counts) else ""
    terms = [term.replace(ELLIPSIS, dots[len(dots) - n :]) for term, n in zip(terms, counts, strict=True)]
    labels = "".join(terms)
    if not arrow:
        result = ELLIPSIS + "".join(sorted(x for x in set(labels) - set(dots) if labels.count(x) == 1))
    result = result.replace(ELLIPSIS, dots)
    is_fine = all(label in labels for label in result) and len(set(result)) == len(result)
    hold(is_fine, node, f"its equation {equation!r} has a result that no operand knows")
    return terms, result, dots


EXTRA = "αβγδεζηθικλμ"
"""Labels of the axes that an ellipsis stands for."""


def einsum(node: Node, opset: int) -> list[Shape]:
    """A length for each label of the result; 1 is broadcast."""
    terms, result, _ = einsum_terms(node)
    sizes: dict[str, int] = {}
    for value, term in zip(node.inputs, terms, strict=True):
        for label, length in zip(term, value.shape, strict=True):
            known = sizes.get(label, 1)
            hold(1 in (known, length) or known == length, node, f"label {label!r} has {known} and {length} positions")
            sizes[label] = length if known == 1 else known
    return [tuple(sizes[label] for label in result)]


def dft(node: Node, opset: int) -> list[Shape]:
    """Along one axis, real numbers or pairs, all of the spectrum or its first half."""
    x = shape_of(node, 0)
    hold(len(x) > 1 and x[-1] in (1, 2), node, "the last axis of its input is no real number or pair")
    axis = dft_axis(node, opset)
    hold(axis != len(x) - 1, node, "its axis is that of the pairs")
    length, onesided, inverse = dft_length(node, axis), bool(node.get("onesided")), bool(node.get("inverse"))
    hold(length > 0, node, f"its length is {length}")
    pair = 2
    if onesided and inverse:
        pair = 1
    elif onesided:
        length = length // 2 + 1
    return [(*x[:axis], length, *x[axis + 1 : -1], pair)]


def dft_axis(node: Node, opset: int) -> int:
    """The axis of a DFT: an attribute until opset 19, then an input."""
    rank = len(node.inputs[0].shape)
    given = node.get("axis", 1) if opset < 20 else int(node.constant(2, None, np.int64(-2)))
    return axis_in(node, given, rank)


def dft_length(node: Node, axis: int) -> int:
    """How many positions a DFT transforms, of the whole signal where it is inverse and sees half of the spectrum."""
    length = node.constant(1)
    if length is not None:
        return int(np.asarray(length).reshape(-1)[0])
    own = node.inputs[0].shape[axis]
    return 2 * (own - 1) if node.get("onesided") and node.get("inverse") else own


def stft_sizes(node: Node) -> tuple[int, int, int]:
    """Frame length, hop and number of frames of an STFT."""
    signal = shape_of(node, 0)
    hop = int(np.asarray(node.constant(1)).reshape(-1)[0])
    length = node.constant(3)
    window = node.input(2)
    hold(length is not None or window is not None, node, "it has neither a window nor a length of frames")
    length = window.shape[0] if length is None else int(np.asarray(length).reshape(-1)[0])
    hold(window is None or window.shape == (length,), node, f"its window {window} is not {length} long")
    hold(len(signal) in (2, 3) and hop > 0 and 0 < length <= signal[1], node, "its frames do not fit its signal")
    return length, hop, (signal[1] - length) // hop + 1


def stft(node: Node, opset: int) -> list[Shape]:
    """A spectrum for each frame."""
    length, _, frames = stft_sizes(node)
    return [(node.inputs[0].shape[0], frames, length // 2 + 1 if node.get("onesided", 1) else length, 2)]


RULES = {
    "MatMul": matmul,
    "MatMulInteger": matmul,
    "QLinearMatMul": qlinear_matmul,
    "Gemm": gemm,
    "Einsum": einsum,
    "DFT": dft,
    "STFT": stft,
}
