"""From an ONNX file to a graph.

This file knows ONNX's files and none of its operators: shapes and constants come from ONNX itself, by way of
``inference``, one node at a time. What the operators mean is in ``passes`` and ``lower``.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.inliner import inline_local_functions

from undin.compiler.ir import inference
from undin.compiler.ir.graph import DTYPES, Graph, Node, Unsupported, Value


def read_graph(path: str | Path) -> Graph:
    """Read an ONNX file.

    Raises
    ------
    ValueError
        It is no ONNX file, keeps its weights in other files that are missing, or its shapes are not static.
    """
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except OSError:
        raise
    except Exception as error:  # protobuf's decoder and ONNX's checker share no narrower base class
        raise ValueError(f"{path} is not a valid ONNX file: {str(error).strip().splitlines()[0]}") from None
    return convert(model, name=Path(path).stem)


def convert(model: onnx.ModelProto, *, name: str) -> Graph:
    """Convert a loaded ONNX model; errors as `read`."""
    return _Reader(inline_local_functions(model) if model.functions else model).graph(name)


class _Reader:
    def __init__(self, model: onnx.ModelProto):
        self.model = model
        self.opsets = {opset.domain: opset.version for opset in model.opset_import}
        self.values: dict[str, Value] = {}
        self.output_names = {info.name for info in model.graph.output}

    def graph(self, name: str) -> Graph:
        proto = self.model.graph
        for initializer in proto.initializer:
            self.values[initializer.name] = Value.of(initializer.name, numpy_helper.to_array(initializer))
        inputs = [self.input(info) for info in proto.input if info.name not in self.values]
        nodes = [node for proto_node in proto.node for node in self.nodes(proto_node)]
        outputs = [self.value(info.name) for info in proto.output]
        metadata = {entry.key: entry.value for entry in self.model.metadata_props}
        graph = Graph(name, inputs, outputs, nodes, metadata, self.opsets.get("", 1))
        graph.drop_unread()
        return graph

    def input(self, info: onnx.ValueInfoProto) -> Value:
        value = _declared(info)
        if value is None:
            raise ValueError(f"{_what_is_open(info)}: export the model with fixed sizes, without dynamic axes")
        if value.dtype not in DTYPES:
            kind = onnx.TensorProto.DataType.Name(info.type.tensor_type.elem_type).lower()
            raise ValueError(f"input {info.name!r} has the type {kind}, and undin compiles float32 and integers")
        self.values[info.name] = value
        return value

    def value(self, name: str) -> Value:
        """What was read or computed before."""
        if name not in self.values:
            raise ValueError(f"no node computes {name!r} before it is needed")
        return self.values[name]

    def nodes(self, proto: onnx.NodeProto) -> list[Node]:
        """Convert a node; none is left where its outputs are constants."""
        inputs = [self.value(name) if name else None for name in proto.input]
        if self.opsets.get("", 1) < 11 and inputs and inputs[0]:
            proto = inference.with_axes_from_the_front(proto, len(inputs[0].shape))
        node = _node(proto, inputs)
        if proto.domain not in ("", "ai.onnx"):
            raise Unsupported(node, f"undin does not know the operators of {proto.domain!r}")
        if any(item.type in (item.GRAPH, item.GRAPHS) for item in proto.attribute):
            raise Unsupported(node, "it runs graphs of its own, and undin compiles one without branches and loops")
        if proto.op_type == "Identity" and proto.output[0] not in self.output_names:
            self.values[proto.output[0]] = inputs[0]
            return []
        node.outputs = outputs_of(proto, inputs, opsets=self.opsets)
        node.attributes = {item.name: _attribute(item) for item in proto.attribute}
        for value in filter(None, node.outputs):
            if value.constant is None and value.dtype not in DTYPES:
                raise Unsupported(node, f"its output {value.name!r} has the type {value.dtype}")
            self.values[value.name] = value
        return [] if all(value is None or value.constant is not None for value in node.outputs) else [node]


def outputs_of(proto: onnx.NodeProto, inputs: list[Value | None], *, opsets: dict[str, int]) -> list[Value | None]:
    """What a node makes of its inputs: constants where they are, else shapes and types, all according to ONNX.

    Raises
    ------
    Unsupported
        The node is not valid, or the shape of an output depends on values known at run time only.
    """
    if proto.op_type in ("Shape", "Size"):  # known although their input is not
        start, end = ({item.name: item.i for item in proto.attribute}.get(name) for name in ("start", "end"))
        shape = np.array(inputs[0].shape[start:end], np.int64)
        return [Value.of(proto.output[0], shape if proto.op_type == "Shape" else shape.prod())]
    named = {name: value for name, value in zip(proto.input, inputs, strict=True) if value}
    try:
        if all(value.constant is not None for value in named.values()):
            feeds = {name: value.constant for name, value in named.items()}
            computed = inference.compute(proto, feeds, opsets)
            if computed is not None:
                arrays = iter(computed)
                return [Value.of(name, np.asarray(next(arrays))) if name else None for name in proto.output]
        infos = {info.name: info for info in inference.infer(proto, named, opsets)}
    except Exception as error:  # ONNX's errors share no narrower base class
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rpartition("Error] ")[2]
        raise Unsupported(_node(proto, inputs), reason) from None
    found = {name: _declared(infos[name]) for name in proto.output if name in infos}
    for name in proto.output:
        if name and found.get(name) is None:
            is_tensor = name not in infos or infos[name].type.WhichOneof("value") in (None, "tensor_type")
            reason = "has a shape that depends on values known at run time only" if is_tensor else "is no tensor"
            raise Unsupported(_node(proto, inputs), f"its output {name!r} {reason}")
    return [found[name] if name else None for name in proto.output]


def _node(proto: onnx.NodeProto, inputs: list[Value | None]) -> Node:
    """A node before its outputs are known, called by one of them where it has no name."""
    return Node(proto.op_type, proto.name or next(filter(None, proto.output), ""), inputs, [])


def _declared(info: onnx.ValueInfoProto) -> Value | None:
    tensor = info.type.tensor_type
    if not tensor.HasField("shape") or not all(dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    shape = tuple(dim.dim_value for dim in tensor.shape.dim)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    # Nothing is unknown about a tensor without elements.
    return Value(info.name, shape, dtype, None if np.prod(shape) else np.zeros(shape, dtype))


def _what_is_open(info: onnx.ValueInfoProto) -> str:
    """What is not fixed about an input."""
    if not info.type.HasField("tensor_type"):
        return f"input {info.name!r} is no tensor"
    if not info.type.tensor_type.HasField("shape"):
        return f"input {info.name!r} has no shape"
    sizes = info.type.tensor_type.shape.dim
    axis, size = next((i, size) for i, size in enumerate(sizes) if not size.HasField("dim_value"))
    return f"axis {axis} of input {info.name!r} has no fixed size{f' but {size.dim_param!r}' if size.dim_param else ''}"


def _attribute(attribute: onnx.AttributeProto) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [item.decode() for item in value]
    return value
