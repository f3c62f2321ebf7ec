"""ONNX files as runtimes take them: in any order, from old versions, with more said about their inputs.

What is not valid is refused here in a sentence, before anything is made of it.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.inliner import inline_local_functions

from undin.model.reason import reason

OLDEST, NEWEST = 1, onnx.defs.onnx_opset_version()
"""Versions of ONNX's operators that are known."""

FIRST_WITHOUT_INPUTS = 4
"""The version of ONNX's files from which on a constant need not be an input as well."""


CONVERSIONS = {
    ".tflite": "TensorFlow Lite: python -m tf2onnx.convert --tflite {file} --output {stem}.onnx --opset 17",
    ".keras": "Keras: model.export('{stem}.onnx', format='onnx') in Keras 3",
    ".h5": "Keras: model.export('{stem}.onnx', format='onnx') in Keras 3",
    ".pt": "torch: torch.onnx.export(model, inputs, '{stem}.onnx')",
    ".pth": "torch: torch.onnx.export(model, inputs, '{stem}.onnx')",
    ".ckpt": "torch: torch.onnx.export(model, inputs, '{stem}.onnx')",
}
"""How files of other frameworks become ONNX, by the ends of their names."""


@dataclass(frozen=True)
class Given:
    """What a user says about the inputs of a file.

    Attributes
    ----------
    dims : dict of str to int
        Sizes by the names that the file has for them.
    shapes : dict of str to tuple of int
        Whole shapes by input.
    values : dict of str to ndarray
        Inputs that are constants, such as a sample rate.
    states : dict of str to str, optional
        Which output each input of state is read from in the next run, by name from input to output; found by names and
        shapes if not given.
    """

    dims: Mapping[str, int] = field(default_factory=dict)
    shapes: Mapping[str, Sequence[int]] = field(default_factory=dict)
    values: Mapping[str, np.ndarray | float | str] = field(default_factory=dict)
    states: Mapping[str, str] | None = None

    @property
    def changes_the_file(self) -> bool:
        """Whether it says anything about inputs that is not in the file."""
        return bool(self.dims or self.shapes or self.values)

    def apply(self, graph: onnx.GraphProto) -> None:
        """Enter it into a graph.

        Raises
        ------
        ValueError
            The graph has no such input or size.
        """
        inputs = {info.name: info for info in graph.input}
        for name in (*self.shapes, *self.values):
            if name not in inputs:
                raise ValueError(f"there is no input {name!r}, only {', '.join(map(repr, inputs))}")
        for name, shape in self.shapes.items():
            inputs[name].type.tensor_type.ClearField("shape")
            inputs[name].type.tensor_type.shape.SetInParent()
            for length in shape:
                inputs[name].type.tensor_type.shape.dim.add().dim_value = length
        dims = [dim for info in inputs.values() for dim in info.type.tensor_type.shape.dim]
        known = {dim.dim_param for dim in dims if dim.dim_param}
        for name, length in self.dims.items():
            if name not in known:
                raise ValueError(
                    f"no input has a size {name!r}; those with names: {', '.join(sorted(known)) or 'none'}"
                )
            for dim in dims:
                if dim.dim_param == name:
                    dim.dim_value = length
        for name, array_ in self.constants(graph).items():
            graph.initializer.append(numpy_helper.from_array(array_, name))
            graph.input.remove(inputs[name])

    def constants(self, graph: onnx.GraphProto) -> dict[str, np.ndarray]:
        """The values in the types and shapes of a graph's inputs."""
        inputs = {info.name: info for info in graph.input}
        return {name: _as_input(inputs[name], value) for name, value in self.values.items()}


def _as_input(info: onnx.ValueInfoProto, value: np.ndarray | float | str) -> np.ndarray:
    """A value in the type and shape of an input; a single number fills it."""
    tensor = info.type.tensor_type
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    try:
        array = np.asarray(value.split(",") if isinstance(value, str) else value).astype(dtype)
    except ValueError:
        raise ValueError(f"{value!r} is no value of input {info.name!r}, which is {dtype}") from None
    if not tensor.HasField("shape"):
        return array.reshape(-1)[0] if array.size == 1 else array
    shape = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in tensor.shape.dim]
    if shape.count(-1) == 1 and array.size != 1:
        shape[shape.index(-1)] = array.size // max(1, -int(np.prod(shape)))
    shape = [1 if length == -1 else length for length in shape]
    if array.size == 1:
        return np.full(shape, array.reshape(-1)[0])
    if array.size != np.prod(shape, dtype=int):
        raise ValueError(f"input {info.name!r} has the shape {tuple(shape)}, and {array.size} numbers are given for it")
    return array.reshape(shape)


def load(path: str | Path, given: Given | None = None) -> onnx.ModelProto:
    """Load a file and see that it is valid.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or it is no ONNX file.
    """
    path = Path(path)
    if path.suffix.lower() in CONVERSIONS and path.is_file():
        way = CONVERSIONS[path.suffix.lower()].format(file=path.name, stem=path.stem)
        raise ValueError(f"{path} is no ONNX file; this makes one of {way}")
    try:
        model = onnx.load(str(path))
    except OSError:
        raise
    except Exception as error:  # protobuf's decoder has no narrower base class
        raise ValueError(f"{path} is not a valid ONNX file: {reason(error)}") from None
    try:
        _refuse_odd_names(model.graph)
        if given is not None:
            given.apply(model.graph)
        tidy(model)
        _refuse_unknown_names(model.graph, set())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    ends = (model.graph.input, model.graph.output)
    declared = [[onnx.ValueInfoProto.FromString(info.SerializeToString()) for info in infos] for infos in ends]
    try:
        for info in itertools.chain(*ends):  # outputs are inferred; what is open in inputs, the reader says
            if info.type.WhichOneof("value") in (None, "tensor_type"):
                info.type.tensor_type.shape.SetInParent()
                info.type.tensor_type.elem_type = info.type.tensor_type.elem_type or onnx.TensorProto.FLOAT
        onnx.checker.check_model(model)
    except Exception as error:  # ONNX's checker has no narrower base class
        raise ValueError(f"{path} is not a valid ONNX file: {reason(error)}") from None
    for infos, as_declared in zip(ends, declared, strict=True):
        del infos[:]
        infos.extend(as_declared)
    return model


def _refuse_odd_names(graph: onnx.GraphProto) -> None:
    """Raise where a name is no text: protobuf hands out bytes then, and nobody who reads names counts on that."""
    names = [info.name for info in (*graph.input, *graph.output)]
    names += [tensor.name for tensor in graph.initializer]
    for node in graph.node:
        names += [node.op_type, node.domain, node.name, *node.input, *node.output]
        names += [item.name for item in node.attribute]
        for inner in graphs_of(node):
            _refuse_odd_names(inner)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"the name {name!r} is not UTF-8")


def _refuse_unknown_names(graph: onnx.GraphProto, outer: set[str]) -> None:
    """Raise where a node reads, or a graph hands out, what nobody computes; `outer` is known around the graph."""
    known = {*outer, "", *(info.name for info in graph.input), *(tensor.name for tensor in graph.initializer)}
    known |= {tensor.values.name for tensor in graph.sparse_initializer}
    known |= {name for node in graph.node for name in node.output}
    for node in graph.node:
        for name in node.input:
            if name not in known:
                place = node.name or next(filter(None, node.output), "")
                raise ValueError(f"no node computes {name!r}, which {node.op_type} {place!r} reads")
        for inner in graphs_of(node):
            _refuse_unknown_names(inner, known)
    for info in graph.output:
        if info.name not in known:
            raise ValueError(f"no node computes the output {info.name!r}")


def tidy(model: onnx.ModelProto) -> None:
    """Sort the nodes, and see that the versions are known.

    Raises
    ------
    ValueError
        They are not, or nodes wait for each other.
    """
    version = opset_of(model)
    if not OLDEST <= version <= NEWEST:
        raise ValueError(f"it has version {version} of ONNX's operators, and undin knows {OLDEST} to {NEWEST}")
    # Before, a constant had to be an input too; many files of that version have others, and every runtime takes them.
    model.ir_version = max(model.ir_version, FIRST_WITHOUT_INPUTS)
    _sort(model.graph)


def without_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model with its functions written out.

    Raises
    ------
    ValueError
        A node does not call one as it is.
    """
    try:
        return inline_local_functions(model) if model.functions else model
    except Exception as error:  # ONNX's errors share no narrower base class
        raise ValueError(f"its functions cannot be written out: {reason(error)}") from None


def opset_of(model: onnx.ModelProto) -> int:
    """The version of ONNX's operators that a model means."""
    return next((opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")), 1)


def _sort(graph: onnx.GraphProto) -> None:
    """Bring the nodes of a graph into an order in which each stands behind those that it reads."""
    for node in graph.node:
        for inner in graphs_of(node):
            _sort(inner)
    makers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    wants = [sorted({makers[name] for name in _read_by(node) if name in makers}) for node in graph.node]
    if all(index < place for place, found in enumerate(wants) for index in found):
        return
    order: list[int] = []
    done, open_ = set(), set()
    for first in range(len(wants)):
        stack = [(first, iter(wants[first]))]
        while stack:
            place, rest = stack[-1]
            if place in done:
                stack.pop()
                continue
            open_.add(place)
            following = next((index for index in rest if index not in done), None)
            if following is None:
                open_.discard(place)
                done.add(place)
                order.append(place)
                stack.pop()
            elif following in open_:
                node = graph.node[following]
                raise ValueError(f"{node.op_type} {node.name or node.output[0]!r} waits for its own result")
            else:
                stack.append((following, iter(wants[following])))
    nodes = [onnx.NodeProto.FromString(graph.node[index].SerializeToString()) for index in order]
    del graph.node[:]
    graph.node.extend(nodes)


def graphs_of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs that a node runs."""
    for item in node.attribute:
        if item.type == item.GRAPH:
            yield item.g
        yield from item.graphs


def _read_by(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads, in graphs of its own too."""
    yield from node.input
    for graph in graphs_of(node):
        own = {name for inner in graph.node for name in inner.output} | {info.name for info in graph.input}
        yield from (info.name for info in graph.output if info.name not in own)
        for inner in graph.node:
            yield from (name for name in _read_by(inner) if name not in own)


def attribute(item: onnx.AttributeProto) -> Any:
    """The value of an attribute: numbers, text, arrays, graphs, or lists of these."""
    value = helper.get_attribute_value(item)
    if isinstance(value, onnx.TensorProto):
        return array(value, item.name)
    if isinstance(value, onnx.SparseTensorProto):
        raise ValueError(f"constant {value.values.name or item.name!r} is sparse: store it in full")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [text.decode(errors="replace") for text in value]
    return value


def array(tensor: onnx.TensorProto, name: str) -> np.ndarray:
    """The elements of a constant.

    Raises
    ------
    ValueError
        There are not as many as its shape says.
    """
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # whatever numpy or ONNX says
        raise ValueError(f"constant {name!r} of the shape {tuple(tensor.dims)} is not valid: {reason(error)}") from None
