"""Mutated model files and checkpoints through everything of undin that reads them: a sentence or a model, nothing else.

    python tests/support/fuzz_models.py 100000 --processes 2

Each is made from a whole file (models of undin, graphs of random operators, a network with graphs in it, a checkpoint)
by a few changes, by its number alone. A third of them change bytes; the others change fields of the decoded file, which
keeps it readable, so that what comes behind the decoder is reached too. A model goes the ways of `undin info`, of
`undin compile` up to the C, and of ONNX Runtime; a checkpoint that of a run that starts from its weights.
"""

import argparse
import contextlib
import io
import sys
import tempfile
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import parser

sys.path.insert(0, str(Path(__file__).parents[1]))  # as a script
from support import fuzz, fuzz_files, random_graphs, small_recipe, small_step, step_models

from undin.model.loading import find

RANDOM_GRAPHS = 24
KINDS = ["small-step", "gain", "undin-nano", *(f"random {seed}" for seed in range(RANDOM_GRAPHS))]
KINDS += ["graphs in it"] * 3 + ["checkpoint"]
WITH_GRAPHS = """
<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
net (float[1, 8] x, float[1, 8] state) => (float[1, 8] y, float[1, 8] next_state)
<float[8, 8] w = {WEIGHTS}, int64 three = {3}, bool yes = {1}>
{
    h = MatMul(x, w)
    twice = own.Doubled(h)
    any = ReduceMax<keepdims = 0>(state)
    nothing = Constant<value = float {0}>()
    is_some = Greater(any, nothing)
    chosen = If(is_some) <then_branch = yes () => (float[1, 8] a) { a = Add(twice, state) },
                          else_branch = no () => (float[1, 8] b) { b = Sub(twice, state) }>
    y = Loop(three, yes, chosen) <body = more (int64 i, bool go, float[1, 8] v) => (bool goes, float[1, 8] u) {
        goes = Identity(go)
        u = Tanh(v)
    }>
    next_state = Identity(y)
}
<domain: "own", opset_import: ["" : 17]>
Doubled (v) => (u) { u = Add(v, v) }
"""
WORDS = ["", "Add", "Conv", "GRU", "Loop", "Reshape", "a\nb", "ä" * 300, "../../x", "com.microsoft", "a/b;{}\"'\\"]
SIZES = [*fuzz.NUMBERS, -1, -2, -(2**31), -(2**63), 2**63 - 1, 4, 5, 7, 10, 17]
RATIOS = [0.0, -1.0, 1e-30, 1e30, float("nan"), float("inf")]


@cache
def whole(kind: str) -> bytes:
    """The whole file of a kind."""
    kind, _, seed = kind.partition(" ")
    match kind:
        case "random":
            return random_graphs.random_graph(int(seed)).model.SerializeToString()
        case "graphs":
            weights = ", ".join(f"{value:g}" for value in np.linspace(-1, 1, 64))
            return parser.parse_model(WITH_GRAPHS.replace("WEIGHTS", weights)).SerializeToString()
        case "checkpoint":
            return checkpoint()
        case "undin-nano":
            return find(kind).read_bytes()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = small_step.save(folder) if kind == "small-step" else step_models.gain(folder / "gain.onnx", 0.5)
        return path.read_bytes()


def checkpoint() -> bytes:
    """A checkpoint of a network that nobody trained."""
    import torch

    from undin.train.checkpoint import FORMAT_VERSION
    from undin.train.recipe import Recipe

    recipe = Recipe.from_table({"name": "small", **tomllib.loads(small_recipe.RECIPE.format(folder="data"))})
    torch.manual_seed(0)
    network = recipe.build_network().state_dict()
    values = {"recipe": recipe.to_table(), "commit": "unknown", "start": None, "step": 1, "hours": 0.5}
    values |= {"scores": {}, "best_score": 0.0}
    values |= {"network": network, "ema": network, "optimisers": [], "random": {}, "format_version": FORMAT_VERSION}
    file = io.BytesIO()
    torch.save(values, file)
    return file.getvalue()


def kind(number: int) -> str:
    """What a number's file is made from."""
    return KINDS[number % len(KINDS)]


def mutated(number: int) -> bytes:
    """The file of a number."""
    rng = np.random.default_rng(number)
    content = bytearray(whole(kind(number)))
    changes = int(rng.integers(1, 4))
    if rng.random() < 0.3:
        for _ in range(changes):
            if content:
                fuzz_files.change(content, int(rng.integers(0, len(content))), rng)
        return bytes(content)
    if kind(number) == "checkpoint":
        return _with_other_values(content, changes, rng)
    model = onnx.ModelProto.FromString(bytes(content))
    for _ in range(changes):
        _change_field(model, rng)
    return model.SerializeToString()


def _with_other_values(content: bytes, changes: int, rng: np.random.Generator) -> bytes:
    """A checkpoint with other things in some places."""
    import torch

    values = torch.load(io.BytesIO(content), weights_only=True)
    for _ in range(changes):
        place, key = values, None
        while isinstance(place, dict | list) and len(place):
            parent, keys = place, list(place) if isinstance(place, dict) else range(len(place))
            key = keys[rng.integers(0, len(keys))]
            place = place[key]
            if rng.random() < 0.2:
                break
        new = [None, "", "x" * 300, [], {}, True, *SIZES, *RATIOS, torch.zeros(3), torch.zeros(()), {"a": 1}, [1, "a"]]
        if rng.random() < 0.2:
            del parent[key]
        else:
            parent[key] = new[rng.integers(0, len(new))]
    file = io.BytesIO()
    torch.save(values, file)
    return file.getvalue()


def _change_field(model: onnx.ModelProto, rng: np.random.Generator) -> None:
    """Change one field, anywhere in a model."""
    places = [(message, field) for message in _messages(model) for field, _ in message.ListFields()]
    if not places:
        return
    message, field = places[rng.integers(0, len(places))]
    value = getattr(message, field.name)
    if rng.random() < 0.1:
        message.ClearField(field.name)
    elif field.type == field.TYPE_MESSAGE:
        others = [one for one in _messages(model) if one.DESCRIPTOR is field.message_type]
        other = type(others[0]).FromString(others[rng.integers(0, len(others))].SerializeToString())
        if not field.is_repeated:
            value.CopyFrom(other)
            return
        place = int(rng.integers(0, len(value)))
        match rng.integers(0, 3):
            case 0:
                del value[place]
            case 1:
                value[place].CopyFrom(other)
            case 2:
                value.add().CopyFrom(other)
    elif field.is_repeated:
        place = int(rng.integers(0, len(value)))
        match rng.integers(0, 3):
            case 0:
                del value[place]
            case 1:
                value[place] = _scalar(field, value[place], model, rng)
            case 2:
                value.append(_scalar(field, value[place], model, rng))
    else:
        setattr(message, field.name, _scalar(field, value, model, rng))


def _messages(message: Message) -> list[Message]:
    """A message and all within it."""
    found = [message]
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in value if field.is_repeated else [value]:
                found += _messages(one)
    return found


def _scalar(field: Any, value: Any, model: onnx.ModelProto, rng: np.random.Generator) -> Any:
    """Another value for a field that is no message."""
    if field.type == field.TYPE_STRING:
        names = [name for node in model.graph.node for name in (*node.input, *node.output)]
        others = [*WORDS, value[:-1], value + "x", *names, *(str(size) for size in SIZES)]
        return others[rng.integers(0, len(others))]
    if field.type == field.TYPE_BYTES:
        content = bytearray(value)
        if content:
            fuzz_files.change(content, int(rng.integers(0, len(content))), rng)
        return bytes(content)
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return RATIOS[rng.integers(0, len(RATIOS))]
    if field.type == field.TYPE_ENUM:
        return field.enum_type.values[rng.integers(0, len(field.enum_type.values))].number
    least, most = (-(2**31), 2**31 - 1) if field.type == field.TYPE_INT32 else (-(2**63), 2**63 - 1)
    sizes = [value - 1, value + 1, *SIZES]
    return min(max(sizes[rng.integers(0, len(sizes))], least), most)


def check(number: int, folder: Path) -> str:
    """Read the file of a number; how that went in a word, `AssertionError` where it went wrong."""
    path = folder / "in.onnx"
    if kind(number) == "checkpoint":
        path = folder / "in.pt"
        path.write_bytes(mutated(number))
        return "trained" if _is_read(_trained, path) else "refused"
    path.write_bytes(mutated(number))
    words = [word for word, read in READERS.items() if _is_read(read, path)]
    return " and ".join(words) or "refused"


def _info(path: Path) -> None:
    from undin.cli import info

    with contextlib.redirect_stdout(io.StringIO()):
        for json in (False, True):
            info.run(argparse.Namespace(models=[str(path)], json=json))


def _translate(path: Path) -> None:
    from undin.compiler.pipeline import translate

    translate(path)


def _run(path: Path) -> None:
    import undin

    undin.load(path, engine="onnxruntime")


READERS = {"known": _info, "compiled": _translate, "run": _run}


def _trained(path: Path) -> None:
    from undin.train.trained import Trained

    Trained.load(str(path))


def _is_read(read: Callable[[Path], None], path: Path) -> bool:
    """Whether a file is read; what is said where not must be a sentence."""
    from undin.io.errors import sentence

    try:
        read(path)
    except (ValueError, OSError) as error:
        text = sentence(error)
        assert text and "\n" not in text and len(text) < 1_000, f"no sentence: {text!r}"
        return False
    return True


def prepare() -> None:
    """Import what is imported at first use."""
    import onnxruntime  # noqa: F401

    for one in KINDS:
        whole(one)


TARGET = fuzz.Target(__file__, kind, mutated, check, prepare, memory_bytes=3 * 2**30)

if __name__ == "__main__":
    sys.exit(fuzz.main(TARGET, __doc__))
