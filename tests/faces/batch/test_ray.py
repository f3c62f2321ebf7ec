"""Corpora and training sets on Ray: the same as by processes, on a cluster of two nodes too, whatever is killed."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest
from support.audio_files import files_below, noise, write

from undin.cli import main

pytestmark = pytest.mark.needs("ray")

RAY = [sys.executable, "-m", "ray.scripts.scripts"]
MODEL = "undin-nano"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Files of a second, and one that is no audio among them."""
    folder = tmp_path_factory.mktemp("corpus") / "in"
    folder.mkdir()
    for number in range(60):
        write(folder / f"{number:02d}.wav", noise(16_000 + number))
    (folder / "30.wav").write_bytes(b"no audio")
    return folder


def undin_batch(*arguments) -> subprocess.Popen:
    """The command, in a process of its own: Ray starts once in one."""
    command = [sys.executable, "-m", "undin", "batch", *map(str, arguments), "--model", MODEL]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def table(folder) -> list[dict]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(folder / "undin.parquet").to_pylist()


def same(folder, other) -> bool:
    return table(folder) == table(other) and all(
        (folder / name).read_bytes() == (other / name).read_bytes()
        for name in files_below(other)
        if name.endswith(".wav")
    )


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory):
    """What processes make of the corpus."""
    out = tmp_path_factory.mktemp("expected")
    assert main(["batch", str(corpus), str(out), "--model", MODEL]) == 1
    return out


@pytest.fixture(scope="module", autouse=True)
def patience():
    """Ray's workers give way to all others unless told not to: on a busy machine they would take minutes."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_worker_niceness", "0")
        yield


@pytest.fixture(scope="module")
def cluster(patience):
    """Two nodes of a core each, the address of the first, and the raylet of the second."""
    from ray.cluster_utils import Cluster

    whole = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 200_000_000})
    second = whole.add_node(num_cpus=1, object_store_memory=200_000_000)
    yield whole, second
    whole.shutdown()


def test_ray_makes_what_processes_make(corpus, expected, cluster, tmp_path):
    whole, _ = cluster
    process = undin_batch(corpus, tmp_path / "out", "--address", whole.address)
    told = process.communicate(timeout=400)[0]
    assert process.returncode == 1, told
    assert same(tmp_path / "out", expected)


def test_killed_workers_a_lost_node_and_a_driver_that_starts_again(corpus, expected, cluster, tmp_path):
    whole, second = cluster
    out = tmp_path / "out"
    done = threading.Event()

    def kill() -> None:
        while not done.wait(5):
            found = subprocess.run(["pgrep", "-f", "ray::MapBatches"], capture_output=True, text=True).stdout.split()
            for number in found[:1]:
                with suppress(ProcessLookupError):
                    os.kill(int(number), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        first = undin_batch(corpus, out, "--address", whole.address)
        deadline = time.monotonic() + 200
        while not list((out / ".undin").glob("rows-*")) and first.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        first.kill()
        first.communicate()
        whole.remove_node(second, allow_graceful=False)
        times = {path: path.stat().st_mtime_ns for path in out.glob("*.wav")}
        noted = {
            json.loads(line)["path"]
            for path in (out / ".undin").glob("rows-*")
            for line in path.read_text().splitlines()
        }
        again = undin_batch(corpus, out, "--address", whole.address)
        told = again.communicate(timeout=400)[0]
    finally:
        done.set()
        killer.join()
    assert again.returncode == 1, told
    assert same(out, expected)
    kept = [path for path in times if str(corpus / path.name) in noted]
    assert all(path.stat().st_mtime_ns == times[path] for path in kept)
    assert not [name for name in files_below(out) if ".partial" in name]


def test_a_set_is_the_same_whoever_mixed_it(corpus, tmp_path, monkeypatch):
    (corpus.parent / "speech").mkdir()
    for number in range(3):
        write(corpus.parent / "speech" / f"{number}.wav", noise(40_000 + number))
    common = [sys.executable, "-m", "undin", "data", "mix", "--count", "40", "--seconds", "0.5", "--set=mixing.rooms=2"]
    common += ["--set=mixing.synthetic_noise_shares={}", "--set=mixing.held_speech_share=0"]
    common += ["--speech", str(corpus.parent / "speech"), "--noise", str(corpus.parent / "speech"), "-o"]
    subprocess.run([*common, str(tmp_path / "alone")], check=True)
    subprocess.run([*common, str(tmp_path / "ray"), "--engine", "ray", "--processes", "2"], check=True, timeout=400)
    names = files_below(tmp_path / "alone")
    assert names == files_below(tmp_path / "ray") and len(names) == 81
    assert all((tmp_path / "alone" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes() for name in names)
    with open(tmp_path / "ray" / "index.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 40
