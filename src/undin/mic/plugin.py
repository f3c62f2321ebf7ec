"""The plug-in of LADSPA that sound servers run, and what its controls are called."""

import math
import platform
from pathlib import Path

LABEL = "mono"
LIMIT, MODEL = "Limit (dB)", "Model"
NO_LIMIT_DB = 100.0
MODELS = ("undin-small", "undin-tiny", "undin-nano", "undin-base", "undin-small-48k", "undin-nano-48k")
"""By the numbers that the plug-in knows them by, from 1 on; with 0 the rate chooses."""


def find() -> Path:
    """Where the plug-in lies: in the package, or where a checkout builds it; OSError where it is in neither."""
    package = Path(__file__).parents[1]
    built = package.parents[1] / "apps" / "plugins" / "build" / f"linux-{platform.machine()}"
    for folder in (package / "plugins", built):
        if (place := folder / "undin_ladspa.so").is_file():
            return place
    raise OSError("the plug-in of undin is not there: in a checkout, `make plugins` builds it")


def model_number(name: str | None) -> int:
    """The number of a model, or of the choice by the rate; ValueError if the plug-in has none of this name."""
    if name is None:
        return 0
    if name not in MODELS:
        raise ValueError(f"the plug-in has no model {name!r}: it has {', '.join(MODELS)}")
    return 1 + MODELS.index(name)


def limit_control(atten_lim_db: float | None) -> float:
    """A limit of attenuation, dB, as the plug-in takes it; ValueError if it is negative or no number."""
    limit = math.inf if atten_lim_db is None else atten_lim_db
    if not limit >= 0:
        raise ValueError(f"a limit of attenuation is 0 dB or more, or none; got {atten_lim_db!r}")
    return min(limit, NO_LIMIT_DB)
