"""Graphs of operators in any order, compiled into one library, against ONNX Runtime."""

import numpy as np
import onnxruntime
from support.compiled_graphs import compile_graphs
from support.random_graphs import random_model

from undin.compiler.ir.reader import convert

SEEDS = range(60)


def test_random_graphs_agree_with_onnx_runtime(tmp_path):
    models = [random_model(seed) for seed in SEEDS]
    compiled = compile_graphs([convert(model, name=model.graph.name) for model in models], tmp_path)
    noise = np.random.default_rng(0)
    for model, ours in zip(models, compiled, strict=True):
        oracle = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        feeds = {item.name: noise.standard_normal(item.shape, np.float32) for item in oracle.get_inputs()}
        expected = oracle.run(None, feeds)
        for result, right in zip(ours.run(*feeds.values()), expected, strict=True):
            scale = max(1, np.abs(right).max(initial=0))
            np.testing.assert_allclose(
                result.reshape(right.shape), right, rtol=0, atol=1e-5 * scale, err_msg=model.graph.name
            )
