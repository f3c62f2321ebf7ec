"""Training: recipe, losses, loop, checkpoints, validation. Start with ``recipe.py``, then ``loop.py``."""
