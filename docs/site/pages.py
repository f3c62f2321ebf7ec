"""The pages of the site: all of the repository's, in groups, as Sphinx reads them.

A page keeps its place: docs/c.md becomes docs/c.html, so that links between pages need no change. What else they link
to is shown too: a file as a page with its text, a folder as a list of what it holds.
"""

import os
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "dist", "runs", "data", "node_modules"}
"""Folders of the repository's root, or below it, that are built, and none of git's."""

CONTENTS = {
    "Begin": ["docs/sounds", "docs/page", "docs/notebooks/enhancing"],
    "Sound in, sound out": ["docs/files", "docs/desktop", "docs/server", "docs/agents", "docs/batch"],
    "Browsers and phones": ["docs/web", "bindings/web/README", "apps/page/README", "docs/android", "*/android/README"],
    "C and microcontrollers": ["docs/c", "docs/microcontroller", "apps/stm32/README", "docs/compiler", "docs/models"],
    "Training": ["docs/training", "docs/notebooks/training", "docs/training_audio", "docs/full_band", "docs/cluster"],
    "Models": ["src/undin/model/weights/*", "docs/tflite", "research/quality", "research/int8", "research/baselines"],
    "Reference": ["docs/reference/python", "docs/reference/commands", "docs/reference/c", "docs/reference/*"],
    "More": ["docs/*", "bindings/*", "apps/*", "examples/*"],
    "How it is built": ["docs/architecture", "docs/decisions/*", "CONTRIBUTING", "benchmarks/*", "research/README"],
    "The laboratory": ["research/*"],
    "Versions": ["docs/versions", "docs/releases", "CHANGELOG", "SECURITY"],
}
"""Groups, and names or patterns of pages in their order. A pattern takes what is named nowhere and came before in no
other; a name without a page is left out."""

FRONT = "README"
SHOWN_ELSEWHERE = {"src/undin/c/include/undin.h": "docs/reference/c"}
LINK = re.compile(r"(?<=\]\()([^)#\s]+)")
PICTURES = (".png", ".svg", ".jpg")
LANGUAGES = {".py": "python", ".h": "c", ".c": "c", ".sh": "bash", ".js": "js", ".toml": "toml", ".java": "java"}


def pages() -> list[str]:
    """Names of all pages, paths in the repository without a suffix."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        inside = Path(folder).relative_to(ROOT)
        at_root = NOT_OURS if not inside.parts else NOT_OURS - {"runs", "data"}
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in at_root)
        found += [(inside / name).with_suffix("").as_posix() for name in files if name.endswith((".md", ".ipynb"))]
    return sorted(found)


def grouped(names: list[str]) -> dict[str, list[str]]:
    """Pages by group, in their order; each once, and none of the front page."""
    left = [name for name in names if name != FRONT]
    places: dict[tuple[str, str], list[str]] = {}
    for patterns in (False, True):
        for group, wanted in CONTENTS.items():
            for pattern in wanted:
                if ("*" in pattern) == patterns:
                    taken = [name for name in left if fnmatch(name, pattern)]
                    left = [name for name in left if name not in taken]
                    places[group, pattern] = taken
    if left:
        raise ValueError(f"in no group of CONTENTS in docs/site/pages.py: {', '.join(left)}")
    return {group: [name for one in wanted for name in places[group, one]] for group, wanted in CONTENTS.items()}


def gather(folder: Path, *, made: dict[str, str]) -> None:
    """Write the sources of all pages into a folder.

    Parameters
    ----------
    folder : Path
        Emptied before.
    made : dict
        Texts of pages that only a build can know, by name.
    """
    shutil.rmtree(folder, ignore_errors=True)
    names = pages()
    groups = grouped(sorted({*names, *made}))
    linked: set[str] = set()
    for name in names:
        if (path := ROOT / f"{name}.md").exists():
            made = {name: path.read_text(encoding="utf-8")} | made
        else:
            copy(folder, f"{name}.ipynb")
    for name, text in made.items():
        text = with_links(text, name, linked, {*names, *made})
        write(folder, *(("index", f"{text}\n{tables_of_contents(groups)}") if name == FRONT else (name, text)))
    for path in sorted(linked):
        if path.endswith(PICTURES):
            copy(folder, path)
        else:
            write(folder, f"source/{path}", shown(path, {*names, *made}))


def with_links(text: str, page: str, linked: set[str], names: set[str]) -> str:
    """A page whose links to what is no page lead to where that is shown; adds what must be shown to `linked`."""

    def lead(match: re.Match) -> str:
        path = Path(os.path.normpath((ROOT / page).parent / match[1]))
        if ":" in match[1] or not path.is_relative_to(ROOT) or not path.exists():
            return match[1]
        inside = path.relative_to(ROOT).as_posix()
        if path.is_dir() and (path / "README.md").exists():
            inside = f"{inside}/README.md"
        name = inside.removesuffix(".md")
        if name == FRONT:
            return "/index.md"
        if name in names and name != inside:
            return f"/{inside}"
        if SHOWN_ELSEWHERE.get(inside, page) != page:
            return f"/{SHOWN_ELSEWHERE[inside]}.md"
        linked.add(inside)
        return f"/{inside}" if inside.endswith(PICTURES) else f"/source/{inside}.md"

    return LINK.sub(lead, text)


def shown(path: str, names: set[str]) -> str:
    """A page with the text of a file, or with what a folder holds."""
    head = f"---\norphan: true\n---\n# {path}\n\n"
    if not (ROOT / path).is_dir():
        text = (ROOT / path).read_text(encoding="utf-8")
        return f"{head}``````{LANGUAGES.get(Path(path).suffix, '')}\n{text}``````\n"
    inside = sorted(one.relative_to(ROOT).as_posix() for one in (ROOT / path).iterdir() if one.name[0] not in "._")
    lines = [f"[{Path(one).name}](/{one})" if one.removesuffix(".md") in names else f"`{Path(one).name}`" for one in inside]
    return head + "".join(f"- {line}\n" for line in lines)


def tables_of_contents(groups: dict[str, list[str]]) -> str:
    """What the sidebar is made of."""
    blocks = (
        "```{toctree}\n:hidden:\n:caption: " + group + "\n\n" + "".join(f"/{name}\n" for name in names) + "```\n"
        for group, names in groups.items()
        if names
    )
    return "\n".join(blocks)


def write(folder: Path, name: str, text: str) -> None:
    path = folder / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def copy(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / path, folder / path)
