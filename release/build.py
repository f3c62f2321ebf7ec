"""Build a release into `dist/`: `make wheels`, or `python release/build.py TARGET…` for some of its platforms.

A wheel for each platform, the source distribution, a kit for C, the plug-ins, the npm package; then licences and
checksums, once all rules of `rules.py` hold. Each file is the same bytes for the same commit and the same versions of
what builds it: `LICENCES.md` names these. What was compiled before is found in the user's cache.
"""

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]

from release import archives, licences, plugin, rules, sdk  # noqa: E402
from undin.compiler.toolchain.targets import COMPUTERS, TARGETS  # noqa: E402

PAGE, WEB, PLUGINS = ROOT / "apps" / "page" / "dist", ROOT / "bindings" / "web", ROOT / "apps" / "plugins" / "build"


def main() -> None:
    """Build what is asked for, check it, and say what it has become."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=list(COMPUTERS), help=f"of {', '.join(COMPUTERS)}")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument("--wheels-alone", action="store_true", help="and the source distribution")
    args = parser.parse_args()
    if unknown := set(args.targets) - set(COMPUTERS):
        parser.error(f"no target {', '.join(sorted(unknown))}: there are {', '.join(COMPUTERS)}")
    if not PAGE.is_dir():
        raise SystemExit(f"error: {PAGE} is missing: run `make page` first")
    os.umask(0o022)
    os.environ["SOURCE_DATE_EPOCH"] = str(archives.source_date_epoch())
    shutil.rmtree(args.dist, ignore_errors=True)
    args.dist.mkdir(parents=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for wheel in pool.map(lambda target: build_wheel(target, args.dist), args.targets):
            report(wheel)
    report(build_sdist(args.dist))
    if not args.wheels_alone:
        for target in args.targets:
            report(sdk.build(target, args.dist, version()))
            if plugins_of(target).is_dir():
                report(pack_plugins(target, args.dist))
        report(pack_npm(args.dist))
    (args.dist / "LICENCES.md").write_text(licences.table(), encoding="utf-8")
    if faults := rules.faults(args.dist):
        raise SystemExit("\n".join(f"error: {fault}" for fault in faults))
    write_sums(args.dist)


def version() -> str:
    """Of all that is released."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@contextmanager
def staged() -> Iterator[Path]:
    """A copy of git's files as they are now, and of the page, so that nothing else can get into a package."""
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    page = (path.relative_to(ROOT) for path in PAGE.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory(prefix="undin") as folder:
        source = Path(folder)
        for name in [*filter(None, names), *page]:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
        yield source


def build_wheel(target: str, dist: Path) -> Path:
    """Build the wheel for a target."""
    with staged() as source:
        if target.startswith("linux"):
            plugin.build(target, source / "apps" / "plugins" / "build" / target)
        run_build(source, "--wheel", f"-C--build-option=--plat-name={target}", "--outdir", str(dist))
    return dist / f"undin-{version()}-py3-none-{COMPUTERS[target].wheel}.whl"


def build_sdist(dist: Path) -> Path:
    """Build the source distribution, which holds the page, since not everyone can build that."""
    with staged() as source:
        run_build(source, "--sdist", "--outdir", str(dist))
    path = dist / f"undin-{version()}.tar.gz"
    archives.write_tar(path, archives.read_tar(path))
    return path


def run_build(source: Path, *options: str) -> None:
    """Run the frontend of PyPA on the copy, with what this environment has."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", *options, str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if not line.startswith(("copying", "creating"))]
        raise SystemExit("\n".join([*lines[-30:], f"error: {' '.join(command)}: exit status {done.returncode}"]))


def plugins_of(target: str) -> Path:
    """Where `make wheels` builds plug-ins for a target: those that this machine's own compiler makes are others."""
    is_host = COMPUTERS[target].triple == TARGETS["native"].triple
    return PLUGINS / (f"{target}-zig" if is_host else target)


def pack_plugins(target: str, dist: Path) -> Path:
    """Pack the plug-ins for a target."""
    name = f"undin-plugins-{version()}-{target}"
    files = archives.tree(plugins_of(target)) | {"LICENSE": (ROOT / "LICENSE").read_bytes()} | licences.texts()
    archives.write_tar(dist / f"{name}.tar.gz", {f"{name}/{path}": content for path, content in files.items()})
    return dist / f"{name}.tar.gz"


def pack_npm(dist: Path) -> Path:
    """Pack the package that `make web` has built."""
    command = ["npm", "pack", "--silent", "--pack-destination", str(dist)]
    name = subprocess.check_output(command, cwd=WEB, text=True).split()[-1]
    return (dist / name).rename(dist / f"undin-npm-{version()}.tgz")


def write_sums(dist: Path) -> None:
    """Write checksums of all files, as `sha256sum --check` reads them."""
    paths = sorted(path for path in dist.iterdir() if path.name != "SHA256SUMS")
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths)
    (dist / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def report(path: Path) -> None:
    """Say what was built, and what all took until now."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(one.ru_utime + one.ru_stime for one in used)
    spent = f"{seconds:.0f} s of a processor, {time.monotonic() - BEGAN:.0f} s"
    print(f"{path.name}: {path.stat().st_size:,} bytes; {spent} until now", flush=True)


BEGAN = time.monotonic()

if __name__ == "__main__":
    main()
