"""What pages of the repository show: blocks of code, and commands."""

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = {"build", "dist", "node_modules"}

PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {part for part in path.relative_to(ROOT).parts if part.startswith(".") or part in NOT_OURS}
)


def blocks(page: Path | str, language: str) -> list[str]:
    """The blocks of a page, a path from the root, in a language, those of lists moved to the margin."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, kind, block in found if kind == language]


def commands(page: Path | str) -> list[str]:
    """What a page has somebody type, without remarks; what goes over several lines is one."""
    found: list[str] = []
    loop = False
    for line in "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines():
        command = " ".join(re.sub(r"(^|\s)#.*", "", line).split())
        if loop and command:
            found[-1] += f"\n{command}"
        elif command:
            found.append(command)
        loop = (loop or command.startswith("for ")) and not command.endswith("done")
    return found
