"""Trained weights, where a run starts or a teacher takes them and where a run ends: as a network, and as a model file.

What becomes of them in training is in ``state.py``; how a network becomes a model file, in ``nn/export.py``; how that
becomes a network again, in ``nn/unfold.py``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from undin.model.commit import commit_of_package
from undin.model.lineage import Provenance, to_json
from undin.model.loading import find, models
from undin.model.metadata import Metadata
from undin.nn.export import export
from undin.nn.layers import Streaming
from undin.nn.macs import macs_per_second, parameters
from undin.nn.unfold import unfold
from undin.train.checkpoint import Checkpoint, average
from undin.train.recipe import Recipe


@dataclass(frozen=True)
class Trained:
    """A trained network and where it comes from.

    Attributes
    ----------
    network : Streaming
        In evaluation mode.
    provenance : Provenance
    """

    network: Streaming
    provenance: Provenance

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
            return cls(
                network,
                Provenance(
                    name=about.name,
                    hours_trained=about.hours_trained,
                    commit=about.commit,
                    recipe=recipe,
                    ancestors=about.ancestors,
                ),
            )
        checkpoint = Checkpoint.load(name_or_path)
        return cls(checkpoint.build_network(), checkpoint.provenance())


def export_model(
    checkpoints: Sequence[str | Path], path: str | Path, *, name: str | None = None, licence: str = "Apache-2.0"
) -> Metadata:
    """Make a model file of a checkpoint, or of the mean of several, as ``undin export`` does.

    Parameters
    ----------
    checkpoints : sequence of path
        At least one, all of one network; the averaged weights of each are taken.
    path : path
        Of the ``.onnx`` file to write, whole or not at all.
    name : str, optional
        Of the model; by default the recipe's.
    licence : str, optional
        Of the weights.

    Returns
    -------
    Metadata
        What the file says about itself.

    Raises
    ------
    ValueError
        A file is no checkpoint, they hold different networks, or weights are not finite.
    OSError
        A file cannot be read or written.
    """
    checkpoint = average([Checkpoint.load(one) for one in checkpoints])
    recipe, network, provenance = (
        Recipe.from_table(checkpoint.recipe),
        checkpoint.build_network(),
        checkpoint.provenance(),
    )
    audio, data = recipe.audio, recipe.data
    metadata = Metadata(
        name=name or recipe.name,
        sample_rate=audio.sample_rate,
        n_fft=audio.n_fft,
        window=audio.window,
        hop=audio.hop,
        latency_samples=audio.window - 1 + network.look_ahead_frames * audio.hop,
        state_size=network.state_size,
        parameters=parameters(network),
        macs_per_second=macs_per_second(network, n_fft=audio.n_fft, sample_rate=audio.sample_rate, hop=audio.hop),
        recipe=json.dumps(checkpoint.recipe),
        hours_trained=provenance.hours_trained,
        lineage=to_json(provenance.ancestors),
        training_data=data.description or ", ".join((*data.speech, *data.noise, *data.pairs)),
        licence=licence,
        commit=commit_of_package(),
    )
    export(network, metadata, path)
    return metadata
