"""The power spectrum with its own gradient, against what autograd makes of the definition."""

import pytest
import torch

from undin.train.power_spectrum import power_spectrum, squared_magnitude


@pytest.mark.parametrize(
    ("samples", "window", "hop", "n_fft"), [(200, 32, 16, 32), (75, 20, 10, 32), (61, 24, 6, 26), (24, 24, 12, 24)]
)
def test_values_and_gradient_are_those_of_the_definition(samples, window, hop, n_fft):
    generator = torch.Generator().manual_seed(0)
    wave = torch.randn(2, samples, generator=generator, dtype=torch.float64, requires_grad=True)
    window = torch.rand(window, generator=generator, dtype=torch.float64)
    expected = torch.fft.rfft(wave.unfold(1, len(window), hop) * window, n_fft).abs().square()
    found = power_spectrum(wave, window, hop=hop, n_fft=n_fft)
    torch.testing.assert_close(found, expected)
    weight = torch.randn(expected.shape, generator=generator, dtype=torch.float64)
    gradients = [torch.autograd.grad((weight * power).sum(), wave)[0] for power in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_the_squared_magnitude_has_the_gradient_of_the_definition():
    spec = torch.randn(2, 5, 9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(squared_magnitude, spec)
    torch.testing.assert_close(squared_magnitude(spec), spec.square().sum(-1))
