"""`Stream` and `enhance` in Bun and Deno: what they give in node, bit for bit."""

import subprocess
from pathlib import Path

import pytest
from support.needs import need

RUNTIMES = {"bun": [], "deno": ["run", "--quiet", "--allow-read", "--allow-write"]}
"""Runtimes, and what they are called with."""
PACKAGES = ("bun@1.4.5", "deno@2.9.6")
"""Of npm, which bring a binary for this machine."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Where the programs of all runtimes are."""
    need("npm")
    folder = tmp_path_factory.mktemp("runtimes")
    done = subprocess.run(["npm", "install", "--silent", "--prefix", folder, *PACKAGES], check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"npm cannot bring {' and '.join(PACKAGES)}: is there a network?")
    return folder / "node_modules" / ".bin"


@pytest.mark.parametrize("program", ("stream.mjs", "enhance.mjs"))
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_another_runtime_gives_the_same_bits(runtime, program, installed, through, in_node, speech):
    samples = speech(44_100, 2)
    options = {"model": "undin-nano", "sampleRate": 44_100}
    expected, _ = in_node(program, samples, **options)
    output, _ = through([installed / runtime, *RUNTIMES[runtime]], program, samples, **options)
    assert output.tobytes() == expected.tobytes()
