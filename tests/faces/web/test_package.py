"""The package as others get it: packed, linted, typed, bundled, in a script tag, beside LiveKit and React.

What npm must give goes to ``build/web/npm`` once, by its ordinary client; without a registry these tests are skipped.
"""

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from faces.web.conftest import HERE, PACKAGE, ROOT
from support.needs import need

NPM = ROOT / "build" / "web" / "npm"
PACKAGES = (
    *("typescript", "@types/react", "@types/node", "publint", "@arethetypeswrong/cli", "vite", "esbuild"),
    *("react", "react-dom", "livekit-client", "@livekit/rtc-node"),
)


@pytest.fixture(scope="module")
def packed(dist, tmp_path_factory) -> Path:
    """The package as `npm pack` makes it without a network."""
    need("npm")
    folder = tmp_path_factory.mktemp("packed")
    command = ["npm", "pack", "--offline", "--silent", "--pack-destination", folder]
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True)
    (file,) = folder.glob("undin-*.tgz")
    return file


@pytest.fixture(scope="module")
def npm(packed) -> Path:
    """A folder with the packages of others in node_modules, and ours as it was packed."""
    if any(not (NPM / "node_modules" / name).exists() for name in PACKAGES):
        NPM.mkdir(parents=True, exist_ok=True)
        (NPM / "package.json").write_text('{ "private": true, "type": "module" }')
        command = ["npm", "install", "--no-audit", "--no-fund", *PACKAGES]
        done = subprocess.run(command, cwd=NPM, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"npm could not install {', '.join(PACKAGES)}: {done.stderr[-300:]}")
    ours = NPM / "node_modules" / "undin"
    shutil.rmtree(ours, ignore_errors=True)
    with tarfile.open(packed) as archive:
        archive.extractall(ours.with_name("undin-packed"), filter="data")
    shutil.move(ours.with_name("undin-packed") / "package", ours)
    ours.with_name("undin-packed").rmdir()
    return NPM


def of_npm(npm: Path, *command: str, cwd: Path | None = None) -> str:
    """Run a program that npm has installed; what it writes, where all is well."""
    program = npm / "node_modules" / ".bin" / command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=cwd or npm, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_what_it_exports_and_no_more(packed):
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    exports = json.loads((PACKAGE / "package.json").read_text())["exports"]
    wanted = [path for entry in exports.values() for path in (entry.values() if isinstance(entry, dict) else [entry])]
    assert {path.removeprefix("./") for path in wanted if "*" not in path} <= names
    assert {"README.md", "LICENSE", "dist/models/undin-small.js", "dist/assets/undin-small.wasm"} <= names
    assert not [name for name in names if "text" in name.lower() and not name.endswith(".js")]


def test_publint_finds_nothing(npm, packed):
    assert "All good" in of_npm(npm, "publint", str(packed), "--strict")


def test_its_types_are_right_for_modules(npm, packed):
    of_npm(npm, "attw", str(packed), "--profile", "esm-only", "--exclude-entrypoints", "./assets")


@pytest.mark.parametrize("resolution", ("bundler", "nodenext"))
def test_typescript_accepts_every_call(npm, resolution):
    shutil.copy(HERE / "types.ts", npm / "types.ts")
    module = {"bundler": "esnext"}.get(resolution, resolution)
    strict = ["--strict", "--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes", "--skipLibCheck"]
    lib = ["--lib", "es2022,dom,dom.iterable,esnext.disposable"]
    modules = ["--module", module, "--moduleResolution", resolution]
    of_npm(npm, "tsc", "--noEmit", *strict, "--target", "es2022", *lib, *modules, "types.ts")


def test_an_app_of_vite_and_react(browser, npm):
    app = npm / "app"
    shutil.rmtree(app, ignore_errors=True)
    shutil.copytree(HERE / "app", app)
    of_npm(npm, "vite", "build", "--base", "/app/", "--target", "es2022", "--logLevel", "warn", cwd=app)
    built = {f"app/{path.relative_to(app / 'dist')}": path for path in (app / "dist").rglob("*") if path.is_file()}
    browser.files |= {name: path.read_bytes() for name, path in built.items()}
    told = browser.run("frame.js", address="/app/index.html")
    assert "error" not in told, told
    assert told["kind"] == "audio" and told["attenLimDb"] == 12 and told["length"] == 48_000
    assert told["latency"] == pytest.approx(0.0375, abs=0.002)
    first = sum(path.stat().st_size for path in built.values() if path.name.startswith("index"))
    assert first < 600_000, "models belong into chunks of their own"


def test_esbuild_bundles_it(npm):
    (npm / "entry.js").write_text('export * from "undin"; export { useUndin } from "undin/react";\n')
    of_npm(
        npm, "esbuild", "entry.js", "--bundle", "--splitting", "--format=esm", "--outdir=esbuilt", "--log-level=warning"
    )
    assert (npm / "esbuilt" / "entry.js").exists()


def test_a_plain_script_tag(browser, dist):
    told = browser.run("frame.js", address="/pages/script-tag.html")
    assert told.get("models") == ["undin-small"] and told["length"] == 4_000 and told["latency"] > 0.03, told


def test_livekits_track_takes_our_processor(browser, npm):
    if browser.engine == "webkit":
        pytest.skip("livekit-client wants RTCPeerConnection, which Debian's WebKitGTK lacks")
    folder = npm / "node_modules" / "livekit-client" / "dist"
    browser.files |= {f"npm/livekit-client/dist/{path.name}": path.read_bytes() for path in folder.glob("*.mjs")}
    told = browser.run("livekit.js")
    assert told["name"] == "undin" and told["isProcessed"] and told["isStopped"] and told["supported"]
    assert told["reduced"] > 3 and abs(told["bypassed"]) < 0.5 and told["restarted"] is True


def test_livekits_frames_in_node(node, npm, dist):
    program = [node, HERE / "programs" / "livekit-node.mjs", dist.as_uri(), npm]
    done = subprocess.run(program, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["largest"] <= 0.5001 and told["known"] and told["same"] and not told["isEnabled"]
