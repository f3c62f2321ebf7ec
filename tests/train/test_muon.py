"""Muon: steps are orthogonal whatever the gradient's scale, and it learns what it should."""

import pytest
import torch
from torch import nn

from undin.train.muon import Muon, orthogonal

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("shape", [(7, 7), (24, 72), (72, 24), (5, 32, 32), (1, 9)])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_singular_values_come_near_one(shape, scale):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(scale * torch.randn(shape)))
    # the polynomial is made to be fast: it leaves them between 0.7 and 1.2, but for those that are tiny to begin with
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_directions_stay():
    torch.manual_seed(0)
    matrix = torch.randn(6, 9)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    torch.testing.assert_close(orthogonal(matrix), left @ right, atol=0.35, rtol=0)


def test_kernels_and_stacks_learn_a_linear_map():
    torch.manual_seed(0)
    conv, stack = nn.Conv2d(4, 6, (1, 3), bias=False), nn.Parameter(torch.zeros(5, 4, 4))
    wanted_conv, wanted_stack = torch.randn_like(conv.weight), torch.randn_like(stack)
    optimiser = Muon([conv.weight, stack], lr=0.1, weight_decay=0.0)
    for step in range(300):
        optimiser.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        loss = (conv.weight - wanted_conv).square().sum() + (stack - wanted_stack).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 1e-2


def test_matrices_step_together_as_they_would_alone():
    torch.manual_seed(0)
    shapes = (24, 20, 1, 3), (20, 24, 1, 8), (5, 33, 33), (72, 24), (24, 20, 1, 3)
    together, alone = ([nn.Parameter(torch.ones(shape)) for shape in shapes] for _ in range(2))
    optimisers = [Muon(together, lr=0.1), *(Muon([parameter], lr=0.1) for parameter in alone)]
    for _ in range(3):
        for one, other in zip(together, alone, strict=True):
            one.grad = other.grad = torch.randn_like(one)
        for optimiser in optimisers:
            optimiser.step()
    torch.testing.assert_close(together, alone)
    # as checkpoints have it
    assert [value["momentum"].shape for value in optimisers[0].state_dict()["state"].values()] == list(shapes)


def test_what_has_no_gradient_stays():
    parameter = nn.Parameter(torch.ones(3, 4))
    Muon([parameter], lr=0.1).step()
    assert torch.equal(parameter, torch.ones(3, 4))
