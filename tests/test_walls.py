"""Who may know whom: the walls of the house, as one table. A new arrow is a decision, and a line here."""

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "undin"
C_FILES = sorted((PACKAGE / "c").rglob("*.[ch]"))

ARROWS = {
    "__init__": "model stream",
    "__main__": "cli",
    "stream": "engines model",
    "model": "compiler engines",  # what has no library yet is compiled
    "engines": "compiler model",
    "io": "",
    "workers": "",
    "cluster": "__init__ workers",
    "plot": "io",
    "compiler": "engines io model stream",  # never nn; the stream is how it hears what a model hears
    "bench": "compiler engines model",
    "evaluate": "__init__ io model workers",
    "data": "cluster io",
    "nn": "compiler io model",
    "train": "data evaluate io model nn workers",
    "recording": "__init__ engines io model",
    "batch": "cluster evaluate io model recording",
    "agents": "io model stream",
    "serve": "io model recording stream",
    "client": "io",
    "live": "engines io model",
    "mic": "io stream",
    "cli": "__init__ batch bench cluster compiler data engines evaluate io live mic model nn plot recording serve "
    "stream train workers",
}
"""Each room of the package, a file or a folder, and the rooms that it may import from."""

TORCH = {"nn", "data", "train", "cli"}
"""Rooms that may import torch; a command only inside its `run`, which tests/test_package.py proves."""

OUTSIDE = {"research", "benchmarks", "tests", "support", "findings", "release"}
"""What nothing in the package may import."""


BINDINGS = sorted(path for path in (ROOT / "bindings").iterdir() if path.is_dir())
APPS = sorted(path for path in (ROOT / "apps").iterdir() if path.is_dir())
"""Ways to call undin.h, and things people run, which are built of the former's public parts."""

PUBLIC = {"web": "dist", "android": "(?:dist|sdk)"}
"""What an app may name of a binding: the folder that it is built to, and what stands in for Google's SDK."""

PACKAGES = {"page": {"undin"}}
"""What the JavaScript of an app imports beside its own modules."""


def imports(path: Path) -> set[str]:
    """Modules that a file imports, names behind ``from undin import`` with it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"undin.{name.name}" for name in node.names} if node.module == "undin" else {node.module or ""}
    return found


def room(module: str) -> str:
    """The room of a module ``undin.…``; names of the public API are those of ``__init__``."""
    name = module.split(".")[1] if "." in module else "__init__"
    return name if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file() else "__init__"


@pytest.mark.parametrize("name", ARROWS)
def test_a_room_knows_its_neighbours_alone(name):
    files = [PACKAGE / f"{name}.py"] if (PACKAGE / f"{name}.py").is_file() else sorted((PACKAGE / name).rglob("*.py"))
    modules = {module for path in files for module in imports(path)}
    ours = {room(module) for module in modules if module.split(".")[0] == "undin"} - {name}
    assert ours <= set(ARROWS[name].split())
    outside = {module.split(".")[0] for module in modules}
    assert not outside & OUTSIDE
    assert "torch" not in outside or name in TORCH


def test_every_room_is_in_the_table():
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert rooms - {"c", "__pycache__"} == set(ARROWS)


@pytest.mark.parametrize("path", C_FILES, ids=lambda path: path.name)
def test_c_includes_nothing_outside_itself(path):
    includes = re.findall(r'^\s*#\s*include\s+([<"][^>"]+[>"])', path.read_text(encoding="utf-8"), re.MULTILINE)
    ours = {f'"{other.name}"' for other in C_FILES}
    compilers_own = {"<stddef.h>", "<stdint.h>", "<string.h>", "<cpuid.h>"}
    vectors = {"<immintrin.h>", "<arm_neon.h>", "<arm_acle.h>", "<arm_mve.h>", "<wasm_simd128.h>"}
    assert set(includes) <= ours | compilers_own | vectors


def written(folder: Path) -> dict[Path, str]:
    """The sources below a folder, without what is built or installed there."""
    skipped = {"dist", "build", "node_modules", "__pycache__"}
    paths = (path for path in folder.rglob("*") if path.is_file() and not skipped & set(path.parts))
    kinds = {".py", ".js", ".mjs", ".ts", ".html", ".css", ".json", ".c", ".h", ".cpp", ".java", ".kt", ".swift"}
    return {path: path.read_text(encoding="utf-8") for path in paths if path.suffix in kinds}


def names(text: str, folder: str, place: str) -> bool:
    """Whether a text names a place below a folder, as a path or as the parts of one."""
    return bool(re.search(rf"""\b{folder}["']?\s*/\s*["']?{place}\b""", text))


@pytest.mark.parametrize("binding", BINDINGS, ids=lambda path: path.name)
def test_no_binding_sees_an_app_or_another_binding(binding):
    for path, text in written(binding).items():
        assert not [app.name for app in APPS if names(text, "apps", app.name)], path
        assert not [one.name for one in BINDINGS if one != binding and names(text, "bindings", one.name)], path


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.name)
def test_an_app_sees_what_a_binding_is_built_to_and_no_other_app(app):
    for path, text in written(app).items():
        assert not [one.name for one in APPS if one != app and names(text, "apps", one.name)], path
        for binding in BINDINGS:
            public = PUBLIC.get(binding.name, "")
            text = re.sub(rf"""\bbindings["']?\s*/\s*["']?{binding.name}["']?\s*/\s*["']?{public}\b""", "", text)
            assert not names(text, "bindings", binding.name), path


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.name)
def test_an_apps_modules_import_the_package_and_each_other(app):
    for path, text in written(app).items():
        if path.suffix != ".js":
            continue
        for module in re.findall(r'(?:\bfrom |\bimport\(|^import )"([^"]+)"', text, re.MULTILINE):
            assert module in PACKAGES[app.name] or re.fullmatch(r"\./[\w-]+\.js", module), f"{path.name}: {module}"
