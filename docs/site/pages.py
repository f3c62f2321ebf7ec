"""The pages of the site: all of the repository's, in groups, as Sphinx reads them.

A page keeps its place: docs/c.md becomes docs/c.html, so that links between pages need no change. What else they link
to is shown too: a file as a page with its text, a folder as a list of what it holds.
"""

import os
import re
import shutil
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "dist", "node_modules"}
"""Folders that are made, and none of git's, as runs and data at the root are not."""

CONTENTS = {
    "Begin": ["docs/sounds", "docs/page", "docs/notebooks/enhancing"],
    "Sound in, sound out": [
        *("docs/files", "docs/desktop", "Plug-ins <apps/plugins/README>", "docs/server", "docs/agents", "docs/batch"),
    ],
    "Browsers and phones": [
        *("docs/web", "The npm package <bindings/web/README>", "The page <apps/page/README>"),
        *("docs/android", "Its library <bindings/android/README>", "An app of it <apps/android/README>"),
        "undin on iOS <bindings/ios/README>",
    ],
    "C and microcontrollers": [
        *("docs/c", "docs/microcontroller", "Firmware for a board <apps/stm32/README>", "docs/tflite", "docs/models"),
    ],
    "Training": ["docs/training", "docs/notebooks/training", "docs/training_audio", "docs/full_band", "docs/cluster"],
    "Models": [
        *(
            f"src/undin/model/weights/undin-{size}"
            for size in ("nano", "tiny", "small", "base", "nano-48k", "small-48k")
        ),
        "src/undin/model/weights/*",
        *(f"research/{page}" for page in ("quality", "peers", "sounds", "recogniser", "int8", "baselines")),
    ],
    "Reference": ["docs/reference/python", "docs/reference/commands", "docs/reference/c", "docs/reference/*"],
    "More": ["docs/*", "bindings/*", "apps/*", "examples/*"],
    "How it is built": ["docs/architecture", "docs/compiler", "CONTRIBUTING", "benchmarks/*", "research/README"],
    "Versions": ["docs/versions", "docs/releases", "CHANGELOG", "SECURITY"],
}
"""Groups, and names or patterns of pages in their order, some with a shorter title. A pattern takes what is named
nowhere else; a name without a page is left out, as one that is on its way."""

BELOW = {"docs/architecture": ["docs/decisions/*"], "research/README": ["research/*"]}
"""Pages that others stand below in the sidebar, as in their text; lines as in `CONTENTS`."""

FRONT = "README"
SHOWN_ELSEWHERE = {"src/undin/c/include/undin.h": "docs/reference/c"}
LINK = re.compile(r"\[([^\]\n]*)\]\(([^)#\s]+)")
COPIED = (".png", ".svg", ".jpg", ".wav", ".toml", ".ipynb")
LANGUAGES = {".py": "python", ".h": "c", ".c": "c", ".sh": "bash", ".js": "js", ".toml": "toml", ".java": "java"}


def pages() -> list[str]:
    """Names of all pages, paths in the repository without a suffix."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in NOT_OURS]
        found += [name_of(Path(folder, name)) for name in files if name.endswith((".md", ".ipynb"))]
    return sorted(name for name in found if not name.startswith(("runs/", "data/")))


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Lines of the sidebar by group, and by page of `BELOW`, in their order; each page once, but not the front page.

    Raises
    ------
    ValueError
        If a page is in no group.
    """
    groups = CONTENTS | BELOW
    left, places = set(names) - {FRONT}, {}
    # What is named goes before what a pattern takes, and a narrow pattern before a wide one.
    for line in sorted((line for lines in groups.values() for line in lines), key=lambda one: ("*" in one, -len(one))):
        taken = sorted(name for name in left if fnmatch(name, page_of(line)))
        places[line] = [line] if taken and "*" not in line else taken
        left -= set(taken)
    if left:
        raise ValueError(f"in no group of CONTENTS in docs/site/pages.py: {', '.join(sorted(left))}")
    return {group: [name for line in lines for name in places[line]] for group, lines in groups.items()}


def page_of(line: str) -> str:
    """The page of a line, which may be ``title <page>``."""
    return line.rpartition("<")[2].rstrip(">")


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
    written = [ROOT / f"{name}.md" for name in pages() if (ROOT / f"{name}.md").exists()]
    texts = {name_of(path): path.read_text(encoding="utf-8") for path in written} | made
    notebooks = [name for name in pages() if name not in texts]
    groups = grouped([*texts, *notebooks])
    wanted = {path for name in notebooks for path in [f"{name}.ipynb", *read_by(name)]}
    for name, text in texts.items():
        text, linked = with_links(text, name, texts)
        wanted |= linked
        if name == FRONT:
            text += "".join(table_of_contents(groups[group], caption=group) for group in CONTENTS)
        elif name in BELOW:
            text += table_of_contents(groups[name])
        write(folder, "index" if name == FRONT else name, text)
    for path in sorted(wanted):
        if path.endswith(COPIED):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, folder / path)
        else:
            write(folder, f"source/{path}", shown(path, texts))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").as_posix()


def read_by(notebook: str) -> list[str]:
    """Files of the repository that a notebook reads, which names them from where it lies."""
    path = ROOT / f"{notebook}.ipynb"
    found = re.findall(r"\.\./\.\./[\w./-]+", path.read_text(encoding="utf-8"))
    return [(path.parent / name).resolve().relative_to(ROOT).as_posix() for name in found]


def with_links(text: str, page: str, texts: dict[str, str]) -> tuple[str, set[str]]:
    """A page whose links lead to where their files are shown, and what must be shown or copied for them.

    A link whose text is the path of a page has the title of the page instead.
    """
    wanted: set[str] = set()

    def lead(match: re.Match) -> str:
        words, path = match[1], Path(os.path.normpath((ROOT / page).parent / match[2]))
        if ":" in match[2] or not path.is_relative_to(ROOT) or not path.exists():
            return match[0]
        if (path / "README.md").is_file():
            path /= "README.md"
        inside = path.relative_to(ROOT).as_posix()
        name = inside.removesuffix(".md")
        if SHOWN_ELSEWHERE.get(inside, page) != page:
            name, inside = SHOWN_ELSEWHERE[inside], f"{SHOWN_ELSEWHERE[inside]}.md"
        if name in texts and name != inside:
            title = texts[name].partition("# ")[2].partition("\n")[0]
            return f"[{title if words.endswith('.md') else words}](/{'index.md' if name == FRONT else inside}"
        wanted.add(inside)
        return f"[{words}](/{inside if inside.endswith(COPIED) else f'source/{inside}.md'}"

    return LINK.sub(lead, text), wanted


def shown(path: str, texts: dict[str, str]) -> str:
    """A page with the text of a file, or with what a folder holds."""
    head = f"---\norphan: true\n---\n# {path}\n\n"
    if (ROOT / path).is_file():
        text = (ROOT / path).read_text(encoding="utf-8")
        return f"{head}``````{LANGUAGES.get(Path(path).suffix, '')}\n{text}``````\n"
    lines = []
    for one in sorted((ROOT / path).iterdir()):
        if one.suffix == ".md" and name_of(one) in texts:
            lines.append(f"- [{one.name}](/{name_of(one)}.md)\n")
        elif one.name[0] not in "._":
            lines.append(f"- `{one.name}`\n")
    return head + "".join(lines)


def table_of_contents(lines: list[str], *, caption: str = "") -> str:
    """Lines of the sidebar, nothing if there are none."""
    entries = "".join(line.replace(page_of(line), f"/{page_of(line)}") + "\n" for line in lines)
    options = ":hidden:\n" + f":caption: {caption}\n" * bool(caption)
    return f"\n```{{toctree}}\n{options}\n{entries}```\n" if lines else ""


def write(folder: Path, name: str, text: str) -> None:
    path = folder / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
