"""Compiles the models that come with undin, so that no one who installs a wheel needs a compiler, and adds the page and
the plug-in, where these were built.

All else about the package is in pyproject.toml. A wheel is for the machine that builds it, by its own compiler; or for
any other, by zig: ``pip wheel . --config-settings=--build-option=--plat-name=windows-x86_64``, as `make wheels` does.
Where nothing can compile for this machine, undin is installed all the same: a model is then compiled on its first use,
or run by ONNX Runtime.
"""

import shutil
import sys
import warnings
from functools import cached_property
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
WEIGHTS = ROOT / "src" / "undin" / "model" / "weights"
PAGE = ROOT / "apps" / "page" / "dist"
PLUGINS = ROOT / "apps" / "plugins" / "build"

sys.path.insert(0, str(ROOT / "src"))


class AnyPythonWheel(bdist_wheel):
    """A wheel for one kind of machine and any Python 3, which no library here calls."""

    @cached_property
    def target(self):
        """What it is built for: the one that ``--plat-name`` names, else this machine."""
        from undin.compiler.toolchain.targets import COMPUTERS, TARGETS

        if not self.plat_name_supplied:
            return TARGETS["native"]
        if self.plat_name not in COMPUTERS:
            raise SystemExit(f"error: no platform {self.plat_name}: there are {', '.join(COMPUTERS)}")
        return COMPUTERS[self.plat_name]

    def get_tag(self):
        """Name what the wheel needs."""
        return "py3", "none", self.target.wheel if self.plat_name_supplied else super().get_tag()[2]


class BuildModels(build_py):
    """Put a library beside every model, and the stream beside its C; for an editable installation into the cache."""

    def run(self):
        """Copy the package, and what apps have built for it; then compile."""
        super().run()
        package = Path(self.build_lib, "undin")
        wheel = self.get_finalized_command("bdist_wheel")
        if PAGE.is_dir() and not self.editable_mode:  # for `undin serve`
            shutil.copytree(PAGE, package / "page", dirs_exist_ok=True)
        plugin = PLUGINS / wheel.plat_name / "undin_ladspa.so"
        if plugin.is_file() and not self.editable_mode:  # for `undin mic`
            (package / "plugins").mkdir(exist_ok=True)
            shutil.copy(plugin, package / "plugins")
        try:
            from undin.compiler.toolchain.cache import cached_library, cached_stream

            if self.editable_mode:
                cached_stream()
                for model in WEIGHTS.glob("*.onnx"):
                    cached_library(model)
                return
            shutil.copy(cached_stream(target=wheel.target), package / "c")
            for model in WEIGHTS.glob("*.onnx"):
                library = cached_library(model, name=model.stem, target=wheel.target)
                shutil.copy(library, package / "model" / "weights")
        except (ImportError, OSError) as error:
            if wheel.plat_name_supplied:
                raise SystemExit(f"error: no wheel for {wheel.plat_name}: {error}") from None
            warnings.warn(f"the models of undin are not compiled: {error}", stacklevel=1)


class WithLibraries(Distribution):
    """A package that is not pure Python."""

    def has_ext_modules(self):
        """Say so to setuptools, which else looks for extension modules alone."""
        return True


setup(cmdclass={"build_py": BuildModels, "bdist_wheel": AnyPythonWheel}, distclass=WithLibraries)
