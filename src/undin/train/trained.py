"""Trained weights, where a run starts or a teacher takes them: those of a checkpoint or of a model file.

What becomes of them is in ``state.py``; how a model file becomes a network again, in ``nn/unfold.py``.
"""

import json
from dataclasses import dataclass
from typing import Any

from undin.model.loading import find, models
from undin.model.metadata import Metadata
from undin.nn.layers import Streaming
from undin.nn.unfold import unfold
from undin.train.checkpoint import Checkpoint
from undin.train.recipe import Recipe


@dataclass(frozen=True)
class Trained:
    """A trained network and what is known of it.

    Attributes
    ----------
    recipe : dict
        `Recipe.to_table` of how they were trained.
    network : Streaming
        In evaluation mode.
    hours : float
        Audio that it has heard, as far as is known.
    """

    recipe: dict[str, Any]
    network: Streaming
    hours: float

    @classmethod
    def load(cls, name_or_path: str) -> "Trained":
        """Take the averaged weights of a checkpoint, or those of a model: one that comes with undin, or an ONNX file.

        Raises
        ------
        ValueError
            The file is neither, or its network is not that of its recipe.
        OSError
            The file cannot be read.
        """
        if name_or_path in models() or name_or_path.endswith(".onnx"):
            path = find(name_or_path)
            about = Metadata.of_onnx_file(path)
            recipe = json.loads(about.recipe)
            network = Recipe.from_table(recipe).build_network()
            unfold(path, network)
            return cls(recipe, network, about.hours_heard or 0)
        checkpoint = Checkpoint.load(name_or_path)
        return cls(checkpoint.recipe, checkpoint.build_network(), checkpoint.hours)
