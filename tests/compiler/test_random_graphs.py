"""Graphs of all operators in any order, opsets 7 to 21, compiled into one library, against ONNX Runtime."""

import numpy as np
from support.compiled_graphs import compile_graphs
from support.random_graphs import random_graph

from undin.compiler.ir.reader import convert

FAILED = (
    *(34, 104, 129, 269, 301, 398, 505, 516, 551, 631, 786, 854, 856, 961, 1028, 1554, 1883, 2912, 3331, 3501, 3650),
    *(4022, 4023, 4049, 4227, 4920, 4929, 5096, 5428, 5703, 5717, 6182, 6349, 7550, 8378, 8627, 17855),
)
"""Seeds that once gave a wrong result or an error of Python, beyond those below."""

SEEDS = (*range(200), *(seed for seed in FAILED if seed >= 200))

TOLERANCES = {np.dtype(np.float16): 2e-3}


def test_random_graphs_agree_with_onnx_runtime(tmp_path):
    graphs = [random_graph(seed) for seed in SEEDS]
    compiled = compile_graphs([convert(graph.model, name=graph.model.graph.name) for graph in graphs], tmp_path)
    for graph, ours in zip(graphs, compiled, strict=True):
        for result, right in zip(ours.run(*graph.feeds.values()), graph.expected, strict=True):
            name = graph.model.graph.name
            assert (result.dtype, result.size) == (right.dtype, right.size), name
            right = right.astype(np.float64)
            allowed = TOLERANCES.get(result.dtype, 1e-4) * max(1, np.abs(right).max(initial=0))
            result = result.reshape(right.shape).astype(np.float64)
            np.testing.assert_allclose(result, right, rtol=0, atol=allowed, err_msg=name)
