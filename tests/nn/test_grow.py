"""A larger network starts as a smaller one: nearly the same function at first, and all of it can learn."""

import pytest
import torch
from support.small_networks import HOP, N_FFT, SAMPLE_RATE, small_network
from support.streaming_checks import assert_trainable

from undin.nn.grow import grow
from undin.nn.networks import build_network
from undin.nn.spectrum import Spectrum

LARGE = {"channels": 12, "depth": 3, "band_channels": 14, "squeeze": 4, "blocks": 3}


def fresh(**options):
    torch.manual_seed(1)
    return build_network("undin", sample_rate=SAMPLE_RATE, n_fft=N_FFT, **(LARGE | options))


@pytest.fixture
def spec() -> torch.Tensor:
    noise = 0.1 * torch.randn(4, 100 * HOP, generator=torch.Generator().manual_seed(0))
    return Spectrum(N_FFT, N_FFT, HOP).analyse(noise)


@torch.no_grad()
def enhanced(network, spec: torch.Tensor) -> torch.Tensor:
    return network.eval()(spec, network.initial_state(len(spec)))[0]


def test_a_wider_network_starts_as_the_same_function(spec):
    small, large = small_network("undin"), fresh(depth=2, blocks=2)
    grow(small, large)
    torch.testing.assert_close(enhanced(large, spec), enhanced(small, spec), atol=1e-4, rtol=1e-4)


def test_a_network_that_sees_more_starts_as_the_same_function(spec):
    small, large = small_network("undin"), fresh(depth=2, blocks=2, steady_frames=5)
    grow(small, large)
    torch.testing.assert_close(enhanced(large, spec), enhanced(small, spec), atol=1e-4, rtol=1e-4)


def test_a_deeper_network_starts_as_nearly_the_same_function(spec):
    small, large = small_network("undin"), fresh()
    grow(small, large)
    wanted = enhanced(small, spec)
    assert (enhanced(large, spec) - wanted).square().mean() < 0.05 * wanted.square().mean()


def test_all_of_a_grown_network_learns(spec):
    large = fresh()
    grow(small_network("undin"), large)
    assert_trainable(large, spec)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 6}, r"stem.layer.weight has \(6, 5, 1, 8\), and there it has \(8, 5, 1, 8\)"),
        ({"neighbours": 8}, "a network can only start as one that has the same past_frames and neighbours"),
        ({"depth": 1}, "a network cannot start as one with more layers: it has no down_blocks.1"),
    ],
)
def test_a_network_that_is_smaller_or_sees_otherwise_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        grow(small_network("undin"), fresh(**options))


def test_other_networks_are_refused():
    with pytest.raises(ValueError, match="only a network 'undin'"):
        grow(small_network("crn"), small_network("crn"))
