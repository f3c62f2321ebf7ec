"""Compiles the models that come with undin, so that no one who installs a wheel needs a compiler, and adds the page.

All else about the package is in pyproject.toml. Where nothing can compile, undin is installed all the same: a model is
then compiled on its first use, or run by ONNX Runtime.
"""

import shutil
import sys
import tempfile
import warnings
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

SOURCE = Path(__file__).parent / "src"
PAGE = Path(__file__).parent / "apps" / "page" / "dist"


class BuildModels(build_py):
    """Put a library beside every model, and the stream beside its C; for an editable installation into the cache."""

    def run(self):
        """Copy the package, and the page if it was built; then compile."""
        super().run()
        if PAGE.is_dir() and not self.editable_mode:  # for `undin serve`
            shutil.copytree(PAGE, Path(self.build_lib, "undin", "page"), dirs_exist_ok=True)
        sys.path.insert(0, str(SOURCE))
        try:
            from undin.compiler.pipeline import translate
            from undin.compiler.toolchain.build import build, build_stream
            from undin.compiler.toolchain.cache import cached_library, cached_stream

            models = sorted((SOURCE / "undin" / "model" / "weights").glob("*.onnx"))
            if self.editable_mode:
                cached_stream()
                for model in models:
                    cached_library(model)
                return
            with tempfile.TemporaryDirectory() as folder:
                shutil.copy(build_stream(Path(folder)), Path(self.build_lib, "undin", "c"))
                for model in models:
                    library = build(translate(model), Path(folder), with_stream=False)
                    shutil.copy(library, Path(self.build_lib, "undin", "model", "weights"))
        except (ImportError, OSError) as error:
            warnings.warn(f"the models of undin are not compiled: {error}", stacklevel=1)


class AnyPythonWheel(bdist_wheel):
    """A wheel for one kind of machine and any Python 3, which no library here calls."""

    def get_tag(self):
        """Name what the wheel needs."""
        return "py3", "none", super().get_tag()[2]


class WithLibraries(Distribution):
    """A package that is not pure Python."""

    def has_ext_modules(self):
        """Say so to setuptools, which else looks for extension modules alone."""
        return True


setup(cmdclass={"build_py": BuildModels, "bdist_wheel": AnyPythonWheel}, distclass=WithLibraries)
