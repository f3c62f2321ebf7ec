"""The page's sources: their types, and what is built of them."""

import base64
import io
import re
import struct
import subprocess

import numpy as np
import pytest
import soundfile
from faces.page.conftest import APP
from faces.web.test_package import npm, of_npm, packed  # noqa: F401


def test_typescript_accepts_them(npm, built):  # noqa: F811
    of_npm(npm, "tsc", "--project", str(APP / "jsconfig.json"))


def test_what_is_imported_is_there_and_nothing_is_from_elsewhere(built):
    texts = {name: content.decode() for name, content in built.items() if name.endswith((".js", ".html", ".css"))}
    for name, text in texts.items():
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)  # types, in comments, are of the package
        for path in re.findall(r'(?:\bfrom |\bimport\(|new URL\()"([^"]+)"', code):
            assert path.startswith("./"), f"{name} imports {path}"
            assert f"{name.rpartition('/')[0]}/{path[2:]}".lstrip("/") in built
        for link in re.findall(r'(?:href|src)="([^"]*)"', text) if name.endswith("html") else ():
            assert link == "./" or link in built, f"{name} wants {link}"
        assert not re.search(r"https?://(?!www\.w3\.org/)", text), f"{name} names an address"


def test_the_service_worker_keeps_what_the_first_load_needs(built):
    kept = set(re.findall(r'^  "(.+)",?$', built["sw.js"].decode(), re.M))
    others = {name for name in built if name.startswith("undin/models/")} - {"undin/models/undin-nano.js"}
    assert kept == set(built) - others - {"sw.js"}


def test_both_languages_have_what_the_page_asks_for(built):
    words = set(re.findall(r'^  "?([\w.]+)"?: "', built["words.js"].decode(), re.M))
    asked = set(re.findall(r'data-(?:word|label)="([\w.]+)"', built["index.html"].decode()))
    assert asked <= words


def encoded(sample_rate: int, container: str, coding: str) -> bytes:
    """A tenth of a second of noise in a file."""
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, sample_rate // 10)
    with io.BytesIO() as file:
        soundfile.write(file, noise, sample_rate, format=container, subtype=coding)
        return file.getvalue()


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of MP4."""
    return struct.pack(">I4s", 8 + len(b"".join(content)), kind) + b"".join(content)


def mp4(sample_rate: int) -> bytes:
    """An MP4 file, as far as its sample rate, behind its sound; a track of pictures comes first."""
    entry = box(b"mp4a", bytes(6) + b"\0\1" + bytes(8) + b"\0\2\0\x10" + bytes(4), struct.pack(">I", sample_rate << 16))
    trak = entry
    for kind in (b"stsd", b"stbl", b"minf", b"mdia", b"trak"):
        trak = box(kind, bytes(4) + b"\0\0\0\1" if kind == b"stsd" else b"", trak)
    pictures = box(b"trak", box(b"mdia", box(b"hdlr", bytes(24))))
    return box(b"ftyp", b"M4A ", bytes(4)) + box(b"mdat", bytes(9_999)) + box(b"moov", pictures, trak)


def adts(index: int) -> bytes:
    """Two frames of AAC in ADTS, 400 bytes each, of a rate by its index."""
    header = [0xFF, 0xF1, 0x40 | index << 2, 0x80 | 400 >> 11, 400 >> 3 & 255, (400 & 7) << 5 | 0x1F, 0xFC]
    return (bytes(header) + bytes(393)) * 2


MP3 = encoded(32_000, "MP3", "MPEG_LAYER_III")
HEADERS = {
    "flac": (encoded(96_000, "FLAC", "PCM_16"), 96_000),
    "vorbis": (encoded(22_050, "OGG", "VORBIS"), 22_050),
    "opus": (encoded(16_000, "OGG", "OPUS"), 48_000),
    "mp3": (MP3, 32_000),
    "mp3 of MPEG 2": (encoded(16_000, "MP3", "MPEG_LAYER_III"), 16_000),
    "mp3 behind a tag": (b"ID3\4\0\0\0\0\2\0" + b"\xff" * 256 + MP3, 32_000),
    "aiff": (encoded(44_100, "AIFF", "PCM_16"), 44_100),
    "adts": (adts(4), 44_100),
    "mp4": (mp4(48_000), 48_000),
    "mp4 of 44.1 kHz": (mp4(44_100), 44_100),
    "webm": (b"\x1a\x45\xdf\xa3" + bytes(99), 48_000),
    "nothing": (b"", None),
    "a text": (b"There is no sound in this file, " * 9, None),
    "boxes within boxes": (box(b"ftyp", bytes(60)) + struct.pack(">I4s", 8, b"moov") * 9_999, None),
}


@pytest.mark.needs("node")
@pytest.mark.parametrize("name", HEADERS)
def test_a_header_tells_its_rate(name):
    content, rate = HEADERS[name]
    module = base64.b64encode((APP / "src" / "sample-rate.js").read_bytes()).decode()  # of no package that node knows
    program = f"""
        const {{ sampleRateOf }} = await import("data:text/javascript;base64,{module}");
        const chunks = [];
        for await (const chunk of process.stdin) chunks.push(chunk);
        console.log((await sampleRateOf(new Blob(chunks))) ?? "none");
    """
    command = ["node", "--input-type=module", "-e", program]
    done = subprocess.run(command, input=content, check=False, capture_output=True, timeout=30)
    assert done.stdout.decode().strip() == str(rate or "none"), done.stderr.decode()
