"""Valid graphs of operators chosen at random, in versions 7 to 21, and what ONNX Runtime makes of them.

`random_graph` is the way in. Every operator is a method of `_Maker` that offers a node with random attributes; ONNX
Runtime runs it alone, and what it refuses, or what leaves the range in which float32 can be compared, is left out. So
nothing here needs to know how large an output is. Operators that jump, or that magnify errors of rounding, only read
values that are exact.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

OPSETS = range(7, 22)
LENGTHS = (1, 1, 2, 2, 3, 4, 5, 7)
MAX_ELEMENTS, LARGEST = 600, 1e3
FLOAT, UINT8, INT8, INT32, INT64, BOOL, FLOAT16, DOUBLE = 1, 2, 3, 6, 7, 9, 10, 11


@dataclass(frozen=True)
class RandomGraph:
    """A model, its inputs and, as ONNX Runtime computes them node by node, its outputs."""

    model: onnx.ModelProto
    feeds: dict[str, np.ndarray]
    expected: list[np.ndarray]


def random_graph(seed: int) -> RandomGraph:
    """A graph of 1 to 14 nodes; outputs are the values that nobody reads, and one more."""
    maker = _Maker(seed)
    operators = [getattr(maker, name) for name in dir(_Maker) if not name.startswith("_")]
    for _ in range(maker.random.integers(1, 15)):
        maker._one_of(operators)()
    return maker._finished(f"random_{seed}")


class _Maker:
    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.opset = int(self._one_of(list(OPSETS)))
        self.values: dict[str, np.ndarray] = {}
        self.exact: set[str] = set()
        self.feeds: dict[str, np.ndarray] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.count, self.largest = 0, LARGEST
        for _ in range(self.random.integers(1, 4)):
            self._input(self._shape())

    # Frame

    def _finished(self, name: str) -> RandomGraph:
        while True:
            model = self._whole_model(name)
            try:
                return RandomGraph(model, self.feeds, _run(model, self.feeds))
            except Exception:  # what ONNX Runtime takes alone it may not take together
                for value in self.nodes.pop().output:
                    del self.values[value]

    def _whole_model(self, name: str) -> onnx.ModelProto:
        computed = [value for value in self.values if value not in self.feeds]
        if not computed:
            self._offer("Neg", self._input((2,)))
            computed = [value for value in self.values if value not in self.feeds]
        read = {value for node in self.nodes for value in node.input}
        outputs = dict.fromkeys([*(value for value in computed if value not in read), self._one_of(computed)])
        used = {value: array for value, array in self.constants.items() if value in read}
        graph = helper.make_graph(
            self.nodes,
            name,
            [self._info(value, array) for value, array in self.feeds.items()],
            [self._info(value, self.values[value]) for value in outputs],
            [numpy_helper.from_array(array, value) for value, array in used.items()],
        )
        return self._model(graph)

    def _model(self, graph: onnx.GraphProto) -> onnx.ModelProto:
        domains = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=domains, ir_version=8)

    def _info(self, name: str, array: np.ndarray) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)

    def _one_of(self, items):
        """Any of them."""
        return items[self.random.integers(len(items))]

    def _chance(self, probability: float = 0.5) -> bool:
        return self.random.random() < probability

    def _name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def _input(self, shape, dtype=np.float32) -> str:
        name = self._name()
        array = self.random.standard_normal(shape) * 2 if dtype == np.float32 else self.random.integers(-9, 10, shape)
        self.feeds[name] = self.values[name] = np.asarray(array).astype(dtype)
        self.exact.add(name)
        return name

    def _const(self, array: np.ndarray, dtype=None) -> str:
        name = self._name()
        self.constants[name] = np.asarray(array, dtype)
        return name

    def _weights(self, *shape: int, scale: float = 0.5) -> str:
        """Floats, nearly always constant."""
        if self._chance(0.1):
            return self._input(shape)
        return self._const(self.random.normal(0, scale, shape).astype(np.float32))

    def _ints(self, *values: int) -> str:
        return self._const(np.array(values, np.int64))

    def _offer(
        self, operator: str, *inputs: str, outputs: int = 1, jumps: bool = False, domain: str = "", **attributes
    ):
        """Add a node, and return its outputs, if ONNX Runtime takes it."""
        known = self.values | self.constants
        names = [self._name() for _ in range(outputs)]
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        attributes = {key: value for key, value in attributes.items() if value is not None}
        node = helper.make_node(operator, inputs, names, name=f"{operator}_{names[0]}", domain=domain, **attributes)
        given = {name: known[name] for name in dict.fromkeys(inputs) if name}
        constants = [numpy_helper.from_array(array, name) for name, array in given.items() if name in self.constants]
        feeds = {name: array for name, array in given.items() if name not in self.constants}
        if jumps and not self.exact.issuperset(feeds):
            return None
        infos = [self._info(name, array) for name, array in feeds.items()]
        graph = helper.make_graph([node], "one", infos, [onnx.ValueInfoProto(name=name) for name in names], constants)
        try:
            results = _run(self._model(graph), feeds)
        except Exception:  # ONNX Runtime does not take it
            return None
        for array in results:
            if not isinstance(array, np.ndarray) or array.size > MAX_ELEMENTS or not array.size:
                return None
            if not np.isfinite(array).all() or np.abs(array.astype(np.float64)).max() > self.largest:
                return None
        self.nodes.append(node)
        self.values |= dict(zip(names, results, strict=True))
        is_exact = operator in EXACT or all(array.dtype.kind in "iub" for array in given.values())
        if self.exact.issuperset(feeds) and is_exact:
            self.exact.update(names)
        return names if outputs > 1 else names[0]

    def _shape(self, rank: int | None = None) -> list[int]:
        return [int(self._one_of(LENGTHS)) for _ in range(self.random.integers(1, 5) if rank is None else rank)]

    def _find(self, dtype=np.float32, *, rank: int | None = None, least: int = 0, exact: bool = False) -> str:
        """A value of a type and rank, more often one of the last; else a new input or a cast or reshaped one."""
        fitting = [
            name
            for name, array in self.values.items()
            if array.dtype == dtype
            and array.ndim >= least
            and rank in (None, array.ndim)
            and (not exact or name in self.exact)
        ]
        if fitting and self._chance(0.85):
            return self._one_of(fitting[-5:] if self._chance(0.7) else fitting)
        others = [
            name for name, array in self.values.items() if array.dtype == dtype and (not exact or name in self.exact)
        ]
        if rank is not None and others and self._chance(0.6):
            name = self._one_of(others)
            shape = self._split(self.values[name].size, rank)
            made = self._offer("Reshape", name, self._ints(*shape))
            if made:
                return made
        return self._input(self._shape(max(least, 1 + int(self.random.integers(4))) if rank is None else rank), dtype)

    def _floats(self, **wanted) -> str:
        return self._find(np.float32, **wanted)

    def _whole(self, **wanted) -> str:
        return self._find(self._one_of([np.int32, np.int64]), **wanted)

    def _split(self, size: int, rank: int) -> list[int]:
        shape, divisor = [1] * rank, 2
        while size > 1:
            if size % divisor:
                divisor += 1
                continue
            shape[self.random.integers(rank)] *= divisor
            size //= divisor
        return shape

    def _axis(self, name: str) -> int:
        """From either end."""
        rank = self.values[name].ndim
        return int(self.random.integers(-rank if self.opset >= 11 else 0, rank))

    def _partner(self, name: str) -> str:
        """Something of the same type that broadcasts with it."""
        array = self.values[name]
        fitting = [
            other for other, own in self.values.items() if own.dtype == array.dtype and _meet(own.shape, array.shape)
        ]
        if fitting and self._chance(0.6):
            return self._one_of(fitting)
        shape = [length if self._chance(0.6) else 1 for length in array.shape]
        shape = shape[self.random.integers(0, len(shape) + 1) if self._chance(0.3) else 0 :]
        if array.dtype == np.float32:
            return self._weights(*shape, scale=1.0)
        values = self.random.integers(0, 2, shape) if array.dtype == bool else self.random.integers(-9, 10, shape)
        return self._const(values.astype(array.dtype))

    # Elements by themselves

    def smooth(self):
        operator = self._one_of(
            "Abs Neg Sigmoid Tanh Relu Erf Softsign Softplus Sin Cos Identity HardSwish Mish".split()
        )
        self._offer(operator, self._floats())

    def with_parameters(self):
        operator = self._one_of(["LeakyRelu", "Elu", "Selu", "HardSigmoid", "ThresholdedRelu", "Celu"])
        names = {"Selu": ("alpha", "gamma"), "HardSigmoid": ("alpha", "beta")}.get(operator, ("alpha",))
        attributes = {name: float(self.random.uniform(0.1, 1.5)) for name in names if self._chance()}
        self._offer(operator, self._floats(), jumps=operator == "ThresholdedRelu", **attributes)

    def prelu(self):
        x = self._floats()
        self._offer("PRelu", x, self._partner(x))

    def jumping(self):
        operator = self._one_of("Floor Ceil Round Sign Exp Sqrt Log Reciprocal IsNaN IsInf".split())
        self._offer(operator, self._floats(exact=True), jumps=True)

    def gelu(self):
        self._offer("Gelu", self._floats(), approximate=self._one_of(["none", "tanh"]))

    def arithmetic(self):
        x = self._floats() if self._chance(0.7) else self._whole()
        pair = [x, self._partner(x)]
        operator = self._one_of(["Add", "Sub", "Mul", "Add", "Sub", "Mul", "Div"])
        self._offer(operator, *(pair if self._chance() else pair[::-1]), jumps=operator == "Div")

    arithmetic_again = arithmetic

    def several(self):
        x = self._floats() if self._chance(0.8) or self.opset < 12 else self._whole()
        operator = self._one_of(["Min", "Max", "Sum", "Mean"])
        self._offer(operator, x, *(self._partner(x) for _ in range(self.random.integers(0, 3))))

    def remainder(self):
        if self._chance():
            x = self._floats(exact=True)
            self._offer("Mod", x, self._partner(x), fmod=1, jumps=True)
        else:
            x = self._whole()
            divisor = self.random.choice([-7, -3, -2, 1, 2, 5], self.values[x].shape)
            self._offer("Mod", x, self._const(divisor, self.values[x].dtype), fmod=int(self._chance()))

    def power(self):
        if self._chance(0.6):
            exponents = [0.5, 2.0, 3.0, 1.0, 0.0, -1.0, 1.7]
            x = self._floats(exact=True)
            self._offer("Pow", x, self._const(np.float32(self._one_of(exponents))), jumps=True)
        else:
            x = self._whole()
            self._offer("Pow", x, self._const(self.random.integers(0, 4, self.values[x].shape), self.values[x].dtype))

    def clip(self):
        low = float(self.random.normal(-1))
        high = low + float(self.random.uniform(-0.2, 3))
        if self.opset < 11:
            self._offer(
                "Clip", self._floats(), min=low if self._chance() else None, max=high if self._chance() else None
            )
            return
        limits = [self._const(np.float32(limit)) if self._chance(0.7) else "" for limit in (low, high)]
        self._offer("Clip", self._floats(), *limits)

    def comparison(self):
        x = self._floats(exact=True) if self._chance() else self._whole(exact=True)
        operator = self._one_of(["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"])
        self._offer(operator, x, self._partner(x), jumps=True)

    def logic(self):
        x = self._find(np.bool_)
        if self._chance(0.3):
            self._offer("Not", x)
        else:
            self._offer(self._one_of(["And", "Or", "Xor"]), x, self._partner(x))

    def where(self):
        x = self._floats()
        shape = [length if self._chance(0.7) else 1 for length in self.values[x].shape]
        condition = (
            self._const(self.random.integers(0, 2, shape).astype(bool)) if self._chance() else self._find(np.bool_)
        )
        self._offer("Where", condition, x, self._partner(x))

    def cast(self):
        kinds = [FLOAT, INT32, INT64, BOOL, INT8, UINT8, FLOAT16, DOUBLE]
        x = self._one_of([name for name in self.values if name in self.exact] or [self._floats(exact=True)])
        target = self._one_of(kinds)
        if self.values[x].dtype.kind == "f" and target in (INT8, UINT8):
            return  # what C and C++ leave open
        self._offer("Cast", x, to=int(target), jumps=True)

    def double_tail(self):
        x = self._offer("Cast", self._floats(), to=self._one_of([DOUBLE, FLOAT16]))
        if x and self.values[x].dtype == np.float64:
            self._offer(self._one_of(["Abs", "Sigmoid", "Tanh", "Neg"]), x)

    # Moving

    def reshape(self):
        x = self._one_of(list(self.values))
        shape = self._split(self.values[x].size, int(self.random.integers(1, 6)))
        if self._chance(0.3):
            shape[self.random.integers(len(shape))] = -1
        self._offer("Reshape", x, self._ints(*shape))

    def transpose(self):
        x = self._one_of(list(self.values))
        order = self.random.permutation(self.values[x].ndim).tolist()
        self._offer("Transpose", x, perm=order if self._chance(0.8) and order else None)

    transpose_again = transpose

    def flatten(self):
        x = self._floats(least=1)
        self._offer("Flatten", x, axis=self._axis(x))

    def squeeze(self):
        x = self._floats()
        axes = [axis for axis, length in enumerate(self.values[x].shape) if length == 1 and self._chance(0.7)]
        if self.opset < 13:
            self._offer("Squeeze", x, axes=axes or None)
        else:
            self._offer("Squeeze", x, self._ints(*axes) if axes else "")

    def unsqueeze(self):
        x = self._floats()
        rank = self.values[x].ndim
        axes = sorted(self.random.permutation(rank + 1)[: 1 + int(self._chance(0.2) and rank)].tolist())
        if self.opset < 13:
            self._offer("Unsqueeze", x, axes=axes)
        else:
            self._offer("Unsqueeze", x, self._ints(*axes))

    def slice(self):
        x = self._one_of(list(self.values))
        if not self.values[x].ndim:
            return
        axis = self._axis(x)
        length = self.values[x].shape[axis]
        start, end = (int(self.random.integers(-length - 2, length + 3)) for _ in range(2))
        if self.opset < 10:
            self._offer("Slice", x, starts=[start], ends=[end], axes=[axis % self.values[x].ndim])
        else:
            step = self._one_of([1, 1, 2, 3, -1, -2])
            self._offer("Slice", x, *map(self._ints, (start, end, axis, step)))

    slice_again = slice

    def split(self):
        x = self._floats(least=1)
        axis = self._axis(x)
        length = self.values[x].shape[axis]
        cut = int(self.random.integers(0, length + 1))
        if self._chance(0.4) and length % 2 == 0:
            self._offer("Split", x, axis=axis, outputs=2, num_outputs=2 if self.opset >= 18 else None)
        elif self.opset >= 18 and self._chance(0.3):
            self._offer("Split", x, axis=axis, outputs=2, num_outputs=2)
        elif self.opset < 13:
            self._offer("Split", x, axis=axis, outputs=2, split=[cut, length - cut])
        else:
            self._offer("Split", x, self._ints(cut, length - cut), axis=axis, outputs=2)

    def concat(self):
        x = self._floats(least=1)
        axis = self._axis(x)
        shape = self.values[x].shape
        at = axis % len(shape)
        fitting = [
            name
            for name, own in self.values.items()
            if own.dtype == np.float32
            and own.ndim == len(shape)
            and (*own.shape[:at], *own.shape[at + 1 :]) == (*shape[:at], *shape[at + 1 :])
        ]
        self._offer("Concat", x, *(self._one_of(fitting) for _ in range(self.random.integers(1, 4))), axis=axis)

    concat_again = concat

    def expand(self):
        x = self._floats()
        shape = [length if length > 1 else self._one_of([1, 2, 3]) for length in self.values[x].shape]
        self._offer("Expand", x, self._ints(*([2] if self._chance(0.2) else []), *shape))

    def tile(self):
        x = self._floats(least=1)
        self._offer("Tile", x, self._ints(*(self._one_of([1, 1, 2, 3]) for _ in self.values[x].shape)))

    def pad(self):
        x = self._floats(least=1)
        rank = self.values[x].ndim
        widths = self.random.integers(-1 if self._chance(0.2) else 0, 3, 2 * rank).tolist()
        mode = self._one_of(["constant", "constant", "reflect", "edge", *(["wrap"] if self.opset >= 19 else [])])
        if mode != "constant":
            widths = [max(0, width) for width in widths]
        if self.opset < 11:
            self._offer("Pad", x, pads=widths, mode=mode, value=1.5 if self._chance() else None)
            return
        value = self._const(np.float32(1.5)) if mode == "constant" and self._chance() else ""
        if self.opset >= 18 and self._chance(0.3):
            axis = self._axis(x)
            self._offer("Pad", x, self._ints(*widths[:2]), value, self._ints(axis), mode=mode)
        else:
            self._offer("Pad", x, self._ints(*widths), value, mode=mode)

    def blocks(self):
        x, block = self._floats(rank=4), self._one_of([1, 2, 3])
        batch, channels, height, width = self.values[x].shape
        if self._chance():
            shape = [batch, channels, height * block, width * block]
            self._offer("SpaceToDepth", self._input(shape), blocksize=block)
        else:
            mode = self._one_of(["DCR", "CRD"]) if self.opset >= 11 else None
            self._offer(
                "DepthToSpace", self._input([batch, channels * block**2, height, width]), blocksize=block, mode=mode
            )

    def gather(self):
        x = self._one_of([name for name, array in self.values.items() if array.ndim] or [self._floats(least=1)])
        axis = self._axis(x)
        length = self.values[x].shape[axis]
        low = -length if self.opset >= 11 else 0
        indices = self.random.integers(low, length, self._one_of([(), (1,), (3,), (2, 2)]))
        self._offer("Gather", x, self._const(indices, self._one_of([np.int64, np.int32])), axis=axis)

    def gather_elements(self):
        x = self._floats(least=1)
        axis = self._axis(x)
        shape = list(self.values[x].shape)
        indices = self.random.integers(
            -shape[axis], shape[axis], [*shape[:axis], 2, *shape[axis:][1:]] if axis >= 0 else shape
        )
        self._offer("GatherElements", x, self._const(indices, np.int64), axis=axis)

    def gather_nd(self):
        x = self._floats(least=1)
        shape = self.values[x].shape
        depth = int(self.random.integers(1, len(shape) + 1))
        rows = [self.random.integers(-length, length, (2, 3)) for length in shape[:depth]]
        self._offer("GatherND", x, self._const(np.stack(rows, -1), np.int64))

    def scatter(self):
        x = self._floats(least=1)
        shape, axis = self.values[x].shape, self._axis(x)
        reductions = ["none"]
        reductions += ["add", "mul"] if self.opset >= 16 else []
        reductions += ["min", "max"] if self.opset >= 18 else []
        reduction = self._one_of(reductions) if self.opset >= 16 else None
        if self._chance():
            counts = [int(self.random.integers(1, length + 1)) for length in shape]
            count = counts[axis]
            row = self.random.permutation(shape[axis])[:count]
            indices = np.broadcast_to(
                row.reshape([-1 if i == axis % len(shape) else 1 for i in range(len(shape))]), counts
            ) - (shape[axis] if self._chance(0.3) else 0)
            updates = self._weights(*counts)
            self._offer("ScatterElements", x, self._const(indices, np.int64), updates, axis=axis, reduction=reduction)
        else:
            depth = int(self.random.integers(1, len(shape) + 1))
            boxes = [np.arange(*sorted(self.random.choice(length + 1, 2, replace=False))) for length in shape[:depth]]
            indices = np.stack(np.meshgrid(*boxes, indexing="ij"), -1)
            updates = self._weights(*indices.shape[:-1], *shape[depth:])
            self._offer("ScatterND", x, self._const(indices, np.int64), updates, reduction=reduction)

    def one_hot(self):
        indices = self._const(self.random.integers(-4, 5, self._shape(2)), np.int64)
        indices = self._offer("Identity", self._whole()) if self._chance(0.3) else indices
        if indices:
            values = self._const(np.array([-0.5, 2], np.float32))
            self._offer("OneHot", indices, self._const(np.array([4]), np.int64), values, axis=self._one_of([-1, 0]))

    def triangle(self):
        x = self._floats(least=2)
        self._offer(
            "Trilu", x, self._ints(self._one_of([-1, 0, 1])) if self._chance() else "", upper=int(self._chance())
        )

    def shape(self):
        x = self._one_of(list(self.values))
        limits = {"start": int(self.random.integers(-3, 3))} if self.opset >= 15 and self._chance() else {}
        self._offer("Shape", x, **limits)

    def constant_of_shape(self):
        value = numpy_helper.from_array(np.array([self._one_of([0, 3])], self._one_of([np.float32, np.int64])))
        self._offer("ConstantOfShape", self._ints(*self._shape(2)), value=value)

    # Sums

    def reduction(self):
        kinds = "Sum Mean Max Min L1 L2 SumSquare Prod LogSumExp".split()
        kind = self._one_of(kinds)
        x = self._floats() if self._chance(0.8) or kind in ("L2", "Mean", "LogSumExp") else self._whole()
        rank = self.values[x].ndim
        axes = sorted(self.random.permutation(rank)[: self.random.integers(0, rank + 1)].tolist())
        axes = [axis - rank if self._chance(0.3) and self.opset >= 11 else axis for axis in axes]
        keep = int(self._chance()) if self._chance(0.7) else None
        if self.opset >= (13 if kind == "Sum" else 18):
            noop = 1 if self._chance(0.1) else None
            self._offer(f"Reduce{kind}", x, self._ints(*axes) if axes else "", keepdims=keep, noop_with_empty_axes=noop)
        else:
            self._offer(f"Reduce{kind}", x, axes=axes or None, keepdims=keep)

    reduction_again = reduction

    def arg(self):
        x = self._floats(exact=True, least=1) if self._chance(0.7) else self._whole(exact=True, least=1)
        last = int(self._chance()) if self.opset >= 12 else None
        keep = int(self._chance())
        operator = self._one_of(["ArgMax", "ArgMin"])
        self._offer(operator, x, axis=self._axis(x), keepdims=keep, select_last_index=last, jumps=True)

    def top_k(self):
        x = self._floats(exact=True, least=1) if self._chance(0.7) else self._whole(exact=True, least=1)
        axis = self._axis(x)
        k = int(self.random.integers(1, self.values[x].shape[axis] + 1))
        largest = int(self._chance()) if self.opset >= 11 else None
        if self.opset < 10:
            self._offer("TopK", x, axis=axis, k=k, outputs=2, jumps=True)
        else:
            self._offer("TopK", x, self._ints(k), axis=axis, largest=largest, outputs=2, jumps=True)

    def cumulative(self):
        x = self._floats(least=1) if self._chance(0.7) else self._whole(least=1)
        flags = {name: int(self._chance()) for name in ("exclusive", "reverse")}
        self._offer("CumSum", x, self._const(np.array(self._axis(x), np.int64)), **flags)

    def softmax(self):
        x = self._floats(least=1)
        operator = self._one_of(["Softmax", "LogSoftmax", "Softmax", "Hardmax"])
        axis = self._axis(x) if self._chance(0.8) else None
        self._offer(operator, x, axis=axis, jumps=operator == "Hardmax")

    def norm(self):
        x = self._floats(rank=self._one_of([3, 4]), exact=True)
        channels = self.values[x].shape[1]
        scale, bias = self._weights(channels), self._weights(channels)
        kind = self.random.integers(4)
        if kind == 0:
            variance = self._const(self.random.uniform(0.5, 2, channels).astype(np.float32))
            self._offer("BatchNormalization", x, scale, bias, self._weights(channels), variance, epsilon=1e-3)
        elif kind == 1:
            self._offer("InstanceNormalization", x, scale, bias, epsilon=0.1, jumps=True)
        elif kind == 2:
            last = self.values[x].shape[-1]
            self._offer("LayerNormalization", x, self._weights(last), self._weights(last), epsilon=0.1, jumps=True)
        else:
            self._offer("LpNormalization", x, axis=self._axis(x), p=self._one_of([1, 2]), jumps=True)

    # Products

    def matmul(self):
        x = self._floats(least=1)
        shape = self.values[x].shape
        columns = int(self.random.integers(1, 9))
        kind = self.random.integers(4)
        if kind == 0:
            self._offer("MatMul", x, self._weights(shape[-1], columns))
        elif kind == 1:
            self._offer("MatMul", x, self._weights(shape[-1]))
        elif kind == 2:
            self._offer("MatMul", self._weights(columns, shape[-2] if len(shape) > 1 else shape[0]), x)
        else:
            order = [*range(len(shape) - 2), *range(len(shape) - 1, max(len(shape) - 3, -1), -1)]
            y = self._offer("Transpose", x, perm=order)
            if y:
                self._offer("MatMul", x, y)

    matmul_again = matmul

    def integer_matmul(self):
        x = self._whole(least=2)
        w = self.random.integers(-5, 6, (self.values[x].shape[-1], 3))
        self._offer("MatMul", x, self._const(w, self.values[x].dtype))

    def gemm(self):
        x = self._floats(rank=2)
        flip, columns = int(self._chance()), int(self.random.integers(1, 7))
        rows, depth = self.values[x].shape[::-1] if flip else self.values[x].shape
        other = int(self._chance())
        w = self._weights(*((columns, depth) if other else (depth, columns)))
        c = self._weights(*self._one_of([(columns,), (1, columns), (rows, 1), (rows, columns), (1,)]))
        with_c = c if self.opset < 11 or self._chance(0.7) else ""
        scales = {name: float(self.random.uniform(0.5, 2)) for name in ("alpha", "beta") if self._chance(0.3)}
        self._offer("Gemm", x, w, with_c, transA=flip, transB=other, **scales)

    def einsum(self):
        x = self._floats(rank=3)
        i, j, k = self.values[x].shape
        equation, shape = self._one_of(
            [
                ("bij,bjk->bik", (i, k, 2)),
                ("bij,jk->bik", (k, 4)),
                ("bij,bij->b", (i, j, k)),
                ("...i,i->...", (k,)),
                ("bij,k->ijkb", (2,)),
                ("abc,abd->dc", (i, j, 3)),
                ("ijk,jk", (j, k)),
            ]
        )
        self._offer("Einsum", x, self._weights(*shape), equation=equation)

    def convolution(self):
        x = self._floats(rank=self._one_of([3, 4, 4, 5]))
        _, channels, *lengths = self.values[x].shape
        group = self._one_of([1, channels, *([2] if channels % 2 == 0 else [])])
        out = group * int(self.random.integers(1, 4))
        kernel = [int(self.random.integers(1, 4)) for _ in lengths]
        options = self._window(len(lengths))
        weights = (self._weights(out, channels // group, *kernel), self._weights(out) if self._chance(0.7) else "")
        y = self._offer("Conv", x, *weights, group=group, **options)
        if y and self._chance(0.4):
            y = self._offer(self._one_of(["Add", "Mul"]), y, self._weights(out, *[1] * len(lengths))) or y
        if y and self._chance():
            self._offer(self._one_of(["Relu", "LeakyRelu", "Elu", "Tanh", "Clip", "HardSigmoid", "Sigmoid"]), y)

    convolution_again = convolution

    def padded_convolution(self):
        x = self._floats(rank=4)
        channels = self.values[x].shape[1]
        widths = [0, 0, *self.random.integers(0, 4, 2).tolist(), 0, 0, *self.random.integers(0, 4, 2).tolist()]
        if self.opset < 11:
            y = self._offer("Pad", x, pads=widths)
        else:
            y = self._offer("Pad", x, self._ints(*widths))
        if y:
            self._offer("Conv", y, self._weights(3, channels, 2, 2), pads=self.random.integers(0, 2, 4).tolist())

    def _window(self, rank: int, *, dilated: bool = True) -> dict:
        options: dict = {"strides": [int(self._one_of([1, 1, 2, 3])) for _ in range(rank)]}
        if dilated and self._chance(0.4):
            options["dilations"] = [int(self._one_of([1, 1, 2])) for _ in range(rank)]
        if self._chance(0.3):
            options["auto_pad"] = self._one_of(["SAME_UPPER", "SAME_LOWER", "VALID"])
        elif self._chance(0.7):
            options["pads"] = self.random.integers(0, 3, 2 * rank).tolist()
        return options

    def transposed_convolution(self):
        x = self._floats(rank=self._one_of([3, 4, 4]))
        _, channels, *lengths = self.values[x].shape
        group = self._one_of([1, channels])
        kernel = [int(self.random.integers(1, 5)) for _ in lengths]
        options = self._window(len(lengths))
        if self._chance(0.3):
            options["output_padding"] = [int(self.random.integers(0, stride)) for stride in options["strides"]]
        weights = (self._weights(channels, int(self.random.integers(1, 4)), *kernel),)
        self._offer("ConvTranspose", x, *weights, group=group, **options)

    def pool(self):
        x = self._floats(rank=self._one_of([3, 4, 4, 5]))
        rank = self.values[x].ndim - 2
        operator = self._one_of(["MaxPool", "AveragePool"])
        dilated = self.opset >= (10 if operator == "MaxPool" else 19)
        options = self._window(rank, dilated=dilated)
        options["kernel_shape"] = [int(self.random.integers(1, 4)) for _ in range(rank)]
        if self.opset >= 10 and self._chance():
            options["ceil_mode"] = 1
        if operator == "AveragePool":
            options["count_include_pad"] = int(self._chance())
            reaches = zip(options["kernel_shape"], options.get("dilations", [1] * rank), strict=True)
            if any((k - 1) * d >= n for (k, d), n in zip(reaches, self.values[x].shape[2:], strict=True)):
                options["count_include_pad"] = 0  # ONNX Runtime's versions differ in what they divide by
            self._offer(operator, x, **options)
        else:
            both = self.opset >= 8 and self._chance(0.3) and x in self.exact
            both = both and not options.get("auto_pad", "").startswith("SAME")  # whose padding may be negative there
            self._offer(operator, x, outputs=2 if both else 1, **options)

    pool_again = pool

    def global_pool(self):
        self._offer(self._one_of(["GlobalAveragePool", "GlobalMaxPool"]), self._floats(rank=self._one_of([3, 4])))

    def resize(self):
        x = self._floats(rank=self._one_of([3, 4]))
        shape = self.values[x].shape
        factors = [0.4, 0.5, 0.7, 1.0, 1.3, 1.5, 2.0, 2.5, 2.6, 3.0]
        scales = np.array([1, 1, *(self._one_of(factors) for _ in shape[2:])], np.float32)
        mode = self._one_of(["nearest", "linear"])
        if self.opset < 10:
            name = self._const(np.maximum(scales, 1))
            self._offer(
                "Upsample",
                x,
                *([name] if self.opset == 9 else []),
                mode=mode,
                jumps=mode == "nearest",
                scales=np.maximum(scales, 1).tolist() if self.opset < 9 else None,
            )
            return
        if self.opset == 10:
            self._offer("Resize", x, self._const(scales), mode=mode)
            return
        places = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
        options = {"coordinate_transformation_mode": self._one_of(places), "mode": mode}
        if mode == "nearest":
            options["nearest_mode"] = self._one_of(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"])
        empty = self._const(np.zeros(0, np.float32))
        if self._chance(0.3):
            sizes = self._ints(*shape[:2], *(int(self.random.integers(1, 9)) for _ in shape[2:]))
            self._offer("Resize", x, empty, empty if self.opset < 13 else "", sizes, **options)
        else:
            self._offer("Resize", x, empty, self._const(scales), **options)

    def recurrence(self):
        x = self._floats(rank=3)
        steps, batch, size = self.values[x].shape
        operator = self._one_of(["GRU", "LSTM", "RNN"])
        gates, hidden = {"GRU": 3, "LSTM": 4, "RNN": 1}[operator], int(self.random.integers(1, 6))
        direction = self._one_of(["forward", "forward", "reverse", "bidirectional"])
        directions = 2 if direction == "bidirectional" else 1
        inputs = [self._weights(directions, gates * hidden, size), self._weights(directions, gates * hidden, hidden)]
        inputs.append(self._weights(directions, 2 * gates * hidden) if self._chance(0.7) else "")
        lengths = self._const(self.random.integers(1, steps + 1, batch).astype(np.int32))
        inputs.append(lengths if self._chance(0.15) else "")
        inputs.append(self._weights(directions, batch, hidden) if self._chance() else "")
        if operator == "LSTM":
            inputs.append(self._weights(directions, batch, hidden) if self._chance() else "")
            inputs.append(self._weights(directions, 3 * hidden) if self._chance(0.3) else "")
        options = {"hidden_size": hidden, "direction": direction}
        if operator == "GRU":
            options["linear_before_reset"] = int(self._chance())
        if self._chance(0.4):
            names = ["Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ScaledTanh", "HardSigmoid", "Elu", "Softsign"]
            count = {"GRU": 2, "LSTM": 3, "RNN": 1}[operator] * directions
            options["activations"] = [self._one_of(names) for _ in range(count)]
            if self._chance() or {"Affine", "ScaledTanh"}.intersection(
                options["activations"]
            ):  # these have no defaults
                options["activation_alpha"] = self.random.uniform(0.1, 0.9, count).tolist()
                options["activation_beta"] = self.random.uniform(0.1, 0.9, count).tolist()
        if self._chance(0.1):
            options["clip"] = 1.5
        self._offer(operator, x, *inputs, outputs=3 if operator == "LSTM" else 2, **options)

    # Signals

    def dft(self):
        x = self._floats(rank=3)
        batch, length, _ = self.values[x].shape
        pairs = self._input([batch, length + 1, self._one_of([1, 2])])
        options = {"inverse": 1} if self._chance(0.3) else {"onesided": int(self._chance())}
        if options.get("onesided") and self.values[pairs].shape[-1] == 2:
            return
        self._offer("DFT", pairs, axis=1 if self.opset < 20 else None, **options)

    def stft(self):
        signal = self._input([2, int(self.random.integers(8, 20))] + ([1] if self._chance() else []))
        window = self._const(self.random.uniform(0.1, 1, 8).astype(np.float32)) if self._chance(0.7) else ""
        length = self._const(np.array(8, np.int64))
        self._offer("STFT", signal, self._const(np.array(3, np.int64)), window, length, onesided=int(self._chance()))

    # Integers

    def quantized(self):
        x = self._floats(exact=True)
        scale, dtype = self._const(np.float32(0.05)), self._one_of([np.int8, np.uint8])
        zero = self._const(np.array(3, dtype))
        q = self._offer("QuantizeLinear", x, scale, zero, jumps=True)
        if q:
            self._offer("DequantizeLinear", q, scale, zero)

    def _bytes(self, *shape: int, dtype=None) -> str:
        dtype = dtype or self._one_of([np.int8, np.uint8])
        limits = np.iinfo(dtype)
        values = self.random.integers(limits.min, limits.max + 1, shape)
        # with seven bits, since ONNX Runtime adds two products in 16 bits where the processor has no VNNI
        return self._const(values // 2 if dtype == np.int8 else values, dtype)

    def dynamic(self):
        x = self._floats(exact=True, least=2)
        results = self._offer("DynamicQuantizeLinear", x, outputs=3, jumps=True)
        if results:
            w = self._bytes(self.values[x].shape[-1], 3)
            zero = self._const(np.array(7, self.constants[w].dtype))
            y = self._integer("MatMulInteger", results[0], w, results[2], zero)
            if y:
                self._offer("Cast", y, to=FLOAT)

    def _integer(self, *node, **options):
        """A node whose results are beyond what is otherwise left in."""
        kept, self.largest = self.largest, 1e8
        made = self._offer(*node, **options)
        self.largest = kept
        return made

    def integer_convolution(self):
        channels = int(self.random.integers(1, 4))
        x = self._integer("Identity", self._bytes(1, channels, 5, 6, dtype=np.uint8))
        w = self._bytes(2, channels, 2, 3, dtype=np.uint8)
        zeros = [self._const(np.array(9, np.uint8)), self._const(np.array(120, np.uint8))]
        if x:
            y = self._integer("ConvInteger", x, w, *zeros, **self._window(2))
            if y:
                self._offer("Mul", self._integer("Cast", y, to=FLOAT), self._const(np.float32(1e-4)))

    def qlinear(self):
        a, b = self._bytes(3, 5, dtype=np.uint8), self._bytes(5, 4, dtype=np.uint8)
        scale = [self._const(np.float32(v)) for v in (0.02, 0.03, 0.4)]
        zero = [self._const(np.array(v, np.uint8)) for v in (120, 5, 100)]
        x = self._offer("Identity", a)
        if x:
            self._offer("QLinearMatMul", x, scale[0], zero[0], b, scale[1], zero[1], scale[2], zero[2], jumps=True)

    def qlinear_convolution(self):
        channels = int(self.random.integers(1, 3))
        x = self._offer("Identity", self._bytes(1, channels, 4, 5, dtype=np.uint8))
        w = self._bytes(3, channels, 2, 2, dtype=np.int8)
        scale = [self._const(np.float32(v)) for v in (0.02, 0.03, 0.4)]
        zero = [self._const(np.array(v, t)) for v, t in ((120, np.uint8), (0, np.int8), (100, np.uint8))]
        bias = self._const(self.random.integers(-500, 500, 3), np.int32) if self._chance() else ""
        if x:
            inputs = (x, scale[0], zero[0], w, scale[1], zero[1], scale[2], zero[2], bias)
            self._offer("QLinearConv", *inputs, jumps=True, **self._window(2))

    def fused(self):
        x = self._floats(rank=4)
        channels = self.values[x].shape[1]
        w, name = (
            self._const(self.random.normal(0, 0.5, (2, channels, 1, 1)).astype(np.float32)),
            self._one_of(["Relu", "LeakyRelu"]),
        )
        numbers = [0.3] if name == "LeakyRelu" else None
        self._offer("FusedConv", x, w, domain="com.microsoft", activation=name, activation_params=numbers)


EXACT = set(
    """
    Abs Neg Relu Identity Reshape Transpose Flatten Squeeze Unsqueeze Slice Split Concat Expand Tile Pad DepthToSpace
    SpaceToDepth Gather GatherElements GatherND Where Min Max Floor Ceil Round Sign Not And Or Xor Equal Greater Less
    GreaterOrEqual LessOrEqual ArgMax ArgMin TopK Trilu OneHot Shape ConstantOfShape ReduceMax ReduceMin MaxPool
    GlobalMaxPool IsNaN IsInf Hardmax Clip
    """.split()
)
"""Operators that round nothing."""


def _meet(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        return prod(np.broadcast_shapes(a, b)) <= MAX_ELEMENTS
    except ValueError:
        return False


def _run(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)
