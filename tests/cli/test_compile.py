"""`undin compile` writes C and a library for every target, tells their sizes, and refuses in one sentence."""

import re
import subprocess
from pathlib import Path

import onnx.parser
import pytest
from support import step_models
from support.needs import need

from undin import load
from undin.cli import main
from undin.compiler.emit import hop
from undin.compiler.emit.dispatch import public_names
from undin.compiler.lower import pointwise
from undin.compiler.toolchain.targets import TARGETS
from undin.engines.native import stream_functions


@pytest.fixture
def model(tmp_path) -> Path:
    return step_models.gain(tmp_path / "half-gain.onnx", 0.5)


def test_library_and_sizes_for_this_machine(model, tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert main(["compile", str(model), "-o", str(folder), "--check"]) == 0
    output = capsys.readouterr().out
    (library,) = folder.glob("*undin_half_gain.*[!ch]")
    assert output.startswith(f"{library}: half-gain for native\n")
    assert exported(library) >= wanted_beside(library)
    names = {path.name for path in folder.iterdir()}
    assert names >= {"undin_half_gain.c", "undin_half_gain.h", "undin_half_gain_weights.c", "undin_hop.h"}
    assert names >= {"undin.h", "undin_stream.c"}
    sizes = sizes_in(output)
    assert sizes["flash"] == sizes["code"] + sizes["weights"]
    assert sizes["state"] == hop.state_bytes(step_models.metadata(name="gain"))
    assert sizes["RAM"] == sizes["state"] + sizes["arena"] + sizes.get("variables", 0)
    assert 1000 < sizes["code"] < library.stat().st_size
    header = (folder / "undin_half_gain.h").read_text()
    assert f"ARENA_BYTES {sizes['arena']}\n" in header
    for rate, channels, name in ((16_000, 1, "stream, 16 kHz mono"), (48_000, 2, "stream, 48 kHz stereo")):
        assert sizes[name] == stream_functions().bytes(load(library).engine.c_model, rate, channels)
    suffice = int(re.search(r"STREAM_BYTES (\d+) ", header)[1])
    assert sizes["stream, 16 kHz mono"] <= suffice < sizes["stream, 16 kHz mono"] + 1024
    assert "1000 frames as in ONNX Runtime" in output


def sizes_in(output: str) -> dict[str, int]:
    """The table that the command prints, bytes."""
    rows = re.findall(r"^(\w.*?) +([\d,]+) bytes$", output, re.M)
    return {name: int(size.replace(",", "")) for name, size in rows}


@pytest.mark.faces
@pytest.mark.parametrize("target", sorted(TARGETS.keys() - {"native"}))
@pytest.mark.needs("ziglang")
def test_every_target_has_the_model_and_the_stream(model, tmp_path, target):
    assert main(["compile", str(model), "-o", str(tmp_path / "out"), "--target", target]) == 0
    (product,) = (path for path in (tmp_path / "out").iterdir() if path.suffix not in (".c", ".h"))
    assert exported(product) >= wanted_beside(product)


def wanted_beside(product: Path) -> set[str]:
    """What the headers beside a product declare."""
    headers = [product.with_name(name).read_text() for name in ("undin.h", "undin_half_gain.h")]
    wanted = {name for header in headers for name in public_names("undin", header)}
    assert wanted >= {"undin_half_gain", "undin_half_gain_process_hops", "undin_stream_process", "undin_error"}
    return wanted


def exported(product: Path) -> set[str]:
    """Names that a product has for others."""
    if product.suffix in (".wasm", ".dylib", ".dll"):  # without nm, since that of Debian reads none of them
        return {name.decode() for name in re.findall(rb"undin_\w+", product.read_bytes())}
    need("nm")
    which = ["-g"] if product.suffix == ".a" else ["-D"]
    table = subprocess.run(["nm", *which, "--defined-only", product], text=True, check=True, capture_output=True)
    return {line.split()[-1] for line in table.stdout.splitlines() if line}


@pytest.mark.needs("ziglang")
def test_models_share_a_prefix(model, tmp_path, capsys):
    other = step_models.gain(tmp_path / "quarter-gain.onnx", 0.25)
    prefix, name = tmp_path / "new" / "prefix", "libundin_half_gain.so"
    command = ["compile", "--target", "linux-aarch64", "--prefix", str(prefix)]
    assert main([*command, str(model), "-o", str(tmp_path / "out")]) == 0
    assert main([*command, str(other)]) == 0
    products = re.findall("^(.*): (.*)-gain for linux-aarch64$", capsys.readouterr().out, re.M)
    places = (tmp_path / "out", "half"), (prefix / "lib", "half"), (prefix / "lib", "quarter")
    assert products == [(str(folder / f"libundin_{part}_gain.so"), part) for folder, part in places]
    files = {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()}
    assert files == {
        "include/undin.h",
        "lib/cmake/undin/undin-config.cmake",
        "lib/cmake/undin/undin-config-version.cmake",
        *(f"include/undin_{part}_gain.h" for part in ("half", "quarter")),
        *(f"lib/libundin_{part}_gain.so" for part in ("half", "quarter")),
        *(f"lib/cmake/undin/models/undin_{part}_gain.cmake" for part in ("half", "quarter")),
        *(f"lib/pkgconfig/undin_{part}_gain.pc" for part in ("half", "quarter")),
    }
    assert (prefix / "lib" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    for path in prefix.rglob("*.[cp]*"):
        assert "@" not in path.read_text() and str(tmp_path) not in path.read_text(), path


def test_places_are_refused_before_anything_is_compiled(model, tmp_path, capsys):
    assert main(["compile", str(model)]) == 1
    assert "give a folder with -o, a place to install to with --prefix, or both" in capsys.readouterr().err
    assert main(["compile", str(model), "--prefix", str(tmp_path / "out"), "--target", "wasm32"]) == 1
    assert "a WebAssembly module is none: use -o" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.needs("ziglang")
def test_check_that_fails_names_the_tensor(model, tmp_path, capsys, monkeypatch):
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
        (
            "net.tflite",
            b"\x1c\0\0\0TFL3",
            "this makes one of TensorFlow Lite: python -m tf2onnx.convert --tflite net",
        ),
        ("net.pt", b"PK", "no ONNX file; this makes one of torch: torch.onnx.export(model, inputs, 'net.onnx')"),
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


OPEN = """<ir_version: 8, opset_import: ["" : 17]>
    g (float[batch, n] x, int64 rate) => (float[m] y) <int64 k = {16000}, int64[1] one = {1}> {
        c = Equal(rate, k)
        y = If (c) <
            then_branch = a () => (float[p, q] t) { t = Relu(x) },
            else_branch = b () => (float[p] u) { u = ReduceSum <keepdims = 0> (x, one) }
        >
    }"""


def test_what_a_file_leaves_open_is_given(tmp_path, capsys):
    path = tmp_path / "open.onnx"
    onnx.save(onnx.parser.parse_model(OPEN), path)
    command = ["compile", str(path), "-o", str(tmp_path / "out")]
    for options, message in {
        (): "axis 0 of input 'x' has no fixed size but 'batch': give it one with --dim batch=N, and others with",
        ("--dim", "batch=1"): "axis 1 of input 'x' has no fixed size but 'n': give it one with --dim n=N",
        ("--dim", "batch=one"): "--dim batch=one: 'one' is no whole number",
        ("--dim", "batch"): "--dim batch: write it as NAME=VALUE",
        ("--dim", "size=1"): "no input has a size 'size'; those with names: batch, n",
        ("--shape", "z=1"): "there is no input 'z', only 'x', 'rate'",
        ("--shape", "x=1,8"): "so its condition 'c' must be a constant: give what it follows from with --input rate=",
        ("--shape", "x=1,8", "--input", "rate=fast"): "'fast' is no value of input 'rate', which is int64",
    }.items():
        assert main([*command, *options]) != 0
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1
    assert main([*command, "--shape", "x=1,8", "--input", "rate=16000", "--check"]) == 0
    assert "frames as in ONNX Runtime" in capsys.readouterr().out
    assert "const float *tensor_x, float *tensor_y, void" in (tmp_path / "out" / "undin_open.h").read_text()


def test_what_is_computed_in_float32_is_said(tmp_path, capsys):
    text = """<ir_version: 8, opset_import: ["" : 17]>
        g (float16[2] x) => (double[2] y) { z = Exp(x) y = Cast <to = 11> (z) }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "half.onnx")
    assert main(["compile", str(tmp_path / "half.onnx"), "-o", str(tmp_path / "out"), "--check"]) == 0
    assert "computed in float32: what the file has in float16 and float64" in capsys.readouterr().out
