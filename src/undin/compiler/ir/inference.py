"""What ONNX itself says about one node: shapes by its inference, constants by its reference evaluator.

Nodes come as ONNX has them, values as ``graph`` has them.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import onnx
import onnx.reference
from onnx import helper, numpy_helper, shape_inference

from undin.compiler.ir.graph import Value

SMALL = 1024
"""Constants of so many elements are shown to shape inference, which may need their values: shapes, axes, pads."""

KEEPING_SHAPE = ("GroupNormalization",)
"""Operators that ONNX infers no shape for, because it defines them by others; theirs is that of their input."""


def compute(proto: onnx.NodeProto, feeds: dict[str, np.ndarray], opsets: dict[str, int]) -> list[np.ndarray] | None:
    """The outputs of a node that has names for them.

    None where the evaluator lacks this version of the operator, as it does for the first of DequantizeLinear, or this
    use of it, such as a Pad that cuts off: then the node is compiled like any other.
    """
    try:
        return list(onnx.reference.ReferenceEvaluator(_alone(proto, opsets, feeds)).run(None, feeds))
    except Exception:  # its errors share no narrower base class
        return None


def infer(proto: onnx.NodeProto, named: dict[str, Value], opsets: dict[str, int]) -> Sequence[onnx.ValueInfoProto]:
    """Shapes and types of the outputs, inferred with the values of small constants at hand."""
    if proto.op_type in KEEPING_SHAPE:
        kept = named[proto.input[0]]
        return [_info(proto.output[0], kept)]
    shown = {name for name, value in named.items() if value.constant is not None and value.constant.size <= SMALL}
    constants = [numpy_helper.from_array(named[name].constant, name) for name in shown]
    infos = [_info(name, value) for name, value in named.items() if name not in shown]
    model = shape_inference.infer_shapes(
        _alone(proto, opsets, infos, constants), check_type=True, strict_mode=True, data_prop=True
    )
    return [*model.graph.output, *model.graph.value_info]


def with_axes_from_the_front(proto: onnx.NodeProto, rank: int) -> onnx.NodeProto:
    """A node without negative axes, which torch wrote long before ONNX allowed them in opset 11.

    `rank` is that of the first input.
    """
    counted = onnx.NodeProto()
    counted.CopyFrom(proto)
    for item in counted.attribute:
        if item.name == "axis" and item.i < 0:
            item.i += rank
        elif item.name == "axes":
            ranks = rank + (len(item.ints) if proto.op_type == "Unsqueeze" else 0)
            item.ints[:] = [axis % ranks for axis in item.ints]
    return counted


def _info(name: str, value: Value) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)


def _alone(
    proto: onnx.NodeProto,
    opsets: dict[str, int],
    inputs: Iterable[str | onnx.ValueInfoProto],
    constants: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    """A model of one node."""
    infos = [onnx.ValueInfoProto(name=info) if isinstance(info, str) else info for info in inputs]
    outputs = [onnx.ValueInfoProto(name=name) for name in proto.output if name]
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets.items()]
    return helper.make_model(helper.make_graph([proto], "alone", infos, outputs, constants), opset_imports=imports)
