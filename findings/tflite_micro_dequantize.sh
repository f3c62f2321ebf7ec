#!/usr/bin/env bash
# TensorFlow Lite Micro on weights of 8 bits with a scale for each channel, which DEQUANTIZE makes floats again, as
# ai-edge-quantizer's weight-only recipe writes them: does it compute what LiteRT computes?
#
# Guess, written down before: the same, or a refusal when the model is loaded, since it refuses hybrid layers too.
# Seen: it loads, and multiplies all channels by the scale of the first, in silence. undin-nano so quantised comes out as
# noise, 7 dB above the speech. Per-channel scales are for its own integer layers alone; who wants floats there must
# keep the weights in floats.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/pip install --quiet tflite-micro==0.dev20261023182759 ai-edge-litert==2.3.0 flatbuffers==25.12.19 numpy==2.4.6

cat >dequantize.py <<'END'
import importlib.metadata

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter
from tflite_micro.python.tflite_micro import runtime

print(*(f"{name} {importlib.metadata.version(name)}" for name in ("tflite-micro", "ai-edge-litert")))

WEIGHTS, SCALES = np.array([[100, 50], [100, 50], [100, 50]], np.int8), [1.0, 2.0, 4.0]


def tensor(name, shape, kind, buffer=0, scales=None):
    one = tfl.TensorT()
    one.name, one.shape, one.type, one.buffer = name, shape, kind, buffer
    if scales:
        one.quantization = tfl.QuantizationParametersT()
        one.quantization.scale, one.quantization.zeroPoint = scales, [0] * len(scales)
        one.quantization.quantizedDimension = 0
    return one


def operator(code, inputs, outputs):
    one = tfl.OperatorT()
    one.opcodeIndex, one.inputs, one.outputs = code, inputs, outputs
    return one


def code(builtin):
    one = tfl.OperatorCodeT()
    one.builtinCode = one.deprecatedBuiltinCode = builtin
    one.version = 2
    return one


data = tfl.BufferT()
data.data = np.frombuffer(WEIGHTS.tobytes(), np.uint8)
add = operator(1, [0, 2], [3])
add.builtinOptionsType, add.builtinOptions = tfl.BuiltinOptions.AddOptions, tfl.AddOptionsT()
graph = tfl.SubGraphT()
graph.tensors = [
    tensor("x", [3, 2], tfl.TensorType.FLOAT32),
    tensor("weights", [3, 2], tfl.TensorType.INT8, 1, SCALES),
    tensor("floats", [3, 2], tfl.TensorType.FLOAT32),
    tensor("y", [3, 2], tfl.TensorType.FLOAT32),
]
graph.inputs, graph.outputs, graph.operators = [0], [3], [operator(0, [1], [2]), add]
model = tfl.ModelT()
model.version, model.subgraphs, model.buffers = 3, [graph], [tfl.BufferT(), data]
model.operatorCodes = [code(tfl.BuiltinOperator.DEQUANTIZE), code(tfl.BuiltinOperator.ADD)]
builder = flatbuffers.Builder(0)
builder.Finish(model.Pack(builder), b"TFL3")
content, zeros = bytes(builder.Output()), np.zeros((3, 2), np.float32)

lite = Interpreter(model_content=content)
lite.allocate_tensors()
lite.set_tensor(0, zeros)
lite.invoke()
micro = runtime.Interpreter.from_bytes(content, arena_size=100_000)
micro.set_input(zeros, 0)
micro.invoke()
expected, of_lite, of_micro = WEIGHTS * np.float32(SCALES)[:, None], lite.get_tensor(3), micro.get_output(0)
for name, values in {"right": expected, "LiteRT": of_lite, "TensorFlow Lite Micro": of_micro}.items():
    print(f"{name}: {values.tolist()}")
raise SystemExit(not (np.array_equal(of_lite, expected) and np.array_equal(of_micro, WEIGHTS * SCALES[0])))
END
env/bin/python dequantize.py 2>dequantize.log || {
	cat dequantize.log
	echo "that has changed"
	exit 1
}
