"""A streaming network that is not undin's, as docs/compiler.md has it: its state is the library's, in C and Python."""

import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from support.needs import need

from undin.cli import main
from undin.compiler.ir.files import Given
from undin.compiler.ir.graph import Value
from undin.compiler.ir.reader import read_graph
from undin.compiler.pipeline import translate
from undin.compiler.session import Session, open_session, reference_step

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "compiler.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Networks that are not undin's")[2].partition("\n## ")[0]
SAMPLES, FRAMES = 512, 20

VAD = """<ir_version: 8, opset_import: ["" : 17]>
    vad (float[1, 512] x, float[1, 1, 64] h, float[1, 1, 64] c)
    => (float[1, 1] p, float[1, 1, 64] hn, float[1, n, 64] cn)
    <int64[1] first = {0}> {
        frame = Unsqueeze(x, first)
        out, hn, cn = LSTM <hidden_size = 64> (frame, W, R, B, , h, c)
        flat = Squeeze(hn, first)
        linear = MatMul(flat, V)
        p = Sigmoid(linear)
    }"""


@pytest.fixture(scope="module")
def vad(tmp_path_factory) -> Path:
    """The network of the page."""
    model, random = onnx.parser.parse_model(VAD), np.random.default_rng(0)
    for name, shape in {"W": (1, 256, 512), "R": (1, 256, 64), "B": (1, 512), "V": (64, 1)}.items():
        weights = random.normal(0, 0.1, shape).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(weights, name))
    path = tmp_path_factory.mktemp("vad") / "vad.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((FRAMES, 1, SAMPLES)).astype(np.float32)


@pytest.fixture(scope="module")
def expected(vad, speech) -> np.ndarray:
    """What ONNX Runtime makes of the speech."""
    inputs = [Value(name, (1, 1, 64), np.dtype(np.float32)) for name in "hc"]
    session = Session(reference_step(str(vad)), inputs, {"hn": "h", "cn": "c"})
    voices = np.array([session.run({"x": block})["p"] for block in speech])
    assert np.ptp(voices) > 0.1
    return voices


def shown(kind: str, *, with_word: str = "") -> str:
    (block,) = (text for text in re.findall(rf"```{kind}\n(.*?)```", SECTION, re.DOTALL) if with_word in text)
    return block


def test_program_of_the_page(vad, speech, expected, tmp_path, capsys):
    need("linux", "gcc")
    assert main(["compile", str(vad), "-o", str(tmp_path / "vad"), "--check"]) == 0
    output = capsys.readouterr().out
    assert "state: h from hn, c from cn\n" in output and "1000 frames as in ONNX Runtime" in output
    header = (tmp_path / "vad" / "undin_vad.h").read_text()
    assert set(shown("c", with_word="undin_vad_run").splitlines()) <= set(header.splitlines())
    assert re.search(r"^state +512 bytes$", output, re.M)
    (tmp_path / "detect.c").write_text(shown("c", with_word="detect.c"))
    subprocess.run(["bash", "-ec", shown("bash", with_word="gcc")], cwd=tmp_path, check=True)
    voices = subprocess.check_output([tmp_path / "detect"], input=speech.tobytes(), text=False).split()
    np.testing.assert_allclose([float(voice) for voice in voices], expected.reshape(-1), atol=1e-6)


def test_session_carries_the_state_until_it_is_reset(vad, speech, expected):
    need("cc")
    session = open_session(vad)
    for _ in range(2):
        results = [session.run({"x": block}) for block in speech]
        np.testing.assert_allclose(np.array([result["p"] for result in results]), expected, atol=1e-6)
        session.reset()
    assert results[-1].keys() == {"p", "hn", "cn"} and results[-1]["hn"].shape == (1, 1, 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["h"], "--state h: write it as INPUT=OUTPUT"),
        (["k=hn"], "there is no input 'k', only 'x', 'h', 'c'"),
        (["h=p"], "the output 'p' cannot be the next 'h': they are h (1, 1, 64) of float32 and p (1, 1) of float32"),
        (["h=hn", "h=cn"], "--state h is given twice"),
    ],
)
def test_states_that_cannot_be_are_refused(vad, tmp_path, capsys, options, message):
    states = [text for option in options for text in ("--state", option)]
    assert main(["compile", str(vad), "-o", str(tmp_path / "out"), *states]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_no_state_is_no_step(vad):
    source = translate(read_graph(vad, Given(states={})))
    assert source.state_bytes == 0 and "step" not in source.files["undin_vad.h"]
