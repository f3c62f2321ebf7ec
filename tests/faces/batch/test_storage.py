"""A corpus in object storage: read there, written there, gone on with from there, and no file left here."""

import os
import tempfile
from pathlib import Path

import pytest
from support.audio_files import noise, read, write

from undin.cli import main
from undin.io import places

pytestmark = pytest.mark.needs("s3")


@pytest.fixture
def bucket(monkeypatch):
    """A server that speaks S3, and an empty bucket of it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir("corpus")
    yield "s3://corpus"
    server.stop()


def test_a_corpus_of_a_bucket(bucket, tmp_path):
    for number in range(5):
        path = write(tmp_path / f"{number}.wav", noise(8000 + number))
        with places.put(f"{bucket}/in/deep/{number}.wav") as copy:
            copy.write_bytes(path.read_bytes())
    places.write_bytes(f"{bucket}/in/bad.flac", b"no audio")
    table = str(tmp_path / "table.csv")
    assert main(["batch", f"{bucket}/in", f"{bucket}/out", "--model", "undin-nano", "--table", table]) == 1
    assert main(["enhance", *(str(tmp_path / f"{number}.wav") for number in range(5)), "--model", "undin-nano"]) == 0
    for number in range(5):
        with places.fetched(f"{bucket}/out/deep/{number}.wav") as copy:
            assert (read(copy) == read(tmp_path / f"{number}_enhanced.wav")).all()
    rows = Path(table).read_text().splitlines()
    assert len(rows) == 7 and sum("not audio" in row for row in rows) == 1
    places.remove(f"{bucket}/out/deep/0.wav")  # done is what the journal says, and nothing is asked of each file
    assert main(["batch", f"{bucket}/in", f"{bucket}/out", "--model", "undin-nano", "--table", table]) == 1
    assert not places.exists(f"{bucket}/out/deep/0.wav")
    assert places.exists(f"{bucket}/in/deep/0.wav")
    spools = Path(tempfile.gettempdir(), f"{places.SPOOL}-{os.getuid()}")
    assert not [path for path in spools.rglob("*") if path.is_file()]
    assert main(["batch", "s3://nowhere/in", f"{bucket}/out2", "--table", table]) == 1
