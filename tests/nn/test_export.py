"""Exported networks run in ONNX Runtime as they do in torch, and a bad export leaves nothing behind."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from support.hops import Hops
from support.small_networks import HOP, N_FFT, QUICKLY_EXPORTED, small_network
from support.step_models import metadata
from support.streaming_checks import prepared

import undin
from undin.nn.export import export
from undin.nn.spectrum import Spectrum
from undin.train.recipe import load_recipe

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
FRAMES = 200


@pytest.fixture(scope="module", params=QUICKLY_EXPORTED)
def exported(request, tmp_path_factory):
    """A network and its model file, loaded."""
    network = small_network(request.param)
    path = tmp_path_factory.mktemp("models") / f"{request.param}.onnx"
    export(network, metadata(name=request.param, state_size=network.state_size), path)
    return network, undin.load(path, engine="onnxruntime")


@torch.no_grad()
def assert_equal_to_torch(network, model, wave: np.ndarray) -> None:
    """The engine returns the samples that torch computes for all frames at once."""
    spectrum = Spectrum(N_FFT, N_FFT, HOP)
    spec = spectrum.analyse(torch.from_numpy(wave)[None])
    enhanced, _ = network(spec, network.initial_state(1))
    expected = spectrum.synthesise(enhanced, samples=len(wave))[0].numpy()
    streamed = Hops(model.engine).process(wave)
    delay = N_FFT - HOP
    assert np.abs(expected).max() > 1e-3
    assert np.abs(streamed[delay:] - expected[:-delay]).max() < 1e-5


def test_noise_comes_out_as_from_torch(exported):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, FRAMES * HOP).astype(np.float32)
    assert_equal_to_torch(*exported, noise)


def test_speech_comes_out_as_from_torch(exported, noisy_speech):
    assert_equal_to_torch(*exported, noisy_speech[: FRAMES * HOP])


@torch.no_grad()
def test_full_band_streams_compiled_as_from_torch(tmp_path):
    """At 48 kHz, in blocks of any size, with 20 ms of latency and no resampling."""
    torch.manual_seed(0)
    network = prepared(load_recipe(RECIPES / "undin-nano-48k.toml").build_network())
    sizes = {"n_fft": 960, "window": 960, "hop": 480}
    path = tmp_path / "full.onnx"
    export(network, metadata(name="full", sample_rate=48_000, state_size=network.state_size, **sizes), path)
    wave = np.random.default_rng(0).uniform(-0.3, 0.3, 48_000).astype(np.float32)
    spectrum = Spectrum(**sizes)
    enhanced, _ = network(spectrum.analyse(torch.from_numpy(wave)[None]), network.initial_state(1))
    expected = spectrum.synthesise(enhanced, samples=len(wave))[0].numpy()
    assert np.abs(np.fft.rfft(expected))[8_000:].max() > 1  # the treble is there
    assert np.abs(undin.enhance(wave, sample_rate=48_000, model=path) - expected).max() < 1e-5
    assert undin.Stream(48_000, model=path).latency_samples == 959


def test_file_says_what_was_said(exported):
    network, model = exported
    assert model.metadata == metadata(name=model.path.stem, state_size=network.state_size)


def test_step_has_no_batch_norm_left(exported):
    operators = {node.op_type for node in onnx.load(exported[1].path).graph.node}
    assert "BatchNormalization" not in operators


def test_export_leaves_the_network_as_it_was(tmp_path):
    network = small_network("crn").train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    export(network, metadata(name="crn", state_size=network.state_size), tmp_path / "crn.onnx")
    assert network.training
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_weights_that_are_not_finite_are_refused(tmp_path):
    network = small_network("mask_rnn_gru")
    network.mask.weight.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"the weights 'mask\.weight' are not finite"):
        export(network, metadata(name="nan", state_size=network.state_size), tmp_path / "nan.onnx")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path):
    network = small_network("mask_rnn_gru")
    with pytest.raises(OSError):
        export(network, metadata(name="gru", state_size=network.state_size), tmp_path / "none" / "gru.onnx")
