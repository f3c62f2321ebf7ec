"""Headers are believed as far as the disk agrees: unfinished, short, stale and odd ones give all the sound there is."""

import os
import struct

import numpy as np
import pytest
import soundfile
from support.audio_files import noise

from undin.io import audio

SIZES = {"WAV": "<I", "WAVEX": "<I", "RF64": "<Q", "W64": "<Q", "AIFF": ">I", "CAF": ">Q", "AU": ">I"}
"""The containers that are made of chunks, and how they state the size of their sound."""


def whole(path, container: str, samples: np.ndarray, subtype: str = "PCM_16") -> bytearray:
    soundfile.write(path, samples, 16_000, format=container, subtype=subtype)
    return bytearray(path.read_bytes())


def size_place(content: bytes, container: str) -> int:
    """Where the size of the sound stands."""
    return {
        "RF64": 28, "W64": content.find(b"data") + 16, "AIFF": content.find(b"SSND") + 4, "AU": 8
    }.get(container) or content.find(b"data") + 4  # fmt: skip


def state(content: bytearray, container: str, size: int) -> None:
    """Change the size of the sound that a header states; counted as its container counts it."""
    struct.pack_into(SIZES[container], content, size_place(content, container), size)


def notes_and_samples(path) -> tuple[list[str], np.ndarray]:
    with audio.open_reader(path) as reader:
        samples = np.concatenate(list(reader.blocks(1000)))
        assert reader.info.length_samples == len(samples)
        return reader.notes, samples


@pytest.mark.parametrize("container", SIZES)
@pytest.mark.parametrize("stated", [0, 2**31 - 44, 2**32 - 1, "stale"])
@pytest.mark.parametrize("silent_start", [False, True])
def test_a_header_that_was_never_finished(tmp_path, container, stated, silent_start):
    samples = noise(20_001, 2)
    if silent_start:
        samples[:12_000] = 0
    content = whole(tmp_path / "x", container, samples)
    expected = audio.read(tmp_path / "x")[0]
    state(content, container, 8000 if stated == "stale" else stated)
    if container == "AIFF":
        struct.pack_into(">I", content, content.find(b"COMM") + 10, 0)
    (tmp_path / "x").write_bytes(content)
    if stated == "stale" and (silent_start or container == "AU"):
        return  # silence behind the stated end is filling; AU may have anything there
    notes, found = notes_and_samples(tmp_path / "x")
    np.testing.assert_array_equal(found, expected)
    open_ended = container == "AU" and stated == 2**32 - 1
    assert notes == ([] if open_ended else ["its header was never finished: all 1.3 s on the disk were taken"])


@pytest.mark.parametrize("container", SIZES)
@pytest.mark.parametrize("kept_bytes", [30_000, 20_001])
def test_a_file_that_ends_early(tmp_path, container, kept_bytes):
    samples = noise(32_000, 2)
    content = whole(tmp_path / "x", container, samples)
    expected = audio.read(tmp_path / "x")[0]
    (tmp_path / "x").write_bytes(content[:kept_bytes])
    notes, found = notes_and_samples(tmp_path / "x")
    assert len(found) > 3900
    np.testing.assert_array_equal(found, expected[: len(found)])
    assert any("but its header promises 2.0 s" in note for note in notes)
    whole_blocks = (kept_bytes - len(content) + 32_000 * 4) % 4 == 0
    assert any("ended within a sample" in note for note in notes) == (not whole_blocks)


@pytest.mark.parametrize("container", SIZES)
def test_whole_files_are_not_talked_about(tmp_path, container):
    for length in (0, 1, 5000):
        content = whole(tmp_path / "x", container, noise(length))
        assert notes_and_samples_or_none(tmp_path / "x") == (length, [])
        assert content


def notes_and_samples_or_none(path) -> tuple[int, list[str]]:
    with audio.open_reader(path) as reader:
        return sum(len(block) for block in reader.blocks(1000)), reader.notes


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610", "G721_32"])
def test_compressed_wav_that_was_never_finished(tmp_path, subtype):
    content = whole(tmp_path / "x.wav", "WAV", noise(8_160), subtype)
    expected = audio.read(tmp_path / "x.wav")[0]
    state(content, "WAV", 0)
    (tmp_path / "x.wav").write_bytes(content)
    notes, found = notes_and_samples(tmp_path / "x.wav")
    np.testing.assert_array_equal(found, expected)
    assert "never finished" in notes[0]


def chunk(id: bytes, content: bytes, *, pad: bool = True) -> bytes:
    return id + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2 and pad)


@pytest.mark.parametrize("pad", [True, False])
@pytest.mark.parametrize("odd", [b"LIST", b"JUNK", b"bext", b"note"])
def test_odd_chunks_with_and_without_padding(tmp_path, pad, odd):
    samples = noise(1001)
    raw = np.clip(np.rint(samples * 128) + 128, 0, 255).astype(np.uint8).tobytes()
    fmt = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    body = (
        chunk(b"fmt ", fmt) + chunk(odd, b"seven!!", pad=pad) + chunk(b"data", raw, pad=pad) + chunk(b"LIST", b"INFO")
    )
    (tmp_path / "x.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body)
    notes, found = notes_and_samples(tmp_path / "x.wav")
    assert (len(found), notes) == (1001, [])
    np.testing.assert_allclose(found, samples, atol=2**-8)


@pytest.mark.parametrize(
    "trailer", [b"TAG" + bytes(125), b"ID3\4\0\0\0\0\0\x0atext", bytes(4096), b"LIST\xff\xff\0\0cut"]
)
def test_what_other_programs_hang_on_is_no_sound(tmp_path, trailer):
    content = whole(tmp_path / "x.wav", "WAV", noise(1000))
    (tmp_path / "x.wav").write_bytes(content + trailer)
    notes, found = notes_and_samples(tmp_path / "x.wav")
    assert (len(found), notes) == (1000, [])


def test_bw64_and_rifx(tmp_path):
    samples = noise(1000, 2)
    content = whole(tmp_path / "x.wav", "RF64", samples)
    expected = audio.read(tmp_path / "x.wav")[0]
    (tmp_path / "x.wav").write_bytes(b"BW64" + content[4:])
    np.testing.assert_array_equal(audio.read(tmp_path / "x.wav")[0], expected)
    soundfile.write(tmp_path / "x.wav", samples, 16_000, format="WAV", subtype="PCM_24", endian="BIG")
    assert (tmp_path / "x.wav").read_bytes().startswith(b"RIFX")
    np.testing.assert_allclose(audio.read(tmp_path / "x.wav")[0], samples, atol=2**-23)


PLAIN = [
    (container, subtype, endian)
    for container in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU")
    for subtype in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")
    for endian in ("FILE", "LITTLE", "BIG")
    if soundfile.check_format(container, subtype, endian)
]


@pytest.mark.parametrize(("container", "subtype", "endian"), PLAIN)
def test_plain_samples_are_read_as_libsndfile_reads_them(tmp_path, container, subtype, endian):
    for channels in (1, 3):
        soundfile.write(tmp_path / "x", noise(1000, channels), 22_050, format=container, subtype=subtype, endian=endian)
        expected, _ = soundfile.read(tmp_path / "x", dtype="float32", always_2d=True)
        with audio.open_reader(tmp_path / "x") as reader:
            assert type(reader.blocks(10)).__name__ == "generator" and not reader.notes
            assert (reader.info.sample_rate, reader.info.channels) == (22_050, channels)
            assert (reader.info.format, reader.info.subtype) == (container, subtype)
            np.testing.assert_array_equal(np.concatenate(list(reader.blocks(333))), expected)


def test_mp3_without_a_length_promises_none(tmp_path):
    rng = np.random.default_rng(0)
    loud_then_silent = np.concatenate([0.3 * rng.standard_normal(160_000), np.zeros(160_000)])
    soundfile.write(tmp_path / "x.mp3", loud_then_silent, 16_000, bitrate_mode="VARIABLE", compression_level=0.5)
    content = (tmp_path / "x.mp3").read_bytes()
    first = content.find(b"\xff\xf3")
    second = content.find(b"\xff\xf3", first + 100)
    with audio.open_reader(tmp_path / "x.mp3") as reader:
        assert reader.info.length_samples == 320_000
    (tmp_path / "x.mp3").write_bytes(content[second:])
    with audio.open_reader(tmp_path / "x.mp3") as reader:
        assert reader.info.length_samples is None
        assert abs(sum(len(block) for block in reader.blocks(1000)) - 320_000) < 3000
        assert reader.notes == []


def test_mp3_files_that_were_joined(tmp_path):
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.mp3", noise(30_000), 16_000)
    parts = [(tmp_path / f"{name}.mp3").read_bytes() for name in "ab"]
    (tmp_path / "c.mp3").write_bytes(parts[0] + b"TAG" + bytes(125) + parts[1])
    samples, _ = audio.read(tmp_path / "c.mp3")
    assert 60_000 < len(samples) < 65_000
    (tmp_path / "d.mp3").write_bytes(parts[0] + b"TAG" + bytes(125))
    assert len(audio.read(tmp_path / "d.mp3")[0]) == 30_000


def test_names_that_are_not_utf_8(tmp_path):
    for suffix in ("wav", "flac", "ogg", "mp3"):
        soundfile.write(tmp_path / f"x.{suffix}", noise(1000), 16_000)
        odd = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9." + suffix.encode())
        os.rename(tmp_path / f"x.{suffix}", odd)
        samples, _ = audio.read(odd)
        assert len(samples) == 1000
        with audio.open_writer(odd, audio.read_info(odd)) as write:
            write(samples)
        assert len(audio.read(odd)[0]) == 1000


def test_wav_grows_into_rf64(tmp_path, monkeypatch):
    samples = noise(20_001, 2)
    monkeypatch.setattr("undin.io.wav.MAX_BYTES", 50_000)
    for length in (None, 20_001):
        info = audio.AudioInfo(16_000, 2, length, "WAV", "PCM_16")
        with audio.open_writer(tmp_path / "x.wav", info) as write:
            write(samples)
        content = (tmp_path / "x.wav").read_bytes()
        assert content.startswith(b"RF64") and content[12:16] == b"ds64"
        assert struct.unpack_from("<QQQ", content, 20) == (len(content) - 8, 80_004, 20_001)
        found, _ = soundfile.read(tmp_path / "x.wav", dtype="float32")
        np.testing.assert_allclose(found, samples, atol=2**-16)
    # Shorter than was feared, it is plain WAV, with a chunk of filling.
    with audio.open_writer(tmp_path / "x.wav", audio.AudioInfo(16_000, 2, None, "WAV", "PCM_16")) as write:
        write(samples[:100])
    assert (tmp_path / "x.wav").read_bytes().startswith(b"RIFF")
    assert soundfile.info(tmp_path / "x.wav").frames == 100
    with (
        pytest.raises(ValueError, match="longer than its source promised"),
        audio.open_writer(tmp_path / "x.wav", audio.AudioInfo(16_000, 2, 100, "WAV", "PCM_16")) as write,
    ):
        write(samples)


def test_what_no_size_can_state_is_refused_before_the_work(tmp_path):
    info = audio.AudioInfo(48_000, 2, 2**31, "AIFF", "PCM_24")
    with pytest.raises(ValueError, match="AIFF holds 4 GiB at most"), audio.open_writer(tmp_path / "x.aiff", info):
        pass


@pytest.mark.parametrize(("subtype", "share"), [("VORBIS", 0.6), ("OPUS", 0.9)])
def test_ogg_that_is_cut_short_says_so(tmp_path, subtype, share):
    soundfile.write(tmp_path / "a.ogg", noise(96_000), 48_000, format="OGG", subtype=subtype)
    content = (tmp_path / "a.ogg").read_bytes()
    for part, says in ((content, False), (content[: int(share * len(content))], True), (content * 2, False)):
        (tmp_path / "a.ogg").write_bytes(part)
        with audio.open_reader(tmp_path / "a.ogg") as reader:
            assert sum(len(block) for block in reader.blocks(4096)) > 0
            assert any("without the mark of an end" in note for note in reader.notes) == says


def test_tags_behind_flac_are_no_damage(tmp_path):
    samples = noise(50_000)
    soundfile.write(tmp_path / "a.flac", samples, 16_000)
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8)
    with open(tmp_path / "a.flac", "ab") as file:
        file.write(ape + b"TAG" + bytes(125))
    with audio.open_reader(tmp_path / "a.flac") as reader:
        np.testing.assert_allclose(np.concatenate(list(reader.blocks(4096))), samples, atol=2**-15)
        assert reader.notes == ["APE tags and ID3v1 tags behind its sound, where FLAC has none, are left out"]


def test_the_recording_that_is_damaged_is_named(tmp_path):
    soundfile.write(tmp_path / "a.opus", noise(48_000), 48_000, format="OGG", subtype="OPUS")
    content = (tmp_path / "a.opus").read_bytes()
    (tmp_path / "a.opus").write_bytes(content + content[: len(content) // 2])
    with pytest.raises(ValueError, match="recording 2 of 2: not audio"):
        audio.read(tmp_path / "a.opus")
