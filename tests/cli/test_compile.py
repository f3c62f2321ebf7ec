"""`undin compile` writes C and a library, tells their sizes, and refuses in one sentence."""

import re
from pathlib import Path

import onnx.parser
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
        ("text.onnx", b"no model", "text.onnx is not a valid ONNX file: "),
        ("empty.onnx", b"", "empty.onnx is not a valid ONNX file: "),
        ("", None, ": Is a directory"),
    ],
)
def test_refusals_are_one_sentence(tmp_path, capsys, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert_refused(tmp_path / name, message, tmp_path, capsys)


def test_half_a_file_and_foreign_operators_are_refused(model, tmp_path, capsys):
    content = model.read_bytes()
    model.write_bytes(content[: len(content) // 2])
    assert_refused(model, "half-gain.onnx is not a valid ONNX file: ", tmp_path, capsys)
    foreign = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
        g (float[3, 3] x) => (float y) { y = Det(x) }""")
    onnx.save(foreign, model)
    assert_refused(model, "cannot compile Det 'y' of x (3, 3): undin does not know this operator", tmp_path, capsys)


def assert_refused(path: Path, message: str, folder: Path, capsys) -> None:
    """One line that says why, and nothing written."""
    assert main(["compile", str(path), "-o", str(folder / "out")]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (folder / "out").exists()
