"""Multiply-accumulates of ONNX graphs, against those of the networks in PyTorch that they were exported from."""

import io
import warnings

import onnx
import pytest
import torch
from support.small_networks import N_FFT, SMALL_NETWORKS, small_network
from support.step_models import metadata
from torch import nn

from undin import models
from undin.bench.macs import macs_per_step
from undin.compiler.ir.reader import convert, read_graph
from undin.compiler.passes.decompose import decompose
from undin.compiler.pipeline import metadata_of
from undin.model.loading import WEIGHTS
from undin.nn.export import export
from undin.nn.macs import macs_per_frame


def counted(graph) -> int:
    decompose(graph)
    return macs_per_step(graph)


# The nested U-Nets have no other operators, and take the longest to export.
@pytest.mark.parametrize("name", [name for name in SMALL_NETWORKS if not name.startswith("nunet")])
def test_same_as_in_pytorch(name, tmp_path):
    network, path = small_network(name), tmp_path / "model.onnx"
    export(network, metadata(name=name, state_size=network.state_size), path)
    assert counted(read_graph(path)) == macs_per_frame(network, n_fft=N_FFT)


@pytest.mark.parametrize("name", models())
def test_shipped_models_tell_the_truth_about_themselves(name):
    graph = read_graph(WEIGHTS / f"{name}.onnx")
    about = metadata_of(graph)
    assert counted(graph) * about.sample_rate / about.hop == about.macs_per_second


CASES = {
    "grouped, strided": (nn.Conv2d(4, 6, (2, 3), stride=(1, 2), padding=(0, 1), groups=2), (1, 4, 2, 9), 6 * 5 * 2 * 6),
    "transposed, grouped": (nn.ConvTranspose1d(4, 6, 3, stride=2, groups=2), (1, 4, 5), 4 * 5 * 3 * 3),
    "linear on vectors": (nn.Linear(7, 3), (5, 7), 5 * 7 * 3),
    "both directions": (nn.LSTM(3, 4, bidirectional=True), (6, 1, 3), 6 * 2 * 4 * 4 * (3 + 4)),
}


@pytest.mark.parametrize("case", CASES)
def test_count_is_the_count_by_hand(case):
    module, shape, expected = CASES[case]
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracing exporter is deprecated
        torch.onnx.export(module.eval(), (torch.zeros(shape),), file, opset_version=17, dynamo=False)
    assert counted(convert(onnx.load_from_string(file.getvalue()), name=case)) == expected
