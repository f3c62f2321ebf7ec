"""How many operators a step calls, of which each costs a launch on a GPU, however small it is."""

from pathlib import Path

from benchmarks.training_speed import STAGES, operator_calls
from undin.train.recipe import load_recipe

MOST = dict(zip(STAGES, (200, 330, 230, 80), strict=True))
"""A little above what they are; `benchmarks/training_speed.md` tells what each stage spends them on."""
QUICK = ("data.segment_seconds=0.2", "mixing.rooms=4")


def test_a_step_calls_no_more_operators_than_it_needs():
    recipe = load_recipe(Path("recipes/undin-tiny.toml"), overrides=QUICK)
    calls = operator_calls(recipe, kernels_in_c=False, steps=1)
    assert {stage: count for stage, count in calls.items() if count > MOST[stage]} == {}
    # a count that misses an operator would hold any bound
    assert all(calls[stage] > 0.8 * MOST[stage] for stage in STAGES)
