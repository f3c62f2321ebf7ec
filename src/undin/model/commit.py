"""Which undin this is: the commit of the checkout that the package lies in, or the version that was installed."""

import importlib.metadata
import os
import subprocess
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def commit_of_package() -> str:
    """Tell the commit of this package's own code, wherever the process runs.

    Returns
    -------
    str
        Twelve digits of the commit, with ``-dirty`` behind them if files of the package differ from it or are not in
        it; outside a checkout, such as in an installed wheel, the version; "unknown" where there is neither.
    """
    try:
        # a wheel may lie in the virtual environment of somebody else's checkout, which does not track it
        _git("ls-files", "--error-unmatch", "__init__.py")
        commit, dirt = _git("rev-parse", "--short=12", "HEAD"), _git("status", "--porcelain", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        try:
            return importlib.metadata.version("undin")
        except importlib.metadata.PackageNotFoundError:
            return "unknown"
    return f"{commit}-dirty" if dirt else commit


def _git(*arguments: str) -> str:
    """What git answers about the package's folder, whatever repository the environment names, as in a hook of git."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(PACKAGE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()
