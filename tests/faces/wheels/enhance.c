/* enhance.c: load the stream's library and a model's as Python does, and bring standard input through a stream to standard
 * output: floats at 16 kHz. For machines where tests have no Python.
 *
 *     enhance LIBRARY_OF_STREAM LIBRARY_OF_MODEL undin_tiny < in.f32 > out.f32 */
#include "undin.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#include <windows.h>
#define OPEN(path) ((void *)LoadLibraryA(path))
#define FIND(library, name) ((void *)GetProcAddress((HMODULE)(library), name))
#else
#include <dlfcn.h>
#define OPEN(path) dlopen(path, RTLD_NOW | RTLD_LOCAL)
#define FIND(library, name) dlsym(library, name)
#endif

enum { RATE_HZ = 16000, BLOCK = 1000 };

static void *found(void *library, const char *name) {
    void *place = library ? FIND(library, name) : NULL;
    if (!place) {
        fprintf(stderr, "%s: not found\n", name);
        exit(2);
    }
    return place;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
#if defined(_WIN32)
    _setmode(0, _O_BINARY);
    _setmode(1, _O_BINARY);
#endif
    void *undin = OPEN(arguments[1]), *models = OPEN(arguments[2]);
    const undin_model *model = found(models, arguments[3]);
    __typeof__(undin_stream_bytes) *bytes = found(undin, "undin_stream_bytes");
    __typeof__(undin_stream_init) *init = found(undin, "undin_stream_init");
    __typeof__(undin_stream_process_interleaved) *process = found(undin, "undin_stream_process_interleaved");
    undin_stream *stream = malloc(bytes(model, RATE_HZ, 1));
    if (!stream || init(stream, model, RATE_HZ, 1)) return 1;
    float block[BLOCK];
    for (size_t samples; (samples = fread(block, sizeof *block, BLOCK, stdin)) > 0;) {
        process(stream, block, block, samples);
        fwrite(block, sizeof *block, samples, stdout);
    }
    free(stream);
    return 0;
}
