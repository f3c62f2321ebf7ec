"""Files survive reading and writing: encodings round to their nearest step, decoders run in blocks, damage is named."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from support.audio_files import noise

from undin.io import audio
from undin.io.folder import find_files

pytestmark = pytest.mark.quick

PCM = [("WAV", "PCM_U8"), ("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_32")] + [
    ("FLAC", name) for name in ("PCM_S8", "PCM_16", "PCM_24")
]
INFO = audio.AudioInfo(16_000, 1, None, "WAV", "PCM_16")
LOSSY = [("ogg", "VORBIS"), ("ogg", "OPUS"), ("mp3", "MPEG_LAYER_III")]


def write(path: Path, samples: np.ndarray, *, container: str, subtype: str, sample_rate: int = 16_000) -> Path:
    info = audio.AudioInfo(sample_rate, samples.shape[1], None, container, subtype)
    with audio.open_writer(path, info) as write_block:
        for start in range(0, len(samples), 1000):
            write_block(samples[start : start + 1000])
    return path


@pytest.mark.parametrize(("container", "subtype"), PCM)
@settings(max_examples=30)
@given(
    samples=npst.arrays(
        np.float32, st.tuples(st.integers(1, 200), st.integers(1, 3)), elements=st.floats(-2, 2, width=32)
    )
)
def test_integer_formats_round_to_the_nearest_step_and_clip(tmp_path_factory, container, subtype, samples):
    path = write(tmp_path_factory.mktemp("pcm") / "x", samples, container=container, subtype=subtype)
    decoded, _ = soundfile.read(path, dtype="float64", always_2d=True)
    step = 2.0 ** (1 - audio.BITS_OF_SUBTYPE[subtype])
    expected = np.clip(samples.astype(np.float64), -1, 1 - step)
    assert decoded.shape == samples.shape
    assert np.abs(decoded - expected).max() <= step / 2


@pytest.mark.parametrize(("container", "subtype"), PCM[:3] + PCM[4:])  # float32 cannot hold every step of 32 bits
def test_every_step_survives_a_round_trip(tmp_path, container, subtype):
    bits = audio.BITS_OF_SUBTYPE[subtype]
    steps = np.unique(np.linspace(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 2**16).astype(np.int64))
    samples = (steps / 2 ** (bits - 1)).astype(np.float32)[:, np.newaxis]
    path = write(tmp_path / "x", samples, container=container, subtype=subtype)
    np.testing.assert_array_equal(audio.read(path)[0], samples)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_float_formats_keep_everything(tmp_path, subtype):
    samples = np.array([[0.0], [1.5], [-1e6], [1e-30]], np.float32)
    path = write(tmp_path / "x.wav", samples, container="WAV", subtype=subtype)
    np.testing.assert_array_equal(audio.read(path)[0], samples)


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW"])
def test_companded_formats_clip(tmp_path, subtype):
    samples = np.array([[1.0], [3.0], [-1.0], [-3.0]], np.float32)
    decoded, _ = audio.read(write(tmp_path / "x.wav", samples, container="WAV", subtype=subtype))
    np.testing.assert_allclose(decoded, np.sign(samples), atol=0.04)


@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_16"), *LOSSY])
def test_blocks_join_to_what_is_decoded_at_once(tmp_path, suffix, subtype):
    path = tmp_path / f"x.{suffix}"
    # Long enough to show an MP3 decoder that is made to seek between blocks: in mono it then fails after 4 s.
    write(path, noise(160_000), container=suffix.upper(), subtype=subtype)
    at_once, _ = soundfile.read(path, dtype="float32", always_2d=True)
    blocks = list(audio.read_blocks(path, block_samples=997))
    assert {len(block) for block in blocks[:-1]} == {997}
    assert len(at_once) == 160_000
    np.testing.assert_allclose(np.concatenate(blocks), at_once, atol=1e-6)


def test_flac_without_a_length_in_its_header(tmp_path):
    samples = noise(30_000)
    path = write(tmp_path / "x.flac", samples, container="FLAC", subtype="PCM_16")
    expected, _ = audio.read(path)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the total length: 36 bits at the end of byte 21 of the stream info
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert audio.read_info(path).length_samples is None
    np.testing.assert_array_equal(audio.read(path)[0], expected)


@pytest.mark.parametrize("length", [0, 1])
def test_shortest_files(tmp_path, length):
    path = write(tmp_path / "x.wav", noise(length, 2), container="WAV", subtype="PCM_16")
    samples, sample_rate = audio.read(path)
    assert (samples.shape, samples.dtype, sample_rate) == ((length, 2), np.float32, 16_000)


def test_error_while_writing_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.wav"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), audio.open_writer(path, INFO) as write_block:
        write_block(noise(1000))
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_outputs_that_cannot_be(tmp_path):
    with pytest.raises(OSError, match=r"/dev/null: not a regular file"), audio.open_writer("/dev/null", INFO):
        pass
    with pytest.raises(OSError, match="no folder"), audio.open_writer(tmp_path / "missing" / "x.wav", INFO):
        pass
    opus = audio.AudioInfo(44_100, 1, None, "OGG", "OPUS")
    with (
        pytest.raises(ValueError, match=r"x\.opus: cannot be written.*48000"),
        audio.open_writer(tmp_path / "x.opus", opus),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_unreadable_files_are_named(tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(np.random.default_rng(0).bytes(5000))
    empty = tmp_path / "empty.flac"
    empty.touch()
    raw = tmp_path / "x.raw"
    raw.write_bytes(bytes(100))
    for path, words in [(bad, "not audio"), (empty, "empty"), (raw, "headerless")]:
        with pytest.raises(ValueError, match=f"{path.name}: {words}"):
            audio.read_info(path)
    for path in (tmp_path, tmp_path / "missing.wav"):
        with pytest.raises(OSError, match=path.name):
            audio.read_info(path)


@pytest.mark.parametrize(("suffix", "subtype"), [("flac", "PCM_16"), ("mp3", "MPEG_LAYER_III")])
def test_damage_within_a_file_is_named(tmp_path, suffix, subtype):
    path = write(tmp_path / f"x.{suffix}", noise(80_000), container=suffix.upper(), subtype=subtype)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"x\.{suffix}: damaged, decoding stops after \d\.\d s"):
        audio.read(path)


@pytest.mark.parametrize(
    ("container", "subtype", "source", "target", "expected"),
    [
        ("WAV", "PCM_U8", "a.wav", "b.wav", ("WAV", "PCM_U8")),
        ("WAVEX", "PCM_24", "a.wav", "b.WAV", ("WAVEX", "PCM_24")),
        ("OGG", "OPUS", "a.ogg", "b.ogg", ("OGG", "OPUS")),
        ("WAV", "PCM_24", "a.wav", "b.flac", ("FLAC", "PCM_24")),
        ("WAV", "FLOAT", "a.wav", "b.flac", ("FLAC", "PCM_24")),
        ("WAV", "PCM_U8", "a.wav", "b.flac", ("FLAC", "PCM_16")),
        ("MP3", "MPEG_LAYER_III", "a.mp3", "b.wav", ("WAV", "PCM_16")),
        ("OGG", "VORBIS", "a.ogg", "b.opus", ("OGG", "OPUS")),
        ("WAV", "FLOAT", "a.wav", "b.mp3", ("MP3", "MPEG_LAYER_III")),
        ("WAV", "FLOAT", "a.wav", "b.ogg", ("OGG", "VORBIS")),
        ("AIFF", "PCM_16", "a.recording", "b.recording", ("AIFF", "PCM_16")),
    ],
)
def test_output_format_follows_the_suffix(container, subtype, source, target, expected):
    info = audio.AudioInfo(16_000, 1, 100, container, subtype)
    chosen = audio.output_info(target, source=source, source_info=info)
    assert (chosen.format, chosen.subtype) == expected
    assert (chosen.sample_rate, chosen.channels) == (16_000, 1)


def test_unknown_suffix_is_refused():
    with pytest.raises(ValueError, match=r"b\.wave: no audio format has the suffix '\.wave'; use one of \.wav"):
        audio.output_info("b.wave", source="a.wav", source_info=INFO)


def test_find_files(tmp_path):
    for name in ("b.wav", "a/c.FLAC", "a/notes.txt", ".hidden.wav", ".cache/d.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path)] == ["a/c.FLAC", "b.wav"]
