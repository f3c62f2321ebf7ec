"""What stands beside the samples stays where the format stays, and is named where it cannot be kept."""

import io
import struct

import numpy as np
import pytest
import soundfile
from support import step_models
from support.audio_files import noise, read, write

from undin.cli import main
from undin.io import audio, ogg, tags

PICTURE = np.random.default_rng(1).bytes(150_000)


@pytest.fixture(scope="module")
def identity(tmp_path_factory) -> str:
    """A model that changes nothing."""
    return str(step_models.identity(tmp_path_factory.mktemp("models") / "identity.onnx"))


def enhance(*arguments: object) -> int:
    return main(["enhance", *map(str, arguments)])


def beside(path) -> tags.Beside:
    with audio.open_reader(path) as reader:
        return reader.beside()


def chunk(id: bytes, content: bytes, order: str = "<") -> bytes:
    return id + struct.pack(order + "I", len(content)) + content + bytes(len(content) % 2)


BEXT = chunk(b"bext", b"A recorder".ljust(338, b"\0") + struct.pack("<Q", 123_456_789) + bytes(256))
CUE = chunk(b"cue ", struct.pack("<I4xI", 1, 500) + b"data" + struct.pack("<III", 0, 0, 500))
INFO = chunk(b"LIST", b"INFO" + chunk(b"INAM", b"Interview\0") + chunk(b"IART", b"A\0"))
IXML = chunk(b"iXML", b"<BWFXML/>x")


@pytest.mark.parametrize("suffix", ["wav", "rf64"])
def test_chunks_of_wav_and_the_mask_of_loudspeakers(tmp_path, identity, suffix, capsys):
    samples = noise(5_001, 6)
    content = write(tmp_path / "plain.wav", samples, 48_000, "PCM_16").read_bytes()
    frames = content[content.find(b"data") :]
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    fmt = struct.pack("<HHIIHHHHI", 0xFFFE, 6, 48_000, 576_000, 12, 16, 22, 16, 0x60F) + guid
    body = b"WAVE" + BEXT + chunk(b"fmt ", fmt) + CUE + chunk(b"JUNK", bytes(9)) + frames + INFO + IXML
    source = tmp_path / f"a.{suffix}"
    source.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert enhance(source, "--model", identity) == 0
    output = tmp_path / f"a_enhanced.{suffix}"
    assert capsys.readouterr().err == ""
    for part in (BEXT, CUE, INFO, IXML, chunk(b"fmt ", fmt)):
        assert output.read_bytes().count(part) == 1
    assert output.read_bytes().count(b"JUNK") == 0
    assert soundfile.info(output).frames == 5_001
    assert soundfile.info(output).format == "WAVEX"
    np.testing.assert_allclose(read(output), samples, atol=2**-14)


def test_chunks_of_wav_in_a_pipe(tmp_path, identity, monkeypatch):
    content = write(tmp_path / "a.wav", noise(5_000)).read_bytes()
    content = content[:12] + BEXT + content[12:]
    content = content[:4] + struct.pack("<I", len(content) - 8) + content[8:]

    class Standard:
        def __init__(self, buffer):
            self.buffer = buffer

    sink = io.BytesIO()
    sink.seekable = lambda: False
    monkeypatch.setattr("sys.stdin", Standard(io.BufferedReader(io.BytesIO(content))))
    monkeypatch.setattr("sys.stdout", type("Out", (), {"buffer": sink, "flush": lambda self: None})())
    assert enhance("-", "--model", identity) == 0
    assert sink.getvalue().count(BEXT) == 1 and len(sink.getvalue()) == len(content)


@pytest.mark.parametrize(("container", "subtype"), [("AIFF", "PCM_16"), ("AIFF", "PCM_S8"), ("CAF", "PCM_16"),
                                                    ("CAF", "ALAC_16"), ("W64", "PCM_24")])  # fmt: skip
def test_chunks_of_other_containers(tmp_path, identity, container, subtype, capsys):
    source = tmp_path / f"a.{container.lower()}"
    soundfile.write(source, noise(5_002), 16_000, format=container, subtype=subtype)
    part = {"AIFF": b"MARK", "CAF": b"info", "W64": b"bext" + bytes(12)}[container]
    parts = [(part, b"what stands beside"), (part[:3] + b"2" + part[4:], b"odd")]
    tags.put(source, tags.Beside(container, parts))
    assert soundfile.info(source).frames == 5_002
    assert enhance(source, "--model", identity) == 0
    output = tmp_path / f"a_enhanced.{container.lower()}"
    assert capsys.readouterr().err == ""
    found = beside(output)
    assert [content for _, content in found.before + found.after] == [b"what stands beside", b"odd"]
    assert soundfile.info(output).frames == 5_002
    np.testing.assert_allclose(read(output), read(source), atol=2**-14 if subtype != "PCM_S8" else 2**-7)


def comments(*texts: str) -> bytes:
    packed = struct.pack("<I", 4) + b"Them" + struct.pack("<I", len(texts))
    for text in texts:
        packed += struct.pack("<I", len(text.encode())) + text.encode()
    return packed


TEXTS = ("TITLE=Interview", "ARTIST=Ä", "ARTIST=B", "CHAPTER001=00:01", "REMARK=" + "x" * 300)


def test_tags_and_pictures_of_flac(tmp_path, identity, capsys):
    content = write(tmp_path / "a.flac", noise(30_000), 16_000).read_bytes()
    picture = struct.pack(">II9sI16xI", 3, 9, b"image/png", 0, len(PICTURE)) + PICTURE
    blocks = b"\4" + len(comments(*TEXTS)).to_bytes(3, "big") + comments(*TEXTS)
    blocks += b"\6" + len(picture).to_bytes(3, "big") + picture
    blocks += b"\2\0\0\4test" + b"\3\0\0\x12" + bytes(18) + b"\x81\0\0\5" + bytes(5)
    frames = content.find(b"\xff\xf8")
    (tmp_path / "a.flac").write_bytes(content[:42] + blocks + content[frames:])
    (tmp_path / "b.flac").write_bytes(content)
    assert enhance(tmp_path / "a.flac", tmp_path / "b.flac", "--model", identity) == 0
    assert "warning" not in capsys.readouterr().err
    found = dict(beside(tmp_path / "a_enhanced.flac").before)
    assert found[b"picture"] == picture and found[b"application data"] == b"test"
    assert found[b"tags"].endswith(comments(*TEXTS)[8:]) and b"Them" not in found[b"tags"]
    with soundfile.SoundFile(tmp_path / "a_enhanced.flac") as file:
        assert (file.title, file.frames) == ("Interview", 30_000)
    np.testing.assert_array_equal(read(tmp_path / "a_enhanced.flac"), read(tmp_path / "b_enhanced.flac"))


def picture_comment() -> str:
    import base64

    return "METADATA_BLOCK_PICTURE=" + base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize(
    "texts", [TEXTS, (*TEXTS, picture_comment()), ("X=" + "y" * 65_020,)], ids=["few", "picture", "page"]
)
def test_tags_and_pictures_of_ogg(tmp_path, identity, subtype, texts, capsys):
    write(tmp_path / "a.ogg", noise(200_000), 48_000, subtype)
    write(tmp_path / "b.ogg", noise(200_000), 48_000, subtype)
    tags.put(tmp_path / "a.ogg", tags.Beside("OGG", [(b"tags", comments(*texts))]))
    np.testing.assert_array_equal(read(tmp_path / "a.ogg"), read(tmp_path / "b.ogg"))
    assert enhance(tmp_path / "a.ogg", "--model", identity) == 0
    assert capsys.readouterr().err == ""
    ((_, found),) = beside(tmp_path / "a_enhanced.ogg").before
    assert found.endswith(comments(*texts)[8:]) and b"Them" not in found
    assert soundfile.info(tmp_path / "a_enhanced.ogg").frames == 200_000
    check_pages((tmp_path / "a_enhanced.ogg").read_bytes())


def check_pages(content: bytes) -> None:
    """Every page has its number and its checksum, and nothing lies between them."""
    offset, number = 0, 0
    while offset < len(content):
        page = ogg._read_page(io.BytesIO(content), offset)
        assert page is not None, f"page {number}"
        assert struct.unpack_from("<I", page, 18) == (number,)
        offset, number = offset + len(page), number + 1
    assert number > 3


def test_tags_of_mp3(tmp_path, identity, capsys):
    title = b"TIT2" + (10).to_bytes(4, "big") + b"\0\0\0Interview"
    size = len(title) + len(PICTURE)
    id3 = (
        b"ID3\4\0\0"
        + bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
        + title
        + PICTURE.replace(b"\xff", b"\xfe")
    )
    ape = b"APETAGEX" + struct.pack("<IIII8x", 2000, 32 + 10, 1, 1 << 31 | 1 << 29) + b"some items"
    ape += b"APETAGEX" + struct.pack("<IIII8x", 2000, 32 + 10, 1, 1 << 31)
    id3v1 = b"TAG" + b"Interview".ljust(125, b"\0")
    frames = write(tmp_path / "b.mp3", noise(50_000), 16_000).read_bytes()
    (tmp_path / "a.mp3").write_bytes(id3 + frames + ape + id3v1)
    assert enhance(tmp_path / "a.mp3", tmp_path / "b.mp3", "--model", identity) == 0
    assert "warning" not in capsys.readouterr().err
    output = (tmp_path / "a_enhanced.mp3").read_bytes()
    assert output.startswith(id3) and output.endswith(ape + id3v1)
    np.testing.assert_array_equal(read(tmp_path / "a_enhanced.mp3"), read(tmp_path / "b_enhanced.mp3"))


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("wav", "flac", "broadcast data (bext)"),
        ("flac", "wav", "tags"),
        ("mp3", "wav", "ID3v1 tags"),
        ("au", "au", "note"),
    ],
)
def test_what_cannot_be_kept_is_named(tmp_path, identity, capsys, source, target, words):
    path = write(tmp_path / f"a.{source}", noise(5_000))
    content = path.read_bytes()
    match source:
        case "wav":
            path.write_bytes(content[:12] + BEXT + content[12:])
        case "flac":
            tags.put(path, tags.Beside("FLAC", [(b"tags", comments(*TEXTS))]))
        case "mp3":
            path.write_bytes(content + b"TAG" + bytes(125))
        case "au":
            path.write_bytes(content[:4] + struct.pack(">I", 32) + content[8:24] + b"a talk\0\0" + content[24:])
    assert enhance(path, "-o", tmp_path / f"b.{target}", "--model", identity) == 0
    assert f"does not take over what stands beside its sound: {words}" in capsys.readouterr().err
    assert enhance(path, "-o", tmp_path / f"b.{target}", "--model", identity, "--strict") == 1


FIELDS = [b"speaker_id -s4 fcjf", b"utterance_id -s9 fcjf0_sa1", *(b"note_%d -s20 " % i + b"x" * 20 for i in range(60))]


@pytest.mark.parametrize("count", [2, 62])
def test_fields_of_nist_stay_and_are_named_elsewhere(tmp_path, identity, capsys, count):
    soundfile.write(tmp_path / "plain.sph", noise(1_001)[:, 0], 16_000, format="NIST", subtype="PCM_16")
    content = (tmp_path / "plain.sph").read_bytes()
    lines = b"".join(line + b"\n" for line in FIELDS[:count])
    header = content[:1024].rstrip(b"\0").replace(b"end_head\n", b"sample_checksum -i 7\n" + lines + b"end_head\n")
    size = 1024 * (1 + len(header) // 1024)
    header = header.replace(b"   1024", b"%7d" % size).ljust(size, b"\0")
    (tmp_path / "a.sph").write_bytes(header + content[1024:])
    assert enhance(tmp_path / "a.sph", "--model", identity, "--strict") == 0
    output = (tmp_path / "a_enhanced.sph").read_bytes()
    assert output.count(lines) == 1 and b"checksum" not in output
    np.testing.assert_array_equal(read(tmp_path / "a_enhanced.sph"), read(tmp_path / "plain.sph"))
    assert enhance(tmp_path / "a.sph", "-o", tmp_path / "b.flac", "--model", identity) == 0
    assert "fields of its header (speaker_id, utterance_id" in capsys.readouterr().err


def test_text_of_voc_is_named(tmp_path, identity, capsys):
    soundfile.write(tmp_path / "a.voc", noise(1_000)[:, 0], 16_000, format="VOC", subtype="PCM_16")
    content = (tmp_path / "a.voc").read_bytes()
    (tmp_path / "a.voc").write_bytes(content[:26] + b"\5\6\0\0Hello\0" + content[26:])
    assert enhance(tmp_path / "a.voc", "--model", identity) == 0
    assert "VOC does not take over what stands beside its sound: text" in capsys.readouterr().err
    assert len(read(tmp_path / "a_enhanced.voc")) == 1_000
