"""What docstrings, comments and pages point to is there: files, modules, and what these are said to define."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from tokenize import generate_tokens

import pytest
from support.census import definitions, fields_in_c, names_in_c

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[1]
DIARY = ("CHANGELOG.md", "research/runs/")
"""What tells how things were."""

SUFFIXES = "py|h|c|md|js|mjs|ts|sh|toml|cmake|java"
ENDINGS = {*SUFFIXES.split("|"), "onnx", "pt", "wav", "jsonl", "jar"}
"""Of files, so that what has one is no name."""

FILE = re.compile(rf"(?<![\w/.<{{…*-])((?:[\w.-]+/)*[\w-]+\.(?:{SUFFIXES}))\b(?![\w/<{{…*(]|\.\w)")
NAME = re.compile(r"(?<!`)(``?)([A-Za-z_]\w*(?:\.\w+)*)(?:\(\))?\1(?!`)")
NAME_IN_FILE = re.compile(rf"`(\w+)`(?:\(\))? (?:in|of) ``?((?:[\w.-]+/)*[\w-]+\.(?:{SUFFIXES}))`")
NEVER_HERE = {
    "denoise.c denoise.mjs firmware.c detect.c undin_vad.h RECIPE.toml": "programs and recipes of a reader's own",
    "_weights.c undin_tiny.c undin_tiny.h undin_tiny_weights.c undin_stream.c": "what a build of a model writes",
    "undin_models.h undin_models.c LICENCES.md": "what a build of several models, or a release, writes",
    "undin-config.cmake undin_tiny.cmake undin-small.js example.c": "what is installed",
    "gather.py": "beside the data, which are not of the repository",
    "malloc.h ladspa.h dnsmos_local.py separation.bss_eval_sources mpeg_l3_encode.c ogg_opus.c ogg_vorbis.c": "others'",
    "Outer.Inner": "any class of Java in another",
    "load.py": "what docs/architecture.md says that nothing is called",
    "SystemInit webAudioMix replaceTrack": "functions of CMSIS, LiveKit and WebRTC",
    "undin_tiny_variant": "in a library that is compiled",
    "undin_scale.h differences.py gains.py peak.py": "examples in CONTRIBUTING.md",
}
KNOWN = {name for names in NEVER_HERE for name in names.split()}


@cache
def paths() -> list[str]:
    """Files of the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no checkout of git")
    return [path for path in done.stdout.splitlines() if (ROOT / path).is_file()]


@cache
def text_of(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@cache
def ends() -> set[str]:
    """Every path without some of the folders it begins with."""
    parts = [path.split("/") for path in paths()]
    return {"/".join(names[first:]) for names in parts for first in range(len(names))}


@cache
def prose() -> list[tuple[str, str]]:
    """Paths, and what stands there for people: a docstring, a comment, a page."""
    return list(_prose())


def _prose() -> Iterator[tuple[str, str]]:
    for path in paths():
        if path.startswith(DIARY):
            continue
        if path.endswith(".md"):
            yield path, text_of(path)
        elif path.endswith(".py"):
            yield from ((path, part) for part in in_python(path)[0])
        elif path.endswith((".c", ".h", ".js", ".mjs", ".ts")):
            yield from ((path, part) for part in re.findall(r"/\*.*?\*/|//[^\n]*", text_of(path), re.DOTALL))


@cache
def in_python(path: str) -> tuple[list[str], list[str]]:
    """What stands in a file for people, its comments and strings that stand by themselves; and all its other tokens."""
    prose, code, begins = [], [], True
    tokens = [one for one in generate_tokens(io.StringIO(text_of(path)).readline) if one.type != tokenize.NL]
    prose += [one.string for one in tokens if one.type == tokenize.COMMENT]
    for one, following in pairwise(one for one in tokens if one.type != tokenize.COMMENT):
        is_alone = begins and one.type == tokenize.STRING and following.type == tokenize.NEWLINE
        (prose if is_alone else code).append(one.string)
        begins = one.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return prose, code


@cache
def words() -> set[str]:
    """Everything that code, not prose, is made of, and parts of paths."""
    found: set[str] = set()
    for path in paths():
        found.update(re.findall(r"\w+", path))
        if path.endswith(".py"):
            found.update(re.findall(r"\w+", " ".join(in_python(path)[1])))
        elif not path.endswith(".md"):
            found.update(re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", text_of(path), flags=re.DOTALL)))
    return found


@cache
def defined_in(path: str) -> set[str]:
    """What a file defines; members of classes with the class before them too."""
    if path.endswith((".c", ".h")):
        text = re.sub(r"/\*.*?\*/", "", text_of(path), flags=re.DOTALL)
        return {*names_in_c(text), *fields_in_c(text)}
    if path.endswith(".py"):
        tree = ast.parse(text_of(path))
        found = list(definitions("", tree))
        imported = {
            alias.asname or alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
        }
        members = {f"{item.owner}.{item.name}" for item in found if item.owner}
        return {item.name for item in found} | imported | members
    return set(re.findall(r"\w+", text_of(path)))


def test_every_file_is_there():
    missing = []
    for path, text in prose():
        for pointer in FILE.findall(text):
            if pointer.startswith("../shared/") or pointer.rpartition("/")[2] in KNOWN:
                continue
            there = ((ROOT / path).parent / pointer).is_file() if pointer[0] == "." else pointer in ends()
            if not there:
                missing.append((path, pointer))
    assert missing == []


def test_every_name_is_one_of_the_code():
    missing = []
    for path, text in prose():
        for _, name in NAME.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            is_a_word = (
                path.endswith(".md") and name.islower() and not name.startswith("undin")
            )  # such as a folder's name
            if not (is_a_word or name in KNOWN or name.rpartition(".")[2] in ENDINGS or is_known(name)):
                missing.append((path, name))
    assert missing == []


@cache
def is_known(name: str) -> bool:
    """Of ``a.b``, that a class `a` has a `b`, or that a module defines it; of others, that code has all their parts."""
    first, _, rest = name.partition(".")
    package = [path for path in paths() if path.startswith("src/undin/") and path.endswith(".py")]
    if rest and any(first in defined_in(path) for path in package) and first[0].isupper():
        return any(name in defined_in(path) for path in package) or rest in words()
    if rest.isidentifier() and any(path.endswith((f"/{first}.py", f"/{first}/__init__.py")) for path in package):
        return any(rest in defined_in(path) or f"/{rest}" in path for path in package) or rest.startswith("__")
    return set(re.findall(r"\w+", name)) <= words()


def test_a_file_defines_what_is_said_to_be_in_it():
    found, wrong = 0, []
    for path, text in prose():
        for name, pointer in NAME_IN_FILE.findall(text):
            found += 1
            if not any(name in defined_in(other) for other in paths() if f"/{other}".endswith(f"/{pointer}")):
                wrong.append((path, name, pointer))
    assert wrong == [] and found > 10
