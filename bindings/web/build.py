"""Build the npm package `undin`: `make web`, or `python bindings/web/build.py [--calibration FOLDER]`.

Each model becomes one WebAssembly module with the stream inside: a page loads one model, so that a stream of its own,
shared by all, would be one more file to lose and no byte less. A model lies in the package twice: gzipped as base64 in
an ES module of its own, which a bundler finds, and as a file for pages whose policy forbids what is inlined. Nothing is
downloaded. `npm pack` takes what goes to `bindings/web/dist`.
"""

import argparse
import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bundle import bundle

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE, DIST = HERE / "src", HERE / "dist"
WASM = ROOT / "build" / "web"
"""Where modules are compiled to; those that are newer than undin stay."""

IN_FLOATS = ("undin-nano", "undin-tiny", "undin-small", "undin-base", "undin-nano-48k", "undin-small-48k")
IN_INTEGERS = ("undin-nano", "undin-small")
CALIBRATION = ROOT.parent / "shared" / "data" / "valid" / "noisy"
FOR_SCRIPT_TAGS = "undin-small"
"""The one model inside the build for plain script tags."""

GENERATED_TEXTS = {
    "worklet-text.js": ("WORKLET_TEXT", "worklet.js"),
    "worker-text.js": ("WORKER_TEXT", "enhance-worker.js"),
}
"""Modules that hold a program as a string: its name, and where the program begins."""

ASSETS = {"undin-worklet.js": "worklet.js", "undin-worker.js": "enhance-worker.js"}


def main() -> None:
    """Build everything, and say what it has become."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--calibration",
        type=Path,
        default=CALIBRATION,
        metavar="FOLDER",
        help="noisy speech that models of 8 bits are calibrated on (default: %(default)s)",
    )
    calibration = parser.parse_args().calibration
    if not calibration.is_dir():
        print(f"models in floats alone, since there is no noisy speech in {calibration} to calibrate 8 bits on")
        calibration = None
    models = compile_models(calibration)
    shutil.rmtree(DIST, ignore_errors=True)
    for folder in ("models", "assets"):
        (DIST / folder).mkdir(parents=True)
    write_package(models)
    for name, wasm in models.items():
        packed = len(gzip.compress((DIST / "models" / f"{name}.js").read_bytes(), 9))
        print(f"{name:<18} {wasm.stat().st_size:>10,} bytes, {packed:>9,} over the wire")


def compile_models(calibration: Path | None) -> dict[str, Path]:
    """The modules by the names of their models, compiled where something is newer than they are."""
    sources = [path for path in (ROOT / "src" / "undin").rglob("*") if path.suffix in (".py", ".c", ".h", ".onnx")]
    newest = max(path.stat().st_mtime for path in sources)
    wanted = {name: (name, []) for name in IN_FLOATS}
    if calibration:
        wanted |= {f"{name}-int8": (name, ["--int8", str(calibration)]) for name in IN_INTEGERS}
    models = {}
    for name, (model, options) in wanted.items():
        models[name] = WASM / name / f"{symbol(name)}.wasm"
        if not models[name].exists() or models[name].stat().st_mtime < newest:
            command = ["compile", model, "--target", "wasm32", "-o", str(WASM / name), *options]
            subprocess.run([sys.executable, "-m", "undin", *command], check=True, stdout=subprocess.DEVNULL)
    return models


def symbol(name: str) -> str:
    """What C calls a model."""
    return name.removesuffix("-int8").replace("-", "_")


def write_package(models: dict[str, Path]) -> None:
    """Write all files of the package into `DIST`."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in SOURCE.glob("*.js")}
    texts["version.js"] = f"export const VERSION = {json.dumps(version())};\n"
    programs = {name: bundle(entry, texts) for name, entry in ASSETS.items()}
    for name, (constant, entry) in GENERATED_TEXTS.items():
        texts[name] = f"export const {constant} = {json.dumps(bundle(entry, texts))};\n"
    imports = (f'  "{name}": () => import("./models/{name}.js"),\n' for name in models)
    texts["chunks.js"] = f"export const CHUNKS = {{\n{''.join(imports)}}};\n"
    for name in texts.keys() - set(ASSETS.values()) - {"global.js"}:
        (DIST / name).write_text(texts[name], encoding="utf-8")
    for name, text in programs.items():
        (DIST / "assets" / name).write_text(text, encoding="utf-8")
    for name, wasm in models.items():
        shutil.copyfile(wasm, DIST / "assets" / f"{name}.wasm")
        (DIST / "models" / f"{name}.js").write_text(f"export default {described(name, wasm)};\n", encoding="utf-8")
        (DIST / "models" / f"{name}.d.ts").write_text(MODEL_TYPES, encoding="utf-8")
    only = described(FOR_SCRIPT_TAGS, models[FOR_SCRIPT_TAGS])
    texts["chunks.js"] = f'export const CHUNKS = {{ "{FOR_SCRIPT_TAGS}": async () => ({{ default: {only} }}) }};\n'
    (DIST / "undin.global.js").write_text(bundle("global.js", texts), encoding="utf-8")
    names = " | ".join(f'"{name}"' for name in models)
    for path in SOURCE.glob("*.d.ts"):
        text = path.read_text(encoding="utf-8").replace("type ModelName = string", f"type ModelName = {names}")
        (DIST / path.name).write_text(text, encoding="utf-8")
    shutil.copyfile(ROOT / "LICENSE", HERE / "LICENSE")


MODEL_TYPES = """\
import type { InlinedModel } from "../index.js";
declare const model: InlinedModel;
export default model;
"""


def described(name: str, wasm: Path) -> str:
    """A model as an object of JavaScript."""
    packed = base64.b64encode(gzip.compress(wasm.read_bytes(), 9, mtime=0)).decode()
    return json.dumps({"name": name, "symbol": symbol(name), "gzip": packed})


def version() -> str:
    """Of the package, which is undin's."""
    of_undin = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]
    of_package = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["version"]
    if of_package != of_undin:
        raise ValueError(f"package.json says version {of_package}, pyproject.toml {of_undin}: make them the same")
    return of_package


if __name__ == "__main__":
    main()
