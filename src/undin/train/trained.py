"""Trained weights, where a run starts or a teacher takes them and where a run ends: as a network, and as a model file.

What becomes of them in training is in ``state.py``; how a network becomes a model file, in ``nn/export.py``; how that
becomes a network again, in ``nn/unfold.py``.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from undin.model.commit import commit_of_package
from undin.model.lineage import Provenance, to_json
from undin.model.loading import find, models
from undin.model.metadata import Metadata
from undin.nn.export import export
from undin.nn.layers import Streaming
from undin.nn.macs import macs_per_second, parameters
from undin.nn.tflite import export_tflite
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
        if is_model(name_or_path):
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


def is_model(name_or_path: str | Path) -> bool:
    """Whether this names a model, one that comes with undin or an ONNX file, and no checkpoint."""
    return str(name_or_path) in models() or Path(name_or_path).suffix == ".onnx"


def export_model(
    sources: Sequence[str | Path],
    path: str | Path,
    *,
    name: str | None = None,
    licence: str | None = None,
    format: Literal["onnx", "tflite"] = "onnx",
    int8_weights: bool = False,
) -> Metadata:
    """Make a model file of a checkpoint, of the mean of several or of another model, as ``undin export`` does.

    Parameters
    ----------
    sources : sequence of path
        At least one checkpoint, all of one network, of which the averaged weights are taken; or one model: a name out
        of `undin.models()`, or an ONNX file that undin exported.
    path : path
        Of the file to write, whole or not at all.
    name : str, optional
        Of the model; by default the recipe's, or that of the model it is made of.
    licence : str, optional
        Of the weights; by default Apache-2.0, or that of the model.
    format : {"onnx", "tflite"}
    int8_weights : bool
        As for `export_tflite`; ONNX files have their weights in floats.

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
    ModuleNotFoundError
        TFLite is asked for, and its converter is not installed.
    """
    if int8_weights and format != "tflite":
        raise ValueError("weights in 8 bits are for TFLite; `undin compile --int8` makes C of an ONNX file in integers")
    if (named := [one for one in sources if is_model(one)]) and len(sources) > 1:
        raise ValueError(f"only the weights of checkpoints are averaged: export {named[0]}, which is a model, alone")
    network, metadata = _of_model(str(sources[0])) if named else _of_checkpoints(sources)
    metadata = replace(metadata, name=name or metadata.name, licence=licence or metadata.licence)
    if format == "tflite":
        export_tflite(network, metadata, path, int8_weights=int8_weights)
    else:
        export(network, metadata, path)
    return metadata


def _of_model(name_or_path: str) -> tuple[Streaming, Metadata]:
    return Trained.load(name_or_path).network, Metadata.of_onnx_file(find(name_or_path))


def _of_checkpoints(paths: Sequence[str | Path]) -> tuple[Streaming, Metadata]:
    checkpoint = average([Checkpoint.load(one) for one in paths])
    recipe, network, provenance = (
        Recipe.from_table(checkpoint.recipe),
        checkpoint.build_network(),
        checkpoint.provenance(),
    )
    audio, data = recipe.audio, recipe.data
    return network, Metadata(
        name=recipe.name,
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
        licence="Apache-2.0",
        commit=commit_of_package(),
    )
