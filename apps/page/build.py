"""Build the page: `make page`, or `python apps/page/build.py`, after `make web`.

The sources are ES modules and stay as they are. Beside them in `apps/page/dist` go the npm package's modules, as far as
its public entry reaches, under `undin/`, and what only a build can know: how large models are, what the first load
needs, and a version for the service worker, which is a hash of all of it. Any static server serves the folder.
"""

import gzip
import hashlib
import json
import re
import shutil
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE, DIST = HERE / "src", HERE / "dist"
PACKAGE = HERE.parents[1] / "bindings" / "web" / "dist"
"""What `make web` has built. Only its entry is named here; the rest is what that imports."""

ENTRY = "index.js"
FIRST_MODEL = "models/undin-nano.js"
"""The model of the first load; others are loaded when they are wanted."""

IMPORT = re.compile(r'(?:\bfrom |\bimport\()"(\.[^"]+)"')


def main() -> None:
    """Build it, and say how much the first load is."""
    if not (PACKAGE / ENTRY).exists():
        raise SystemExit(f"{PACKAGE / ENTRY} is missing: run `make web` first")
    files = package() | {path.name: path.read_bytes() for path in SOURCE.iterdir() if path.suffix != ".ts"}
    files["model-bytes.js"] = model_bytes(files)
    for name in files:
        if name.endswith(".js"):
            files[name] = files[name].replace(b'from "undin"', b'from "./undin/index.js"')
    first = [*sorted(name for name in files if "/models/" not in name and name != "sw.js"), f"undin/{FIRST_MODEL}"]
    files["index.html"] = files["index.html"].replace(b"<!-- modules -->", preloads(first))
    files["sw.js"] = service_worker(files, first)
    shutil.rmtree(DIST, ignore_errors=True)
    for name, content in files.items():
        (DIST / name).parent.mkdir(parents=True, exist_ok=True)
        (DIST / name).write_bytes(content)
    loaded = [files[name] for name in [*first, "sw.js"]]
    packed = sum(len(gzip.compress(content, 9)) for content in loaded)
    print(f"first load: {len(loaded)} files, {sum(map(len, loaded)):,} bytes, {packed:,} if the server packs them")


def package() -> dict[str, bytes]:
    """Modules of the package, from its entry on, by their paths in the page."""
    found, open_ends = {}, [PACKAGE / ENTRY]
    while open_ends:
        path = open_ends.pop()
        name = f"undin/{path.relative_to(PACKAGE).as_posix()}"
        if name in found:
            continue
        found[name] = path.read_bytes()
        imported = IMPORT.findall(found[name].decode()) if path.parent == PACKAGE else ()  # models import nothing
        open_ends += [(path.parent / other).resolve() for other in imported]
    return found


def model_bytes(files: dict[str, bytes]) -> bytes:
    """A module that tells how much is loaded for each model."""
    sizes = {Path(name).stem: len(content) for name, content in files.items() if "/models/" in name}
    return f"export const MODEL_BYTES = {json.dumps(sizes, indent=2)};\n".encode()


def preloads(first: list[str]) -> bytes:
    """Links that load all modules at once, where a browser would else find out about each by the last."""
    workers = {name for name in first if name.endswith(("-worker.js", "-worklet.js"))}
    names = [name for name in first if name.endswith(".js") and name not in workers]
    return "\n  ".join(f'<link rel="modulepreload" href="{name}">' for name in names).encode()


def service_worker(files: dict[str, bytes], first: list[str]) -> bytes:
    """The service worker, with its version and what it keeps at once."""
    version = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    text = files["sw.js"].decode().replace('"(set by build.py)"', json.dumps(version))
    return re.sub(r"= .*; // set by build.py", lambda _: f"= {json.dumps(first, indent=2)}; //", text).encode()


if __name__ == "__main__":
    main()
