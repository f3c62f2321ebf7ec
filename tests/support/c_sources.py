"""The C that ships, for tests that compile it themselves."""

from undin.compiler.toolchain.build import C

INCLUDES = tuple(f"-I{C / folder}" for folder in ("include", "stream", "kernels"))
"""Where a C compiler finds its headers."""
