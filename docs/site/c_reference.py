"""The C reference: undin.h as a page. Its comments are the text, its declarations the entries.

The header is written in paragraphs: a comment, and what it is about. A member of a structure has its comment before it
or at the end of its line. doxygen and what reads it want comments in their own form, and hawkmoth a libclang; a header
of a page wants neither.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

HEADER = Path(__file__).resolve().parents[2] / "src" / "undin" / "c" / "include" / "undin.h"
COMMENT = re.compile(r"/\*(.*?)\*/\s*", re.DOTALL)
GUARDS = re.compile(
    r"^#ifdef __cplusplus\n[^#]*^#endif\n|^#(?:ifndef|define) UNDIN_H\n|^#endif\n?|^#include[^\n]*\n", re.M
)
MEMBER = re.compile(
    r"\s*(?:/\*(?P<before>.*?)\*/\s*)?(?P<declaration>[^;/]+);[ \t]*(?:/\*(?P<after>.*?)\*/)?", re.DOTALL
)
SECTIONS = {"macro": "Constants", "struct": "Types", "function": "Functions"}
ROLES = {"struct": "struct", "function": "func"}


def page() -> str:
    """The page, in Markdown around the C domain of Sphinx."""
    intro, *paragraphs = GUARDS.sub("", HEADER.read_text(encoding="utf-8")).strip().split("\n\n")
    entries = [entry for paragraph in paragraphs if paragraph.strip() for entry in described(paragraph.strip())]
    kinds = {name: kind for kind, names, _ in entries for name in names}
    parts = [
        "# C reference",
        "All of `undin.h`, made of [the header itself](../../src/undin/c/include/undin.h). Programs, build systems and"
        " targets are in [undin in C](../c.md).",
        in_rst(text_of(COMMENT.match(intro)[1]), kinds),
    ]
    for kind, title in SECTIONS.items():
        texts = [text for one, _, text in entries if one == kind]
        parts += [f"## {title}", in_rst("\n\n".join(texts), kinds)]
    return "\n\n".join(parts) + "\n"


def described(paragraph: str) -> Iterator[tuple[str, list[str], str]]:
    """Entries of a paragraph: the kind, the names, and reStructuredText."""
    comment = COMMENT.match(paragraph)
    text, code = (text_of(comment[1]), paragraph[comment.end() :]) if comment else ("", paragraph)
    if code.startswith("#define"):
        found = re.findall(r"^#define (\w+) (.+)$", code, re.MULTILINE)
        values = textwrap.indent("\n".join(f'"`{name}`", {value.strip("()")}' for name, value in found), "   ")
        yield "macro", [name for name, _ in found], f"{text}\n\n.. csv-table::\n   :widths: auto\n\n{values}".strip()
    elif struct := re.fullmatch(r"typedef struct (\w+) (?:\{(.*)\} )?\1;", code, re.DOTALL):
        members = [
            f".. c:member:: {one_line(member['declaration'])}\n\n"
            + textwrap.indent(text_of(member["before"] or member["after"] or ""), "   ")
            for member in MEMBER.finditer(struct[2] or "")
        ]
        yield "struct", [struct[1]], entry(f".. c:struct:: {struct[1]}", "\n\n".join([text, *members]))
    else:
        declarations = [one_line(part) for part in code.split(";") if part.strip()]
        names = [re.search(r"(\w+)\(", declaration)[1] for declaration in declarations]
        head = ".. c:function:: "
        yield "function", names, entry(head + f"\n{' ' * len(head)}".join(declarations), text)


def entry(head: str, text: str) -> str:
    return f"{head}\n\n{textwrap.indent(text, '   ')}"


def one_line(declaration: str) -> str:
    return " ".join(declaration.split())


def text_of(comment: str) -> str:
    """A comment without its stars, as reStructuredText; what is indented is an example."""
    lines = [re.sub(r"^ *\* ?", "", line).rstrip() for line in comment.strip().splitlines()]
    parts = []
    for part in "\n".join(lines).split("\n\n"):
        if part.startswith("    "):
            example = (
                "\n".join([*parts.pop().splitlines()[2:], "", part]) if parts and parts[-1].startswith(".. ") else part
            )
            parts.append(".. code-block:: c\n\n" + example)
        else:
            parts.append(re.sub(r"([*|\\])", r"\\\1", one_line(part)))
    return "\n\n".join(parts)


def in_rst(text: str, kinds: dict[str, str]) -> str:
    """A block of reStructuredText, with links for names of the header in it."""

    def linked(name: re.Match) -> str:
        return f":c:{ROLES[kinds[name[1]]]}:`{name[1]}`" if kinds.get(name[1]) in ROLES else f"``{name[1]}``"

    # Code, which stands deepest and after a line of its own, has no links.
    parts = re.split(r"(^\.\. code-block.*?\n(?=\S))", text, flags=re.DOTALL | re.MULTILINE)
    whole = "".join(part if part.startswith(".. code") else re.sub(r"`([^`]+)`", linked, part) for part in parts)
    return "```{eval-rst}\n" + whole + "\n```"
