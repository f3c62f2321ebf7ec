"""What one node makes of its inputs: shapes by the rules of ``sizes``, types by ONNX's schemas, constants by computing.

ONNX's own inference is asked only about operators that no rule knows: those that ONNX defines by others, which
``passes/decompose`` writes out, so that rules have the last word on their sizes too.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
import onnx
import onnx.reference
from onnx import helper, numpy_helper, shape_inference

from undin.compiler.ir.graph import Node, Unsupported, Value
from undin.compiler.ir.sizes import check_size, shapes_of
from undin.model.reason import reason

SMALL = 1024
"""Constants of so many elements are shown to shape inference, which may need their values: shapes, axes, pads."""

KEEPING_SHAPE = ("GroupNormalization",)
"""Operators that ONNX infers no shape for, because it defines them by others; theirs is that of their input."""

AS_ALL_OTHERS = set(
    """
    Conv ConvTranspose ConvInteger QLinearConv MaxPool AveragePool GlobalMaxPool GlobalAveragePool Resize Upsample GRU
    LSTM RNN BatchNormalization InstanceNormalization GroupNormalization LayerNormalization QuantizeLinear
    DequantizeLinear QLinearMatMul DynamicQuantizeLinear DFT STFT Dropout LpNormalization Softmax LogSoftmax Hardmax
    """.split()
)
"""Operators that are compiled even where all their inputs are constants: ONNX's evaluator is no runtime, and differs
from all of them in sizes, in attributes that it drops, or in what it makes of numbers that are none."""

RANDOM = set("RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli Multinomial".split())


def outputs_of(
    node: Node, names: Sequence[str], *, opset: int, types: Sequence[np.dtype | None] | None = None
) -> list[Value | None]:
    """What a node makes of its inputs: constants where they are, else shapes and types.

    Parameters
    ----------
    node : Node
        With inputs and attributes, and as many outputs as it has.
    names : sequence of str
        Of the outputs, empty where one is left out.
    opset : int
        Version of ONNX's operators that the node means.
    types : sequence of np.dtype, optional
        Of the inputs in the file, where the compiler computes with others.

    Raises
    ------
    Unsupported
        The node is not valid, or the shape of an output depends on values known at run time only.
    """
    if node.operator in RANDOM:
        raise Unsupported(node, "its result is random")
    types = types or [None if value is None else value.dtype for value in node.inputs]
    shapes, kinds = shapes_of(node, opset), types_of(node, types, opset)
    if node.operator in ("Shape", "Size", "EyeLike"):  # known although their input is not
        return [Value.of(names[0], _of_shape(node, kinds))]
    if all(value is None or value.constant is not None for value in node.inputs):
        computed = None if node.operator in AS_ALL_OTHERS else _compute(node, names, opset)
        if computed is not None and (shapes is None or _agree(computed, shapes, kinds)):
            return computed
    if shapes is None or kinds is None:
        return _infer(node, names, opset)
    found: list[Value | None] = []
    for name, shape, dtype in zip(names, shapes, kinds, strict=False):
        found.append(_value(name, shape, dtype) if name else None)
    return found


def types_of(node: Node, types: Sequence[np.dtype | None], opset: int) -> list[np.dtype] | None:
    """The types of a node's outputs, given those of its inputs; None where ONNX does not know the operator.

    Raises
    ------
    Unsupported
        The operator takes no such inputs.
    """
    schema = _schema(node.operator, opset)
    if schema is None:
        return [types[0]] * len(node.outputs) if types else None
    allowed = {item.type_param_str: item.allowed_type_strs for item in schema.type_constraints}
    bound: dict[str, np.dtype] = {}
    for index, formal in enumerate(schema.inputs[: schema.min_input]):
        is_there = index < len(types) and types[index] is not None
        if not is_there and formal.option == onnx.defs.OpSchema.FormalParameterOption.Single:
            raise Unsupported(node, f"it lacks its input {index}")
    for index, dtype in enumerate(types):
        if dtype is None:
            continue
        if not schema.inputs:
            raise Unsupported(node, "it takes no inputs")
        formal = schema.inputs[min(index, len(schema.inputs) - 1)]
        name = formal.type_str
        if _named(dtype) not in allowed.get(name, [name]):
            raise Unsupported(node, f"it takes no {dtype} as its input {index}")
        if bound.setdefault(name, dtype) != dtype and formal.is_homogeneous:
            raise Unsupported(node, f"its inputs are of different types, {bound[name]} and {dtype}")
    return [_output_type(node, schema, index, bound, allowed, types) for index in range(len(node.outputs))]


def _output_type(
    node: Node,
    schema: onnx.defs.OpSchema,
    index: int,
    bound: dict[str, np.dtype],
    allowed: Mapping[str, Sequence[str]],
    types: Sequence[np.dtype | None],
) -> np.dtype | None:
    name = schema.outputs[min(index, len(schema.outputs) - 1)].type_str
    if name in bound:
        return bound[name]
    if len(kinds := allowed.get(name, [name])) == 1:
        return TYPES.get(kinds[0])
    if node.operator == "QuantizeLinear":
        given = node.get("output_dtype") or (node.input(2) is None and onnx.TensorProto.UINT8)
        return _type_that(node, given) if given else types[2]
    if node.operator == "DequantizeLinear" and not node.get("output_dtype"):
        return types[1]
    for attribute in ("to", "dtype", "output_datatype", "output_dtype"):
        if node.get(attribute):
            return _type_that(node, node.get(attribute))
    if node.operator in ("ConstantOfShape", "Constant"):
        value = node.get("value")
        return np.dtype(np.float32) if value is None else value.dtype
    return types[0] if types and types[0] is not None else np.dtype(np.float32)


TYPES = {
    f"tensor({name})": np.dtype(own)
    for name, own in {
        **{kind: kind for kind in "int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool float16".split()},
        "float": "float32",
        "double": "float64",
        "string": "O",
    }.items()
}
"""By the names of ONNX."""


def _named(dtype: np.dtype) -> str:
    return next((name for name, own in TYPES.items() if own == dtype), f"tensor({dtype})")


@cache
def _schema(operator: str, opset: int) -> onnx.defs.OpSchema | None:
    try:
        return onnx.defs.get_schema(operator, opset, "")
    except onnx.defs.SchemaError:
        return None


def _value(name: str, shape: tuple[int, ...], dtype: np.dtype) -> Value:
    """Nothing is unknown about a tensor without elements."""
    return Value(name, shape, dtype, None if 0 not in shape else np.zeros(shape, dtype))


def _of_shape(node: Node, kinds: list[np.dtype] | None) -> np.ndarray:
    shape = node.inputs[0].shape
    if node.operator == "EyeLike":
        rows, columns = shape
        return np.eye(rows, columns, k=node.get("k", 0), dtype=kinds[0])
    kept = np.array(shape[node.get("start", 0) : node.get("end")], np.int64)
    return kept if node.operator == "Shape" else np.array(np.prod(shape, dtype=np.int64))


def _compute(node: Node, names: Sequence[str], opset: int) -> list[Value | None] | None:
    """The outputs of a node of constants by ONNX's evaluator.

    None where that lacks this version of the operator or this use of it: then the node is compiled like any other.
    """
    proto, feeds = _proto(node, names)
    if shapes_of(node, opset) is None:  # how large would it be?
        try:
            _infer(node, names, opset)
        except Unsupported as refusal:
            if "shape" in str(refusal) and "would have" in str(refusal):
                raise
    try:
        with np.errstate(all="ignore"):
            model = _alone(proto, opset, [onnx.ValueInfoProto(name=name) for name in feeds])
            results = iter(onnx.reference.ReferenceEvaluator(model).run(None, feeds))
    except Exception:  # its errors share no narrower base class
        return None
    return [Value.of(name, np.asarray(next(results))) if name else None for name in names]


def _agree(computed: list[Value | None], shapes: Sequence[Sequence[int]], kinds: Sequence[np.dtype] | None) -> bool:
    return all(
        value is None or (value.shape == tuple(shape) and (kinds is None or value.dtype == kinds[i]))
        for i, (value, shape) in enumerate(zip(computed, shapes, strict=False))
    )


def _infer(node: Node, names: Sequence[str], opset: int) -> list[Value | None]:
    """Shapes and types by ONNX's inference, with the values of small constants at hand."""
    if node.operator in KEEPING_SHAPE:
        return [Value(names[0], node.inputs[0].shape, node.inputs[0].dtype)]
    proto, _ = _proto(node, names)
    values = {name: value for name, value in zip(proto.input, node.inputs, strict=True) if value is not None}
    shown = {name for name, value in values.items() if value.constant is not None and value.constant.size <= SMALL}
    constants = [numpy_helper.from_array(values[name].constant, name) for name in shown]
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in values.items()
        if name not in shown
    ]
    try:
        model = shape_inference.infer_shapes(
            _alone(proto, opset, infos, constants), check_type=True, strict_mode=True, data_prop=True
        )
    except Exception as error:  # ONNX's errors share no narrower base class
        raise Unsupported(node, reason(error).rpartition("Error] ")[2]) from None
    known = {info.name: info for info in chain(model.graph.output, model.graph.value_info)}
    found: list[Value | None] = []
    for name in names:
        value = declared(known[name], name) if name in known else None
        if name and value is None:
            is_tensor = name not in known or known[name].type.WhichOneof("value") in (None, "tensor_type")
            lack = "has a shape that depends on values known at run time only" if is_tensor else "is no tensor"
            raise Unsupported(node, f"its output {name!r} {lack}")
        if value is not None:
            check_size(node, value.shape)
        found.append(value)
    return found


def declared(info: onnx.ValueInfoProto, name: str) -> Value | None:
    """A value as a file declares it; None where its shape is not all known."""
    tensor = info.type.tensor_type
    if not tensor.HasField("shape") or not all(dim.HasField("dim_value") for dim in tensor.shape.dim):
        return None
    shape = tuple(dim.dim_value for dim in tensor.shape.dim)
    return Value(name, shape, _dtype(tensor.elem_type, name))


NOT_IN_C = ("float8", "float4", "int4", "uint4", "int2", "uint2")
"""How the names of types begin that C has nothing like."""


def _type_that(node: Node, number: int) -> np.dtype:
    """The type that a node asks for by its number."""
    try:
        dtype = _dtype(number, node.name)
    except ValueError as error:
        raise Unsupported(node, str(error)) from None
    if dtype.name.startswith(NOT_IN_C):
        raise Unsupported(node, f"its output has the type {dtype.name}")
    return dtype


def _dtype(number: int, name: str) -> np.dtype:
    """The type that has a number in ONNX; ValueError names who claims one that is none."""
    try:
        return np.dtype(helper.tensor_dtype_to_np_dtype(number))
    except (KeyError, TypeError):
        raise ValueError(f"{name!r} has a type of the number {number!r}, which ONNX does not know") from None


def _proto(node: Node, names: Sequence[str]) -> tuple[onnx.NodeProto, dict[str, np.ndarray | None]]:
    """A node as ONNX has it, its inputs called by their places, and their values where they are known."""
    inputs = ["" if value is None else f"input {index}" for index, value in enumerate(node.inputs)]
    attributes = {name: _attribute(value) for name, value in node.attributes.items()}
    proto = helper.make_node(node.operator, inputs, list(names), **attributes)
    return proto, {name: value.constant for name, value in zip(inputs, node.inputs, strict=True) if value is not None}


def _attribute(value: Any) -> Any:
    return numpy_helper.from_array(value) if isinstance(value, np.ndarray) else value


def _alone(
    proto: onnx.NodeProto, opset: int, inputs: Sequence[onnx.ValueInfoProto], constants: Sequence[onnx.TensorProto] = ()
) -> onnx.ModelProto:
    """A model of one node."""
    outputs = [onnx.ValueInfoProto(name=name) for name in proto.output if name]
    graph = helper.make_graph([proto], "alone", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
