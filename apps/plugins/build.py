"""Build the plug-ins for this machine: `make plugins`; for others: `make plugins PLUGINS=all`, or some by their names.

They go to `build/TARGET`; to `build/TARGET-zig` where `--zig` is asked for and this machine's own compiler would do.
Models and stream are compiled to a static library as `undin compile` does, then each plug-in around them, which sees
undin.h and undin_models.h alone. This machine's own compiler does it, or zig for any target. What is missing of other
people's headers is left out, with a word.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from undin.compiler.pipeline import translate
from undin.compiler.toolchain.build import build_together
from undin.compiler.toolchain.compilers import find_compiler
from undin.compiler.toolchain.table import table
from undin.compiler.toolchain.targets import COMPUTERS, TARGETS
from undin.io.files import replacing
from undin.model.loading import WEIGHTS

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = HERE / "build"
WORK = ROOT / "build" / "plugins"
"""Where libraries are compiled to; those that are newer than undin stay."""

sys.path.insert(0, str(HERE / "lv2"))

import describe  # noqa: E402

MODELS = ("undin-small", "undin-tiny", "undin-nano", "undin-base", "undin-small-48k", "undin-nano-48k")
"""By the numbers that hosts know, from 1 on; with 0 the rate chooses. New ones go to the end."""

CHANNELS = {"mono": 1, "stereo": 2}
DPF = Path("/usr/share/dpf")
HIDDEN = ("-fvisibility=hidden", "-ffunction-sections", "-fdata-sections")
SOURCES = (".c", ".cpp", ".h", ".py")
WARNINGS = ("-Wall", "-Wextra", "-Werror")
OF_DPF = (
    *("-std=gnu++17", "-DHAVE_DGL", "-DHAVE_OPENGL", "-DDGL_OPENGL", "-DDGL_FILE_BROWSER_DISABLED"),
    *("-DNDEBUG", "-fvisibility-inlines-hidden", "-w"),
)
"""What DPF is compiled with; its warnings are its own business."""

OF_GCC = ("-static-libgcc", "-static-libstdc++", "-Wl,--exclude-libs,ALL")
"""C++'s library goes into a plug-in, out of sight of a host that has another; zig does so anyway."""

WINDOW = (
    *("Application", "ApplicationPrivateData", "Color", "EventHandlers", "Geometry", "ImageBase", "ImageBaseWidgets"),
    *("Layout", "Resources", "SubWidget", "SubWidgetPrivateData", "TopLevelWidget", "TopLevelWidgetPrivateData"),
    *("Widget", "WidgetPrivateData", "Window", "WindowPrivateData", "OpenGL", "NanoVG", "pugl"),
)
"""Files of DPF's part for windows."""


@dataclass(frozen=True, kw_only=True)
class System:
    """What a system calls things.

    Attributes
    ----------
    library : str
        Suffix of what is loaded.
    vst3, clap : str
        Where a plug-in's program is within its bundle, ``{name}`` and ``{cpu}`` in the places of these.
    flags, link_flags : tuple of str
        Of every compilation and every library.
    window : str
        Kind of windows to LV2; none where DPF's cannot be built, which on a Mac takes headers of Apple.
    window_flags : tuple of str
        What DPF's windows are told.
    window_libraries : dict of str to str
        What windows call, and the file that a program looks for where that is not clear from its name.
    """

    library: str
    vst3: str
    clap: str = "{name}.clap"
    flags: tuple[str, ...] = ("-fPIC",)
    link_flags: tuple[str, ...] = ("-Wl,--gc-sections", "-s")
    window: str = ""
    window_flags: tuple[str, ...] = ()
    window_libraries: dict[str, str] = field(default_factory=dict)


SYSTEMS = {
    "linux": System(
        library=".so",
        vst3="{name}.vst3/Contents/{cpu}-linux/{name}.so",
        window="X11UI",
        window_flags=("-DHAVE_X11",),
        window_libraries={"GL": "libGL.so.1", "X11": "libX11.so.6"},
    ),
    "windows": System(
        library=".dll",
        vst3="{name}.vst3/Contents/{cpu}-win/{name}.vst3",
        flags=("-Wno-dll-attribute-on-redeclaration",),  # ladspa.h declares what is exported without a word of that
        window="WindowsUI",
        window_flags=("-DNOMINMAX", "-D_USE_MATH_DEFINES"),
        window_libraries={"opengl32": "", "gdi32": "", "comdlg32": "", "ole32": "", "dwmapi": ""},
    ),
    "macos": System(
        library=".dylib",
        vst3="{name}.vst3/Contents/MacOS/{name}",
        clap="{name}.clap/Contents/MacOS/{name}",
        link_flags=("-Wl,-dead_strip",),
    ),
}


def host_name() -> str:
    """The target that is this machine."""
    architecture, system = TARGETS["native"].triple.split("-")[:2]
    return f"{system.partition('.')[0]}-{architecture}"


PLATFORMS = {name: COMPUTERS[name] for name in COMPUTERS if name != "windows-aarch64"} | {
    host_name(): TARGETS["native"]
}
"""What there is to build for, by system and processor."""

GLIBC = "2.17"
"""The oldest C library of Linux that what zig makes runs with: that of 2012."""

INFO_PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>CFBundleExecutable</key><string>{name}</string>
<key>CFBundleIdentifier</key><string>undin.{name}.{format}</string>
<key>CFBundleName</key><string>{name}</string>
<key>CFBundlePackageType</key><string>BNDL</string>
<key>CFBundleShortVersionString</key><string>{version}</string>
<key>CFBundleVersion</key><string>{version}</string>
</dict></plist>
"""


class Missing(Exception):
    """Something of other people is not here; says what brings it."""


def main() -> None:
    """Build what is asked for, and say what it has become."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="*", default=[host_name()], help=f"of {', '.join(PLATFORMS)}")
    parser.add_argument(
        "--zig", action="store_true", help=f"for this machine too: it runs with glibc {GLIBC} and later"
    )
    arguments = parser.parse_args()
    names = list(PLATFORMS) if arguments.target == ["all"] else arguments.target
    if unknown := set(names) - set(PLATFORMS):
        parser.error(f"no target {', '.join(sorted(unknown))}: there are {', '.join(PLATFORMS)}")
    try:
        for name in names:
            Build(name, zig=arguments.zig).run()
    except OSError as error:
        raise SystemExit(f"error: {error}") from None


class Build:
    """All plug-ins for a target.

    Parameters
    ----------
    name : str
        Of `PLATFORMS`.
    zig : bool
        Take zig, even for this machine.
    """

    def __init__(self, name: str, *, zig: bool = False):
        plain = PLATFORMS[name]
        self.compiler = find_compiler(plain, name="zig" if zig else None)
        triple = (
            f"{plain.triple}.{GLIBC}" if self.compiler.is_zig and plain.triple.endswith("linux-gnu") else plain.triple
        )
        self.target = replace(
            plain,
            triple=triple,
            product="archive",
            library="lib{}.a",
            flags=(*plain.flags, *HIDDEN),
            freestanding=True,
        )
        self.system, self.cpu = SYSTEMS[name.split("-")[0]], name.split("-", 1)[1]
        self.is_host = name == host_name()
        folder = f"{name}-zig" if zig and self.is_host else name
        self.place, self.work = BUILD / folder, WORK / folder

    def run(self) -> None:
        """Build them, and say what they have become."""
        self.compile_undin()
        for make in (self.ladspa, self.lv2, self.vst3_and_clap, self.obs, self.gstreamer):
            try:
                for product in make():
                    print(f"{product.relative_to(HERE)}: {product.stat().st_size:,} bytes")
            except Missing as reason:
                print(f"left out: {reason}")

    def compile_undin(self) -> None:
        """Compile stream and models to a static library, unless there is one of the same that is newer than undin."""
        self.undin = self.work / "undin" / "libundin.a"
        made_of, told = repr((MODELS, self.target, self.compiler.version)), self.work / "made-of"
        sources = [path for path in (ROOT / "src" / "undin").rglob("*") if path.suffix in (".py", ".c", ".h", ".onnx")]
        newest = max(path.stat().st_mtime for path in sources)
        if told.exists() and told.read_text() == made_of and self.undin.stat().st_mtime > newest:
            return
        shutil.rmtree(self.work, ignore_errors=True)
        models = {model: translate(WEIGHTS / f"{model}.onnx") for model in MODELS}
        build_together("undin", list(models.values()), table(models), self.undin.parent, target=self.target)
        told.write_text(made_of)

    def ladspa(self) -> Iterable[Path]:
        """The plug-in of LADSPA."""
        headers = self.headers("ladspa.h", package="ladspa-sdk")
        objects = [*self.core(), self.compile_c(HERE / "ladspa" / "undin_ladspa.c", headers)]
        yield self.link(objects, self.place / f"undin_ladspa{self.system.library}")

    def lv2(self) -> Iterable[Path]:
        """The bundle of LV2, with DPF's window where there is one."""
        headers = self.headers("lv2", package="lv2-dev")
        bundle = self.place / "lv2" / "undin.lv2"
        objects = [*self.core(), self.compile_c(HERE / "lv2" / "undin_lv2.c", headers)]
        binary = self.link(objects, bundle / f"undin{self.system.library}")
        yield binary
        windows = {}
        for kind in CHANNELS if self.has_window else ():
            window = self.window(kind, "LV2")
            windows[kind] = self.link(
                window, bundle / f"undin_{kind}_window{self.system.library}", self.window_libraries()
            )
            yield windows[kind]
        texts = describe.bundle(
            MODELS,
            version=version(),
            binary=binary.name,
            windows={kind: path.name for kind, path in windows.items()},
            window_type=self.system.window,
        )
        for name, text in texts.items():
            with replacing(bundle / name) as path:
                path.write_text(text, encoding="utf-8")

    def vst3_and_clap(self) -> Iterable[Path]:
        """The plug-ins that DPF makes."""
        if not DPF.is_dir():
            raise Missing("VST3, CLAP and windows: apt-get install dpf-source")
        for kind in CHANNELS:
            name = "undin" if kind == "stereo" else f"undin-{kind}"
            for format, place in (("VST3", self.system.vst3), ("CLAP", self.system.clap)):
                main = HERE / "dpf" / "Clap.cpp" if format == "CLAP" else DPF / "distrho" / "DistrhoPluginMain.cpp"
                objects = [*self.core(), *self.dpf(kind, format, HERE / "dpf" / "Plugin.cpp", main)]
                objects += self.window(kind, format) if self.has_window else []
                product = self.place / format.lower() / place.format(name=name, cpu=self.cpu)
                yield self.link(objects, product, self.window_libraries() if self.has_window else ())
                if product.parent.name == "MacOS":
                    words = {"name": name, "format": format.lower(), "version": version()}
                    (product.parents[1] / "Info.plist").write_text(INFO_PLIST.format(**words), encoding="utf-8")
                    (product.parents[1] / "PkgInfo").write_text("BNDL????", encoding="ascii")

    def obs(self) -> Iterable[Path]:
        """The module of OBS Studio, with its words beside it as OBS looks for them."""
        product = self.place / "obs" / "undin" / "bin" / "64bit" / f"undin{self.system.library}"
        headers = self.headers("simde", package="libobs-dev") if self.is_host else ()  # which those of OBS include
        yield self.link_with_system(HERE / "obs" / "undin_obs.c", product, "libobs", *headers, package="libobs-dev")
        data = product.parents[2] / "data"
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(HERE / "obs" / "locale", data / "locale")

    def gstreamer(self) -> Iterable[Path]:
        """The element of GStreamer."""
        product = self.place / "gstreamer" / f"libgstundin{self.system.library}"
        package = "libgstreamer-plugins-base1.0-dev"
        yield self.link_with_system(HERE / "gstreamer" / "gstundin.c", product, "gstreamer-audio-1.0", package=package)

    def link_with_system(self, source: Path, product: Path, library: str, *flags: str, package: str) -> Path:
        """Compile and link C that calls a library of this machine, as pkg-config knows it."""
        asked = ["pkg-config", "--cflags", "--libs", library]
        if not self.is_host:
            raise Missing(f"{product.name}, which is built on the machine that it is for")
        if not shutil.which("pkg-config") or subprocess.run(asked, capture_output=True).returncode:
            raise Missing(f"{product.name}: apt-get install pkg-config {package}")
        told = subprocess.check_output(asked, text=True).split()
        libraries = [flag for flag in told if flag.startswith(("-l", "-L"))]
        if self.compiler.is_zig:  # which looks for none of this machine
            place = subprocess.check_output(["pkg-config", "--variable=libdir", library], text=True).strip()
            libraries.append(f"-L{place}")
        compiled = [flag.replace("-I", "-isystem", 1) for flag in told if flag not in libraries]
        objects = [*self.core(), self.compile_c(source, [*flags, *compiled, f'-DUNDIN_VERSION="{version()}"'])]
        return self.link(objects, product, libraries)

    @property
    def has_window(self) -> bool:
        """Whether windows can be built."""
        return DPF.is_dir() and bool(self.system.window)

    def core(self) -> list[str]:
        """What all plug-ins have in common."""
        return [self.compile_c(HERE / "core" / "undin_plugin.c")]

    def window(self, kind: str, format: str) -> list[str]:
        """The window of a plug-in."""
        files = [DPF / "dgl" / "src" / f"{name}.cpp" for name in WINDOW]
        jobs = [(file, f"dgl_{file.stem}", ("-DDONT_SET_USING_DGL_NAMESPACE",)) for file in files]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            common = list(pool.map(lambda job: self.compile_cpp(*job), jobs))
        return [*common, *self.dpf(kind, format, HERE / "dpf" / "Window.cpp", DPF / "distrho" / "DistrhoUIMain.cpp")]

    def dpf(self, kind: str, format: str, *files: Path) -> list[str]:
        """Sources of ours and DPF's around them, for a format."""
        flags = (f"-DUNDIN_CHANNELS={CHANNELS[kind]}", f"-DDISTRHO_PLUGIN_TARGET_{format}")
        return [self.compile_cpp(file, f"{file.stem}_{kind}_{format}", flags) for file in files]

    def headers(self, *names: str, package: str) -> tuple[str, ...]:
        """Flags that find headers of this machine, and no others: those of its C library are not the target's."""
        folder = self.work / "headers"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            system = Path("/usr/include") / name
            if not system.exists():
                raise Missing(f"what needs <{name}>: apt-get install {package}")
            if not (folder / name).exists():
                (folder / name).symlink_to(system)
        return (f"-I{folder}",)

    def compile_c(self, source: Path, flags: Sequence[str] = ()) -> str:
        """Compile C of ours; returns the object."""
        return self.compile(source, source.stem, "-std=gnu11", *WARNINGS, *flags)

    def compile_cpp(self, source: Path, stem: str, flags: Sequence[str]) -> str:
        """Compile C++ of ours or of DPF's; returns the object."""
        folders = HERE / "dpf", DPF / "distrho", DPF / "dgl", DPF / "dgl/src", DPF / "dgl/src/pugl-upstream/include"
        known = [f"-DUNDIN_VERSION={version().replace('.', ',')}", f"-DUNDIN_HAS_WINDOW={int(self.has_window)}"]
        if self.has_window and self.system.window == "X11UI":
            known += self.headers("X11", "GL", "KHR", package="libx11-dev libgl-dev")
        known += [*OF_DPF, *self.system.window_flags, *(f"-I{folder}" for folder in folders)]
        return self.compile(source, stem, *known, *flags, cpp=True)

    def compile(self, source: Path, stem: str, *flags: str, cpp: bool = False) -> str:
        """Compile a file, where something of ours is newer than the object, which is returned."""
        product = self.work / f"{stem}.o"
        ours = [path for path in HERE.rglob("*.*") if path.suffix in SOURCES]
        if product.exists() and product.stat().st_mtime > max(path.stat().st_mtime for path in (*ours, self.undin)):
            return str(product)
        includes = [f"-I{self.undin.parent}", f"-I{HERE / 'core'}"]
        variant = self.compiler.flags(self.target, self.target.variants[0])
        no_paths = "-g0", f"-ffile-prefix-map={ROOT}/="  # of this machine
        known = *variant, *self.system.flags, *HIDDEN, *no_paths, *flags, *includes
        self.execute(cpp, *known, "-c", str(source), "-o", str(product))
        return str(product)

    def link(self, objects: Sequence[str], product: Path, libraries: Sequence[str] = ()) -> Path:
        """Link objects with undin and flags of libraries to what a host loads; returns it."""
        product.parent.mkdir(parents=True, exist_ok=True)
        cpp = any("dgl_" in name or "_VST3" in name or "_CLAP" in name for name in objects)
        static = OF_GCC if cpp and not self.compiler.is_zig else ()
        variant = self.compiler.flags(self.target, self.target.variants[0])
        linked = self.work / "linked" / product.name  # a name is in it, which is to be that of the product
        linked.parent.mkdir(exist_ok=True)
        flags = ("-shared", *self.system.link_flags, *static, *libraries)
        if cpp and self.compiler.is_zig and self.system.library == ".so":  # it knows no --exclude-libs
            hidden = self.work / "hidden.map"
            hidden.write_text("{ local: _Z*; };\n")
            flags += (f"-Wl,--version-script={hidden}",)
        if self.system.library == ".dylib":
            flags += (f"-Wl,-install_name,@rpath/{product.name}",)
        self.execute(cpp, *variant, *objects, str(self.undin), *flags, "-o", str(linked))
        with replacing(product) as path:
            shutil.copy(linked, path)
        return product

    def window_libraries(self) -> list[str]:
        """Flags that link what windows call; for what another machine has, a library of its name stands."""
        libraries = self.system.window_libraries
        if not self.compiler.is_zig or self.system.window != "X11UI":
            return [f"-l{name}" for name in libraries]
        empty = self.work / "empty.c"
        empty.write_text("")
        made = []
        for file in libraries.values():
            made.append(str(self.work / file))
            variant = self.compiler.flags(self.target, self.target.variants[0])
            self.execute(False, *variant, "-shared", f"-Wl,-soname,{file}", str(empty), "-o", made[-1])
        return ["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", "-Wl,-z,undefs", *made]

    def execute(self, cpp: bool, *arguments: str) -> None:
        """Run the compiler of C, or of C++."""
        command = list(self.compiler.command)
        if cpp:
            command[-1] = {"cc": "c++", "gcc": "g++", "clang": "clang++"}[command[-1]]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
            raise OSError(f"{command[-1]} failed on {arguments[-1]}: {errors[0] if errors else 'no reason given'}")


def version() -> str:
    """Of the plug-ins, which is undin's."""
    return re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)[1]


if __name__ == "__main__":
    main()
