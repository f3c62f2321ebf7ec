"""Training on two machines, which are network namespaces: it is that of one, and it goes on when one was lost."""

import json
import os
import subprocess
import sys
import time

import pytest
from support import small_recipe
from support.nodes import two_nodes

pytestmark = pytest.mark.needs("network namespaces")


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    return small_recipe.write(tmp_path_factory.mktemp("recipe"))


@pytest.fixture
def nodes():
    with two_nodes() as both:
        yield both


def start(node, rank: int, run, recipe_path, *changes: str, cache=None) -> subprocess.Popen:
    """Start what a machine runs, as docs/cluster.md tells."""
    address = "10.79.1.1"
    torchrun = f"{sys.executable} -m torch.distributed.run --nnodes 2 --nproc-per-node 1 --max-restarts 9"
    torchrun += f" --rdzv-backend static --master-addr {address} --master-port 29500 --node-rank {rank}"
    train = f"-m undin train {recipe_path} --device cpu --threads 1 -o {run} --resume-if-any --set {' '.join(changes)}"
    shell = f"until {torchrun} {train}; do sleep 1; done"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": node.link}
    if cache:
        environment["XDG_CACHE_HOME"] = str(cache)
    return subprocess.Popen(node.command("sh", "-c", shell), env=environment, stderr=subprocess.PIPE, text=True)


def logged(run, key: str) -> list[dict]:
    """Lines of the log with a key: a step has a "loss", a start of the run a "recipe"."""
    try:
        rows = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    except FileNotFoundError:
        return []
    return [row for row in rows if key in row]


def steps(run) -> list[dict]:
    return logged(run, "loss")


def test_two_machines_train_as_one(nodes, recipe_path, tmp_path):
    running = [
        start(node, rank, tmp_path / f"{rank}", recipe_path, "training.steps=6") for rank, node in enumerate(nodes)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    arguments = ["train", recipe_path, "--device", "cpu", "--threads", "1", "-o", tmp_path / "one"]
    subprocess.run([sys.executable, "-m", "undin", *map(str, arguments), "--set", "training.steps=6"], check=True)
    two, one = steps(tmp_path / "0"), steps(tmp_path / "one")
    assert len(two) == len(one) == 6
    assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in one], rel=1e-5)
    assert not (tmp_path / "1").exists()  # the first writes, and nobody else


@pytest.mark.parametrize("lost", [1, 0], ids=["the second", "the first"])
def test_a_machine_that_comes_back_takes_part_again(nodes, recipe_path, tmp_path, lost):
    changes = ["training.steps=150", "training.save_every=5"]
    running = [start(node, rank, tmp_path / f"{rank}", recipe_path, *changes) for rank, node in enumerate(nodes)]
    deadline = time.monotonic() + 120
    while len(steps(tmp_path / "0")) < 25 and time.monotonic() < deadline:
        time.sleep(0.1)
    before = len(steps(tmp_path / "0"))
    nodes[lost].kill()
    running[lost].wait()
    running[lost] = start(nodes[lost], lost, tmp_path / f"{lost}", recipe_path, *changes)
    assert [process.wait(timeout=240) for process in running] == [0, 0]
    starts = [row["step"] for row in logged(tmp_path / "0", "recipe")]
    assert 25 <= before < 150 and steps(tmp_path / "0")[-1]["step"] == 150
    assert starts[0] == 0 and before - 6 <= starts[-1] <= before + 6  # it goes on from the last checkpoint


def test_each_machine_decodes_its_share(nodes, recipe_path, tmp_path):
    changes = ["training.steps=2", "data.sharded=true"]
    running = [
        start(node, rank, tmp_path / f"{rank}", recipe_path, *changes, cache=tmp_path / f"cache{rank}")
        for rank, node in enumerate(nodes)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    for rank in (0, 1):
        decoded = list((tmp_path / f"cache{rank}").rglob("decoded.pt"))
        sizes = [path.stat().st_size for path in decoded]
        assert len(sizes) == 2 and max(sizes) < 1.1 * 2 * 2 * 3 * 16_000 + 10_000  # two files of three seconds each
