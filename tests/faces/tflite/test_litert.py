"""TFLite files on LiteRT: the sound of ONNX Runtime, in every command that takes a model; sentences for mistakes."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import flatbuffers
import numpy as np
import pytest
import soundfile
import torch
from support.small_networks import SMALL_NETWORKS, small_network
from support.step_models import metadata

import undin
from undin import cli
from undin.model.loading import find
from undin.model.metadata import Metadata
from undin.model.tflite import IDENTIFIER, SIGNATURE
from undin.nn.tflite import export_tflite

pytestmark = pytest.mark.needs("litert-torch")

FRAMES = 1_000
TOLERANCE = 1e-5


@pytest.fixture
def speech(noisy_speech):
    """1,000 frames of speech at 16 kHz, and some."""
    return np.tile(noisy_speech, 2)[: (FRAMES + 1) * 256]


def enhanced_alike(path, reference, wave: np.ndarray) -> None:
    """LiteRT gives the samples of ONNX Runtime, within rounding."""
    rate = undin.load(path).metadata.sample_rate
    ours = undin.enhance(wave, sample_rate=rate, model=path)
    theirs = undin.enhance(wave, sample_rate=rate, model=undin.load(reference, engine="onnxruntime"))
    assert np.abs(theirs).max() > 0.1
    assert np.abs(ours - theirs).max() < TOLERANCE


def test_speech_comes_out_as_from_onnx_runtime(model, speech):
    name, path = model
    enhanced_alike(path, name, np.repeat(speech, undin.load(path).metadata.sample_rate // 16_000))


@pytest.mark.parametrize("name", [name for name in SMALL_NETWORKS if not name.startswith("nunet")])
@torch.no_grad()
def test_other_networks_come_out_as_from_torch(name, tmp_path):
    network = small_network(name)
    about = metadata(name=name, state_size=network.state_size)
    export_tflite(network, about, tmp_path / "model.tflite")
    loaded = undin.load(tmp_path / "model.tflite")
    assert loaded.metadata == about
    step, state = loaded.engine.new_step(), np.zeros(about.state_size, np.float32)
    spec = torch.randn(1, 20, about.bins, 2, generator=torch.Generator().manual_seed(0))
    expected, last = network(spec, network.initial_state(1))
    frames = [step(one.view(np.complex64)[:, 0], state) for one in spec[0].numpy()]
    assert np.abs(np.array(frames) - torch.view_as_complex(expected[0]).numpy()).max() < TOLERANCE
    assert np.abs(state - last[0].numpy()).max() < TOLERANCE


def test_the_file_has_a_signature_and_says_what_the_model_says(model):
    from ai_edge_litert.interpreter import Interpreter

    name, path = model
    assert Metadata.of_tflite_file(path) == Metadata.of_onnx_file(find(name))
    signatures = Interpreter(str(path)).get_signature_list()
    assert signatures == {SIGNATURE: {"inputs": ["spec", "state"], "outputs": ["enhanced", "next_state"]}}


def test_weights_of_8_bits_cost_little(nano, exported, speech):
    smaller = exported("undin-nano", "--int8-weights")
    assert smaller.stat().st_size < 0.7 * nano.stat().st_size
    floats, integers = (undin.enhance(speech, sample_rate=16_000, model=path) for path in (nano, smaller))
    noise = integers - floats
    assert 30 < 10 * np.log10(np.sum(floats**2) / np.sum(noise**2)) < 60


def test_streams_keep_their_states_apart(nano, speech):
    """In one thread by turns, in several at once, and again from the start."""
    blocks = [np.split(part[: 50 * 480], 50) for part in (speech, speech[::-1].copy())]
    model = undin.load(nano)

    def alone(blocks: list[np.ndarray]) -> np.ndarray:
        with undin.Stream(16_000, model=model) as stream:
            return np.concatenate([stream.process(block) for block in blocks])

    expected = [alone(one) for one in blocks]
    streams = [undin.Stream(16_000, model=model) for _ in blocks]
    by_turns = [
        [stream.process(block) for stream, block in zip(streams, pair, strict=True)]
        for pair in zip(*blocks, strict=True)
    ]
    with ThreadPoolExecutor(2) as threads:
        at_once = list(threads.map(alone, blocks))
    for stream, one in enumerate(expected):
        assert np.array_equal(np.concatenate([pair[stream] for pair in by_turns]), one)
        assert np.array_equal(at_once[stream], one)


def test_channels_levels_and_limits_are_those_of_any_model(nano, speech):
    stereo = np.stack((speech, 0.5 * speech), axis=1)[:32_000]
    model = undin.load("undin-nano", engine="onnxruntime")
    for settings in ({}, {"atten_lim_db": 12.0}, {"sample_rate": 44_100}):
        ours, theirs = (
            undin.enhance(stereo, **({"sample_rate": 16_000} | settings), model=one) for one in (nano, model)
        )
        assert np.abs(ours - theirs).max() < TOLERANCE
    assert np.array_equal(undin.enhance(speech, sample_rate=16_000, model=nano, atten_lim_db=0), speech)


def test_a_model_says_what_runs_it_and_travels_by_its_path(nano):
    model = undin.load(nano)
    assert repr(model) == "<Model undin-nano at 16000 Hz, on LiteRT>"
    assert pickle.loads(pickle.dumps(model)).path == nano


def test_commands_take_it(nano, tmp_path, capsys, noisy_speech, made_up_pairs):
    soundfile.write(tmp_path / "noisy.wav", noisy_speech[:32_000], 16_000)
    assert (
        cli.main(["enhance", str(tmp_path / "noisy.wav"), "-o", str(tmp_path / "out.wav"), "--model", str(nano)]) == 0
    )
    expected = undin.enhance(soundfile.read(tmp_path / "noisy.wav", dtype="float32")[0], sample_rate=16_000, model=nano)
    assert np.abs(soundfile.read(tmp_path / "out.wav")[0] - expected).max() < 1e-4
    capsys.readouterr()
    assert cli.main(["info", "--json", str(nano)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == "undin-nano"
    assert cli.main(["bench", "--json", "--seconds", "0.2", str(nano)]) == 0
    (bench,) = json.loads(capsys.readouterr().out)
    assert (bench["variant"], bench["arena_bytes"]) == ("LiteRT", None)
    assert 0 < bench["step_us"]["minimum"] < bench["hop_us"]["minimum"]
    assert cli.main(["bench", "--variant", "avx2", str(nano)]) == 1
    assert "runs on LiteRT as it is" in capsys.readouterr().err
    pairs = ["--clean", str(made_up_pairs / "clean"), "--noisy", str(made_up_pairs / "noisy"), "--limit", "1"]
    assert cli.main(["evaluate", *pairs, "--model", str(nano), "--metrics", "si_sdr", "--jobs", "1"]) == 0
    assert "undin-nano" in capsys.readouterr().out


def test_a_file_whose_network_is_not_that_of_its_metadata_is_refused(nano, tmp_path):
    from ai_edge_litert import schema_py_generated as schema

    def changed(name: str, change) -> str:
        tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(nano.read_bytes(), 0))
        change(tree)
        builder = flatbuffers.Builder(0)
        builder.Finish(tree.Pack(builder), IDENTIFIER)
        (tmp_path / name).write_bytes(builder.Output())
        return str(tmp_path / name)

    def rename(tree):
        tree.signatureDefs[0].signatureKey = b"serving_default"

    def swap(tree):
        first, second = tree.signatureDefs[0].inputs
        first.name, second.name = second.name, first.name

    with pytest.raises(ValueError, match=r"it has no signature 'step' to run, but these: serving_default"):
        undin.load(changed("renamed.tflite", rename))
    with pytest.raises(ValueError, match=r"its inputs are .* its metadata need float tensors"):
        undin.load(changed("swapped.tflite", swap))
    (tmp_path / "cut.tflite").write_bytes(nano.read_bytes()[:50_000])
    with pytest.raises(ValueError, match=r"cut\.tflite is not"):
        undin.load(tmp_path / "cut.tflite")
