"""Networks in integers: near to those in floats, and the same bits on every processor."""

import re
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper, numpy_helper, shape_inference
from support.c_stream import CStream
from support.emulators import BOARDS, Blocks, of_linux, run_in_node, run_on_board, run_on_linux
from support.product_checks import built
from support.small_networks import SMALL_NETWORKS, small_network
from support.step_models import metadata

import undin
from undin.bench.macs import COUNTS
from undin.cli import main
from undin.compiler.emit.source import emit
from undin.compiler.ir.check import check
from undin.compiler.ir.graph import Graph
from undin.compiler.ir.reader import convert, read_graph
from undin.compiler.lower.int8_weights import known_scale
from undin.compiler.passes.quantize import frames_of, marking, quantize, signal_to_noise_db
from undin.compiler.passes.quantize.calibration import Seen
from undin.compiler.passes.quantize.costs import MIN_SPEED, Shape, shape_of, times_as_fast
from undin.compiler.passes.quantize.frames import Frame, Runs
from undin.compiler.passes.quantize.marking import candidates, channel_axis, mark
from undin.compiler.passes.quantize.scales import best_scales
from undin.compiler.pipeline import metadata_of, program_of
from undin.compiler.recorded_session import RecordedSession
from undin.compiler.session import load_step, reference_session, reference_step
from undin.compiler.toolchain.build import build
from undin.compiler.toolchain.cache import instructions, this_machine
from undin.compiler.toolchain.targets import TARGETS, X86_VARIANTS, Variant
from undin.engines.native import NativeEngine, StreamFunctions
from undin.model.stft import Analysis
from undin.nn.export import export

GATED, LSTM = "undin", "mask_rnn_lstm"
"""A network of undin's own, all of whose state is recurrent; and one with LSTMs beside a running mean."""

HOP = 256
BLOCKS = Blocks(48_000, channels=2, block=441)


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Noise that comes and goes."""
    noise = np.random.default_rng(1).normal(0, 0.1, (40, HOP)) * (np.arange(40) % 10 < 6)[:, None]
    return noise.astype(np.float32).reshape(-1)


@pytest.fixture(scope="module")
def frames(samples) -> list[Frame]:
    spec = Analysis(512, 512, HOP).process(samples)
    return [{"spec": frame} for frame in spec.view(np.float32).reshape(-1, 1, 1, 257, 2)]


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[str, Path]:
    folder, found = tmp_path_factory.mktemp("models"), {}
    for name in (GATED, LSTM):
        network, found[name] = small_network(name), folder / f"{SMALL_NETWORKS[name][0]}.onnx"
        export(network, metadata(name=name, state_size=network.state_size), found[name])
    return found


@pytest.fixture(scope="module")
def compiled(models, frames) -> dict[str, tuple]:
    """Graph and source of each model in integers, what is too small for them too, and what `quantize` told."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marking, "slowness", lambda node, bits: None)
        for name, path in models.items():
            graph, told = read_graph(path), []
            program = program_of(graph, mark=lambda graph, told=told: told.append(quantize(graph, frames)), watch=check)
            found[name] = graph, emit(program, metadata_of(graph)), told[0]
    return found


@pytest.fixture(scope="module")
def native(compiled, tmp_path_factory) -> dict[str, Path]:
    target = this_machine()
    return {
        name: build(source, tmp_path_factory.mktemp(name), target=target) for name, (_, source, _) in compiled.items()
    }


@pytest.mark.parametrize("name", [GATED, LSTM])
def test_weights_are_aligned(compiled, name):
    """Loads of two words or more fault on chips where they are not aligned, and QEMU lets them pass."""
    _, source, _ = compiled[name]
    text = "".join(source.files.values())
    weights = f"{source.prefix}_weights"
    places = [int(place) for place in re.findall(rf"\b{weights} \+ (\d+)", text)]
    assert len(places) > 10
    assert not any(place % 64 for place in places)
    assert re.search(rf"\b{weights}\[\d*\] __attribute__\(\(aligned\(64\)", text)


@pytest.mark.parametrize("name", [GATED, LSTM])
def test_near_to_floats(models, compiled, native, frames, name):
    graph, source, quantized = compiled[name]
    step = load_step(native[name], f"{source.prefix}_run", graph, arena_bytes=source.arena_bytes)
    for exact in (quantized.floats, Runs(reference_step(str(models[name])), graph)):
        (name_of_output, ratio_db), *others = signal_to_noise_db(Runs(step, graph), exact, frames).items()
        assert name_of_output == "enhanced"
        assert not others
        assert ratio_db > 30


def test_ends_take_16_bits_unless_asked(models, compiled, monkeypatch):
    monkeypatch.setattr(marking, "slowness", lambda node, bits: None)
    assert not compiled[GATED][2].in_floats
    for first_and_last, ends in ((False, {"/stem/stem.0/Conv", "/mask/ConvTranspose"}), (True, set())):
        found = []

        def mark(graph, first_and_last=first_and_last, found=found):
            found.extend(candidates(graph, first_and_last=first_and_last))

        program_of(read_graph(models[GATED]), mark=mark, watch=check)
        chosen, others = found
        assert {node.name for node, bits in chosen.items() if bits == 16} == ends
        assert set(chosen.values()) >= {8}
        assert not others


@pytest.fixture(scope="module")
def stereo() -> np.ndarray:
    """Noise that fades in, a quarter of a second."""
    noise = np.random.default_rng(2).normal(0, 0.1, (28 * BLOCKS.block, BLOCKS.channels))
    return (noise * np.linspace(0, 1, len(noise))[:, None]).astype(np.float32)


@pytest.mark.parametrize("name", [GATED, LSTM])
class TestSameBits:
    """A stream of stereo at 48 kHz, whose rates, filters and linked channels are not in integers, but as exact."""

    @pytest.fixture
    def expected(self, native, stereo, name) -> np.ndarray:
        return in_stream(native[name], stereo)

    @pytest.mark.needs("x86-64")
    @pytest.mark.parametrize("variant", X86_VARIANTS, ids=lambda variant: variant.suffix.removeprefix("_"))
    def test_variants_of_x86(self, compiled, stereo, expected, tmp_path, name, variant):
        features = (*variant.features, *variant.for_integers)
        if missing := set(features) - instructions():
            pytest.skip(f"this processor has no {missing.pop()}")
        target = replace(TARGETS["native"], variants=(Variant("", features),))
        library = build(compiled[name][1], tmp_path, target=target)
        np.testing.assert_array_equal(in_stream(library, stereo), expected)

    @pytest.mark.needs("x86-64")
    def test_256_bits_of_vnni(self, compiled, stereo, expected, tmp_path, name):
        """What AVX-VNNI computes, with the codes that AVX-512 has for the same instructions."""
        features = ("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512vnni")
        if missing := set(features) - instructions():
            pytest.skip(f"this processor has no {missing.pop()}")
        native = TARGETS["native"]
        flags = (*native.flags, "-DUNDIN_LANES=8")
        library = build(
            compiled[name][1], tmp_path, target=replace(native, variants=(Variant("", features),), flags=flags)
        )
        np.testing.assert_array_equal(in_stream(library, stereo), expected)

    @pytest.mark.parametrize(
        "target", of_linux(["linux-aarch64", "linux-aarch64-dotprod", "linux-armv7", "linux-riscv64-v"])
    )
    def test_linux_under_qemu(self, compiled, stereo, expected, tmp_path, name, target):
        product = built(compiled[name][1], tmp_path, target, "zig")
        output = run_on_linux(product, target, stereo, blocks=BLOCKS)
        np.testing.assert_array_equal(output.reshape(expected.shape), expected)

    @pytest.mark.needs("node")
    def test_webassembly_in_node(self, compiled, stereo, expected, tmp_path, name):
        product = built(compiled[name][1], tmp_path, "wasm32", "zig")
        output = run_in_node(product, stereo, blocks=BLOCKS)
        np.testing.assert_array_equal(output.reshape(expected.shape), expected)

    @pytest.mark.parametrize("compiler", ["gcc", "zig"])
    @pytest.mark.parametrize("target", BOARDS)
    @pytest.mark.needs("qemu-system-arm", "qemu-system-riscv32")
    def test_microcontrollers(self, compiled, stereo, expected, tmp_path, name, target, compiler):
        if name == LSTM and target not in ("cortex-m7", "cortex-m55"):
            pytest.skip("one network is enough where nothing is of this processor alone")
        compiler = TARGETS[target].gcc[0] if compiler == "gcc" else compiler
        product = built(compiled[name][1], tmp_path, target, compiler)
        output, _ = run_on_board(product, target, compiler, stereo, blocks=BLOCKS, may_be_unaligned=True)
        np.testing.assert_array_equal(output.reshape(expected.shape), expected)


def in_stream(library: Path, samples: np.ndarray) -> np.ndarray:
    """Samples through the stream that a library holds beside its model."""
    engine = NativeEngine(library)
    stream = CStream(engine.c_model, BLOCKS.sample_rate, BLOCKS.channels, functions=StreamFunctions(engine.library))
    return np.concatenate((stream.process(samples), stream.flush()))


def test_command_and_library_as_a_model(models, samples, tmp_path, capsys):
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "noisy.wav", np.tile(samples, 3), 8_000)
    command = ["compile", str(models[GATED]), "-o", str(tmp_path / "out"), "--int8", str(tmp_path / "audio"), "--check"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    (in_floats,) = re.findall(r"^in integers, but for \n((?:    .*\n)+)", printed, re.MULTILINE)
    assert all(": integers would run it at 0." in line for line in in_floats.splitlines())
    assert "dB above the noise of integers" in printed
    enhanced = undin.enhance(samples, sample_rate=16_000, model=tmp_path / "out" / "libundin_unnamed.so")
    floats = undin.enhance(samples, sample_rate=16_000, model=models[GATED])
    assert 0 < np.abs(enhanced - floats).max() < 0.1 * np.abs(floats).max()


def test_refuses_what_it_cannot_calibrate_on(models, tmp_path, capsys):
    assert main(["compile", str(models[GATED]), "-o", str(tmp_path / "out"), "--int8", str(tmp_path)]) == 1
    assert "there is no audio in" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def scales_of(values: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The scales for values (N, channels), and what becomes of the values."""
    found = best_scales(values, weights, low=values.min(0), high=values.max(0))
    assert -128 <= found.zero_point <= 127
    scales = np.array(found.scales, np.float32)
    counts = np.clip(np.rint(values / scales) + found.zero_point, -128, 127) - found.zero_point
    return scales, counts * scales


@pytest.mark.parametrize("values", [[0.0], [-1.0, 1.0], [0.0, 6.0], [-5.0, -1.0], [1e-30, -1e-30]])
def test_zero_is_kept_and_the_range_is_covered(values):
    values = np.array(values, np.float32)[:, None]
    _, rounded = scales_of(values, np.ones((1, 1), np.float32))
    np.testing.assert_allclose(rounded, values, atol=0.01 * np.abs(values).max() + 1e-38)


def test_a_loud_channel_leaves_the_others_their_digits():
    rng = np.random.default_rng(0)
    loudness = np.array([1, 100, 1, 2, 0], np.float32)
    values = np.abs(rng.normal(0, 1, (1000, 5)).astype(np.float32)) * loudness
    scales, rounded = scales_of(values, rng.normal(0, 1, (5, 3)).astype(np.float32))
    assert 2 < scales[1] / scales[0] < 100
    error = np.square(rounded - values).mean(0)
    assert (error[:4] < 2e-3 * np.square(values).mean(0)[:4]).all()
    scales, _ = scales_of(values)  # each with weights of its own
    np.testing.assert_allclose(scales[:3] / scales[0], loudness[:3], rtol=0.3)


def products() -> dict[str, tuple[str, tuple[int, ...], tuple[int, ...], dict]]:
    """Products with every kind of window: operator, shapes of the input and of the weights, attributes."""
    return {
        "one channel": ("Conv", (1, 1, 9), (5, 1, 3), {"pads": [1, 1]}),
        "strides and uneven pads": ("Conv", (1, 6, 1, 17), (7, 6, 1, 5), {"pads": [0, 3, 0, 1], "strides": [1, 2]}),
        "dilation": ("Conv", (2, 5, 3, 16), (18, 5, 2, 3), {"dilations": [1, 3], "pads": [1, 2, 0, 4]}),
        "over time": ("Conv", (1, 4, 6, 8), (4, 4, 3, 1), {}),
        "up": ("ConvTranspose", (1, 6, 1, 8), (6, 5, 1, 4), {"pads": [0, 1, 0, 1], "strides": [1, 2]}),
        "up with holes": ("ConvTranspose", (1, 3, 7), (3, 17, 2), {"strides": [3], "output_padding": [1]}),
        "up and long": ("ConvTranspose", (1, 8, 2, 5), (8, 3, 2, 7), {"strides": [1, 2], "dilations": [1, 2]}),
        "groups": ("Conv", (1, 6, 5, 7), (9, 2, 3, 3), {"pads": [1, 1, 1, 1], "group": 3}),
        "groups up": ("ConvTranspose", (1, 6, 1, 7), (6, 5, 1, 3), {"strides": [1, 2], "group": 2}),
        "depthwise": ("Conv", (1, 21, 5, 7), (21, 1, 3, 2), {"pads": [1, 1, 1, 0], "strides": [2, 1], "group": 21}),
        "depthwise, two of each": ("Conv", (1, 6, 9), (12, 1, 3), {"group": 6}),
        "depthwise up": ("ConvTranspose", (1, 10, 7), (10, 1, 4), {"strides": [2], "pads": [1, 1], "group": 10}),
        "depthwise with holes": ("ConvTranspose", (1, 5, 4), (5, 1, 2), {"strides": [3], "group": 5}),
        "matrix": ("MatMul", (2, 3, 13), (13, 21), {}),
        "vector": ("MatMul", (1, 40), (40, 3), {}),
        "band mix": ("MatMul", (10, 1, 6), (10, 6, 7), {}),
    }


def graph_of_products() -> tuple[Graph, dict[str, np.ndarray], list[np.ndarray]]:
    """All of them, what they read, and what ONNX Runtime makes of that."""
    rng = np.random.default_rng(0)
    nodes, inputs, weights, feeds = [], [], [], {}
    for name, (operator, shape, of_weights, attributes) in products().items():
        x, w = f"{name} x", f"{name} w"
        feeds[x] = rng.normal(rng.uniform(-1, 1), 1, shape).astype(np.float32)
        weights.append(numpy_helper.from_array(rng.normal(0, 1, of_weights).astype(np.float32), w))
        inputs.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, shape))
        nodes.append(helper.make_node(operator, [x, w], [name], name=name, **attributes))
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in products()]
    model = helper.make_model(
        helper.make_graph(nodes, "products", inputs, outputs, weights), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 8
    expected = reference_session(model.SerializeToString()).run(None, feeds)
    return convert(shape_inference.infer_shapes(model), name="products"), feeds, expected


def test_products_of_any_shape(tmp_path):
    graph, feeds, expected = graph_of_products()

    def with_inputs(graph: Graph) -> None:
        chosen = dict.fromkeys(graph.nodes, 8)
        by_channel = {node: np.moveaxis(feeds[node.inputs[0].name], channel_axis(node), -1) for node in chosen}
        rows = {node.inputs[0]: values.reshape(-1, values.shape[-1]) for node, values in by_channel.items()}
        mark(chosen, {value: Seen(found, found.min(0), found.max(0)) for value, found in rows.items()})

    program = program_of(graph, mark=with_inputs, watch=check)
    source = emit(program)
    assert all(node.get("quantization") for node in graph.nodes)
    library = build(source, tmp_path, target=this_machine())
    results = load_step(library, f"{source.prefix}_run", graph, arena_bytes=source.arena_bytes)(feeds)
    for name, output in zip(products(), expected, strict=True):
        np.testing.assert_allclose(results[name], output, atol=0.05 * np.abs(output).max(), err_msg=name)


def test_weights_of_a_file_have_no_zero_point_that_they_do_not_need():
    """All of one sign, they are multiples of half their scale too, over a range of 8 bits that does not begin at 0."""
    counts = np.array([[127, -127, 255], [3, -50, 0], [64, -1, 7]], np.float32)
    scale, zeros, is_known = known_scale(counts * np.float32(0.02))
    assert is_known.all()
    assert zeros.tolist() == [0, 0, -128]
    np.testing.assert_allclose(scale, 0.02, rtol=1e-6)


def test_what_integers_slow_down_stays_in_floats():
    graph, _, _ = graph_of_products()
    chosen, in_floats = candidates(graph, first_and_last=True)
    assert {node.name for node in chosen} == {node.name for node in graph.nodes} - in_floats.keys()
    assert "integers would run it at 0." in in_floats["depthwise with holes"]
    for node in graph.nodes:
        shape = shape_of(node, 8)
        groups = 1 if shape.operator == "depthwise" else node.get("group", 1)
        assert groups * prod(shape[2:]) == COUNTS[node.operator](node)
        assert (node in chosen) == (times_as_fast(shape) >= MIN_SPEED)
    assert (
        0.1 < times_as_fast(Shape("depthwise", 8, 1, 16, 3)) < 1 < times_as_fast(Shape("MatMul", 8, 64, 64, 128)) < 10
    )


def gru_network(path: Path) -> None:
    """A GRU between two matrices, and what it carries."""
    rng = np.random.default_rng(3)
    sizes = {"a": (20, 32), "w": (1, 96, 32), "r": (1, 96, 32), "b": (1, 192), "c": (32, 32), "d": (32, 7)}
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.2, size).astype(np.float32), name) for name, size in sizes.items()
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["u"], name="first"),
        helper.make_node(
            "GRU", ["u", "w", "r", "b", "", "h"], ["v", "hn"], hidden_size=32, linear_before_reset=1, name="cell"
        ),
        helper.make_node("Squeeze", ["v", "axis"], ["s"]),
        helper.make_node("MatMul", ["s", "c"], ["t"], name="middle"),
        helper.make_node("MatMul", ["t", "d"], ["y"], name="last"),
    ]
    weights.append(numpy_helper.from_array(np.array([1]), "axis"))
    values = {"x": (1, 1, 20), "h": (1, 1, 32), "y": (1, 1, 7), "hn": (1, 1, 32)}
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values.items()]
    graph = helper.make_graph(nodes, "gru", infos[:2], infos[2:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[Path, Path]:
    """A network that is not undin's, and two streams of it that were recorded one after the other."""
    folder = tmp_path_factory.mktemp("recorded")
    model, frames = folder / "voice.onnx", folder / "frames.npz"
    gru_network(model)
    session, rng = RecordedSession(reference_session(str(model)), max_frames=60), np.random.default_rng(4)
    with pytest.raises(ValueError, match="run the session first"):
        session.save(frames)
    h = zeros = np.zeros((1, 1, 32), np.float32)
    for index in range(70):
        h = h if index % 40 else zeros
        _, h = session.run(None, {"x": rng.normal(0, 1, (1, 1, 20)).astype(np.float32), "h": h})
    session.save(frames)
    assert session.get_inputs()[0].name == "x"
    return model, frames


def test_any_network_on_recorded_inputs(recorded, tmp_path, capsys):
    model, frames = recorded
    with np.load(frames) as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {"x": (60, 1, 1, 20), "h": (60, 1, 1, 32)}
    assert main(["compile", str(model), "-o", str(tmp_path), "--int8", str(frames), "--check"]) == 0
    printed = capsys.readouterr().out
    assert "in integers, but for no layer\n" in printed
    ratio_db = float(re.search(r"^y over 60 frames: ([0-9.]+) dB above", printed, re.MULTILINE)[1])
    assert 30 < ratio_db < 80
    assert "hn" not in printed.partition("in integers")[2]


def test_states_begin_where_a_recording_does(recorded):
    graph, (_, frames) = read_graph(recorded[0]), recorded
    found = frames_of(frames, graph)
    runs = Runs(reference_step(str(recorded[0])), graph)
    carried_on = [results["hn"] for results in runs.over(found)]
    assert runs.begins == {40}
    np.testing.assert_allclose(carried_on[39 - 1], found[39]["h"], atol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros((3, 1, 20))}, "'x' in .* has the shape \\(3, 1, 20\\), and voice wants \\(frames, 1, 1, 20\\)"),
        ({"h": np.zeros((3, 1, 1, 32))}, "has no 'x', an input of voice"),
        ({"x": np.zeros((3, 1, 1, 20)), "z": np.zeros(3)}, "has 'z', and voice has no such input, but x, h"),
        ({"x": np.zeros((0, 1, 1, 20))}, "as many frames of every input, and has 0 of 'x'"),
        ({"x": np.full((3, 1, 1, 20), np.nan)}, "numbers that are not finite"),
        ({"x": np.zeros((3, 1, 1, 20), np.complex64)}, "is of complex64, and voice wants float32"),
        ({}, "has no 'x'"),
    ],
)
def test_refuses_recordings_that_do_not_fit(recorded, tmp_path, arrays, message):
    np.savez(tmp_path / "frames.npz", **arrays)
    with pytest.raises(ValueError, match=message):
        frames_of(tmp_path / "frames.npz", read_graph(recorded[0]))


def test_refuses_what_is_no_recording(recorded, tmp_path):
    (tmp_path / "frames.npz").write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match=r"holds no arrays as numpy\.savez writes them"):
        frames_of(tmp_path / "frames.npz", read_graph(recorded[0]))
    with pytest.raises(FileNotFoundError, match=r"there is no .*none\.npz"):
        frames_of(tmp_path / "none.npz", read_graph(recorded[0]))
