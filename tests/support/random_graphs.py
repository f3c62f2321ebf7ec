"""Small graphs of operators chosen at random, whose views, copies and joined loops meet in ways nobody thought of.

`random_model` is the way in. Each operator is a method that adds a node or a few to what is there, or none where
nothing fits.
"""

from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LENGTHS = (1, 1, 2, 2, 3, 4, 5, 6)
MAX_ELEMENTS = 400
OPSET = 18


def random_model(seed: int) -> onnx.ModelProto:
    """A model of 3 to 24 operators, with as many of its values as outputs as nobody reads, and some more."""
    graph = _RandomGraph(seed)
    operators = [getattr(graph, name) for name in dir(_RandomGraph) if not name.startswith("_")]
    for _ in range(graph._random.integers(3, 25)):
        graph._one_of(operators)()
    return graph._model(f"random_{seed}")


class _RandomGraph:
    def __init__(self, seed: int):
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[str] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._count = 0
        for _ in range(self._random.integers(1, 4)):
            self._input([self._one_of(LENGTHS) for _ in range(self._random.integers(1, 5))])

    def _model(self, name: str) -> onnx.ModelProto:
        computed = [value for value in self._shapes if value not in self._inputs] or [self._pointwise("Neg")]
        read = {value for node in self._nodes for value in node.input}
        outputs = [value for value in computed if value not in read]
        outputs += [str(value) for value in self._random.choice(computed, 2)]
        infos = [
            [helper.make_tensor_value_info(value, TensorProto.FLOAT, self._shapes[value]) for value in values]
            for values in (self._inputs, dict.fromkeys(outputs))
        ]
        graph = helper.make_graph(self._nodes, name, *infos, self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

    # What the operators are made with

    def _one_of(self, items):
        return items[self._random.integers(len(items))]

    def _name(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _input(self, shape) -> str:
        name = self._name()
        self._inputs.append(name)
        self._shapes[name] = tuple(int(length) for length in shape)
        return name

    def _constant(self, array: np.ndarray) -> str:
        name = self._name()
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def _weights(self, *shape: int) -> str:
        return self._constant(self._random.normal(0, 0.5, shape).astype(np.float32))

    def _integers(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _node(self, operator: str, *inputs: str, shape, **attributes) -> str:
        name = self._name()
        self._nodes.append(helper.make_node(operator, inputs, [name], name=f"{operator}_{name}", **attributes))
        self._shapes[name] = tuple(int(length) for length in shape)
        return name

    def _value(self, *, least_rank: int = 1, rank: int | None = None) -> tuple[str, tuple[int, ...]]:
        """A value, more often one of the last, and its shape; one of another rank is reshaped."""
        fitting = [name for name, shape in self._shapes.items() if len(shape) >= least_rank]
        fitting = [name for name in fitting if prod(self._shapes[name]) <= MAX_ELEMENTS] or [self._input([2, 3, 1, 2])]
        name = self._one_of(fitting[-6:] if self._random.random() < 0.7 else fitting)
        if rank is not None and len(self._shapes[name]) != rank:
            shape = self._split(prod(self._shapes[name]), rank)
            name = self._node("Reshape", name, self._integers(*shape), shape=shape)
        return name, self._shapes[name]

    def _split(self, size: int, rank: int) -> list[int]:
        """A shape of that many elements."""
        shape, divisor = [1] * rank, 2
        while size > 1:
            if size % divisor:
                divisor += 1
                continue
            shape[self._random.integers(rank)] *= divisor
            size //= divisor
        return shape

    def _range(self, length: int) -> tuple[int, int]:
        start, stop = sorted(self._random.integers(0, length + 1, 2).tolist())
        return (start, stop) if start < stop else (0, length)

    def _activated(self, name: str) -> None:
        """Sometimes what ``rewrite`` joins to a product: a norm or a factor by channel, an activation."""
        shape = self._shapes[name]
        if self._random.random() < 0.4:
            channels = self._weights(shape[1], *[1] * (len(shape) - 2))
            name = self._node(self._one_of(["Add", "Mul"]), name, channels, shape=shape)
        if self._random.random() < 0.5:
            self._node(self._one_of(["Relu", "LeakyRelu", "Elu", "Tanh"]), name, shape=shape)

    # What moves or repeats elements

    def reshape(self) -> None:
        x, shape = self._value()
        new = self._split(prod(shape), self._random.integers(1, 6))
        self._node("Reshape", x, self._integers(*new), shape=new)

    def transpose(self) -> None:
        x, shape = self._value(least_rank=2)
        order = self._random.permutation(len(shape)).tolist()
        self._node("Transpose", x, perm=order, shape=[shape[axis] for axis in order])

    transpose_again = transpose

    def slice(self) -> None:
        x, shape = self._value()
        axis, step = self._random.integers(len(shape)), self._one_of([1, 1, 2, -1, -2])
        start, stop = self._range(shape[axis])
        new = list(shape)
        new[axis] = len(range(start, stop, abs(step)))
        if step < 0:
            start, stop = stop - 1, start - 1 if start else -shape[axis] - 1
        self._node("Slice", x, *map(self._integers, (start, stop, axis, step)), shape=new)

    slice_again = slice

    def split(self) -> None:
        x, shape = self._value()
        axis = int(self._random.integers(len(shape)))
        if shape[axis] < 2:
            return
        lengths = [1, shape[axis] - 1]
        names = [self._name(), self._name()]
        self._nodes.append(helper.make_node("Split", [x, self._integers(*lengths)], names, axis=axis))
        for name, length in zip(names, lengths, strict=True):
            self._shapes[name] = (*shape[:axis], length, *shape[axis + 1 :])

    def concat(self) -> None:
        x, shape = self._value()
        axis = int(self._random.integers(len(shape)))
        rest = (*shape[:axis], *shape[axis + 1 :])
        fitting = [n for n, s in self._shapes.items() if len(s) == len(shape) and (*s[:axis], *s[axis + 1 :]) == rest]
        pieces = [x, *(self._one_of(fitting) for _ in range(self._random.integers(1, 4)))]
        length = sum(self._shapes[piece][axis] for piece in pieces)
        self._node("Concat", *pieces, axis=axis, shape=(*shape[:axis], length, *shape[axis + 1 :]))

    concat_again = concat

    def expand(self) -> None:
        x, shape = self._value()
        new = [length if length > 1 else self._one_of([1, 2, 3]) for length in shape]
        self._node("Expand", x, self._integers(*new), shape=new)

    def pad(self) -> None:
        x, shape = self._value()
        widths = self._random.integers(0, 3, (2, len(shape)))
        axis = self._random.integers(len(shape))
        widths[0, axis] = -1 if shape[axis] > 1 else 0
        self._node("Pad", x, self._integers(*widths.flat), shape=np.add(shape, widths.sum(0)))

    def gather(self) -> None:
        x, shape = self._value()
        axis = int(self._random.integers(len(shape)))
        indices = self._random.integers(-shape[axis], shape[axis], self._one_of([(), (1,), (3,)]))
        new = (*shape[:axis], *indices.shape, *shape[axis + 1 :]) if np.ndim(indices) else shape
        if np.ndim(indices):
            self._node("Gather", x, self._constant(indices), axis=axis, shape=new)

    def scatter(self) -> None:
        x, shape = self._value()
        box = [range(*self._range(length)) for length in shape[: self._random.integers(1, len(shape) + 1)]]
        indices = np.stack(np.meshgrid(*box, indexing="ij"), -1)
        updates_shape = (*indices.shape[:-1], *shape[len(box) :])
        fitting = [name for name, other in self._shapes.items() if prod(other) == prod(updates_shape)]
        updates = self._one_of(fitting) if fitting else self._weights(*updates_shape)
        updates = self._node("Reshape", updates, self._integers(*updates_shape), shape=updates_shape)
        self._node("ScatterND", x, self._constant(indices), updates, shape=shape)

    # What computes elements by themselves

    def _pointwise(self, operator: str) -> str:
        x, shape = self._value()
        return self._node(operator, x, shape=shape)

    def activation(self) -> None:
        self._pointwise(self._one_of(["Relu", "Sigmoid", "Tanh", "Abs", "Neg", "Elu", "HardSigmoid"]))

    activation_again = activation

    def arithmetic(self) -> None:
        x, shape = self._value()
        other = self._weights(*(length if self._random.random() < 0.6 else 1 for length in shape))
        fitting = [name for name, s in self._shapes.items() if all(a in (1, b) for a, b in zip(s[::-1], shape[::-1]))]  # noqa: B905
        fitting = [name for name in fitting if len(self._shapes[name]) <= len(shape)]
        if fitting and self._random.random() < 0.7:
            other = self._one_of(fitting)
        pair = [x, other] if self._random.random() < 0.5 else [other, x]
        self._node(self._one_of(["Add", "Sub", "Mul", "Min", "Max"]), *pair, shape=shape)

    arithmetic_again = arithmetic

    # What sums

    def reduction(self) -> None:
        x, shape = self._value(least_rank=2)
        axis = self._random.integers(len(shape))
        new = [1 if i == axis else length for i, length in enumerate(shape)]
        self._node(self._one_of(["ReduceMean", "ReduceL2", "ReduceMax"]), x, self._integers(axis), shape=new)

    def softmax(self) -> None:
        x, shape = self._value()
        self._node("Softmax", x, axis=int(self._random.integers(len(shape))), shape=shape)

    def product_with_weights(self) -> None:
        x, shape = self._value(least_rank=2)
        columns = int(self._random.integers(1, 9))
        self._activated(self._node("MatMul", x, self._weights(shape[-1], columns), shape=(*shape[:-1], columns)))

    def product(self) -> None:
        x, shape = self._value(least_rank=2)
        order = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
        y = self._node("Transpose", x, perm=order, shape=[shape[axis] for axis in order])
        self._node("MatMul", x, y, shape=(*shape[:-1], shape[-2]))

    def convolution(self) -> None:
        x, shape = self._value(rank=4)
        group = self._one_of([1, 2, shape[1]] if shape[1] % 2 == 0 else [1, shape[1]])
        channels = group * int(self._random.integers(1, 4))
        stride = int(self._one_of([1, 2]))
        before, after = self._random.integers(0, 3, 2).tolist()
        kernel = min(3, shape[3])
        length = (shape[3] + before + after - kernel) // stride + 1
        y = self._node(
            "Conv",
            *(x, self._weights(channels, shape[1] // group, 1, kernel), self._weights(channels)),
            pads=[0, before, 1, after],
            strides=[1, stride],
            group=group,
            shape=(shape[0], channels, shape[2] + 1, length),
        )
        self._activated(y)

    def transposed_convolution(self) -> None:
        x, shape = self._value(rank=4)
        channels, kernel, stride = int(self._random.integers(1, 4)), self._one_of([3, 4, 5]), self._one_of([1, 2, 3])
        y = self._node(
            "ConvTranspose",
            *(x, self._weights(shape[1], channels, 1, kernel), self._weights(channels)),
            pads=[0, 1, 0, 1],
            strides=[1, stride],
            shape=(shape[0], channels, shape[2], stride * (shape[3] - 1) + kernel - 2),
        )
        self._activated(y)

    def recurrence(self) -> None:
        x, (steps, batch, size) = self._value(rank=3)
        hidden = int(self._random.integers(1, 6))
        weights = (self._weights(2, 3 * hidden, size), self._weights(2, 3 * hidden, hidden))
        names = [self._name(), self._name()]
        options = {"hidden_size": hidden, "direction": "bidirectional", "linear_before_reset": 1}
        self._nodes.append(helper.make_node("GRU", [x, *weights], names, **options))
        self._shapes |= zip(names, ((steps, 2, batch, hidden), (2, batch, hidden)), strict=True)
