"""C by which a program finds the models of a library by numbers and names, where it has several.

A function and no array: Swift would copy a constant that it is to point to.
"""

from collections.abc import Mapping

from undin.compiler.emit.source import Source


def table(sources: Mapping[str, Source]) -> dict[str, str]:
    """Write ``undin_models.h`` and ``undin_models.c`` for models by their names, in their order; texts by file name."""
    names = ", ".join(f'"{name}"' for name in sources)
    rows = ",\n".join(f'    {{"{name}", &{source.prefix}}}' for name, source in sources.items())
    includes = "".join(f'#include "{source.prefix}.h"\n' for source in sources.values())
    return {
        "undin_models.h": HEADER % (len(sources), names),
        "undin_models.c": f'#include "undin_models.h"\n{includes}{TABLE % rows}',
    }


HEADER = """\
/* undin_models.h: the models inside, by their numbers from 0. */
#ifndef UNDIN_MODELS_H
#define UNDIN_MODELS_H

#include "undin.h"

#define UNDIN_MODEL_COUNT %d
#define UNDIN_MODEL_NAMES %s

#ifdef __cplusplus
extern "C" {
#endif

/* The name of a model; NULL behind the last. */
const char *undin_model_name(int number);

/* The model of a number that has a name. */
const undin_model *undin_model_at(int number);

#ifdef __cplusplus
}
#endif

#endif
"""

TABLE = """\

static const struct {
    const char *name;
    const undin_model *model;
} models[] = {
%s,
};

const char *undin_model_name(int number) {
    return number >= 0 && number < UNDIN_MODEL_COUNT ? models[number].name : NULL;
}

const undin_model *undin_model_at(int number) { return models[number].model; }
"""
