"""Operators that ONNX itself defines by others, such as Gelu: their definition takes their place.

These are the operators that neither a rule nor a kernel knows.
"""

from typing import Any

import onnx
from onnx import helper

from undin.compiler.ir.files import attribute
from undin.compiler.ir.graph import Node, Value
from undin.compiler.passes.decompose.builder import Builder
from undin.compiler.passes.decompose.simple import cast_like


def written_out(make: Builder, node: Node) -> tuple[Value | None, ...] | None:
    """The nodes of the definition; None where there is none, or one with nodes of several outputs."""
    body = _definition(node, make.opset)
    if body is None or any(len(proto.output) != 1 for proto in body.node):
        return None
    values = dict.fromkeys(("", *body.input)) | dict(zip(body.input, node.inputs, strict=False))
    for proto in body.node:
        inputs = [values[name] for name in proto.input]
        attributes = {item.name: _attribute(item, node, body) for item in proto.attribute}
        if proto.op_type == "CastLike":  # at once, so that constants remain constants
            values[proto.output[0]] = cast_like(make, Node("CastLike", node.name, inputs, []))
        else:
            given = {name: value for name, value in attributes.items() if value is not None}
            values[proto.output[0]] = make(proto.op_type, *inputs, **given)
    return tuple(values.get(name) for name in body.output)  # one that nobody wants may not be made


def _definition(node: Node, opset: int) -> onnx.FunctionProto | None:
    """What ONNX says about an operator in a version of its operators, for inputs of these types."""
    try:
        schema: Any = onnx.defs.get_schema(node.operator, opset, "")  # its stubs lack half of it
    except onnx.defs.SchemaError:
        return None
    if schema.has_function:
        return schema.function_body
    if not schema.has_context_dependent_function:
        return None
    names = ["" if value is None else value.name for value in node.inputs]
    outputs = ["" if value is None else value.name for value in node.outputs]
    proto = helper.make_node(node.operator, names, outputs, **node.attributes)
    types = [
        helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        if value
        else onnx.TypeProto()
        for value in node.inputs
    ]
    serialized = [item.SerializeToString() for item in types]
    return onnx.FunctionProto.FromString(schema.get_context_dependent_function(proto.SerializeToString(), serialized))


def _attribute(item: onnx.AttributeProto, node: Node, body: onnx.FunctionProto) -> Any:
    """The value of an attribute, which may be that of an attribute of the whole; None where that has none."""
    if not item.ref_attr_name:
        return attribute(item)
    defaults = {default.name: attribute(default) for default in body.attribute_proto}
    schema = onnx.defs.get_schema(node.operator).attributes.get(item.ref_attr_name)
    if schema is not None and schema.default_value.name:
        defaults.setdefault(item.ref_attr_name, attribute(schema.default_value))
    return node.get(item.ref_attr_name, defaults.get(item.ref_attr_name))
