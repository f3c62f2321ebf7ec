"""CONTRIBUTING.md is true: its code runs where it says that it goes. Its commands are in tests/test_commands.py."""

import argparse
import ast
import builtins
import importlib
import re
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import onnx.parser
import pytest
import torch
from support import shown
from support.c_sources import INCLUDES
from support.compiled_graphs import compile_graphs
from support.shown import ROOT
from support.streaming_checks import assert_causal, assert_same_in_chunks

from undin.compiler import lower
from undin.compiler.ir.reader import convert
from undin.compiler.lower import pointwise
from undin.compiler.toolchain.targets import Target
from undin.evaluate import metrics
from undin.evaluate.table import Signals
from undin.nn.spectrum import Spectrum
from undin.train import losses

pytestmark = pytest.mark.quick

blocks = partial(shown.blocks, "CONTRIBUTING.md")


def place_of(block: str) -> tuple[str | None, str, bool]:
    """What the first line of a block says: the table it is a line of, the file, and whether this is new."""
    new, table, path = re.match(r"# (a new file, |in )(?:(\w+) of )?(src/\S+\.py)\n", block).groups()
    return table, path, new != "in "


def module_of(path: str):
    return importlib.import_module(".".join(Path(path).with_suffix("").parts[1:]))


def run(first_words: str):
    """What the one block with these words defines; a line of a table as a dictionary."""
    (block,) = (block for block in blocks("python") if first_words in block)
    table, path, is_new = place_of(block)
    namespace = {} if is_new else dict(vars(module_of(path)))
    if table:
        return eval(f"{{{block}}}", namespace)
    exec(block, namespace)
    return namespace


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.splitlines()[0])
def test_code_has_its_place_and_knows_every_name(block):
    table, path, is_new = place_of(block)
    assert (ROOT / path).exists() != is_new and (ROOT / path).parent.is_dir()
    tree = ast.parse(f"{{{block}}}" if table else block)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    imported = {node.asname or node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)} | arguments | imported
    known = stored | vars(builtins).keys() | (set(run(block)) if not table else vars(module_of(path)).keys())
    assert {node.id for node in names} <= known
    assert table is None or table in vars(module_of(path))


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("number", range(len(blocks("c"))))
def test_c_compiles(tmp_path, number):
    (tmp_path / "block.c").write_text(blocks("c")[number])
    command = ["gcc", "-std=gnu99", "-Wall", "-Wextra", "-Werror", *INCLUDES, "-fsyntax-only", "block.c"]
    subprocess.run(command, cwd=tmp_path, check=True)


@pytest.mark.needs("cc")
def test_the_operator(tmp_path, monkeypatch):
    (name,) = line = run('"Sinh"')
    monkeypatch.setitem(pointwise.EXPRESSIONS, name, line[name])
    monkeypatch.setitem(lower.OPERATORS, name, pointwise.pointwise)
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[3] x) => (float[3] y) { y = Sinh (x) }'
    )
    (compiled,) = compile_graphs([convert(model, name="sinh")], tmp_path)
    x = np.array([-2, 0, 0.5], np.float32)
    np.testing.assert_allclose(compiled.run(x)[0], np.sinh(x), rtol=1e-5)


def test_the_target():
    assert isinstance(run("riscv64")["linux-riscv64"], Target)


@torch.no_grad()
def test_the_layer():
    layer = run("class Difference")["Difference"](4, 6)
    x = torch.randn(2, 4, 40, 6, generator=torch.Generator().manual_seed(0))
    assert_same_in_chunks(layer, x, time=2)
    torch.testing.assert_close(layer(x, layer.initial_state(2))[0].cumsum(2), x)


@torch.no_grad()
def test_the_network():
    network = run("class Gains")["Gains"](sample_rate=16_000, n_fft=64).eval()
    spec = torch.randn(2, 40, 33, 2, generator=torch.Generator().manual_seed(0))
    assert_same_in_chunks(network, spec, time=1)
    assert_causal(network, spec, time=1)


def test_the_loss():
    loss = run("def log_magnitude")["log_magnitude"]
    spectrum = Spectrum(128, 128, 64)
    clean = torch.randn(3, 2000, generator=torch.Generator().manual_seed(0))
    spec = spectrum.analyse(clean)
    signals = (losses.Signals(spectrum, 16_000, clean, clean, gain * spec, spec) for gain in (1, 2))
    assert [loss(one).mean().item() for one in signals] == pytest.approx([0, np.log(2)], abs=1e-3)


def test_the_metric(monkeypatch):
    metric = run("def log_spectral_distance")["log_spectral_distance"]
    monkeypatch.setattr(metrics, metric.__name__, metric, raising=False)
    columns, of_table = run('"lsd": (')["lsd"]
    clean = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert columns == ("lsd_db",) and of_table(Signals(clean, clean, 16_000)) == [0]
    assert of_table(Signals(clean, clean / 2, 16_000)) == pytest.approx([6.02], abs=0.01)


def test_the_command(capsys):
    command = run("how loud")
    parser = argparse.ArgumentParser()
    command["add_arguments"](parser)
    assert command["run"](parser.parse_args([str(ROOT / "examples" / "noisy.wav")])) == 0
    assert "of full scale" in capsys.readouterr().out
