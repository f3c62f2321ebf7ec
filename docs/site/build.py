"""Build the site: `make docs`, to build/site, for any server and for no server.

Gathers the pages of the repository (`pages.py`), adds what is made of code (the C reference, the commands, sounds
before and after), runs the notebooks and calls Sphinx (`conf.py`), which takes further options: without notebooks it is
quick, `-D nb_execution_mode=off`. Nothing is downloaded, and nothing of the site asks another server for anything.
Warnings are errors: a link that leads nowhere, a page in no group, a notebook that fails.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import c_reference
import pages
import sounds
from sphinx.cmd.build import main as sphinx

from undin.cli import make_parser

ROOT = Path(__file__).resolve().parents[2]
SITE, SOURCE, KEPT = (ROOT / "build" / name for name in ("site", "site-source", "site-doctrees"))
PAGE = ROOT / "apps" / "page" / "dist"
"""What `make page` has built."""

WITHOUT_PAGE = "This site was built without the page of apps/page: `make page` builds it, and `make docs` both."
SPHINX = ["-W", "--keep-going", "-q", "-E", "-c", str(Path(__file__).parent), "-d", str(KEPT), str(SOURCE), str(SITE)]


def main() -> int:
    """Build it; 0 if all is well."""
    shutil.rmtree(SITE, ignore_errors=True)
    made = {"docs/reference/c": c_reference.page(), "docs/reference/commands": commands()}
    made["docs/sounds"] = sounds.make(SITE / "sounds")
    if PAGE.exists():
        shutil.copytree(PAGE, SITE / "page")
    else:
        made["docs/page"] = f"# Try it here\n\n{WITHOUT_PAGE}\n"
        print(WITHOUT_PAGE, file=sys.stderr)
    pages.gather(SOURCE, made=made)
    os.environ.setdefault("PYTHONPATH", str(ROOT / "src"))  # for notebooks
    return sphinx([*sys.argv[1:], *SPHINX])


def commands() -> str:
    """A page with what `undin COMMAND --help` says."""
    os.environ["COLUMNS"] = "86"
    parts = [f"## {parser.prog}\n\n```text\n{parser.format_help()}```\n" for parser in parsers(make_parser())]
    return "\n".join(["# Commands\n", "What each says to `--help`.\n", *parts])


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from parsers(command)


if __name__ == "__main__":
    sys.exit(main())
