"""The kernels in C against torch: the same outputs and gradients for any size, and torch where there is no compiler."""

import pytest
import torch
from torch import Tensor, nn

from undin.compiler.toolchain import build
from undin.nn import kernels
from undin.nn.batch_norm import BatchNorm
from undin.nn.layers import BandMix
from undin.nn.recurrent import Recurrent


@pytest.fixture
def without_kernels(monkeypatch):
    """What turns the kernels off, as where no C compiler is."""

    def turn_off() -> None:
        monkeypatch.setattr(kernels, "library", lambda *_, **__: None)

    return turn_off


def outcome(module: nn.Module, *inputs: Tensor) -> list[Tensor]:
    """Outputs of a module in training and all gradients of a sum of them that tells every element from every other."""
    inputs = [tensor.clone().requires_grad_() for tensor in inputs]
    outputs = module(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    generator = torch.Generator().manual_seed(1)
    # gradients that do not lie in memory one after the other, as after a slice
    weights = [
        torch.randn(*output.shape[:-1], 2 * output.shape[-1], generator=generator)[..., ::2] for output in outputs
    ]
    torch.autograd.backward(outputs, weights)
    leaves = [*inputs, *module.parameters()]
    buffers = [buffer.clone() for buffer in module.buffers()]
    return [*(output.detach() for output in outputs), *(leaf.grad for leaf in leaves), *buffers]


def assert_same(make, inputs: list[Tensor], without_kernels) -> None:
    """A module gives with kernels what it gives without, up to the rounding of sums."""
    found = []
    for turn_off in (lambda: None, without_kernels):
        turn_off()
        torch.manual_seed(0)
        found.append(outcome(make().train(), *inputs))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=2e-5 * theirs.abs().max().item())


@pytest.mark.needs("cc")
class TestKernels:
    @pytest.mark.parametrize("size_in, hidden", [(1, 1), (5, 14), (24, 24), (16, 46)])
    @pytest.mark.parametrize("frames, batch, bands", [(1, 1, 1), (7, 3, 13)])
    def test_gru(self, size_in, hidden, frames, batch, bands, without_kernels):
        torch.manual_seed(0)
        inputs = [torch.randn(frames, batch, bands, size_in), torch.randn(batch, bands * hidden)]
        assert_same(lambda: Recurrent("gru", size_in, hidden, bands=bands), inputs, without_kernels)

    @pytest.mark.parametrize("rectify", [False, True])
    @pytest.mark.parametrize("shape", [(2, 1, 3, 1), (3, 20, 5, 64), (2, 33, 7, 11)])
    def test_batch_norm(self, shape, rectify, without_kernels):
        torch.manual_seed(0)
        x = 3 + 2 * torch.randn(shape).contiguous(memory_format=torch.channels_last)
        assert_same(lambda: BatchNorm(shape[1], rectify=rectify), [x], without_kernels)

    @pytest.mark.parametrize("channels, bands", [(1, 4), (24, 32), (37, 16)])
    @pytest.mark.parametrize("frames, batch", [(1, 1), (67, 3)])
    def test_band_mix(self, channels, bands, frames, batch, without_kernels):
        torch.manual_seed(0)
        x = torch.randn(frames, batch, bands, channels)
        assert_same(lambda: BandMix(channels, bands), [x], without_kernels)

    def test_features_in_any_memory_layout_are_the_same(self):
        x = torch.randn(2, 20, 5, 8)
        norm = BatchNorm(20).train()
        torch.testing.assert_close(norm(x), norm(x.contiguous(memory_format=torch.channels_last)))


def test_kernels_serve_training_on_cpus_in_float32_alone():
    layer, x = nn.Identity(), torch.ones(1)
    assert kernels.kernels_for(layer, x, "gru", hidden=1) is kernels.library("gru", hidden=1)
    assert kernels.kernels_for(layer, x.double(), "gru", hidden=1) is None
    assert kernels.kernels_for(layer, x.to("meta"), "gru", hidden=1) is None
    assert kernels.kernels_for(layer.eval(), x, "gru", hidden=1) is None


def test_a_compiler_that_fails_is_told_and_leaves_nothing(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(build, "FLAGS", ("--no-such-flag",))
    kernels.library.cache_clear()
    assert kernels.library("gru", hidden=3) is None
    assert "training without kernels in C" in capsys.readouterr().err
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    kernels.library.cache_clear()
