"""The commit that a model file is stamped with is that of the package, wherever it is exported."""

import importlib.metadata
import subprocess

import pytest

from undin.model import commit
from undin.model.commit import commit_of_package

IDENTITY = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.invalid")


def git(folder, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *IDENTITY, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def checkout(folder):
    """A repository with one commit of a package in it; returns the package's folder."""
    package = folder / "src" / "undin"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (folder / "README.md").write_text("")
    (folder / ".gitignore").write_text("*.so\n.venv\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All of it")
    return package


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = checkout(tmp_path / "checkout")
    monkeypatch.setattr(commit, "PACKAGE", folder)
    return folder


def test_a_clean_checkout_tells_its_commit_in_any_folder_and_in_a_hook_of_another(package, tmp_path, monkeypatch):
    expected = git(package, "rev-parse", "HEAD")[:12]
    other = checkout(tmp_path / "other").parents[1]
    (other / "README.md").write_text("another commit")
    git(other, "commit", "--quiet", "--all", "--message", "More")
    monkeypatch.chdir(other)
    assert commit_of_package() == expected
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert commit_of_package() == expected


@pytest.mark.parametrize(
    ("file", "suffix"),
    [
        ("__init__.py", "-dirty"),
        ("new.py", "-dirty"),
        ("compiled.so", ""),  # what git ignores
        ("../../README.md", ""),  # what is no part of the package
    ],
)
def test_a_package_that_differs_from_its_commit_is_dirty(package, file, suffix):
    expected = git(package, "rev-parse", "HEAD")[:12]
    (package / file).write_text("changed")
    assert commit_of_package() == expected + suffix


def test_a_wheel_tells_its_version_even_inside_a_checkout_of_something_else(package, monkeypatch):
    installed = package.parents[1] / ".venv" / "undin"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    monkeypatch.setattr(commit, "PACKAGE", installed)
    monkeypatch.setattr(importlib.metadata, "version", {"undin": "9.8.7"}.__getitem__)
    assert commit_of_package() == "9.8.7"
    monkeypatch.setenv("PATH", "")  # where there is no git at all
    assert commit_of_package() == "9.8.7"
