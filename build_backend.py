"""The build backend: setuptools, and a C compiler from PyPI where the machine has none, or none for the wheel's."""

import shutil

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 - a backend offers all hooks of the one it wraps


def _compiler(config_settings) -> list[str]:
    is_for_others = "--plat-name" in str(config_settings)
    return [] if not is_for_others and (shutil.which("gcc") or shutil.which("clang")) else ["ziglang"]


def get_requires_for_build_wheel(config_settings=None):
    """What setuptools needs to build, and a C compiler."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_compiler(config_settings)]


def get_requires_for_build_editable(config_settings=None):
    """The same for an editable installation."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_compiler(config_settings)]
