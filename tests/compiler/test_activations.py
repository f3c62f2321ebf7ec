"""The table of activations: C has what it names, and computes what ONNX Runtime does, alone, in products, in cells."""

import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from support.compiled_graphs import QUICK, VECTORS, compile_graphs
from support.kernel_shim import ACTIVATIONS as OF_C

from undin.compiler.ir.operators import ACTIVATIONS, BOUNDED_RELU, CLIP, IDENTITY, Activation
from undin.compiler.ir.reader import convert
from undin.compiler.session import reference_step
from undin.compiler.toolchain.build import C_FILES

FORM = re.compile(r"UNDIN_FORM\((\w+)\)\(UNDIN_FLOAT x((?:, float \w+)*)\)")
OTHERS = {"alpha": 0.3, "beta": 0.7}
"""Constants that no activation has by default."""

X = np.concatenate((np.linspace(-30, 30, 241), [1e-30, -1e-30, 80, -80, np.inf, -np.inf])).astype(np.float32)
OPSET = helper.make_opsetid("", 18)


def test_c_has_what_the_table_names():
    known = {activation.name: activation for activation in (IDENTITY, CLIP, BOUNDED_RELU, *ACTIVATIONS.values())}
    assert sorted(known) == sorted(OF_C)
    forms = C_FILES["undin_math_forms.h"].read_text(encoding="utf-8")
    constants = {name: re.findall(r"float (\w+)", rest) for name, rest in FORM.findall(forms)}
    for name, activation in known.items():
        if activation is not IDENTITY:
            given = [key for key in ("alpha", "beta") if getattr(activation, key) is not None]
            assert constants[name] == given
        assert f"case {activation.enumerator}:" in forms


def named(activation: Activation) -> dict[str, float]:
    """Constants for a node to name: all that the activation has."""
    return {key: value for key, value in OTHERS.items() if getattr(activation, key) is not None}


def model(
    name: str, nodes: list[onnx.NodeProto], *, shape: tuple[int, ...], constants: dict[str, list]
) -> onnx.ModelProto:
    infos = [helper.make_tensor_value_info(value, TensorProto.FLOAT, shape) for value in ("x", "y")]
    arrays = [numpy_helper.from_array(np.array(values, np.float32), key) for key, values in constants.items()]
    graph = helper.make_graph(nodes, name, infos[:1], infos[1:], arrays)
    return helper.make_model(graph, opset_imports=[OPSET], ir_version=8)


def models() -> dict[str, onnx.ModelProto]:
    """Every activation with the constants of ONNX and with some that are named, as each of the three."""
    found = {}
    for name, activation in ACTIVATIONS.items():
        for which, constants in {"default": {}, "named": named(activation)}.items():
            if which == "named" and not constants:
                continue
            if onnx.defs.has(name):
                nodes = [helper.make_node(name, ["x"], ["y"], **constants)]
                title = f"{name}_{which}_alone"
                found[title] = model(title, nodes, shape=(len(X), 1), constants={})
                nodes = [helper.make_node("MatMul", ["x", "w"], ["product"])]
                nodes.append(helper.make_node(name, ["product"], ["y"], **constants))
                title = f"{name}_{which}_product"
                found[title] = model(title, nodes, shape=(len(X), 1), constants={"w": [[1]]})
            if which == "named" or onnx.defs.has(name):
                lists = {f"activation_{key}": [value] for key, value in constants.items()}
                nodes = [
                    helper.make_node("RNN", ["x", "w", "r"], ["", "y"], activations=[name], hidden_size=1, **lists)
                ]
                title = f"{name}_{which}_cell"
                found[title] = model(title, nodes, shape=(1, len(X), 1), constants={"w": [[[1]]], "r": [[[0]]]})
    return found


@pytest.mark.parametrize("flags", [QUICK, VECTORS], ids=["plain", "vectors"])
def test_c_computes_what_onnx_runtime_does(flags, tmp_path):
    """For all that is a number, infinities too."""
    found = models()
    assert len(found) > 2 * len(ACTIVATIONS)
    graphs = [convert(proto, name=name) for name, proto in found.items()]
    for name, compiled in zip(found, compile_graphs(graphs, tmp_path, flags=flags), strict=True):
        oracle = found[name]
        x = X.reshape([info.dim_value for info in oracle.graph.input[0].type.tensor_type.shape.dim])
        expected = reference_step(oracle.SerializeToString())({"x": x})["y"]
        with np.errstate(invalid="ignore"):
            (y,) = compiled.run(x)
        np.testing.assert_allclose(y, expected.reshape(-1), rtol=1e-5, atol=1e-6, err_msg=name)
        assert len(compiled.program.steps) == 1, f"{name} is not applied by the product"


@pytest.mark.parametrize("alphas", [[0.3], [0.3, 0.6]])
def test_constants_of_cells_stand_in_a_row(alphas, tmp_path):
    """Each activation takes those that it has, in both directions, and the default where none is left."""
    names = ["Sigmoid", "LeakyRelu", "Tanh", "HardSigmoid", "Tanh", "Elu"]
    generator = np.random.default_rng(0)
    weights = {key: generator.standard_normal((2, 12, 3)).tolist() for key in ("w", "r")}
    options = {"hidden_size": 3, "direction": "bidirectional", "activations": names, "activation_alpha": alphas}
    cell = helper.make_node("LSTM", ["x", "w", "r"], ["all"], **options)
    sums = [cell, helper.make_node("ReduceSum", ["all", "axis"], ["y"], keepdims=0)]
    proto = model("lstm", sums, shape=(4, 2, 3), constants=weights)
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1]), "axis"))
    x = generator.standard_normal((4, 2, 3)).astype(np.float32)
    (compiled,) = compile_graphs([convert(proto, name="lstm")], tmp_path)
    expected = reference_step(proto.SerializeToString())({"x": x})["y"]
    np.testing.assert_allclose(compiled.run(x)[0], expected.reshape(-1), rtol=1e-5, atol=1e-6)


def test_a_node_names_some_of_the_constants():
    node = convert(models()["HardSigmoid_named_alone"], name="one").nodes[0]
    del node.attributes["beta"]
    hard_sigmoid = ACTIVATIONS["HardSigmoid"]
    assert hard_sigmoid.of(node) == replace(hard_sigmoid, alpha=node.get("alpha"))
