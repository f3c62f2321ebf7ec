"""Pages of the repository: links lead somewhere, runs and decisions are in their index, blocks name their script."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = {"build", "dist"}
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not {part for part in path.relative_to(ROOT).parts if part.startswith(".") or part in NOT_OURS}
)
RUNS = sorted((ROOT / "research" / "runs").glob("*.md"))
LINK = re.compile(r"\]\(([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not re.match(r"\w+:", link)]
    assert [link for link in links if not (page.parent / link).exists()] == []


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
    links = set(LINK.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")))
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
