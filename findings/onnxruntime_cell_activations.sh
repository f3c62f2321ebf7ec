#!/usr/bin/env bash
# ONNX Runtime: with which constants do the activations of a recurrent cell work that names none?
#
# Guess, written down before the first run: with those of the operators. ONNX says of `activation_alpha` and
# `activation_beta` of RNN, GRU and LSTM that "default values are the same as of corresponding ONNX operators", and of
# the operator ThresholdedRelu that its alpha is 1.
# Seen: 1.23.2 works with 0 for every one: a cell of LeakyRelu or Elu is one of Relu, and one of HardSigmoid returns zeros,
# without a word. 1.32.0 has the defaults of these three, and 0 for ThresholdedRelu still, as for ScaledTanh and Affine,
# which are no operators any more. In both, Softplus is infinite beyond 88. Whoever writes such a cell must name its
# constants; undin takes those of ONNX.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >cells.py <<'END'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

X = np.array([-2.0, -0.5, 0.5, 2.0, 100.0], np.float32)


def cell(activation: str, **constants: list[float]) -> list[float]:
    """The outputs of an RNN of one unit, whose input has the weight 1 and whose state has 0."""
    node = helper.make_node("RNN", ["x", "w", "r"], ["", "y"], hidden_size=1, activations=[activation], **constants)
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, len(X), 1]) for name in ("x", "y")]
    ones, zeros = np.ones((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    weights = [numpy_helper.from_array(ones, "w"), numpy_helper.from_array(zeros, "r")]
    graph = helper.make_graph([node], "cell", infos[:1], infos[1:], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": X.reshape(1, -1, 1)})[0].reshape(-1).round(4).tolist()


print("onnxruntime", onnxruntime.__version__, "onnx", onnx.__version__, "inputs", X.tolist())
names = ("LeakyRelu", "Elu", "HardSigmoid", "ThresholdedRelu", "ScaledTanh", "Affine", "Softplus")
found = {name: cell(name) for name in names}
for name, values in found.items():
    print(f"{name:<15} without constants", values)
operators = {"LeakyRelu": [-0.02, -0.005], "Elu": [-0.8647, -0.3935], "HardSigmoid": [0.1, 0.4]}
expected = operators if sys.argv[1] == "operators" else dict.fromkeys(operators, [0, 0])
as_seen = (
    all(np.allclose(found[name][:2], values, atol=1e-4) for name, values in expected.items())
    and found["ThresholdedRelu"][2] == 0.5
    and cell("ThresholdedRelu", activation_alpha=[1.0])[2] == 0
    and not any(found["ScaledTanh"] + found["Affine"])
    and found["Softplus"][-1] == np.inf
)
sys.exit(0 if as_seen else "that has changed")
END
while read -r version defaults; do
	python3 -m venv "$version"
	"$version/bin/pip" install --quiet onnx==1.20.1 numpy==2.3.5 "onnxruntime==$version" 2>/dev/null
	"$version/bin/python" cells.py "$defaults"
done <<-VERSIONS
	1.23.2 zeros
	1.32.0 operators
VERSIONS
