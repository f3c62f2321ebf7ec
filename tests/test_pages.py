"""Pages of the repository: links lead somewhere, indices are complete, blocks name their script, and code is code."""

import ast
import re
from pathlib import Path

import pytest
from support.shown import PAGES, ROOT, blocks

from docs.site import c_reference, pages

pytestmark = pytest.mark.quick

RUNS = sorted((ROOT / "research" / "runs").glob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not re.match(r"\w+:", link[0])]
    assert [path for path, _ in links if not (page.parent / path).exists()] == []
    headed = [(page.parent / path if path else page, heading) for path, heading in links if heading]
    assert [heading for path, heading in headed if heading not in headings(path)] == []


def headings(page: Path) -> list[str]:
    """How links name the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)]


def test_the_site_has_every_page_in_a_group():
    groups = pages.grouped(pages.pages())  # which refuses others
    assert {pages.page_of(line) for lines in groups.values() for line in lines} == {*pages.pages()} - {pages.FRONT}


def test_the_reference_of_c_has_all_of_the_header():
    header = re.sub(r"/\*.*?\*/", "", c_reference.HEADER.read_text(encoding="utf-8"), flags=re.DOTALL)
    reference = c_reference.page()
    functions = re.findall(r"(\w+)\([^()]*\);", header)
    assert len(functions) > 10 and "(*" not in functions
    for name in functions:
        assert re.search(rf"c:function::.*\b{name}\(|^ {{8,}}.*\b{name}\(", reference, re.MULTILINE), name
    for name in re.findall(r"#define (\w+) ", header) + re.findall(r"(\w+)(?:\[\d\])?;$", header, re.MULTILINE):
        assert name in reference
    entries = re.split(r"\n(?= *\.\. c:)", reference)[1:]
    assert [entry for entry in entries if not entry.partition("\n\n")[2].strip("`\n ")] == []  # without a word
    assert "/*" not in reference


@pytest.mark.parametrize("page", [page.name for page in PAGES if page.parent == ROOT / "docs"])
def test_python_is_python(page):
    for block in blocks(f"docs/{page}", "python"):
        compile(block, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_every_run_is_in_the_index_with_what_it_taught():
    index = (ROOT / "research" / "README.md").read_text(encoding="utf-8")
    assert [int(run.name[:3]) for run in RUNS] == list(range(1, len(RUNS) + 1))
    for run in RUNS:
        text = run.read_text(encoding="utf-8")
        question, learnt = re.match(r"# \d+: (.+)\n\n\*\*Learnt:\*\* (.+)\n", text).groups()
        assert re.search(r"^\| written down \| 20\d\d-\d\d-\d\d", text, re.M)
        (line,) = (line for line in index.splitlines() if run.name in line)
        assert question in line and learnt in line


def test_every_decision_is_in_architecture():
    links = {path for path, _ in LINK.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"))}
    decisions = {f"decisions/{path.name}" for path in (ROOT / "docs" / "decisions").glob("*.md")}
    assert decisions and decisions <= links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_that_scripts_write_name_a_script(page):
    marks = re.findall(r"<!-- [\w-]+: (\S+\.py) -->(.*?)(<!--[^>]*-->|\Z)", page.read_text(encoding="utf-8"), re.DOTALL)
    for script, block, end in marks:
        assert (ROOT / script).is_file() and "|" in block and end == "<!-- end -->"


def test_the_guide_to_training_stays_short():
    assert len((ROOT / "docs" / "training.md").read_text(encoding="utf-8").splitlines()) < 200


def test_checkpoints_stay_small():
    assert sum(path.stat().st_size for path in (ROOT / "checkpoints").iterdir()) < 6_000_000


def test_weights_name_no_folder_of_a_machine():
    files = [*(ROOT / "checkpoints").iterdir(), *(ROOT / "src/undin/model/weights").glob("*.onnx")]
    named = {path.name: re.findall(rb"/(?:work|tmp|home|root|Users)/[\w/.-]*", path.read_bytes()) for path in files}
    assert not any(named.values()), named
