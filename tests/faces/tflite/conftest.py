"""Models as TFLite, exported once: each takes the converter half a minute."""

from pathlib import Path

import pytest

from undin import cli

MODELS = ("undin-nano", "undin-nano-48k")


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Export a model, or give the file of the last time; options as of ``undin export``."""
    folder = tmp_path_factory.mktemp("tflite")

    def export(name: str, *options: str) -> Path:
        path = folder / f"{name}{''.join(options)}.tflite"
        if not path.exists():
            assert cli.main(["export", name, "--format", "tflite", "-o", str(path), *options]) == 0
        return path

    return export


@pytest.fixture(scope="session", params=MODELS)
def model(request, exported):
    """The name of a model, and its TFLite file."""
    return request.param, exported(request.param)


@pytest.fixture(scope="session")
def nano(exported):
    """undin-nano as TFLite."""
    return exported("undin-nano")
