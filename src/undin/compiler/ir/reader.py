"""From an ONNX file to a graph.

This file knows none of ONNX's operators: what a node makes of its inputs is told by ``inference``, one node at a time,
and what the operators mean is in ``passes`` and ``lower``. ``files`` reads what lies on the disk.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from undin.compiler.ir import control, files, inference, qoperators
from undin.compiler.ir.files import Given
from undin.compiler.ir.graph import DTYPES, NARROWED, OPSET, Graph, Node, NotConstant, Unsupported, Value
from undin.compiler.ir.sizes import is_too_large
from undin.compiler.ir.states import find_states, given_states

CONTRIBUTED = "com.microsoft"
"""The domain of the operators that ONNX Runtime's own optimiser writes."""

CONTRIBUTED_OPERATORS = {"FusedConv", "FusedMatMul", "FusedGemm"}


def read_graph(path: str | Path, given: Given | None = None) -> Graph:
    """Read an ONNX file.

    Parameters
    ----------
    path : str or Path
    given : Given, optional
        What the file leaves open about its inputs.

    Raises
    ------
    ValueError
        It is no ONNX file, keeps its weights in other files that are missing, or its shapes are not static; or it has
        no such state.
    """
    graph = convert(files.load(path, given), name=Path(path).stem)
    if given is not None and given.states is not None:
        graph.states = given_states(graph.inputs, graph.outputs, given.states)
    return graph


def convert(model: onnx.ModelProto, *, name: str) -> Graph:
    """Convert a loaded ONNX model; errors as `read_graph`."""
    files.tidy(model)
    return Reader(files.without_functions(model)).graph(name)


class Reader:
    """Turns the nodes of one model into those of a graph."""

    def __init__(self, model: onnx.ModelProto):
        self.model = model
        self.opset = files.opset_of(model)
        self.values: dict[str, Value] = {}
        self.types: dict[Value, np.dtype] = {}  # of values that are computed in another type than the file says
        self.known: set[str] = set()
        self.nested = 0

    def graph(self, name: str) -> Graph:
        """The whole graph."""
        proto = self.model.graph
        self.constants(proto)
        nodes: list[Node] = []
        infos = [info for info in proto.input if info.name not in self.values]
        _refuse_what_is_open(infos)
        inputs = [self.input(info, nodes) for info in infos]
        try:
            for proto_node in proto.node:
                nodes += self.nodes(proto_node)
        except NotConstant as error:
            error.args = (f"{error}{_cure(error.value, inputs, nodes)}",)
            raise
        outputs = [self.output(info, nodes) for info in proto.output]
        metadata = {entry.key: entry.value for entry in self.model.metadata_props}
        graph = Graph(name, inputs, outputs, nodes, metadata, self.opset)
        graph.narrowed = sorted({str(dtype) for dtype in self.types.values()})
        graph.states = find_states(inputs, outputs)
        graph.drop_unread()
        return graph

    def constants(self, proto: onnx.GraphProto) -> None:
        """Enter the constants of a graph."""
        if proto.sparse_initializer:
            raise ValueError(f"constant {proto.sparse_initializer[0].values.name!r} is sparse: store it in full")
        for initializer in proto.initializer:
            self.values[initializer.name] = Value.of(initializer.name, files.array(initializer, initializer.name))

    def input(self, info: onnx.ValueInfoProto, nodes: list[Node]) -> Value:
        """An input of the graph."""
        value = inference.declared(info, info.name)
        if is_too_large(value.shape):
            raise ValueError(
                f"input {info.name!r} has the shape {value.shape}, and undin takes fewer than 2^24 elements"
            )
        if value.dtype not in DTYPES | NARROWED:
            kind = onnx.TensorProto.DataType.Name(info.type.tensor_type.elem_type).lower()
            known = ", ".join(sorted(str(dtype) for dtype in DTYPES | NARROWED))
            raise ValueError(f"input {info.name!r} has the type {kind}, and undin compiles {known}")
        if not value.size:
            value.constant = np.zeros(value.shape, value.dtype)
        self.values[info.name] = value
        if value.dtype in NARROWED:
            narrow = self.make(nodes, "Cast", Node("Cast", info.name, [], []), [value], to=FLOAT)
            self.types[narrow] = value.dtype
            self.values[info.name] = narrow
        return value

    def output(self, info: onnx.ValueInfoProto, nodes: list[Node]) -> Value:
        """An output of the graph, under its own name and in the type of the file."""
        value = self.value(info.name)
        dtype = self.type_of(value)
        if value.name == info.name and value.dtype == dtype and value.dtype not in NARROWED:
            return value
        if value.name == info.name:
            value.name = f"{info.name} in {value.dtype}"
        result = Value(info.name, value.shape, dtype)
        operator, attributes = ("Identity", {}) if value.dtype == dtype else ("Cast", {"to": _number(dtype)})
        nodes.append(Node(operator, info.name, [value], [result], attributes))
        return result

    def value(self, name: str) -> Value:
        """What was read or computed before."""
        if name not in self.values:
            raise ValueError(f"no node computes {name!r} before it is needed")
        return self.values[name]

    def type_of(self, value: Value) -> np.dtype:
        """The type that a value has in the file."""
        return self.types.get(value, value.dtype)

    def enter(self, names: Sequence[str], values: Sequence[Value], *, types: Sequence[np.dtype] | None = None) -> None:
        """Let names of the file mean some values."""
        for i, (name, value) in enumerate(zip(names, values, strict=False)):
            if name:
                self.values[name] = value
                if types is not None and types[i] != value.dtype:
                    self.types[value] = types[i]

    def nodes(self, proto: onnx.NodeProto) -> list[Node]:
        """Convert a node; none is left where its outputs are constants."""
        inputs = [self.value(name) if name else None for name in proto.input]
        node = Node(
            proto.op_type, proto.name or next(filter(None, proto.output), ""), inputs, [None] * len(proto.output)
        )
        node.attributes = {item.name: files.attribute(item) for item in proto.attribute}
        if proto.domain == CONTRIBUTED and proto.op_type in qoperators.RULES:
            nodes, result = qoperators.written_out(self, node)
            self.enter(proto.output, [result])
            return nodes
        if proto.domain not in ("", "ai.onnx") and (proto.domain, proto.op_type) not in CONTRIBUTED_NODES:
            raise Unsupported(node, f"undin does not know the operators of {proto.domain!r}")
        if any(files.graphs_of(proto)):
            return control.OPERATORS.get(proto.op_type, control.refused)(self, node, proto.output)
        if self.opset < 11 and inputs and inputs[0]:
            _count_axes_from_the_front(node, len(inputs[0].shape))
        if proto.op_type == "Identity":
            self.values[proto.output[0]] = inputs[0]
            return []
        return self.add(node, proto.output)

    def add(self, node: Node, names: Sequence[str]) -> list[Node]:
        """Enter what a node computes; returns the node, or none where that is constant."""
        types = [None if value is None else self.type_of(value) for value in node.inputs]
        if any(value is not None and value.constant is None for value in node.inputs):
            node.inputs = [self._narrowed(node, value) for value in node.inputs]
        own = [self._new(name) if name and self.nested else name for name in names]
        node.outputs = inference.outputs_of(node, own, opset=self.opset, types=types)
        computed = [value for value in node.outputs if value is not None and value.constant is None]
        if computed:
            node.inputs = [self._narrowed(node, value) for value in node.inputs]
            if node.operator == "Cast" and node.get("to") in WIDE:
                node.attributes["to"] = FLOAT
        for value in computed:
            if value.dtype in NARROWED:
                self.types[value], value.dtype = value.dtype, np.dtype(np.float32)
            if value.dtype not in DTYPES:
                raise Unsupported(node, f"its output {value.name!r} has the type {value.dtype}")
        self.values |= {name: value for name, value in zip(names, node.outputs, strict=True) if value is not None}
        return [node] if computed else []

    def _narrowed(self, node: Node, value: Value | None) -> Value | None:
        """A constant as it is computed with."""
        if value is None or value.dtype not in NARROWED:
            return value
        with np.errstate(over="ignore"):
            narrow = value.constant.astype(np.float32)
        if not np.array_equal(np.isfinite(narrow), np.isfinite(value.constant)):
            raise Unsupported(node, f"its constant {value} has numbers beyond float32")
        return Value.of(value.name, narrow)

    # What ``control`` makes of graphs within the graph

    def inside(self, proto: onnx.GraphProto, given: Mapping[str, Value]) -> tuple[list[Node], list[Value]]:
        """The nodes and the results of a graph that a node runs, given its inputs."""
        outer, nodes = self.values, []
        self.values, self.nested = {**outer, **given}, self.nested + 1
        self.constants(proto)
        for proto_node in proto.node:
            nodes += self.nodes(proto_node)
        results = [self.value(info.name) for info in proto.output]
        self.values, self.nested = outer, self.nested - 1
        return nodes, results

    def make(self, nodes: list[Node], operator: str, of: Node, inputs: list[Value], **attributes: Any) -> Value:
        """Add a node that the file does not have; returns what it computes."""
        node = Node(operator, of.name, list(inputs), [None], attributes)
        (value,) = inference.outputs_of(node, [self._new(f"{of.name}/{operator}")], opset=OPSET)
        node.outputs = [value]
        if value.constant is None:
            nodes.append(node)
        return value

    def _new(self, name: str) -> str:
        """A name that no value of a graph within the graph has yet."""
        count, found = 1, name
        while found in self.known or found in self.values:
            count += 1
            found = f"{name}.{count}"
        self.known.add(found)
        return found


FLOAT = onnx.TensorProto.FLOAT
WIDE = (onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE)
CONTRIBUTED_NODES = {(CONTRIBUTED, operator) for operator in CONTRIBUTED_OPERATORS}


def _number(dtype: np.dtype) -> int:
    return helper.np_dtype_to_tensor_dtype(dtype)


def _count_axes_from_the_front(node: Node, rank: int) -> None:
    """Make negative axes positive, which torch wrote long before ONNX allowed them in opset 11.

    `rank` is that of the first input.
    """
    if node.get("axis", 0) < 0:
        node.attributes["axis"] += rank + (node.operator == "OneHot")
    if "axes" in node.attributes:
        ranks = rank + (len(node.attributes["axes"]) if node.operator == "Unsqueeze" else 0)
        node.attributes["axes"] = [axis + ranks if axis < 0 else axis for axis in node.attributes["axes"]]


def _refuse_what_is_open(infos: Sequence[onnx.ValueInfoProto]) -> None:
    """Raise where inputs have no fixed shapes, with the options that fix all of them."""
    reason, options = "", dict[str, None]()
    for info in infos:
        if not info.type.HasField("tensor_type"):
            raise ValueError(f"input {info.name!r} is no tensor")
        sizes = info.type.tensor_type.shape.dim
        open_ = [axis for axis, size in enumerate(sizes) if not size.HasField("dim_value") or size.dim_value < 0]
        if not info.type.tensor_type.HasField("shape"):
            reason = reason or f"input {info.name!r} has no shape: give it one with"
            options[f"--shape {info.name}=1,2,…"] = None
        elif open_:
            named = sizes[open_[0]].dim_param
            size = f"no fixed size but {named!r}" if named else "no fixed size"
            reason = reason or f"axis {open_[0]} of input {info.name!r} has {size}: give it one with"
            if all(sizes[axis].dim_param for axis in open_):
                options |= {f"--dim {sizes[axis].dim_param}=N": None for axis in open_}
            else:
                shape = ["N" if axis in open_ else str(size.dim_value) for axis, size in enumerate(sizes)]
                options[f"--shape {info.name}={','.join(shape)}"] = None
    if reason:
        first, *others = options
        raise ValueError(f"{reason} {first}{', and others with ' if others else ''}{' '.join(others)}")


LONGEST_PARAMETER = 8
"""Elements of an input of floats that may be a parameter; of integers as many as there are."""


def _cure(value: Value, inputs: Sequence[Value], nodes: Sequence[Node]) -> str:
    """Which inputs make a value constant when they are given."""
    producers = {output: node for node in nodes for output in node.outputs if output}
    queue, seen = [value], {value}
    while queue:
        node = producers.get(queue.pop())
        new = [] if node is None else [made for made in node.inputs if made and made not in seen]
        queue += new
        seen.update(new)
    known = [made for made in inputs if made in seen and (made.dtype.kind != "f" or made.size <= LONGEST_PARAMETER)]
    if not known or len(known) < sum(made in seen for made in inputs):
        return ""
    return f": give {'it' if value in known else 'what it follows from'} with " + " ".join(
        f"--input {made.name}=VALUE" for made in known
    )
