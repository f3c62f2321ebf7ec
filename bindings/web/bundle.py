"""Several ES modules as one script: for worklets and workers that are started from a string, and for script tags.

Our own modules alone, which import by name, from the same folder, and call no two things by one name at their top.
"""

import re

IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w-]+\.js)";\n', re.M)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.M)
TOP = re.compile(r"^(?:async )?(?:function|class|const|let) (\w+)", re.M)


def bundle(entry: str, texts: dict[str, str]) -> str:
    """Put a module behind those that it imports, within a function of its own.

    Parameters
    ----------
    entry : str
        Name of the module.
    texts : dict
        Modules by their names.

    Raises
    ------
    ValueError
        A module uses what cannot be put into one script.
    """
    parts, owners = {}, {}
    _gather(entry, texts, parts, owners)
    return "(() => {\n" + '"use strict";\n' + "".join(parts.values()) + "})();\n"


def _gather(name: str, texts: dict[str, str], parts: dict[str, str], owners: dict[str, str]) -> None:
    """Add a module to `parts`, those that it imports first; `owners` tells where each name at the top is from."""
    if name in parts:
        return
    for _, imported in IMPORT.findall(texts[name]):
        _gather(imported, texts, parts, owners)
    text = EXPORT.sub("", IMPORT.sub("", texts[name]))
    if left := re.search(r"^(?:import|export) .*", text, re.M):
        raise ValueError(f"{name} cannot be put into one script: {left[0]}")
    for top in TOP.findall(text):
        if owners.setdefault(top, name) != name:
            raise ValueError(f"{name} and {owners[top]} both have a {top} at their top")
    parts[name] = text
