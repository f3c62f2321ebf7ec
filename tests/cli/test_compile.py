"""`undin compile` writes C and a library, tells their sizes, and refuses in one sentence."""

import re
from pathlib import Path

import pytest
import step_models

from undin.cli import main
from undin.compiler import hop
from undin.compiler.lower import pointwise


@pytest.fixture
def model(tmp_path) -> Path:
    return step_models.gain(tmp_path / "half-gain.onnx", 0.5)


def test_library_and_sizes_for_this_machine(model, tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert main(["compile", str(model), "-o", str(folder), "--check"]) == 0
    output = capsys.readouterr().out
    (library,) = folder.glob("*undin_half_gain.*[!ch]")
    assert output.startswith(f"{library}: half-gain for native\n")
    names = {path.name for path in folder.iterdir()}
    assert names >= {"undin_half_gain.c", "undin_half_gain.h", "undin_half_gain_weights.c", "undin_hop.h"}
    sizes = {name: int(size.replace(",", "")) for name, size in re.findall(r"^(\w+) +([\d,]+) bytes$", output, re.M)}
    assert sizes["flash"] == sizes["code"] + sizes["weights"]
    assert sizes["state"] == hop.state_bytes(step_models.metadata(name="gain"))
    assert sizes["RAM"] == sizes["state"] + sizes["arena"] + sizes.get("variables", 0)
    assert 1000 < sizes["code"] < library.stat().st_size
    header = (folder / "undin_half_gain.h").read_text()
    assert f"ARENA_SIZE {sizes['arena']} " in header
    assert "1000 frames as in ONNX Runtime" in output


def test_check_that_fails_names_the_tensor(model, tmp_path, capsys, monkeypatch):
    pytest.importorskip("ziglang", reason="ziglang is not installed")
    monkeypatch.setitem(pointwise.EXPRESSIONS, "Mul", "({0} * {1} * 1.01f)")
    assert main(["compile", str(model), "-o", str(tmp_path), "--target", "wasm32", "--check"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("undin: error: enhanced (1, 1, 257, 2) differs from ONNX Runtime in frame 0, by ")
    assert "of all tensors inside, enhanced" in error
    assert (tmp_path / "undin_half_gain.wasm").read_bytes().startswith(b"\0asm")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.onnx", None, "missing.onnx: No such file or directory"),
        ("text.onnx", "no model", "text.onnx is not a"),
    ],
)
def test_refusals_are_one_sentence(tmp_path, capsys, name, content, message):
    if content:
        (tmp_path / name).write_text(content)
    assert main(["compile", str(tmp_path / name), "-o", str(tmp_path / "out")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
