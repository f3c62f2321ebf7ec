"""A library laid out for other build systems: headers, the library, a package of CMake, a file of pkg-config.

    include/undin.h, include/undin_tiny.h
    lib/libundin_tiny.so
    lib/cmake/undin/undin-config.cmake      finds lib/cmake/undin/models/undin_tiny.cmake and its neighbours
    lib/pkgconfig/undin_tiny.pc

Models may follow each other into one prefix, and the prefix may move: nothing in it says where it is.
"""

import importlib.metadata
import shutil
from pathlib import Path

from undin.compiler.toolchain.targets import Target
from undin.io.files import replacing

CONFIG = """\
# find_package(undin): a target undin::undin_<model> for every model that has been put here.
file(GLOB _undin_models "${CMAKE_CURRENT_LIST_DIR}/models/*.cmake")
foreach(_undin_model IN LISTS _undin_models)
  include("${_undin_model}")
endforeach()
"""

CONFIG_VERSION = """\
# Of undin; a program is content with any that is not older than the one it asks for.
set(PACKAGE_VERSION "@VERSION@")
if(NOT PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_FIND_VERSION VERSION_EQUAL PACKAGE_VERSION)
  set(PACKAGE_VERSION_EXACT TRUE)
endif()
"""

CMAKE_TARGET = """\
if(NOT TARGET undin::@MODEL@)
  get_filename_component(_undin_prefix "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)
  add_library(undin::@MODEL@ @KIND@ IMPORTED)
  set_target_properties(undin::@MODEL@ PROPERTIES
    IMPORTED_LOCATION "${_undin_prefix}/lib/@LIBRARY@"
    INTERFACE_INCLUDE_DIRECTORIES "${_undin_prefix}/include"
    INTERFACE_LINK_LIBRARIES "@TARGETS@")
  if(WIN32) # the linkers of GNU's C and clang need no other file than the library
    set_target_properties(undin::@MODEL@ PROPERTIES IMPORTED_IMPLIB "${_undin_prefix}/lib/@LIBRARY@")
  endif()
endif()
"""

PKG_CONFIG = """\
prefix=${pcfiledir}/../..

Name: @MODEL@
Description: takes the noise out of speech
Version: @VERSION@
Requires: @REQUIRES@
Libs: -L"${prefix}/lib" -l@MODEL@
Cflags: -I"${prefix}/include"
"""


def install(product: Path, prefix: Path, *, model: str, target: Target, requires: str = "") -> Path:
    """Put a model and all that helps to find it under a prefix.

    Parameters
    ----------
    product : Path
        What `build` made of the model, its headers beside it.
    prefix : Path
        Where ``include`` and ``lib`` are, or will be. Files of the same model are replaced; each appears complete or
        not at all, those by which build systems find the model last.
    model : str
        Its name in C, such as ``undin_tiny``.
    target : Target
        What the product was made for.
    requires : str
        Name of another library under the prefix that has the stream, where this one has not.

    Returns
    -------
    Path
        The library, where it is now.

    Raises
    ------
    OSError
        The prefix cannot be written.
    """
    words = {
        "MODEL": model,
        "LIBRARY": product.name,
        "KIND": "STATIC" if target.product == "archive" else "SHARED",
        "VERSION": version(),
        "REQUIRES": requires,
        "TARGETS": requires and f"undin::{requires}",
    }
    headers = (product.with_name(name) for name in ("undin.h", f"{model}.h"))
    for header in filter(Path.is_file, headers):  # networks that are no models of undin go without undin.h
        _copy(header, prefix / "include")
    library = _copy(product, prefix / "lib")
    cmake = prefix / "lib" / "cmake" / "undin"
    _write(cmake / "undin-config.cmake", CONFIG, words)
    _write(cmake / "undin-config-version.cmake", CONFIG_VERSION, words)
    _write(cmake / "models" / f"{model}.cmake", CMAKE_TARGET, words)
    _write(prefix / "lib" / "pkgconfig" / f"{model}.pc", PKG_CONFIG, words)
    return library


def version() -> str:
    """Of undin, which also runs out of a folder, where nobody knows it."""
    try:
        return importlib.metadata.version("undin")
    except importlib.metadata.PackageNotFoundError:
        return "0"


def _copy(file: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / file.name) as place:
        shutil.copyfile(file, place)
    return folder / file.name


def _write(path: Path, template: str, words: dict[str, str]) -> None:
    """Write a template with its words filled in."""
    for name, word in words.items():
        template = template.replace(f"@{name}@", word)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as place:
        place.write_text(template, encoding="utf-8")
