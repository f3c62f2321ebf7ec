#!/usr/bin/env bash
# ONNX Runtime: what does an If return whose branch hands out one value twice, as two outputs?
#
# Guess, written down before the first run: one of the two outputs is memory that nobody has written, since a run finds
# the outputs of a branch by their names, and two of the same name are one place. ONNX says that the outputs of all nodes
# need names of their own, and of two outputs of a graph nothing; its checker accepts such a branch, its reference
# evaluator computes it, and some of its maintainers hold it for invalid.
# Seen: so it is, in 1.23.2 and 1.32.0, with all optimisations and without: the second output is the value, the first
# zeros, huge numbers or NaN, others in each run, without a word. A whole graph that hands out one value twice is right, and
# so is a branch with an Identity between the two: exporters must put one there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >twice.py <<'END'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

X = np.array([3, 5, 7, 9], np.float32)
TWICE, ONCE = np.stack((X + X, X + X)), np.stack((X * X, X * X))


def info(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [len(X)])


def twice(operator: str, *, copy: bool) -> tuple[list[onnx.NodeProto], list[onnx.ValueInfoProto]]:
    """Nodes whose result is two outputs: by one name, or the second as a copy."""
    nodes = [helper.make_node(operator, ["x", "x"], [f"{operator} v"])]
    if copy:
        nodes.append(helper.make_node("Identity", [f"{operator} v"], [f"{operator} w"]))
    return nodes, [info(f"{operator} v"), info(f"{operator} {'w' if copy else 'v'}")]


def model(nodes: list[onnx.NodeProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info("is_sum", TensorProto.BOOL, []), info("x")]
    made = helper.make_model(
        helper.make_graph(nodes, "twice", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.checker.check_model(made, full_check=True)
    return made


def conditional(*, copy: bool) -> onnx.ModelProto:
    """x + x or x x, twice."""
    branches = {
        f"{name}_branch": helper.make_graph(nodes, name, [], outputs)
        for name, (nodes, outputs) in (("then", twice("Add", copy=copy)), ("else", twice("Mul", copy=copy)))
    }
    return model([helper.make_node("If", ["is_sum"], ["y", "z"], **branches)], [info("y"), info("z")])


def run(made: onnx.ModelProto, *, is_sum: bool) -> dict[str, np.ndarray]:
    """What the reference and ONNX Runtime make of it."""
    feeds = {"is_sum": np.array(is_sum), "x": X}
    feeds = {value.name: feeds[value.name] for value in made.graph.input}
    found = {"reference": np.stack(ReferenceEvaluator(made).run(None, feeds))}
    for level in ("ORT_ENABLE_ALL", "ORT_DISABLE_ALL"):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
        session.run(None, feeds)
        found[level] = np.stack(session.run(None, feeds))
    return found


print("onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__)
cases = {
    "graph": (model(*twice("Add", copy=False)), TWICE),
    "If, copied": (conditional(copy=True), ONCE),
    "If": (conditional(copy=False), ONCE),
}
as_seen = True
for name, (made, expected) in cases.items():
    for runtime, (first, second) in run(made, is_sum=expected is TWICE).items():
        print(f"{name:<11} {runtime:<16} {first.tolist()} {second.tolist()}")
        is_lost = name == "If" and runtime != "reference"
        as_seen &= np.array_equal(first, expected[0]) != is_lost and np.array_equal(second, expected[1])
sys.exit(0 if as_seen else "that has changed")
END
for version in 1.23.2 1.32.0; do
	python3 -m venv "$version"
	"$version/bin/pip" install --quiet onnx==1.20.1 numpy==2.3.5 "onnxruntime==$version" 2>/dev/null
	"$version/bin/python" twice.py
done
