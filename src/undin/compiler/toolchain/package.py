"""A model as a component that others build: its C in the form that CMake or the Arduino builder wants, with an example.

    cmake:    CMakeLists.txt, README.md, include/, src/, example/example.c
    arduino:  library.properties, README.md, src/, examples/Denoise/Denoise.ino

The folder needs no undin, and no compiler of undin's: what ``build`` compiles lies in it as text.
"""

import re
from pathlib import Path

from undin.compiler.toolchain.build import EXACT_FLAGS, FLAGS, STREAM, Unit
from undin.compiler.toolchain.install import version
from undin.compiler.toolchain.targets import Target
from undin.io.files import replacing

CMAKE = """\
# @MODEL@: add_subdirectory(THIS_FOLDER), target_link_libraries(YOUR_TARGET PRIVATE @MODEL@). README.md tells more.
cmake_minimum_required(VERSION 3.16)
set(@MODEL@_SOURCES
@SOURCES@)
if(ESP_PLATFORM) # a component of ESP-IDF
  idf_component_register(SRCS ${@MODEL@_SOURCES} INCLUDE_DIRS include)
  set(@MODEL@_TARGET ${COMPONENT_LIB})
else()
  project(@MODEL@ C)
  add_library(@MODEL@ STATIC ${@MODEL@_SOURCES})
  target_include_directories(@MODEL@ PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  set(@MODEL@_TARGET @MODEL@)
endif()
target_compile_options(${@MODEL@_TARGET} PRIVATE
  @FLAGS@)
# These compute the same bits on every processor: nothing in them is fused.
set_source_files_properties(@EXACT@ PROPERTIES COMPILE_OPTIONS "@EXACT_FLAGS@")
"""

CMAKE_README = """\
# @NAME@

@ABOUT@

`include/@MODEL@.h` and `include/undin.h` are all there is to read; `example/example.c` is all there is to call.
It wants gcc from version 12, or clang, and nothing but `memcpy`, `memmove` and `memset`. On a Cortex-M all of your
firmware must be compiled for the unit for floats (`-mfloat-abi=hard`), and this with it.

```cmake
add_subdirectory(@FOLDER@)
target_link_libraries(firmware PRIVATE @MODEL@)
```

The same folder for others, **untested**:

- **Zephyr**: these two lines in the `CMakeLists.txt` of your application, `app` in place of `firmware`, and
  `CONFIG_FPU=y`, `CONFIG_FP_HARDABI=y` in its `prj.conf`.
- **ESP-IDF**: the folder goes to `components/`, and its name to `REQUIRES` of your component.
- **PlatformIO**: with the frameworks of these two as they are; with others the folder goes to `lib/`, and
  `build_flags = -Ilib/@FOLDER@/include -ffp-contract=off` to `platformio.ini`.
"""

ARDUINO = """\
name=@NAME@
version=@VERSION@
author=undin
maintainer=undin
sentence=Takes the noise out of speech, sample by sample, on the processor itself.
paragraph=@ABOUT@
category=Data Processing
url=
architectures=*
includes=@MODEL@.h
"""

ARDUINO_README = """\
# @NAME@

@ABOUT@

Put this folder, or a ZIP of it, where Arduino keeps libraries: Sketch → Include Library → Add .ZIP Library. The example
`Denoise` is all there is to call. It wants a processor with a unit for floats and a core whose gcc is of version 12 or
newer; the sources name the options that they need by themselves.
"""

PRAGMA = '#pragma GCC optimize("O2"@CONTRACT@)\n'
"""At the start of a C file: Arduino has options for all libraries alone."""

EXAMPLE = """\
/* Takes the noise out of blocks of samples: floats at @RATE@ Hz, full scale is 1, as many at a time as there are. */
#include "@MODEL@.h"

static double memory[(@MACRO@_STREAM_BYTES + 7) / 8];
#define STREAM ((undin_stream *)memory)

/* Once, before the first block. Returns 0, or an error that undin_error() says in words. */
int denoise_begin(void) {
    if (undin_stream_bytes(&@MODEL@, @MACRO@_SAMPLE_RATE_HZ, 1) > sizeof memory) return UNDIN_ERROR_MODEL;
    return undin_stream_init(STREAM, &@MODEL@, @MACRO@_SAMPLE_RATE_HZ, 1);
}

/* In place; what comes out is @LATENCY@ samples late. */
void denoise(float *samples, size_t count) { undin_stream_process_interleaved(STREAM, samples, samples, count); }
"""

SKETCH = """\
// Denoise: noise in, less noise out, and how long that takes. Put your microphone's samples in place of the noise.
#include <@MODEL@.h>

static double memory[(@MACRO@_STREAM_BYTES + 7) / 8];
static undin_stream *const stream = (undin_stream *)memory;
static float samples[@MACRO@_HOP_SAMPLES]; // full scale is 1

void setup() {
  Serial.begin(115200);
  const int error = undin_stream_init(stream, &@MODEL@, @MACRO@_SAMPLE_RATE_HZ, 1);
  if (error) {
    Serial.println(undin_error(error));
    for (;;) {
    }
  }
}

void loop() {
  for (float &sample : samples) sample = random(-1000, 1000) / 32768.0f;
  const unsigned long begin = micros();
  undin_stream_process_interleaved(stream, samples, samples, @MACRO@_HOP_SAMPLES);
  const unsigned long microseconds = micros() - begin;
  undin_levels levels;
  undin_stream_get_levels(stream, &levels);
  Serial.print(microseconds);
  Serial.print(" us of ");
  Serial.print(1000000UL * @MACRO@_HOP_SAMPLES / @MACRO@_SAMPLE_RATE_HZ);
  Serial.print(", dB less: ");
  Serial.println(levels.reduction_db);
}
"""


def package(product: Path, folder: Path, *, kind: str, unit: Unit, target: Target) -> Path:
    """Write a component.

    Parameters
    ----------
    product : Path
        What `build` made of the model for the target, C and headers beside it.
    folder : Path
        Made if missing; files of the same names are replaced, each appears complete or not at all.
    kind : {"cmake", "arduino"}
        For which build system.
    unit : Unit
        The model.
    target : Target

    Returns
    -------
    Path
        The component's manifest.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    sources = sorted(path for path in product.parent.iterdir() if path.suffix in (".c", ".h"))
    header = (product.parent / unit.header).read_text(encoding="utf-8")
    exact = {STREAM.stem, *([unit.stem] if unit.is_exact else [])}
    name = re.search(r": the model (.+), for the streams", header)
    words = {
        "MODEL": unit.public,
        "MACRO": unit.public.upper(),
        "NAME": name[1] if name else unit.public,
        "FOLDER": folder.resolve().name,
        "VERSION": version(),
        "RATE": _macro(header, "SAMPLE_RATE_HZ"),
        "LATENCY": _macro(header, "LATENCY_SAMPLES"),
        "ABOUT": f"A network that takes the noise out of speech at {_macro(header, 'SAMPLE_RATE_HZ')} Hz, as C. "
        f"It needs {_macro(header, 'STREAM_BYTES')} bytes of RAM for one channel.",
    }
    if kind == "cmake":
        places = {path: "include" if path.name in (unit.header, "undin.h") else "src" for path in sources}
        words |= {
            "SOURCES": "\n".join(f"  src/{path.name}" for path in sources if path.suffix == ".c"),
            "FLAGS": "\n  ".join((*FLAGS, *target.flags)),
            "EXACT_FLAGS": ";".join((*EXACT_FLAGS, *target.exact_flags)),
            "EXACT": " ".join(f"src/{stem}.c" for stem in sorted(exact)),
        }
        texts = {"README.md": CMAKE_README, "example/example.c": EXAMPLE, "CMakeLists.txt": CMAKE}
    else:
        places = dict.fromkeys(sources, "src")
        texts = {"README.md": ARDUINO_README, "examples/Denoise/Denoise.ino": SKETCH, "library.properties": ARDUINO}
    for path, place in places.items():
        pragma = PRAGMA.replace("@CONTRACT@", ', "fp-contract=off"' * (path.stem in exact)) if kind == "arduino" else ""
        text = path.read_text(encoding="utf-8")
        _write(folder / place / path.name, pragma + text if path.suffix == ".c" else text)
    for file, text in texts.items():
        _write(folder / file, _filled(text, words))
    return folder / file


def _macro(header: str, name: str) -> str:
    """The number of one of the constants in a model's header."""
    found = re.search(rf"_{name} (\d+)", header)
    assert found
    return found[1]


def _filled(text: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(f"@{name}@", word)
    return text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as place:
        place.write_text(text, encoding="utf-8")
